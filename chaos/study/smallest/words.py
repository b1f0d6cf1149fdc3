"""What a search of the smallest failure found, in one sentence."""

from __future__ import annotations

from collections.abc import Sequence

from chaos.study.document import Value
from chaos.study.smallest import subset, weakest
from chaos.study.smallest.judging import Judge
from chaos.study.smallest.result import By


def weakest_words(judge: Judge, by: By, path: str, values: Sequence[Value], found: weakest.Found) -> str:
    """The answer of a search of the weakest fault."""
    sure = _sure(judge, by)
    unchecked = "" if found.complete else " No runs were left to check that a stronger fault is always worse."
    if found.against:
        there = ", ".join(str(values[place]) for place in found.against)
        return (
            f"Not determined: a stronger fault is not always worse. At {there} {path} ends the other way round than "
            f"its neighbours, {sure}"
        )
    if found.holds is not None and found.breaks is not None:
        return (
            f"The weakest {path} that breaks it lies between {values[found.holds]}, which it survives, and "
            f"{values[found.breaks]}, which breaks it, {sure}{unchecked}"
        )
    if found.holds == len(values) - 1:
        return f"Nothing up to the strongest, {path} {values[-1]}, breaks it, {sure}"
    if found.breaks == 0:
        return f"Even the weakest, {path} {values[0]}, breaks it, {sure}"
    known = [
        *([f"{values[found.holds]} holds"] if found.holds is not None else []),
        *([f"{values[found.breaks]} breaks it"] if found.breaks is not None else []),
    ]
    told = (
        f"all that is confirmed is that {known[0]}"
        if known
        else "no value is confirmed to hold or to break it"
    )
    return f"Not determined for {path}: {told}; {_why(judge, complete=found.complete)} ({_runs(judge, by)})."


def fewest_words(judge: Judge, by: By, titles: Sequence[str], found: subset.Found) -> str:
    """The answer of a search of the fewest faults."""
    sure = _sure(judge, by)
    if found.holds:
        return f"It does not fail with all of its {_count(len(titles), 'fault')}, {sure}"
    if found.faults is None:
        why = _why(judge, complete=found.complete)
        return f"Not determined which faults it takes: {why} ({_runs(judge, by)})."
    if not found.faults:
        return f"It fails without any of its faults, {sure}"
    several = " and ".join(f"{place + 1} ({titles[place]})" for place in found.faults)
    which = f"fault {several}" if len(found.faults) == 1 else f"faults {several}"
    if not found.determined:
        open_ = [str(place + 1) for place, told in zip(found.faults, found.needed, strict=True) if not told]
        return (
            f"{which[0].upper()}{which[1:]} of {len(titles)} still {_verb(found.faults)} it; whether all of them are "
            f"needed is not determined ({', '.join(open_)} may not be): {_why(judge, complete=found.complete)} "
            f"({_runs(judge, by)})."
        )
    alone = "by itself" if len(found.faults) == 1 else "together, and none of them can be left out"
    return f"{which[0].upper()}{which[1:]} of {len(titles)} still {_verb(found.faults)} it {alone}, {sure}"


def _verb(faults: Sequence[int]) -> str:
    return "breaks" if len(faults) == 1 else "break"


def _why(judge: Judge, *, complete: bool) -> str:
    if judge.in_vain:
        return "run after run came to no verdict, and that is no answer"
    if not complete:
        return f"all {judge.rules.most} runs are used up"
    return "the runs are too close to the border to tell"


def _sure(judge: Judge, by: By) -> str:
    return f"with {judge.rules.confidence:.0%} confidence ({_runs(judge, by)})."


def _runs(judge: Judge, by: By) -> str:
    many = _count(judge.runs, f"{by} run")
    if judge.rules.share == 0.5:
        return f"{many}; it breaks where most runs fail"
    return f"{many}; it breaks where more than {judge.rules.share:.0%} of the runs fail"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" + ("" if number == 1 else "s")
