"""What a run is put together from, and what it notes on its way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from chaos.clients.prometheus import FiringAlert, Prometheus
from chaos.clock import Clock, StoryClock
from chaos.engine.injection import Injection
from chaos.engine.sampling import AlertSource, StopCondition
from chaos.engine.sources import Sources
from chaos.engine.timeline import Span
from chaos.experiment.model import Experiment
from chaos.record import Record
from chaos.undo.journal import Journal
from chaos.worlds.system import Goal, System


class Crew(Protocol):
    """Who answers the alerts of a run; `chaos.crew.live.LiveCrew` is the modelled one."""

    def update(self, firing: Iterable[FiringAlert]) -> None:
        """What fires now; called once a second."""

    def incidents(self) -> Sequence[str]:
        """The incidents that are open now."""

    async def run(self) -> None:
        """Work until cancelled."""


class Nobody:
    """A run without a crew: nobody answers."""

    def update(self, firing: Iterable[FiringAlert]) -> None:
        """Nobody looks."""

    def incidents(self) -> Sequence[str]:
        return ()

    async def run(self) -> None:
        """Nobody works."""


@dataclass(frozen=True)
class Stop:
    """Why a run ends before its time: a signal (its exit code) or a stop condition or halt (a sentence)."""

    signal: int = 0
    why: str = ""


@dataclass
class Parts:
    """What a run is put together from."""

    experiment: Experiment
    halt: Path
    injections: Sequence[Injection]
    goals: Sequence[Goal]
    sources: Sources
    """Where the values of goals with an `interval` come from."""
    stops: Sequence[StopCondition]
    system: System
    prometheus: Prometheus
    alerts: AlertSource
    record: Record
    journal: Journal
    clock: Clock
    story: StoryClock
    make_crew: Callable[[StoryClock], Crew]
    stop: asyncio.Future[Stop]
    guarded: Callable[[], Awaitable[None]]
    """Returns when a guardian watches; raises PreflightError when none does. Before that nothing may be injected."""
    owns_world: bool = False
    """Whether the world was made for this run alone and ends with it."""


@dataclass
class Notes:
    """What was seen on the way: doubts, what could not be undone, and the phases as they really were."""

    doubts: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
