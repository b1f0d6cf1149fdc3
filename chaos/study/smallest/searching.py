"""The two searches from beginning to end: what is asked, and the answer as JSON has it."""

from __future__ import annotations

from collections.abc import Sequence

from chaos.study.document import Value
from chaos.study.smallest import subset, weakest
from chaos.study.smallest.judging import Candidate, Judge, Seen
from chaos.study.smallest.oracles import Document
from chaos.study.smallest.result import By, FewestFaults, Tried, WeakestFault
from chaos.study.smallest.subset import Subset
from chaos.study.smallest.words import fewest_words, weakest_words
from chaos.study.statistics.binomial import wilson


def weakest_fault(judge: Judge, by: By, path: str, values: Sequence[Value]) -> WeakestFault:
    """Search the weakest fault, and say what was found."""
    found = weakest.search(judge, path, values)
    holds = None if found.holds is None else values[found.holds]
    breaks = None if found.breaks is None else values[found.breaks]
    whole = found.determined or (not found.against and (found.holds == len(values) - 1 or found.breaks == 0))
    return WeakestFault(
        by=by,
        share=judge.rules.share,
        confidence=judge.rules.confidence,
        seed=judge.seed,
        runs=judge.runs,
        determined=whole,
        says=weakest_words(judge, by, path, values, found),
        tried=tuple(_tried(value, told) for value in values if (told := judge.of({path: value})) != Seen()),
        path=path,
        weakest=values[0],
        strongest=values[-1],
        holds=holds,
        breaks=breaks,
        against=tuple(values[place] for place in found.against),
    )


def fewest_faults(judge: Judge, by: By, document: Document, titles: Sequence[str]) -> FewestFaults:
    """Search the fewest faults of a document, whose faults have these titles, and say what was found."""
    asked: dict[Subset, Candidate] = {}

    def candidate(part: Subset) -> Candidate:
        return asked.setdefault(part, document.with_faults(part))

    found = subset.search(judge, tuple(range(len(titles))), candidate)
    return FewestFaults(
        by=by,
        share=judge.rules.share,
        confidence=judge.rules.confidence,
        seed=judge.seed,
        runs=judge.runs,
        determined=found.determined or found.holds,
        says=fewest_words(judge, by, titles, found),
        tried=tuple(
            _tried(_numbers(part), told) for part, one in asked.items() if (told := judge.of(one)) != Seen()
        ),
        faults=tuple(titles),
        fail=None if found.faults is None else tuple(place + 1 for place in found.faults),
        needed=found.needed,
    )


def _numbers(part: Subset) -> str:
    return " ".join(str(place + 1) for place in part) or "none"


def _tried(what: Value, told: Seen) -> Tried:
    low, high = wilson(told.failed, told.verdicts)
    return Tried(
        what=what,
        failed=told.failed,
        passed=told.passed,
        unknown=told.unknown,
        low=round(low, 6),
        high=round(high, 6),
    )
