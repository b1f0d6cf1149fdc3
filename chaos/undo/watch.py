"""When a run has lost its right to its faults: it is gone, gives no heartbeat, or has outlived a lease. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from chaos.clock import RealSeconds

BEAT_EVERY = RealSeconds(1.0)
"""How often a run that is well gives a heartbeat."""
SILENCE = RealSeconds(15.0)
"""How long a run may give none; a run that stands still for longer is ended and undone."""


class Decision(StrEnum):
    """What a guardian does next."""

    WAIT = "wait"
    LEAVE = "leave"
    """Nothing of the run is left: there is nothing more to guard."""
    RECOVER = "recover"
    """The run is gone: undo what it left."""
    END = "end"
    """The run is there and must not go on: end it, then undo what it left."""


@dataclass(frozen=True)
class Sight:
    """What is seen of a run.

    Whether its process is there, its last heartbeat (any number that changes with each), whether its journal is closed,
    the ends of the leases that it still holds (unix seconds), and whether it may be ended at all: somebody's own
    program, which may stand in a debugger, may not.
    """

    alive: bool
    beat: float
    closed: bool
    leases: Sequence[float] = ()
    endable: bool = True


@dataclass
class Watch:
    """Looks at one run again and again; heartbeats are timed by the guardian's own monotonic clock."""

    silence: float = SILENCE
    because: str = ""
    """Why the last decision was to end or to recover."""
    _beat: float | None = None
    _heard: float = 0.0

    def look(self, seen: Sight, *, monotonic: float, unix: float) -> Decision:
        """Decide what to do about a run that looks like this now."""
        if seen.closed:
            return Decision.LEAVE
        if not seen.alive:
            self.because = "its process is gone"
            return Decision.RECOVER
        if not seen.endable:
            return Decision.WAIT
        if seen.beat != self._beat:
            self._beat, self._heard = seen.beat, monotonic
        if monotonic - self._heard >= self.silence:
            self.because = f"it has given no heartbeat for {self.silence:g} s"
            return Decision.END
        if any(lease < unix for lease in seen.leases):
            self.because = "a lease of it has ended, and what it covers is still there"
            return Decision.END
        return Decision.WAIT
