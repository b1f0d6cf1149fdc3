"""From what was seen of a run to its verdict and exit code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from chaos.codes import ABORTED, FAIL, INCONCLUSIVE, NOT_UNDONE, PASS
from chaos.engine.judgement import Verdict


@dataclass(frozen=True)
class Seen:
    """Everything that decides: reasons, each a sentence.

    `doubts` are what keeps anything from being concluded (a fault not shown, a load that never came); `failed` and
    `unsure` are objectives with why; `left` is what could not be undone.
    """

    doubts: Sequence[str] = ()
    failed: Sequence[str] = ()
    unsure: Sequence[str] = ()
    left: Sequence[str] = ()
    aborted: str = ""
    interrupted: int = 0
    held: int = 0


@dataclass(frozen=True)
class Outcome:
    """The verdict, why in one sentence, and the exit code; `reasons` holds all of them."""

    verdict: Verdict
    why: str
    exit_code: int
    reasons: tuple[str, ...] = field(default=())


def decide(seen: Seen, expected: Verdict | None = None) -> Outcome:
    """The verdict of a run. `expected` is what the document expects: a fail that is expected exits 0."""
    verdict, reasons = _verdict(seen)
    why = reasons[0] if reasons else f"{_held(seen.held)}, and every fault was shown to be in force and gone"
    if seen.left:
        return Outcome(
            verdict, f"something could not be undone: {seen.left[0]}", NOT_UNDONE, (*seen.left, *reasons)
        )
    if seen.interrupted:
        return Outcome(verdict, why, seen.interrupted, reasons)
    if seen.aborted:
        return Outcome(verdict, why, ABORTED, reasons)
    return Outcome(verdict, why, _code(verdict, expected), reasons)


def _verdict(seen: Seen) -> tuple[Verdict, tuple[str, ...]]:
    if seen.interrupted:
        return Verdict.INCONCLUSIVE, ("interrupted before it could be judged", *seen.doubts)
    if seen.aborted:
        return Verdict.INCONCLUSIVE, (f"aborted: {seen.aborted}", *seen.doubts)
    if seen.doubts:
        return Verdict.INCONCLUSIVE, (*seen.doubts, *seen.failed, *seen.unsure)
    if seen.failed:
        return Verdict.FAIL, (*seen.failed, *seen.unsure)
    if seen.unsure:
        return Verdict.INCONCLUSIVE, tuple(seen.unsure)
    if not seen.held:
        return Verdict.INCONCLUSIVE, ("no objective was judged, so nothing can be concluded",)
    return Verdict.PASS, ()


def _code(verdict: Verdict, expected: Verdict | None) -> int:
    if verdict is Verdict.INCONCLUSIVE:
        return INCONCLUSIVE
    if expected is Verdict.FAIL:
        return PASS if verdict is Verdict.FAIL else FAIL
    return PASS if verdict is Verdict.PASS else FAIL


def _held(objectives: int) -> str:
    return "the one objective held" if objectives == 1 else f"all {objectives} objectives held"
