"""The weakest fault that breaks an experiment: a value on a ladder from one that holds to one that breaks it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

from chaos.experiment.quantity import UnitError
from chaos.study.changes import Between
from chaos.study.document import Value
from chaos.study.smallest.judging import Judge, OutOfRunsError


def ladder(weakest: Value, strongest: Value, steps: int) -> tuple[Value, ...]:
    """Values from the weakest to the strongest, evenly apart; fewer where they are whole numbers close together.

    Raises UnitError for ends that are no numbers, ratios or durations of one kind, or equal.
    """
    try:
        between, up = Between.ends(weakest, strongest), True
    except UnitError:
        between, up = Between.ends(strongest, weakest), False
    many = min(steps, round(between.high - between.low)) if between.whole else steps
    values = tuple(dict.fromkeys(between.value(step / many) for step in range(many + 1)))
    return values if up else values[::-1]


@dataclass(frozen=True)
class Found:
    """Places on the ladder: `holds` is confirmed to hold, `breaks` to break; None where neither could be confirmed.

    `against`: places at which it is the other way round than a stronger fault being worse would have it.
    `complete`: the search was not cut short.
    """

    holds: int | None
    breaks: int | None
    against: tuple[int, ...]
    complete: bool

    @property
    def determined(self) -> bool:
        """Whether both ends are confirmed, one place apart or wider, and nothing speaks against it."""
        return self.holds is not None and self.breaks is not None and not self.against


def search(judge: Judge, path: str, values: Sequence[Value]) -> Found:
    """Find neighbours on the ladder of which the weaker holds and the stronger breaks.

    Bisection with a first look at each place, then fresh runs at both neighbours. A claim that is not confirmed moves
    its end outwards, and the n-th attempt of each end is made at the 2^-n-th part of its half of the level: so the
    chance that either end is wrong is at most 1 - confidence, as long as a stronger fault is no better.
    """
    return _Search(judge, path, values).found()


class _Search:
    def __init__(self, judge: Judge, path: str, values: Sequence[Value]) -> None:
        self.judge, self.path, self.values = judge, path, values
        self.level = 1 - judge.rules.confidence
        self.holds: int | None = None
        self.breaks: int | None = None
        self.against: list[int] = []

    def found(self) -> Found:
        complete = True
        try:
            low, high = self._bisected()
            self.breaks = self._settled(high, breaks=True)
            self.holds = self._settled(low, breaks=False)
            self.against = list(self._contrary())
        except OutOfRunsError:
            complete = False
        return Found(self.holds, self.breaks, tuple(self.against), complete)

    def _at(self, place: int) -> dict[str, Value]:
        return {self.path: self.values[place]}

    def _bisected(self) -> tuple[int, int]:
        """The neighbours by a first look; -1 where even the weakest breaks it, one beyond where nothing does."""
        last = len(self.values) - 1
        if not self.judge.leans(self._at(last)):
            return last, last + 1
        if self.judge.leans(self._at(0)):
            return -1, 0
        low, high = 0, last
        while high - low > 1:
            middle = (low + high) // 2
            if self.judge.leans(self._at(middle)):
                high = middle
            else:
                low = middle
        return low, high

    def _settled(self, place: int, *, breaks: bool) -> int | None:
        """The nearest place outwards, at or beyond `place`, for which the claim is confirmed."""
        for attempt in count(1):
            if not 0 <= place < len(self.values):
                return None
            level = self.level / 2 / 2**attempt
            if self.judge.confirmed(self._at(place), breaks=breaks, level=level):
                return place
            end = len(self.values) - 1 if breaks else 0
            if place == end:
                return None
            step = 2 ** (attempt - 1)
            place = min(end, place + step) if breaks else max(end, place - step)
        return None

    def _contrary(self) -> Iterator[int]:
        """Places outside of what was found that turn out, with fresh runs, to be the other way round."""
        asked = [*self._between(self.breaks, len(self.values)), *self._between(-1, self.holds)]
        doubtful = [place for place in asked if self.judge.leans(self._at(place)) != self._above(place)]
        for place in doubtful:
            told = self.judge.confirmed(
                self._at(place), breaks=not self._above(place), level=self.level / len(asked)
            )
            if told:
                yield place

    def _above(self, place: int) -> bool:
        return self.breaks is not None and place > self.breaks

    def _between(self, low: int | None, high: int | None) -> list[int]:
        """Evenly spread places between two, without both."""
        if low is None or high is None:
            return []
        checks = self.judge.rules.checks
        places = {low + (high - low) * step // (checks + 1) for step in range(1, checks + 1)}
        return sorted(place for place in places if low < place < high)
