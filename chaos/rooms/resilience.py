"""What keeps a caller from making an outage worse: a circuit breaker, a retry budget, pauses. All pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum

from chaos.clock import RealSeconds
from chaos.experiment.rooms import RetryPolicy

BREAKER_WINDOW = 20  # calls that are looked back on
BREAKER_ERRORS = 0.5  # opens when more than this share of them failed
BREAKER_REST = RealSeconds(2.0)  # stays open this long before it lets one probe through
BUDGET_SHARE = 0.1  # retries per call: the 10 % retry budget
BUDGET_MOST = 10.0  # retries that can be saved up
BUDGET_TRIES = 3  # tries of one call, the first one included (assumption)
NAIVE_PAUSE = RealSeconds(0.5)  # assumption: first retry at once, the later ones at a fixed pace, no jitter
FIRST_BACKOFF = RealSeconds(0.05)
LONGEST_BACKOFF = RealSeconds(1.0)


class State(StrEnum):
    """Where a breaker stands."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


@dataclass
class Breaker:
    """Opens when more than half of the last 20 calls failed; after 2 s one probe decides whether it closes.

    `allow` gives a ticket for a call that may go, `record` takes it back with how it went. Times are seconds of any
    one monotonic clock.
    """

    state: State = State.CLOSED
    opened_at: float = 0.0
    _epoch: int = 0
    _failed: deque[bool] = field(default_factory=lambda: deque(maxlen=BREAKER_WINDOW))

    def allow(self, now: float) -> int | None:
        """A ticket, or None where the call must fail at once."""
        if self.state is State.CLOSED:
            return self._epoch
        if self.state is State.OPEN and now - self.opened_at >= BREAKER_REST:
            self._enter(State.HALF_OPEN)
            return self._epoch
        return None

    def record(self, ticket: int, ok: bool, now: float) -> None:
        """How the call with this ticket went; a ticket of an earlier state says nothing about this one."""
        if ticket != self._epoch:
            return
        if self.state is State.HALF_OPEN:
            self._enter(State.CLOSED if ok else State.OPEN)
            self.opened_at = now
            return
        self._failed.append(not ok)
        if len(self._failed) == BREAKER_WINDOW and sum(self._failed) > BREAKER_ERRORS * BREAKER_WINDOW:
            self._enter(State.OPEN)
            self.opened_at = now

    def reset(self) -> None:
        """Forget everything: the calls take another way from now on."""
        self._enter(State.CLOSED)

    def _enter(self, state: State) -> None:
        self.state = state
        self._epoch += 1
        self._failed.clear()


@dataclass
class RetryBudget:
    """Every call pays a tenth of a retry in; a retry takes a whole one out."""

    saved: float = BUDGET_MOST

    def pay_in(self) -> None:
        self.saved = min(BUDGET_MOST, self.saved + BUDGET_SHARE)

    def take(self) -> bool:
        """Whether there is one left; it is then gone."""
        if self.saved < 1.0:
            return False
        self.saved -= 1.0
        return True


def pause_before_retry(
    policy: RetryPolicy, tries: int, budget: RetryBudget, draw: float
) -> RealSeconds | None:
    """How long to wait after `tries` failed tries of one call; None: give up. `draw` is uniform in [0, 1)."""
    if policy == "unbounded":
        return RealSeconds(0.0) if tries <= 1 else NAIVE_PAUSE
    if policy == "none" or tries >= BUDGET_TRIES or not budget.take():
        return None
    return RealSeconds(draw * min(LONGEST_BACKOFF, FIRST_BACKOFF * 2 ** (tries - 1)))
