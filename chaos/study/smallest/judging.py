"""Which candidates break an experiment: a first look with few runs, and claims that fresh runs confirm."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from chaos.study.changes import overrides
from chaos.study.document import Value
from chaos.study.statistics.evidence import exceeds

MOST_UNKNOWN = 3
"""Looks in a row without a single verdict after which nothing can be found out."""


@dataclass(frozen=True)
class Seen:
    """How runs of one candidate ended; `unknown` came to no verdict, and say nothing."""

    failed: int = 0
    passed: int = 0
    unknown: int = 0

    @property
    def verdicts(self) -> int:
        """How many came to one."""
        return self.failed + self.passed

    def __add__(self, other: Seen) -> Seen:
        return Seen(self.failed + other.failed, self.passed + other.passed, self.unknown + other.unknown)


Candidate = Mapping[str, Value]
"""What is changed in the experiment, by path."""


class Oracle(Protocol):
    """What plays candidates: the simulator, or real runs."""

    def __call__(self, candidate: Candidate, first: int, runs: int) -> Seen:
        """Run a candidate so often, the first with the seed `first`."""
        ...


@dataclass(frozen=True)
class Rules:
    """When a candidate breaks the experiment, and how sure that has to be.

    It breaks it where more than `share` of its runs fail. `look`: runs between two looks. `patience`: runs after which
    one claim is left undecided. `most`: runs in all. `checks`: places on either side at which a search of the weakest
    fault makes sure that stronger is worse.
    """

    share: float = 0.5
    confidence: float = 0.95
    look: int = 1
    patience: int = 40
    most: int = 60
    checks: int = 1


class OutOfRunsError(Exception):
    """All runs are used up; nothing more can be found out."""


@dataclass
class Judge:
    """Plays candidates under seeds that no other run of the search has, and remembers how they ended."""

    oracle: Oracle
    rules: Rules
    seed: int
    heard: Callable[[int, int], None] = lambda _done, _most: None
    runs: int = 0
    seen: dict[tuple[str, ...], Seen] = field(default_factory=dict)
    _in_vain: int = 0

    def of(self, candidate: Candidate) -> Seen:
        """All runs of a candidate so far."""
        return self.seen.get(overrides(candidate), Seen())

    def leans(self, candidate: Candidate) -> bool:
        """Whether a candidate rather breaks it: a first look, of its first runs with a verdict.

        Raises OutOfRunsError.
        """
        while not (known := self.of(candidate)).verdicts:
            self._look(candidate)
        return known.failed > self.rules.share * known.verdicts

    def confirmed(self, candidate: Candidate, *, breaks: bool, level: float) -> bool | None:
        """Whether a candidate breaks (or holds) as claimed, by fresh runs; None where they leave it open.

        The chance that a claim is confirmed, or the other one is, although it is wrong, is at most `level` each.
        Raises OutOfRunsError.
        """
        fresh, share = Seen(), self.rules.share
        while fresh.verdicts < self.rules.patience:
            fresh += self._look(candidate)
            fails = exceeds(fresh.failed, fresh.passed, share) >= 1 / level
            holds = exceeds(fresh.passed, fresh.failed, 1 - share) >= 1 / level
            if fails or holds:
                return fails == breaks
        return None

    def _look(self, candidate: Candidate) -> Seen:
        runs = min(self.rules.look, self.rules.most - self.runs)
        if runs <= 0 or self._in_vain >= MOST_UNKNOWN:
            raise OutOfRunsError
        told = self.oracle(candidate, self.seed + self.runs, runs)
        self.runs += runs
        self._in_vain = 0 if told.verdicts else self._in_vain + 1
        key = overrides(candidate)
        self.seen[key] = self.seen.get(key, Seen()) + told
        self.heard(self.runs, self.rules.most)
        return told

    @property
    def in_vain(self) -> bool:
        """Whether the last runs all came to no verdict."""
        return self._in_vain >= MOST_UNKNOWN
