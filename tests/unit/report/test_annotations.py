from __future__ import annotations

from dataclasses import replace

from chaos.report.annotations import TAG, annotations_of
from chaos.testing.events import example_run


def test_a_run_leaves_itself_its_faults_and_its_repairs() -> None:
    """The run over all of its time with its verdict; each fault from its begin to its undo; each repair to its end."""
    events = example_run()
    found = annotations_of(events)
    whole = found[0]
    assert (whole.begun, whole.ended) == (events[0].unix, events[-1].unix)
    assert whole.tags == (TAG, "run", "fail")
    applied = [event for event in events if event.name == "fault_applied"]
    undone = {event["id"]: event.unix for event in events if event.name == "fault_undone"}
    kinds = {event["id"]: event["fault"] for event in events if event.name == "fault_scheduled"}
    faults = [one for one in found if one.tags[1] == "fault"]
    assert [(one.begun, one.ended) for one in faults] == [(one.unix, undone[one["id"]]) for one in applied]
    assert [one.tags[2] for one in faults] == [kinds[one["id"]] for one in applied]
    started = [event for event in events if event.name == "repair_started"]
    repairs = [one for one in found if one.tags[1] == "repair"]
    assert [one.begun for one in repairs] == [event.unix for event in started]
    assert all(one.ended > one.begun for one in repairs)
    assert any("for a wrong diagnosis" in one.text for one in repairs)


def test_a_fault_whose_end_is_not_known_lasts_to_the_end_of_the_record() -> None:
    """A run that was cut off leaves no band without an end."""
    events = [event for event in example_run() if event.name not in ("fault_undone", "verdict", "run_ended")]
    bands = [one for one in annotations_of(events) if one.tags[1] == "fault"]
    assert bands
    assert {one.ended for one in bands} == {events[-1].unix}


def test_a_document_cannot_put_markup_into_grafana() -> None:
    """Grafana shows the text as HTML: a title's own markup is text."""
    events = example_run(title="<img src=x onerror=alert(1)>")
    assert "<" not in "".join(one.text for one in annotations_of(events))


def test_an_empty_record_leaves_nothing() -> None:
    """Nothing is known of the run."""
    assert annotations_of([]) == []
    first = replace(example_run()[0], name="run_started")
    assert len(annotations_of([first])) == 1
