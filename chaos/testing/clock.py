"""A clock that moves only when a test says so."""

from __future__ import annotations

import asyncio
import heapq
import itertools

_TURNS = 64
"""How often everything that can run runs before time goes on."""


class FakeClock:
    """Stands in for `chaos.clock.SystemClock`: nothing waits for real, and runs repeat exactly."""

    def __init__(self, *, monotonic: float = 0.0, unix: float = 1_700_000_000.0) -> None:
        self._now = monotonic
        self._offset = unix - monotonic
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def monotonic(self) -> float:
        """Seconds that go on by `advance` alone."""
        return self._now

    def unix(self) -> float:
        """Seconds since 1970, going on at the same pace."""
        return self._now + self._offset

    async def sleep_until(self, moment: float) -> None:
        """Return when `advance` has come to `moment`; after one turn of the loop if it is past."""
        if moment <= self._now:
            await asyncio.sleep(0)
            return
        woken = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (moment, next(self._order), woken))
        await woken

    async def advance(self, seconds: float) -> None:
        """Let `seconds` pass: wake each sleeper at its own moment, in order, and let it do what it does."""
        end = self._now + seconds
        await self.settle()
        while self._sleepers and self._sleepers[0][0] <= end:
            moment, _, woken = heapq.heappop(self._sleepers)
            if woken.done():
                continue
            self._now = moment
            woken.set_result(None)
            await self.settle()
        self._now = end
        await self.settle()

    async def settle(self) -> None:
        """Let everything that can run without time passing run."""
        for _ in range(_TURNS):
            await asyncio.sleep(0)
