"""A realistic record of a run, made up without running anything: for tests of whatever reads records.

`example_run()` gives the events of a small *failure to launch*: two rooms, a bridge that becomes slow, a platform
that hangs, a media node that is lost and torn segments at the edge, and a crew one of whom first takes a wrong turn.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from chaos.record import Event
from chaos.testing.example.frame import phase_events, settings, started
from chaos.testing.example.happenings import alert_events, crew_events, fault_events
from chaos.testing.example.maker import Maker
from chaos.testing.example.measured import judged, samples


def example_run(
    *,
    title: str = "Failure to launch: a room for a whole country",
    headcount: int = 3,
    seed: int = 7,
    survived: bool = False,
    time_scale: float = 12.0,
    room: str = "townhall",
    began: float = 1_763_733_600.0,
) -> list[Event]:
    """The events of a whole run in which the larger room is lost, or with `survived` lives.

    `began` is the wall clock (seconds since 1970) of its start. Equal arguments give equal events.
    """
    make = Maker(time_scale, began)
    events = [
        started(make, title, headcount, seed),
        *settings(make),
        *phase_events(make),
        *fault_events(make, survived=survived),
        *(crew_events(make, headcount, room, survived=survived) if headcount else ()),
        *alert_events(make, room, survived=survived),
        *samples(make, room, survived=survived),
    ]
    events.sort(key=lambda event: event.t)
    return [*events, *judged(make, room, survived=survived)]


def write_events(events: Iterable[Event], folder: Path) -> Path:
    """Write events as a run does, one JSON object a line, to `folder`/events.jsonl; answers the file."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "events.jsonl"
    lines = (
        json.dumps(
            {
                "event": event.name,
                "t": event.t,
                "unix": event.unix,
                "time": datetime.fromtimestamp(event.unix, UTC).isoformat(timespec="milliseconds"),
                "phase": event.phase,
                **event.fields,
            }
        )
        for event in events
    )
    file.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return file
