"""What runs in a world and is put under stress: the reference rooms, or a user's own services."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from chaos.clock import RealSeconds, StorySeconds
from chaos.experiment.units import Expectation
from chaos.proof import Proof
from chaos.record import Json


@dataclass(frozen=True)
class Goal:
    """What is judged: a PromQL query, what its value must be, when, and how long it may break (story time).

    With an `interval` the values are taken by a source that often, and `query` says in words what is asked. `during`
    names phases. With `once` the query is evaluated at the end of its window only, `$window` in it standing
    for the window's length. `survival` marks the system's own survival goals; they decide the verdict only where
    `counts` is set. `may_break_in_all` None: the sum is not bounded.
    """

    name: str
    query: str
    expect: Expectation
    during: tuple[str, ...]
    may_break_for: StorySeconds = StorySeconds(0.0)
    may_break_in_all: StorySeconds | None = StorySeconds(0.0)
    max_gap: RealSeconds = RealSeconds(5.0)
    once: bool = False
    survival: bool = False
    counts: bool = True
    interval: RealSeconds | None = None
    owner: str = ""
    """The objective of the document that this goal stands for, when that is not this goal's own name."""


@dataclass(frozen=True)
class Figure:
    """A curve of the report that is shown and not judged. Several series of a query are told apart by `by`."""

    name: str
    label: str
    unit: str
    query: str
    live: bool = False
    """Whether it is also shown once a second while the run goes on."""


def series_label(label: str, labels: Mapping[str, str]) -> str:
    """What one series of a figure is called: the figure's label, and the room, link or instance that it is about."""
    own = labels.get("room") or labels.get("link") or labels.get("instance")
    return f"{label} ({own})" if own else label


@dataclass(frozen=True)
class Repaired:
    """What came of a repair: whether its act was carried out, and what was done."""

    ok: bool
    detail: str


class System(Protocol):
    """What a run needs of the system under test, beyond what its world offers."""

    async def configure(self) -> Proof:
        """Set the system up as the document asks, journaled, and prove it."""

    async def begin(self) -> None:
        """Start the load; the story's zero is now."""

    def goals(self, room: str | None = None) -> Sequence[Goal]:
        """The goals whose keeping is survival: of one room, or of all."""

    def figures(self) -> Sequence[Figure]:
        """What the report shows beside the objectives."""

    async def load_check(self, start: float, end: float) -> Proof:
        """Whether the load arrived as planned and kept up, between two unix times."""

    async def lost(self, start: float, end: float) -> float | None:
        """Lost listener-minutes at full scale between two unix times; None when the system has no such measure."""

    def locate(self, select: Mapping[str, str]) -> Sequence[str]:
        """The processes that a selector such as `room` means now."""

    async def perform(self, action: str, target: Mapping[str, str]) -> Repaired:
        """Carry out a repair for real, journaled with its undo. Raises StandbyError when it cannot be done."""

    def mends(self, action: str, target: Mapping[str, str], fault: Mapping[str, Json]) -> bool:
        """Whether this repair removes or works around that fault (`{fault, link, process, targets}`)."""

    async def follow(self) -> None:
        """Keep track of what moves, until cancelled; a system in which nothing does returns at once."""

    async def restore(self) -> Sequence[str]:
        """Put back what `configure` and repairs changed; what could not be put back, with the reason."""
