from __future__ import annotations

import pytest

from chaos.record import Event
from chaos.report.model import Alert, Fault, Phase, Repair, RunReport
from chaos.study.durations import Durations
from chaos.study.estimates import ENOUGH, estimate, measured, pooled
from chaos.study.measuring import observed
from chaos.testing.events import example_run

SCALE = 8.0
"""Story seconds in a real second of the made runs."""


def made(**parts: object) -> RunReport:
    """A report with these parts, everything in story seconds."""
    return RunReport(verdict="fail", why="", exit_code=1, ending="complete", time_scale=SCALE, **parts)  # type: ignore[arg-type]


def fault(kind: str, target: str, at: float, until: float | None = None) -> Fault:
    """A fault that was in force, from and until real seconds."""
    undone = None if until is None else until * SCALE
    return Fault(
        id="f", name=kind, fault=kind, target=target, applied_s=at * SCALE, undone_s=undone, in_force=True
    )


def alert(name: str, begin: float, end: float | None = None, **labels: str) -> Alert:
    """An alert that fired between two real moments."""
    return Alert(
        alert=name, labels=labels, fired_s=begin * SCALE, resolved_s=None if end is None else end * SCALE
    )


def repair(
    action: str, target: str, begin: float, took: float, *, ok: bool = True, noop: bool = False
) -> Repair:
    """A repair from a real moment on."""
    return Repair(
        action=action, target=target, started_s=begin * SCALE, finished_s=(begin + took) * SCALE, took_real_s=took,
        ok=ok, noop=noop,
    )  # fmt: skip


def seen(report: RunReport, *events: Event) -> dict[str, tuple[float, ...]]:
    """What a made run shows."""
    return observed(report, [Event("story_began", 0.0, 0.0, "warm_up"), *events])


def test_a_bridge_is_told_of_after_its_fault_and_over_after_its_repair() -> None:
    """Seen 2.5 s after the fault; over when calls took the spare, and told 1.75 s (the hold, less a look) after the
    alert was gone; the other link's alert is no answer to this fault.
    """
    link = "media-to-platform"
    report = made(
        faults=(fault("latency", f"{link}/media-1, {link}/media-2", 10.0, 40.2),),
        alerts=(
            alert("BridgeSlow", 11.0, 12.0, link="platform-to-media"),
            alert("BridgeSlow", 12.5, 45.0, link=link),
        ),
        repairs=(repair("fail_over_bridge", f"link={link}", 39.8, 0.2),),
    )
    assert seen(report) == {
        "bridge_slow_seen": (2.5,),
        "bridge_slow_clear": (6.75,),
        "fail_over": (0.2,),
    }


def test_a_spare_is_another_link() -> None:
    """A fault of the spare is not answered by an alert about the link that it stands in for."""
    report = made(
        faults=(fault("timeout", "media-to-platform-spare/media-1", 10.0),),
        alerts=(alert("BridgeFailing", 12.0, link="media-to-platform"),),
    )
    assert seen(report) == {}


def test_an_alert_that_fires_already_or_far_too_late_shows_nothing() -> None:
    """Of the first nobody knows its cause, of the second neither; and one that flickers within the hold is one."""
    link = "media-to-platform"
    cause = fault("latency", "media-to-platform/media-1", 10.0, 30.0)
    early = made(
        faults=(cause,),
        alerts=(alert("BridgeSlow", 9.0, 12.0, link=link), alert("BridgeSlow", 13.0, 14.0, link=link)),
    )
    assert "bridge_slow_seen" not in seen(early)
    late = made(
        faults=(fault("latency", "media-to-platform/media-1", 10.0),),
        alerts=(alert("BridgeSlow", 50.0, link=link),),
    )
    assert seen(late) == {}
    flickers = made(
        faults=(cause,),
        alerts=(alert("BridgeSlow", 12.0, 13.0, link=link), alert("BridgeStalled", 14.0, 33.0, link=link)),
    )
    assert seen(flickers) == {"bridge_slow_seen": (2.0,), "bridge_slow_clear": (4.75,)}


def test_a_machine_is_missed_and_back() -> None:
    """The instance of the fault, not of another; restarts that did nothing or did not work show nothing."""
    report = made(
        faults=(fault("node_loss", "node node-media-2: process media-2 (pid 7)", 20.0),),
        alerts=(
            alert("InstanceDown", 23.5, 62.0, instance="media-2"),
            alert("InstanceDown", 30.0, instance="media-1"),
        ),
        repairs=(
            repair("restart_process", "instance=media-1", 25.0, 2.0, ok=False),
            repair("restart_process", "instance=media-1", 28.0, 2.0, noop=True),
            repair("bring_node_back", "node=node-media-2", 58.0, 1.5),
        ),
    )
    assert seen(report) == {"instance_seen": (3.5,), "instance_clear": (4.25,), "node_back": (1.5,)}


