"""Taking the values of sources on their own beat, all at once, for as long as the story goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from chaos.clock import Clock
from chaos.engine.judgement import Sample
from chaos.engine.sources import Sources
from chaos.record import Record
from chaos.worlds.system import Goal


class Prober:
    """Asks each source every `interval` of its goal. A value is stamped with the moment at which it was asked for.

    The beat does not drift; a source that takes longer than its interval misses beats, it does not pile up.
    """

    def __init__(self, goals: Sequence[Goal], sources: Sources, record: Record, clock: Clock) -> None:
        self._goals = [goal for goal in goals if goal.name in sources]
        self._sources = sources
        self._record = record
        self._clock = clock
        self._taken: dict[str, list[Sample]] = {goal.name: [] for goal in self._goals}

    @property
    def taken(self) -> Mapping[str, Sequence[Sample]]:
        """The values so far: (unix seconds, value), by goal."""
        return self._taken

    async def run(self) -> None:
        """Ask until cancelled."""
        async with asyncio.TaskGroup() as group:
            for goal in self._goals:
                group.create_task(self._follow(goal))

    async def _follow(self, goal: Goal) -> None:
        assert goal.interval is not None
        due = self._clock.monotonic()
        while True:
            asked = self._clock.unix()
            value = await self._sources[goal.name].value()
            if value is not None:
                self._taken[goal.name].append((asked, value))
            holds = None if value is None else goal.expect.holds(value)
            self._record.event(
                "sample", objective=goal.name, value=value, holds=holds, expect=str(goal.expect)
            )
            due += goal.interval
            while due < self._clock.monotonic():
                due += goal.interval
            await self._clock.sleep_until(due)
