"""The events of one run, found by name, and the run's two clocks as the record tells them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime

from chaos.record import Event
from chaos.report.fields import mapping, number

PHASES = ("preflight", "warm_up", "baseline", "path_proof", "faults", "recovery", "after", "judging")
"""The phases of a run in their order."""

STORY = ("warm_up", "baseline", "path_proof", "faults", "recovery", "after")
"""The phases in which the story takes place."""


class Trail:
    """The events of a run. Complete or cut off, in order or not: every question has an answer."""

    def __init__(self, events: Iterable[Event]) -> None:
        self.events = tuple(events)
        self._named: dict[str, list[Event]] = defaultdict(list)
        for event in self.events:
            self._named[event.name].append(event)
        self.start = self.last("run_started") or Event("run_started", 0.0, 0.0, "preflight")
        scale = number(self.start, "time_scale")
        self.time_scale = scale if scale is not None and scale > 0 else 1.0
        self.timeline = {
            name: value
            for name in mapping(self.start, "timeline")
            if (value := number(mapping(self.start, "timeline"), name)) is not None and value >= 0
        }
        self.zero = self._zero()
        self.end_t = max((event.t for event in self.events), default=0.0)

    def of(self, name: str) -> list[Event]:
        """All events of a name, as they were recorded."""
        return self._named.get(name, [])

    def last(self, name: str) -> Event | None:
        """The last event of a name."""
        found = self._named.get(name)
        return found[-1] if found else None

    def story(self, t: float) -> float:
        """Story seconds since the start of warm-up, at `t` real seconds since the start of the run."""
        return round((t - self.zero) * self.time_scale, 3)

    def phase(self, name: str) -> tuple[float, float | None] | None:
        """Begin and end of a phase in story time; None for the end when it did not end, None when it did not begin."""
        begun = next((event for event in self.of("phase_started") if event.phase == name), None)
        if begun is None:
            return None
        ended = next((event for event in self.of("phase_ended") if event.phase == name), None)
        begin = self.story(begun.t)
        return begin, (max(begin, self.story(ended.t)) if ended is not None else None)

    def faults_begin(self) -> float:
        """When the phase *faults* began, or by the document's timeline would have begun, in story time."""
        phase = self.phase("faults")
        return phase[0] if phase else self.timeline.get("warm_up", 0.0) + self.timeline.get("baseline", 0.0)

    def faults_end(self) -> float:
        """When the phase *faults* ended, or by the document's timeline would have ended, in story time."""
        phase = self.phase("faults")
        if phase is not None and phase[1] is not None:
            return phase[1]
        return self.faults_begin() + self.timeline.get("faults", 0.0)

    def story_end(self) -> float:
        """When the story ended: the end of the last phase of it, or the end of the record; at least one second."""
        ends = [
            phase[1] for name in STORY if (phase := self.phase(name)) is not None and phase[1] is not None
        ]
        whole = self.phase("after")
        if whole is not None and whole[1] is not None:
            return max(1.0, *ends)
        return max(1.0, self.story(self.end_t), *ends)

    def _zero(self) -> float:
        phases = self.of("phase_started")
        for event in phases:
            if event.phase == "warm_up":
                return event.t
        for event in phases:
            story = number(event, "story")
            if story is not None and event.phase in STORY:
                return event.t - story / self.time_scale
        return min((event.t for event in self.events), default=0.0)


def moment(unix: float) -> str | None:
    """A wall clock time as ISO 8601 in UTC; None when it is not a date."""
    try:
        return datetime.fromtimestamp(unix, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except (OverflowError, OSError, ValueError):
        return None