def test_repairs_across_a_slow_bridge_do_not_count() -> None:
    """The simulator adds the bridge's delay itself."""
    slow = fault("latency", "platform-to-media/platform", 5.0, 30.0)
    report = made(
        faults=(slow,), repairs=(repair("reopen_room", "", 20.0, 1.1), repair("reopen_room", "", 31.0, 0.2))
    )
    assert seen(report)["reopen"] == (0.2,)


def test_a_spare_is_started_once() -> None:
    """Whoever scales out again only puts it to use."""
    repairs = (
        repair("scale_out_media", "instance=media-2", 10.0, 0.8),
        repair("scale_out_media", "", 20.0, 0.01),
    )
    assert seen(made(repairs=repairs)) == {"scale_out": (0.8,)}


def test_paths_are_proven_between_baseline_and_faults() -> None:
    """The gap between the two phases, in real seconds."""
    phases = (
        Phase(phase="baseline", started_s=60.0, ended_s=120.0),
        Phase(phase="faults", started_s=129.6, ended_s=900.0),
    )
    assert seen(made(phases=phases)) == {"path_proof": (1.2,)}


def curve(label: str, *samples: tuple[float, float]) -> Event:
    """A figure of the record."""
    return Event("figure", 99.0, 0.0, "judging", {"label": label, "series": [list(one) for one in samples]})


def test_tokens_run_short_half_a_window_before_their_rate_says_so() -> None:
    """The curve crosses 0.9 at 10.5 s and is 3 s behind: told at 11.5 s, that is 4 s late. Gone likewise: the curve
    falls below at 20.5 s, and the alert (and its hold) are over at 25.75 s.
    """
    ramp = [(float(t), 0.85 if t < 11 else 0.95 if t < 21 else 0.85) for t in range(5, 30)]
    report = made(alerts=(alert("TokensOverloaded", 11.5, 24.0, tier="platform"),))
    found = seen(report, curve("tokens asked for, of what can be served (platform)", *ramp))
    assert found == {"tokens_seen": (4.0,), "tokens_clear": (8.25,)}


def test_an_alert_may_come_before_its_curve_shows_why() -> None:
    """The curve is 3 s behind: an alert at 9 s and a crossing that it shows at 10.5 s were 1.5 s apart."""
    ramp = [(float(t), 0.85 if t < 11 else 0.95) for t in range(5, 30)]
    report = made(alerts=(alert("TokensOverloaded", 9.0, tier="platform"),))
    told = curve("tokens asked for, of what can be served (platform)", *ramp)
    assert seen(report, told) == {"tokens_seen": (1.5,)}


def test_who_is_let_in_hears_as_the_curve_says_until_something_is_hurt() -> None:
    """One value for each of the curve's whole windows, none where nobody was let in, and none from the first fault
    on.
    """
    told = curve("from being in to fresh sound (launch)", *[(float(t), 0.1 + t / 100) for t in range(2, 30)])
    report = made(faults=(fault("latency", "media-to-platform/media-1", 14.0),))
    assert seen(report, told) == {"recovery": (0.18, 0.23)}
    nobody = Event(
        "figure",
        99.0,
        0.0,
        "judging",
        {"label": "from being in to fresh sound (launch)", "series": [[3.0, None]]},
    )
    assert seen(report, nobody) == {}


def test_clients_find_a_room_that_moved_over_a_span() -> None:
    """100 come back evenly over 4 s: 4 s; fewer than ten, or any that wait in a line or for a slow bridge, tell
    nothing.
    """
    label = "clients that came back by themselves (launch, ok)"
    back = curve(label, *[(float(t), 7.0 + 25.0 * min(4, max(0, t - 20))) for t in range(10, 40)])
    moved = (repair("reopen_room", "room=launch", 19.5, 0.5),)
    assert seen(made(repairs=moved), back) == {"moved": (4.0,), "reopen": (0.5,)}
    few = curve(label, *[(float(t), 2.0 * min(4, max(0, t - 20))) for t in range(10, 40)])
    assert "moved" not in seen(made(repairs=moved), few)
    line = curve("wait for a token (platform)", *[(float(t), 2.0) for t in range(10, 40)])
    assert "moved" not in seen(made(repairs=moved), back, line)
    slow = (fault("latency", "media-to-platform/media-1", 5.0, 30.0),)
    assert "moved" not in seen(made(repairs=moved, faults=slow), back)


