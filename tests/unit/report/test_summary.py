"""run.json: everything in it comes from the events, whatever became of the run."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chaos import record
from chaos.record import Event, Json
from chaos.report.html import report_page
from chaos.report.junit import junit
from chaos.report.markdown import summary
from chaos.report.schema import SCHEMA, schema_text
from chaos.report.story import tell
from chaos.report.summary import summarise
from chaos.testing.events import example_run, write_events

RUN = example_run()


def test_the_published_schema_is_current() -> None:
    """The committed schema is what the models say; `python -m chaos.report.schema` writes it anew."""
    assert SCHEMA.read_text(encoding="utf-8") == schema_text()


def test_a_report_obeys_its_published_schema() -> None:
    """A report, complete or cut off, validates against the published schema."""
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    for events in (RUN, RUN[: len(RUN) // 2], []):
        jsonschema.validate(json.loads(summarise(events).model_dump_json()), schema)


def test_the_contract_fields_are_there() -> None:
    """Every field that the contract names is in run.json, with what the events say."""
    found = json.loads(summarise(RUN).model_dump_json())
    assert (found["verdict"], found["exit_code"], found["seed"], found["world"]) == ("fail", 0, 7, "local")
    assert found["experiment"] == "Failure to launch: a room for a whole country"
    assert found["started"] == "2025-11-21T14:00:00.000Z"
    assert found["ended"] > found["started"]
    assert (found["survived"], found["lost_listener_minutes"]) == (False, 6_310_000.0)
    assert set(found["objectives"][0]) >= {
        "name", "verdict", "samples", "worst", "longest_break_s", "broken_s",
    }  # fmt: skip
    assert set(found["faults"][0]) >= {
        "name", "fault", "target", "applied_at", "path_proof", "in_force", "evidence", "undone_at", "gone",
    }  # fmt: skip
    assert found["crew"]["headcount"] == 3
    assert {stage["stage"] for incident in found["crew"]["incidents"] for stage in incident["stages"]} >= {
        "notice", "acknowledge", "triage", "decide", "act", "verify", "resolved", "waiting",
    }  # fmt: skip


def test_a_fault_carries_its_proofs_and_times() -> None:
    """A fault's report has the moment of the act, its three proofs and their sentences, and who undid it."""
    slow = next(fault for fault in summarise(RUN).faults if fault.name == "slow bridge")
    assert (slow.path_proof, slow.in_force, slow.gone) == (True, True, True)
    assert slow.applied_at == "2025-11-21T14:00:31.012Z"
    assert slow.applied_s == pytest.approx(300.144)
    assert slow.undone_by == "recovery"
    assert slow.undone_s == pytest.approx(1450.0, abs=0.01)
    assert "p50 of 20 probes rose from 0.7 ms to 911 ms." in slow.evidence


def test_a_fault_seen_not_to_be_in_force_is_never_reported_in_force() -> None:
    """One observation that says no outweighs another that says yes; none at all is `not shown`."""
    events = [
        Event("fault_observed", 1.0, 1.0, "faults", {"id": "f1", "in_force": True, "when": "after act"}),
        Event("fault_observed", 2.0, 2.0, "faults", {"id": "f1", "in_force": False, "when": "before undo"}),
        Event("fault_observed", 2.0, 2.0, "faults", {"id": "f2", "in_force": None}),
        Event("fault_applied", 1.0, 1.0, "faults", {"id": "f3", "targets": ["x"]}),
    ]
    found = {fault.id: fault.in_force for fault in summarise(events).faults}
    assert found == {"f1": False, "f2": None, "f3": None}


def test_a_fault_whose_act_failed_was_not_in_force() -> None:
    """`fault_failed` counts as proof that the fault was not there, with the reason as evidence."""
    events = [Event("fault_failed", 1.0, 1.0, "faults", {"id": "f1", "why": "the server answered 500"})]
    fault = summarise(events).faults[0]
    assert fault.in_force is False
    assert "the server answered 500" in fault.evidence


def test_a_stage_lasts_until_the_next_one_begins_and_an_act_as_long_as_its_repair() -> None:
    """Stages follow one another; an act ends with the real action, not with its planned moment."""
    incident = next(each for each in summarise(RUN).crew.incidents if each.kind == "room-gone")  # type: ignore[union-attr]
    ends = {stage.stage: stage.ends_s for stage in incident.stages}
    assert ends["waiting"] == incident.stages[1].begins_s
    assert ends["act"] == pytest.approx(1315.0 + 5.0, abs=0.1)
    assert incident.resolved_s == pytest.approx(1350.0)


def test_an_incident_that_comes_up_again_is_another_incident() -> None:
    """After `resolved`, the same key starts a new incident with its own repairs."""
    stages = [("notice", 10.0), ("act", 20.0), ("resolved", 30.0), ("notice", 50.0), ("act", 60.0)]
    events = [
        Event(
            "crew_stage",
            t,
            t,
            "faults",
            {"incident": "i", "stage": stage, "person": 1, "begins": t, "due": None},
        )
        for stage, t in stages
    ]
    events += [
        Event("repair_started", t, t, "faults", {"action": "restart_process", "incident": "i"})
        for t in (21.0, 61.0)
    ]
    crew = summarise(events).crew
    assert crew is not None
    assert [(each.resolved_s, len(each.repairs)) for each in crew.incidents] == [(30.0, 1), (None, 1)]


