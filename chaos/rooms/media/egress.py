"""What goes out: a line of fixed bandwidth, in segments. Demand beyond it waits, so sound comes late. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from chaos.rooms.audio import SEGMENT_FRAMES, SEGMENT_SECONDS

LISTENERS_PER_INSTANCE = 1_500_000.0  # full scale, at once, before capacity was lowered (assumption)
FRAME_COST = 1 / SEGMENT_FRAMES  # of a segment: pushed sound weighs what fetched sound weighs
WATCHED = 2.0  # real seconds over which demand is counted: one segment's length


def segments_per_second(scale: float, ratio: float) -> float:
    """Segments per real second that an instance can send; a stock of listeners, so time_scale has no part in it."""
    return LISTENERS_PER_INSTANCE * scale * ratio / SEGMENT_SECONDS


@dataclass
class Egress:
    """One instance's way out. `rate` is segments per real second; times are of any one monotonic clock.

    `sent` counts what has gone out (`went`), as whoever stood in the line found it to be.
    """

    rate: float
    sent: float = 0.0
    _free_at: float = 0.0
    _demand: deque[tuple[float, float]] = field(default_factory=deque)
    _demanded: float = 0.0

    def reserve(self, now: float, segments: float = 1.0) -> float:
        """Stand in the line with so many segments; returns the real seconds until they have been sent."""
        if not self._demand or now - self._demand[-1][0] > 0.05:
            self._demand.append((now, segments))
        else:
            moment, before = self._demand[-1]
            self._demand[-1] = (moment, before + segments)
        self._demanded += segments
        self._forget(now)
        waited = max(0.0, self._free_at - now)
        self._free_at = now + waited + segments / self.rate
        return waited

    def went(self, segments: float = 1.0) -> None:
        """So many segments of those reserved have now been sent."""
        self.sent += segments

    def delay(self, now: float) -> float:
        """Real seconds that a segment asked for now would wait."""
        return max(0.0, self._free_at - now)

    def utilisation(self, now: float) -> float:
        """Demand over the last two seconds as a share of what can be sent; above 1 the line grows."""
        self._forget(now)
        return max(0.0, self._demanded) / WATCHED / self.rate

    def change_rate(self, rate: float, now: float) -> None:
        """From now on at another rate; what stands in the line goes out at it too."""
        self._free_at = now + self.delay(now) * self.rate / rate
        self.rate = rate

    def _forget(self, now: float) -> None:
        while self._demand and self._demand[0][0] < now - WATCHED:
            self._demanded -= self._demand.popleft()[1]