def test_sound_is_sent_as_fast_as_it_can_be_where_more_is_asked_for() -> None:
    """Of the instance that is asked for too much, where it is in all of the rate's window, once for each window; the
    other's rate is what is asked of it.
    """
    sent, use = "sound sent, of what can be sent", "media egress in use"
    told = (
        curve(f"{sent} (media-1)", *[(float(t), 0.6 if t < 20 else 0.97) for t in range(10, 40)]),
        curve(f"{use} (media-1)", *[(float(t), 0.6 if t < 15 else 1.4) for t in range(10, 40)]),
        curve(f"{sent} (media-2)", *[(float(t), 0.5) for t in range(10, 40)]),
        curve(f"{use} (media-2)", *[(float(t), 0.5) for t in range(10, 40)]),
    )
    assert seen(made(), *told) == {"egress_capacity": (0.97, 0.97, 0.97, 0.97)}


def test_work_counts_where_the_line_is_never_empty() -> None:
    """Where all of the rate's window has a line, once for each window: half of it was idle before."""
    done = [(float(t), 0.5 if t < 20 else 0.98) for t in range(10, 40)]
    line = [(float(t), 0.0 if t < 14 else 3.0) for t in range(10, 40)]
    told = curve("work done, of what can be done", *done), curve("wait for a token (platform)", *line)
    assert seen(made(), *told) == {"token_capacity": (0.98, 0.98, 0.98, 0.98)}


def test_joins_count_where_they_wait_for_the_instance_alone() -> None:
    """300 in a second while 20 are under way wait for nothing, 900 while 600 are do, 100 a second while 600 are wait in
    vain; not while anybody waits for a token, while the audience is late, or while the bridge is slow.
    """
    rush = range(25, 29)
    let_in = curve(
        "joins let in (launch)", *[(float(t), 300.0 * t + 600.0 * max(0, t - 20)) for t in range(10, 40)]
    )
    under_way = curve(
        "joins under way (launch)", *[(float(t), 600.0 if t in rush else 20.0) for t in range(10, 40)]
    )
    assert seen(made(), let_in, under_way) == {"joins_per_second": (900.0, 900.0, 900.0, 900.0)}
    line = curve("wait for a token (platform)", *[(float(t), 2.0) for t in range(10, 40)])
    assert seen(made(), let_in, under_way, line) == {}
    lag = curve("audience behind its schedule", *[(float(t), 0.7) for t in range(10, 40)])
    assert seen(made(), let_in, under_way, lag) == {}
    vain = curve("joins let in (launch)", *[(float(t), 100.0 * t) for t in range(10, 40)])
    assert seen(made(), vain, under_way) == {}
    handful = curve("joins under way (launch)", *[(float(t), 60.0) for t in range(10, 40)])
    assert seen(made(), vain, handful) == {}
    for link in ("media-to-platform", "platform-to-media"):
        slow = (fault("latency", f"{link}/media-1", 5.0, 40.0),)
        assert seen(made(faults=slow), let_in, under_way) == {}


def test_a_room_is_over_and_relaunched() -> None:
    """Over between the samples at 20 and 21 s, half a second before they say so: told 1.5 s later; relaunched at
    30.2 s, and told once the alert and its hold are over at 33.75 s.
    """
    over = curve("given up by the host (launch)", *[(float(t), float(t > 20)) for t in range(10, 50)])
    report = made(
        alerts=(alert("RoomEnded", 21.5, 32.0, room="launch"),),
        repairs=(repair("relaunch_room", "room=launch", 30.0, 0.2),),
    )
    assert seen(report, over) == {"relaunch": (0.2,), "room_ended_clear": (3.55,), "room_ended_seen": (1.5,)}


def test_any_record_can_be_measured() -> None:
    """A whole example run, and none at all; what is seen are known durations, none below zero."""
    from chaos.report.summary import summarise

    names = {one.name for one in Durations().told()}
    for events in ([], example_run(), example_run(survived=True)):
        found = observed(summarise(events), events)
        assert set(found) <= names
        assert all(value >= 0 for values in found.values() for value in values)


def test_enough_observations_take_the_place_of_a_default() -> None:
    """The median of five, not of four; everything else stays as it was."""
    few = pooled([{"restart": (2.2, 2.4)}, {"restart": (2.6, 2.8)}])
    assert measured(few) == Durations()
    many = pooled([few, {"restart": (9.0,), "node_back": (1.0,)}])
    assert len(many["restart"]) == ENOUGH
    assert measured(many).restart == 2.6
    assert measured(many).node_back == Durations().node_back
    found = estimate(many["restart"])
    assert found is not None
    assert (found.n, found.median, found.low, found.high) == (5, 2.6, 2.4, 2.8)
    assert estimate(()) is None


@pytest.mark.parametrize("values", [(1.0,), (1.0, 2.0)])
def test_quartiles_of_next_to_nothing(values: tuple[float, ...]) -> None:
    """One observation is its own median and quartiles."""
    found = estimate(values)
    assert found is not None
    assert found.low <= found.median <= found.high
