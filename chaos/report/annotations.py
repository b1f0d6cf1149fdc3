"""A run as annotations for Grafana: the run with its verdict, each fault while it was in force, each repair."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from chaos.record import Event
from chaos.report import fields, words
from chaos.report.summary import summarise

TAG = "standby"
"""What every annotation carries, and the dashboards look for."""


@dataclass(frozen=True)
class Annotation:
    """A band over the time from `begun` to `ended` (unix seconds); `text` is HTML without a document's own markup."""

    begun: float
    ended: float
    tags: tuple[str, ...]
    text: str


def annotations_of(events: Sequence[Event]) -> list[Annotation]:
    """What a run leaves in Grafana, in the order of its beginning. What had no end ends with the record."""
    if not events:
        return []
    report = summarise(events)
    last = events[-1].unix
    ends = {
        (closing, fields.text(event, "id")): event.unix
        for event in events
        if (closing := _CLOSED_BY.get(event.name))
    }
    found = [
        _made(
            events[0].unix, last, "run", report.verdict,
            f"{report.experiment}: {report.verdict}. {report.why}. Run {report.run}.",
        )
    ]  # fmt: skip
    kinds = {fault.id: fault.fault for fault in report.faults}
    for event in events:
        end = ends.get((event.name, fields.text(event, "id")), last)
        if event.name == "fault_applied":
            on = words.listed(list(fields.texts(event, "targets")))
            kind = kinds.get(fields.text(event, "id"), "")
            found.append(_made(event.unix, end, "fault", kind, f"{fields.text(event, 'name')} on {on}"))
        elif event.name == "repair_started":
            action = fields.text(event, "action")
            said = "" if fields.flag(event, "right") is not False else " (for a wrong diagnosis)"
            target = fields.text(event, "target")
            told = f"person {fields.text(event, 'person')}: {words.spoken(action)} {target}".rstrip() + said
            found.append(_made(event.unix, _finished(events, event) or end, "repair", action, told))
    return sorted(found, key=lambda one: one.begun)


_CLOSED_BY = {"fault_undone": "fault_applied"}


def _finished(events: Sequence[Event], started: Event) -> float | None:
    """When a repair ended: the next end of the same action for the same incident."""
    same = ("action", "incident", "target")
    return next(
        (
            event.unix
            for event in events
            if event.name == "repair_finished"
            and event.t >= started.t
            and all(event.get(key) == started.get(key) for key in same)
        ),
        None,
    )


def _made(begun: float, ended: float, kind: str, what: str, text: str) -> Annotation:
    return Annotation(begun, max(begun, ended), (TAG, kind, what), escape(words.single(text)))
