"""Whether runs still live, by whether they renew their holds on a target; pure.

A hold that has not ended says nothing of a run that died a moment ago, and one that has ended says nothing where clocks
differ or the API server was away, for then nobody could renew it. So holds are watched, by this machine's own monotonic
clock and only while the API server answers: whoever renews lives, and whoever does not for as long as a hold lasts is
gone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

from chaos.worlds.cluster.lease import LASTS, Hold


@dataclass
class _Seen:
    renewed: str
    since: float
    again: bool = False
    """Whether it was seen to be renewed."""


@dataclass
class Holds:
    """What was seen of the holds on one target so far."""

    now: Callable[[], float] = monotonic
    _seen: dict[str, _Seen] = field(default_factory=dict)

    def lives(self, run: str, hold: Hold | None) -> bool | None:
        """Whether the run lives, by the hold as it is now; None while that is not known yet, `LASTS` at the most."""
        if hold is None or hold.holder != run:
            self._seen.pop(run, None)
            return False
        seen = self._seen.setdefault(run, _Seen(hold.renewed, self.now()))
        if seen.renewed != hold.renewed:
            seen.renewed, seen.since, seen.again = hold.renewed, self.now(), True
        if self.now() - seen.since >= LASTS:
            return False
        return True if seen.again else None

    def forget(self) -> None:
        """Begin anew: the API server was away, so that no silence before now says anything."""
        self._seen.clear()
