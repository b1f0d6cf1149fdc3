"""The fewest faults that still break an experiment: delta debugging, confirmed by fresh runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from chaos.study.smallest.judging import Candidate, Judge, OutOfRunsError

Subset = tuple[int, ...]
"""Places of faults in the document, in its order."""


def minimised(whole: Subset, fails: Callable[[Subset], bool]) -> Subset:
    """A part of `whole` that fails and does not without any one of its own: it is 1-minimal.

    `whole` fails. At most n² + 3n + 1 different parts of n are asked for, most often far fewer; where a part of one
    is to blame about 2 log n. Source: Zeller, Hildebrandt, 2002 (ddmin), with the empty part asked for first.
    """
    if not whole or fails(()):
        return ()
    parts = 2
    while len(whole) > 1:
        pieces = _cut(whole, parts)
        others = [tuple(one for one in whole if one not in piece) for piece in pieces]
        smaller = next((piece for piece in pieces if fails(piece)), None)
        if smaller is not None:
            whole, parts = smaller, 2
            continue
        rest = next((other for other in others if fails(other)), None) if parts > 2 else None
        if rest is not None:
            whole, parts = rest, max(parts - 1, 2)
        elif parts < len(whole):
            parts = min(len(whole), 2 * parts)
        else:
            break
    return whole


def _cut(whole: Subset, parts: int) -> list[Subset]:
    """Into so many pieces of nearly the same size, none of them empty."""
    ends = [len(whole) * part // parts for part in range(parts + 1)]
    return [whole[start:end] for start, end in pairwise(ends)]


@dataclass(frozen=True)
class Found:
    """`faults` fail together; None where not even all of them do, or nothing could be confirmed.

    `needed`: for each of them whether it is confirmed that the others hold without it; None where that stayed open.
    `holds`: it is confirmed that not even all of them fail. `complete`: the search was not cut short.
    """

    faults: Subset | None
    needed: tuple[bool | None, ...]
    holds: bool
    complete: bool

    @property
    def determined(self) -> bool:
        """Whether it is confirmed that these fail, and that each of them is needed."""
        return self.faults is not None and all(self.needed)


def search(judge: Judge, whole: Subset, candidate: Callable[[Subset], Candidate]) -> Found:
    """Find a 1-minimal part of the faults that still fails.

    Delta debugging with a first look at each part, then fresh runs of what it found and of that without each one. A
    first look that fresh runs contradict is corrected, and the search goes on. The n-th attempt shares the 2^-n-th
    part of the level among its claims: the chance that any claim of the answer is wrong is at most 1 - confidence.
    """
    return _Search(judge, whole, candidate).found()


class _Search:
    def __init__(self, judge: Judge, whole: Subset, candidate: Callable[[Subset], Candidate]) -> None:
        self.judge, self.whole, self.candidate = judge, whole, candidate
        self.known: dict[Subset, bool] = {}
        self.best: Found | None = None

    def found(self) -> Found:
        level = (1 - self.judge.rules.confidence) / 2
        try:
            while self._fails(self.whole):
                part = minimised(self.whole, self._fails)
                answer = self._confirmed(part, level / (len(part) + 1))
                if answer is not None:
                    return answer
                level /= 2
            holds = self.judge.confirmed(self.candidate(self.whole), breaks=False, level=level)
            return Found(None, (), holds=bool(holds), complete=True)
        except OutOfRunsError:
            return self.best or Found(None, (), holds=False, complete=False)

    def _fails(self, part: Subset) -> bool:
        if part not in self.known:
            self.known[part] = self.judge.leans(self.candidate(part))
        return self.known[part]

    def _confirmed(self, part: Subset, level: float) -> Found | None:
        """The answer, as far as it is confirmed; None where a first look was wrong, which is then known."""
        if not self._settled(part, breaks=True, level=level):
            self.known[part] = False
            return None
        needed: list[bool | None] = []
        self.best = Found(part, (None,) * len(part), holds=False, complete=False)
        for one in part:
            rest = tuple(other for other in part if other != one)
            told = self._settled(rest, breaks=False, level=level)
            if told is False:
                self.known[rest] = True
                return None
            needed.append(told)
            left = (None,) * (len(part) - len(needed))
            self.best = Found(part, (*needed, *left), holds=False, complete=False)
        return Found(part, tuple(needed), holds=False, complete=True)

    def _settled(self, part: Subset, *, breaks: bool, level: float) -> bool | None:
        return self.judge.confirmed(self.candidate(part), breaks=breaks, level=level)