def test_a_record_that_was_cut_off_is_inconclusive_and_says_where_it_ends() -> None:
    """After kill -9 nothing is concluded: verdict inconclusive, exit code 3, the phase and moment of the end."""
    report = summarise([event for event in RUN if event.t < 100])
    assert (report.verdict, report.exit_code, report.ending) == ("inconclusive", 3, "cut off")
    assert report.why.startswith("the record ends in the phase faults at 18:42")
    assert report.survived is None


def test_a_line_that_was_cut_off_does_not_hide_the_rest(tmp_path: Path) -> None:
    """A last line without its end is left out; everything before it is reported."""
    file = write_events(RUN, tmp_path)
    text = file.read_text(encoding="utf-8")
    file.write_text(text[: len(text) // 2], encoding="utf-8")
    report = summarise(record.read(file))
    assert report.verdict == "inconclusive"
    assert report.faults
    assert report.seed == 7


def test_an_empty_record_is_inconclusive() -> None:
    """No events: nothing is known, and that is what the report says."""
    report = summarise([])
    assert (report.verdict, report.why) == (
        "inconclusive",
        "the record is empty: nothing is known of this run",
    )


def test_an_unknown_verdict_is_inconclusive() -> None:
    """A word that is no verdict never counts as a pass."""
    report = summarise(
        [Event("verdict", 1.0, 1.0, "judging", {"verdict": "perfect", "why": "x", "exit_code": 0})]
    )
    assert report.verdict == "inconclusive"


@pytest.mark.parametrize(
    ("event", "ending"),
    [
        (Event("interrupted", 1.0, 1.0, "faults", {"signal": 130}), "interrupted"),
        (Event("aborted", 1.0, 1.0, "faults", {"why": "halted"}), "aborted"),
        (Event("stop_condition", 1.0, 1.0, "faults", {"name": "x", "fired": True}), "aborted"),
    ],
)
def test_how_a_run_ended_is_told(event: Event, ending: str) -> None:
    """Interrupted and aborted runs say so."""
    assert summarise([*RUN, event]).ending == ending


def test_the_room_is_lost_when_a_survival_objective_was_broken_longer_than_it_may() -> None:
    """The moment of the loss is the start of the fatal break plus what the objective allows."""
    assert summarise(RUN).lost_at_s == pytest.approx(790.0 + 120.0)
    assert summarise(example_run(survived=True)).lost_at_s is None


def test_every_figure_of_a_report_is_in_the_events_or_follows_from_their_times() -> None:
    """No number in run.json is made up: each is in an event, or the story time or length of events' moments."""
    report = summarise(RUN)
    given = set(_numbers([dict(event.fields) for event in RUN])) | {event.t for event in RUN}
    zero = next(event.t for event in RUN if event.name == "phase_started" and event.phase == "warm_up")
    stories = [(t - zero) * report.time_scale for t in given]
    counted = {1, report.lasted_real_s, *(each.samples for each in report.figures)}
    fault_times = [240.0 + each for each in _numbers([e.fields for e in RUN if e.name == "fault_scheduled"])]
    lasts = [begin + each for begin in fault_times for each in (90.0, 180.0)]
    known = [*given, *stories, *counted, *fault_times, *lasts, 910.0]
    for number in _numbers(json.loads(report.model_dump_json())):
        assert any(math.isclose(number, each, abs_tol=2e-3) for each in known), number


def _numbers(value: Json) -> Iterator[float]:
    if isinstance(value, Mapping):
        for item in value.values():
            yield from _numbers(item)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for item in value:
            yield from _numbers(item)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield float(value)


PLAIN = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["warm_up", "pass", "decide", "<script>", "\ud800", "\x1b[31m"])
)
ANY_JSON = st.recursive(
    PLAIN,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
FIELDS = sorted({key for event in RUN for key in event.fields})
STRANGE = st.builds(
    Event,
    st.sampled_from(
        sorted({event.name for event in RUN} | {"aborted", "crew_begun", "fault_failed", "versions"})
    ),
    st.floats(-10, 1e6),
    st.floats(-1e12, 1e12),
    st.sampled_from(["", "preflight", "warm_up", "faults", "after", "\n"]),
    st.dictionaries(st.sampled_from([*FIELDS, "available"]), ANY_JSON, max_size=8),
)


def _all_reports(events: list[Event]) -> None:
    report = summarise(events)
    report.model_dump_json()
    report_page(report, events).encode()
    junit([report]).encode()
    summary(report).encode()
    tell(report, events)


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_any_part_of_a_record_in_any_order_is_reported(data: st.DataObject) -> None:
    """No subset and no order of a run's events makes a report fail."""
    events = [event for event in RUN if event.name != "sample"]
    kept = data.draw(st.lists(st.sampled_from(range(len(events))), unique=True, max_size=len(events)))
    _all_reports([events[place] for place in kept])


@settings(max_examples=50, deadline=None)
@given(st.lists(STRANGE, max_size=8), st.randoms(use_true_random=False))
def test_fields_of_the_wrong_kind_are_left_out(strange: list[Event], random_: random.Random) -> None:
    """Events whose fields hold anything at all never make a report fail, alone or among good ones."""
    _all_reports(strange)
    mixed = [*random_.sample([event for event in RUN if event.name != "sample"], 20), *strange]
    random_.shuffle(mixed)
    _all_reports(mixed)
