"""A run that is being followed: its record so far, and how it stands."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from chaos.record import Event, Tail
from chaos.report.live import Situation
from chaos.watch.runs import Watchable, going, named

Standing = Literal["going", "judged", "ended", "dead"]
"""`judged`: it has its verdict. `dead`: its process is gone, and it never said that it ended."""
LINES = 10
"""How many of the latest happenings are shown."""


@dataclass(frozen=True)
class Line:
    """Something notable that happened, with the moment in story time."""

    clock: str
    text: str


@dataclass
class Followed:
    """One run, kept up to date by `look`."""

    run: Watchable
    events: list[Event] = field(default_factory=list)
    situation: Situation = field(default_factory=Situation)
    latest: deque[Line] = field(default_factory=lambda: deque(maxlen=LINES))
    standing: Standing = "going"
    reported: bool = False
    """Whether its report has been written."""

    def __post_init__(self) -> None:
        self._tail = Tail(self.run.folder / "events.jsonl")

    def look(self) -> None:
        """Take in what has happened since the last look."""
        if self.standing == "ended" and self.reported:
            return
        alive = self.run.alive
        for event in self._tail.more():
            self.events.append(event)
            if (text := self.situation.hear(event)) is not None:
                self.latest.append(Line(self.situation.clock, text))
        self.standing = self._standing(alive=alive)
        self.reported = self.standing in ("ended", "dead") and (self.run.folder / "report.html").is_file()

    def _standing(self, *, alive: bool) -> Standing:
        names = {event.name for event in self.events[-50:]}
        if "run_ended" in names:
            return "ended"
        if not alive:
            return "dead"
        return "judged" if self.situation.verdict else "going"

    @property
    def version(self) -> str:
        """Changes whenever there is something else to show."""
        return f"{self.run.name}-{len(self.events)}-{self.standing}-{self.reported:d}"


class Follower:
    """Follows the run that was asked for, or whichever goes on; when that is over, the next one that begins."""

    def __init__(self, wanted: str | None) -> None:
        """Raises UsageError when no run is called `wanted`."""
        self._asked = wanted is not None
        self.others: tuple[str, ...] = ()
        self.followed = Followed(named(wanted)) if wanted is not None else None

    def look(self) -> Followed | None:
        """The run as it stands; None while there is none to follow. `others` then names those that go on besides."""
        found = going()
        if not self._asked and (self.followed is None or self.followed.standing in ("ended", "dead")):
            self._take_next(found)
        if self.followed is not None:
            self.followed.look()
        mine = self.followed.run.folder if self.followed is not None else None
        self.others = tuple(run.name for run in found if run.folder != mine)
        return self.followed

    def _take_next(self, found: Sequence[Watchable]) -> None:
        before = "" if self.followed is None else self.followed.run.name
        newer = next((run for run in found if run.name > before), None)
        if newer is not None:
            self.followed = Followed(newer)

    @property
    def version(self) -> str:
        """Changes whenever there is something else to show."""
        own = self.followed.version if self.followed is not None else "waiting"
        return "-".join((own, *self.others))
