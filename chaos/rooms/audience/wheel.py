"""The timers of thousands of listeners, turned by one of the loop's."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable

TICK = 0.01  # real seconds: a timer is at most so late by the wheel; what a client does at once goes out together


class Timer:
    """One call to come, until it was made or cancelled."""

    __slots__ = ("then",)

    def __init__(self, then: Callable[[], None]) -> None:
        self.then: Callable[[], None] | None = then

    def cancel(self) -> None:
        """Never make the call."""
        self.then = None


class Wheel:
    """Calls later, never early. A call that raises keeps no other from being made."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._due: dict[int, list[Timer]] = {}
        """By tick of the loop's clock, in the order of asking."""
        self._ticks: list[int] = []
        self._turning: asyncio.TimerHandle | None = None

    def call_later(self, seconds: float, then: Callable[[], None]) -> Timer:
        """Call `then` once, so many real seconds from now."""
        timer = Timer(then)
        tick = int((self._loop.time() + seconds) / TICK) + 1
        due = self._due.get(tick)
        if due is not None:
            due.append(timer)
            return timer
        self._due[tick] = [timer]
        heapq.heappush(self._ticks, tick)
        if self._ticks[0] == tick:
            self._set()
        return timer

    def stop(self) -> None:
        """Forget every call to come."""
        self._due.clear()
        self._ticks.clear()
        self._set()

    def _set(self) -> None:
        if self._turning is not None:
            self._turning.cancel()
        self._turning = self._loop.call_at(self._ticks[0] * TICK, self._turn) if self._ticks else None

    def _turn(self) -> None:
        self._turning = None
        now = self._loop.time()
        due: list[Timer] = []
        while self._ticks and self._ticks[0] * TICK <= now:
            due += self._due.pop(heapq.heappop(self._ticks))
        self._set()
        due.reverse()
        self._call(due)

    def _call(self, due: list[Timer]) -> None:
        """Make the calls, from the last to the first."""
        try:
            while due:
                then = due.pop().then
                if then is not None:
                    then()
        finally:
            if due:
                self._loop.call_soon(self._call, due)
