"""How long the loss of a node lasted: from Kubernetes' own moments, and from what the audience heard."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from chaos.record import Event, Json
from chaos.report.html import report_page
from chaos.report.markdown import summary
from chaos.report.summary import summarise

BEGAN = 1_764_000_000.25
LOST = 30.0
"""Real seconds since the start of the run."""


def _event(name: str, t: float, /, **fields: Json) -> Event:
    return Event(name, t, BEGAN + t, "faults", fields)


def _figure(name: str, label: str, values: dict[float, float], until: float) -> Event:
    series: list[Json] = [[t, value] for t, value in values.items() if t < until]
    return _event("figure", 90.0, name=name, label=label, unit="", series=series)


def _run(
    *more: Event,
    fault: str = "node_loss",
    target: str = "node standby-worker2 (media-1)",
    until: float = 80.0,
) -> tuple[Event, ...]:
    """A room of 100 whose node is lost at 30 s: silent from 31 s, on air again at 52 s, half hear again at 55 s."""
    steps = [float(t) for t in range(20, 80)]
    return (
        _event(
            "run_started", 0.0, run="r", world="kind", time_scale=10,
            cluster={"context": "kind-standby", "namespace": "rooms"},
        ),
        _event("phase_started", 10.0, story=0.0),
        _event("fault_scheduled", 11.0, id="f1", name="lost", fault=fault, on="media", at=0.0, lasts=None),
        _event("fault_applied", LOST + 0.5, id="f1", targets=[target], applied=LOST),
        _event("node_changed", 41.0, node="standby-worker2", ready=False, since=BEGAN + LOST + 10.5),
        _event("pod_leaves", 40.0, pod="other", node="standby-worker3", since=BEGAN + LOST + 1),
        _event("pod_leaves", 46.0, pod="media-1", node="standby-worker2", since=BEGAN + LOST + 15.5),
        _event("node_changed", 70.0, node="standby-worker2", ready=True, since=BEGAN + LOST + 39.5),
        _figure("on air", "host on air (townhall)", {t: float(not 31 <= t < 52) for t in steps}, until),
        _figure("on air", "host on air (elsewhere)", dict.fromkeys(steps, 1.0), until),
        _figure("listeners", "admitted (townhall)", dict.fromkeys(steps, 100.0), until),
        _figure("listeners", "hearing (townhall)", {t: 3.0 if 32 <= t < 55 else 97.0 for t in steps}, until),
        *more,
    )  # fmt: skip


def test_a_lost_node_is_told_with_kubernetes_moments_and_the_audiences() -> None:
    """NotReady, eviction and Ready of that node, and the room that fell silent; all in real seconds since the loss."""
    (loss,) = summarise(_run()).node_losses
    assert (loss.node, loss.fault) == ("standby-worker2", "f1")
    assert (loss.not_ready_real_s, loss.evicted_real_s, loss.ready_real_s) == (10.5, 15.5, 39.5)
    (room,) = loss.rooms
    assert room.room == "townhall"
    assert (room.silent_real_s, room.reopened_real_s) == (1.0, 22.0)
    assert (room.away_real_s, room.back_real_s) == (2.0, 25.0)


def test_what_was_not_seen_to_happen_has_no_time() -> None:
    """A record that ends while the node is lost: nothing of what is still to come is told, and nothing fails."""
    cut = tuple(event for event in _run(until=45.0) if event.name == "figure" or event.t < 45)
    (loss,) = summarise(cut).node_losses
    assert (loss.evicted_real_s, loss.ready_real_s) == (None, None)
    assert [(room.reopened_real_s, room.back_real_s) for room in loss.rooms] == [(None, None)]


def test_who_leaves_once_the_node_is_back_was_not_driven_out_by_its_loss() -> None:
    """A crew that brings the node back in time: no pod was evicted, and a rollout of later is no eviction."""
    events = tuple(event for event in _run() if event.fields.get("pod") != "media-1")
    later = _event("pod_leaves", 80.0, pod="media-1", node="standby-worker2", since=BEGAN + LOST + 49)
    (loss,) = summarise((*events, later)).node_losses
    assert (loss.not_ready_real_s, loss.evicted_real_s, loss.ready_real_s) == (10.5, None, 39.5)


def test_a_drained_node_is_never_not_ready() -> None:
    """It takes no new pods, which Kubernetes tells of a node that is as Ready as before: it is not Ready *again*."""
    events = tuple(event for event in _run() if event.name != "node_changed")
    shut = _event(
        "node_changed", 31.0, node="standby-worker2", ready=True, unschedulable=True, since=BEGAN - 900
    )
    (loss,) = summarise((*events, shut)).node_losses
    assert (loss.not_ready_real_s, loss.evicted_real_s, loss.ready_real_s) == (None, 15.5, None)


def test_other_faults_lose_no_node() -> None:
    """A killed process is no lost node, whatever Kubernetes says meanwhile."""
    assert summarise(_run(fault="pod_kill")).node_losses == ()


def test_the_next_loss_ends_what_is_told_of_the_one_before() -> None:
    """A room that is silent twice has its own times for each loss."""
    again = (
        _event("fault_scheduled", 11.0, id="f2", name="again", fault="node_loss", on="media", at=0.0),
        _event("fault_applied", 60.5, id="f2", targets=["node standby-worker3 (media-2)"], applied=60.0),
    )
    first, second = summarise(_run(*again)).node_losses
    assert [room.reopened_real_s for room in first.rooms] == [22.0]
    assert (second.node, second.not_ready_real_s, second.rooms) == ("standby-worker3", None, ())


@pytest.mark.parametrize("told", ["10.5 s", "15.5 s", "39.5 s", "22 s", "25 s"])
def test_page_and_summary_tell_each_time(told: str) -> None:
    """Whoever reads only the page, or only the summary, finds every one of them."""
    events = _run()
    report = summarise(events)
    assert told in report_page(report, events)
    assert told in summary(report)


def test_outside_a_cluster_there_are_the_audiences_times_alone() -> None:
    """A node of the local world is a group of processes; nobody holds it NotReady, and the page has no such column."""
    events = tuple(
        replace(event, fields={key: value for key, value in event.fields.items() if key != "cluster"})
        for event in _run(target="node node-1: process media-1 (pid 4001)")
        if event.name not in {"node_changed", "pod_leaves"}
    )
    report = summarise(events)
    (loss,) = report.node_losses
    assert (loss.node, loss.not_ready_real_s) == ("node-1", None)
    page = report_page(report, events)
    assert "Audience back after" in page
    assert "NotReady after" not in page


def test_the_row_of_a_fault_names_what_was_hit_and_not_what_might_have_been() -> None:
    """Several nodes may be meant until the fault is due; the picture of one that took place names the one that was."""
    events = tuple(
        replace(
            event,
            fields={**event.fields, "on": "node standby-worker2 (media-1), node standby-worker3 (media-2)"},
        )
        if event.name == "fault_scheduled"
        else event
        for event in _run()
    )
    row = re.search(r"<b>lost</b>.*?</div>", report_page(summarise(events), events), re.DOTALL)
    assert row is not None
    assert "standby-worker2" in row[0]
    assert "standby-worker3" not in row[0]
