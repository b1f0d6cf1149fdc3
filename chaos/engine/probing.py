"""Taking the values of sources on their own beat, all at once, for as long as the story goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from chaos.clock import Clock
from chaos.engine.judgement import Sample
from chaos.engine.sources import Sources
from chaos.record import Record
from chaos.worlds.system import Goal


@dataclass(frozen=True)
class Slip:
    """A source that gave no value, or 0 for a reason: when (unix seconds), whether there was none, and why."""

    moment: float
    empty: bool
    why: str


@dataclass(frozen=True)
class Taken:
    """What a source gave so far; the samples are (unix seconds, value)."""

    samples: list[Sample] = field(default_factory=list)
    slips: list[Slip] = field(default_factory=list)


class Prober:
    """Asks each source every `interval` of its goal. A value is stamped with the moment at which it was asked for.

    The beat begins anew with each phase and does not drift; a source that takes longer than its interval misses beats,
    it does not pile up.
    """

    def __init__(self, goals: Sequence[Goal], sources: Sources, record: Record, clock: Clock) -> None:
        self._goals = [goal for goal in goals if goal.name in sources]
        self._sources = sources
        self._record = record
        self._clock = clock
        self._taken = {goal.name: Taken() for goal in self._goals}
        self._anew = {goal.name: asyncio.Event() for goal in self._goals}
        self._asking: set[asyncio.Task[None]] = set()

    @property
    def taken(self) -> Mapping[str, Taken]:
        """What the sources gave so far, by goal."""
        return self._taken

    def begin_phase(self, phase: str) -> None:
        """A phase begins: what counts in it is asked for at once."""
        for goal in self._goals:
            if phase in goal.during:
                self._anew[goal.name].set()

    async def settle(self) -> None:
        """Wait for what has been asked for until now; each source bounds how long that can take."""
        await asyncio.gather(*self._asking, return_exceptions=True)

    async def run(self) -> None:
        """Ask until cancelled; then nothing is asked for any more, and no answer waited for."""
        try:
            async with asyncio.TaskGroup() as group:
                for goal in self._goals:
                    group.create_task(self._follow(goal))
        finally:
            for asking in self._asking:
                asking.cancel()
            await self.settle()

    async def _follow(self, goal: Goal) -> None:
        assert goal.interval is not None
        while True:
            due = self._clock.monotonic() + goal.interval
            self._anew[goal.name].clear()
            asking = asyncio.create_task(self._ask(goal))
            self._asking.add(asking)
            asking.add_done_callback(self._asking.discard)
            await asyncio.wait({asking})
            asking.result()
            while due < self._clock.monotonic():
                due += goal.interval
            await self._until(due, self._anew[goal.name])

    async def _ask(self, goal: Goal) -> None:
        asked = self._clock.unix()
        found = await self._sources[goal.name].ask()
        value, why = found.value, found.told(self._record.masked)
        taken = self._taken[goal.name]
        if value is not None:
            taken.samples.append((asked, value))
        if why:
            taken.slips.append(Slip(asked, value is None, why))
        holds = None if value is None else goal.expect.holds(value)
        reason = {"why": why} if why else {}
        self._record.event(
            "sample", objective=goal.name, value=value, holds=holds, expect=str(goal.expect), **reason
        )

    async def _until(self, due: float, anew: asyncio.Event) -> None:
        """Sleep to the next beat, or to the begin of a phase."""
        sleeping = asyncio.ensure_future(self._clock.sleep_until(due))
        woken = asyncio.create_task(anew.wait())
        try:
            await asyncio.wait({sleeping, woken}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            woken.cancel()
            await asyncio.gather(sleeping, woken, return_exceptions=True)
