"""The two clocks: story time (people, schedules, survival limits) and real time (scrapes, time-outs, restarts)."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import NewType, Protocol

StorySeconds = NewType("StorySeconds", float)
"""Seconds as the people in the story live them; a live run passes them `time_scale` times faster."""

RealSeconds = NewType("RealSeconds", float)
"""Seconds as the machine lives them; nothing compresses them."""


class Clock(Protocol):
    """Where time comes from; `chaos.testing.FakeClock` stands in for it in tests."""

    def monotonic(self) -> float:
        """Seconds that never go back; differences are meaningful, the zero is not."""

    def unix(self) -> float:
        """Seconds since 1970, as Prometheus stamps its samples."""

    async def sleep_until(self, moment: float) -> None:
        """Return at `moment` of `monotonic`, at once if it has passed."""


class SystemClock:
    """The machine's clock."""

    def monotonic(self) -> float:
        return time.monotonic()

    def unix(self) -> float:
        return time.time()

    async def sleep_until(self, moment: float) -> None:
        import asyncio  # who only counts seconds needs no event loop, which is slow to import

        await asyncio.sleep(max(0.0, moment - time.monotonic()))


@dataclass(frozen=True)
class StoryClock:
    """Translates between the clocks of one run.

    `zero` is the moment of `Clock.monotonic` at which the story begins (the start of warm-up).
    """

    time_scale: float
    zero: float = 0.0

    def real(self, duration: StorySeconds) -> RealSeconds:
        """How long a story duration takes on the machine."""
        return RealSeconds(duration / self.time_scale)

    def story(self, duration: RealSeconds) -> StorySeconds:
        """How much story passes in a real duration."""
        return StorySeconds(duration * self.time_scale)

    def at(self, moment: StorySeconds) -> float:
        """The monotonic moment of a story moment."""
        return self.zero + moment / self.time_scale

    def now(self, monotonic: float) -> StorySeconds:
        """The story moment of a monotonic moment."""
        return StorySeconds((monotonic - self.zero) * self.time_scale)
