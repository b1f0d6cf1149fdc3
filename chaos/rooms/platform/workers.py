"""Platform's workers: tokens in one line, announcements beside them, both served by the same hands. Pure.

Work is a fluid: so many tokens' worth per real second, shared between the two kinds while both have work. The caller
brings the time; nothing here reads a clock.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Generic, TypeVar

TOKENS_PER_STORY_SECOND = 6_000.0  # full scale, before capacity was lowered (assumption)
UNIT_COST = 1 / 2_000  # of a token's work: telling one follower (assumption)
EVEN_SHARE = 0.5  # of the workers, for each kind while both have work (assumption: they take turns)
BULKHEAD_SHARE = 0.2  # of the workers, the most that announcements get behind a bulkhead
LONGEST_STEP = 0.25  # real seconds: a process that stood still did no work meanwhile
ROUNDING = 1e-9

T = TypeVar("T")


@dataclass(slots=True)
class Waiting(Generic[T]):
    """One token asked for. `deadline` is a moment of the caller's clock after which it is not served (None: never)."""

    item: T
    deadline: float | None


@dataclass(frozen=True, slots=True)
class Done(Generic[T]):
    """A token whose turn came: `served`, or dropped because its deadline had passed."""

    item: T
    served: bool


@dataclass
class Workers(Generic[T]):
    """The queues and what is left to do of their heads. `rate` is tokens per real second."""

    rate: float
    bulkhead: bool = False
    line: deque[Waiting[T]] = field(default_factory=deque)
    backlog: float = 0.0
    """Announcement units not yet sent."""
    sent: float = 0.0
    """Announcement units sent so far."""
    _head_left: float = 1.0
    _at: float | None = None

    def ask(self, item: T, deadline: float | None, now: float) -> list[Done[T]]:
        """Stand in the line; whatever was done until now is returned."""
        done = self.advance(now)
        self.line.append(Waiting(item, deadline))
        return done

    def announce(self, units: float, now: float) -> list[Done[T]]:
        """Add announcement units; whatever was done until now is returned."""
        done = self.advance(now)
        self.backlog += units
        return done

    def advance(self, now: float) -> list[Done[T]]:
        """Work until `now`; a gap longer than LONGEST_STEP was spent standing still."""
        left = 0.0 if self._at is None else min(LONGEST_STEP, max(0.0, now - self._at))
        self._at = now
        done: list[Done[T]] = []
        while left > 0.0 and self._drop_late(now, done):
            tokens, units = self._shares()
            step = left
            if self.line:
                step = min(step, self._head_left / tokens)
            if self.backlog > 0.0:
                step = min(step, self.backlog * UNIT_COST / units)
            left -= step
            if self.line:
                self._head_left -= tokens * step
            if self.backlog > 0.0:
                self.backlog -= units * step / UNIT_COST
                self.sent += units * step / UNIT_COST
                self.backlog = self.backlog if self.backlog > ROUNDING / UNIT_COST else 0.0
            if self.line and self._head_left <= ROUNDING:
                done.append(Done(self.line.popleft().item, served=True))
                self._head_left = 1.0
        return done

    def abandon(self) -> list[Done[T]]:
        """Leave all work undone; whoever stood in the line is dropped."""
        dropped = [Done(one.item, served=False) for one in self.line]
        self.line.clear()
        self.backlog, self._head_left = 0.0, 1.0
        return dropped

    def next_moment(self, now: float) -> float | None:
        """When to advance again at the latest; None while there is nothing to do."""
        if not self.line and self.backlog <= 0.0:
            return None
        tokens, _ = self._shares()
        until_head = self._head_left / tokens if self.line else LONGEST_STEP
        return now + min(LONGEST_STEP / 2, until_head)

    def wait(self) -> float:
        """Real seconds that a token asked for now would wait until its turn comes, with no more announced."""
        return self._until_done(self._tokens_left(), self.backlog * UNIT_COST, 1.0 - self._announced_share())

    def backlog_seconds(self) -> float:
        """Real seconds until the announcements are out, with no more tokens asked for."""
        alone = BULKHEAD_SHARE if self.bulkhead else 1.0
        work = self.backlog * UNIT_COST / alone
        return self._until_done(work, self._tokens_left(), self._announced_share() / alone)

    def _until_done(self, work: float, other: float, share: float) -> float:
        """Real seconds for `work` tokens' worth at this share while the `other` kind lasts, at full rate after it."""
        if work * (1.0 - share) <= other * share:
            return work / (self.rate * share)
        return (work + other) / self.rate

    def _tokens_left(self) -> float:
        return len(self.line) - 1 + self._head_left if self.line else 0.0

    def _announced_share(self) -> float:
        return BULKHEAD_SHARE if self.bulkhead else EVEN_SHARE

    def _shares(self) -> tuple[float, float]:
        """Work per real second for tokens and for announcements, in tokens; 0 only for a kind without work."""
        share = self._announced_share()
        if self.line and self.backlog > 0.0:
            return self.rate * (1.0 - share), self.rate * share
        if self.line:
            return self.rate, 0.0
        return 0.0, self.rate * (BULKHEAD_SHARE if self.bulkhead else 1.0)

    def _drop_late(self, now: float, done: list[Done[T]]) -> bool:
        """Drop heads that nobody waits for any more, if their work has not begun; whether work is left."""
        while self.line and self._head_left == 1.0:
            deadline = self.line[0].deadline
            if deadline is None or deadline > now:
                break
            done.append(Done(self.line.popleft().item, served=False))
        return bool(self.line) or self.backlog > 0.0
