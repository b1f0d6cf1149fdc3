"""A comparison in words: the same sentences for the page, for Markdown and for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from chaos.report import words
from chaos.report.model import Objective
from chaos.review.compare import Comparison, Fates, Moved
from chaos.review.noise import CONFIDENCE


def headline(told: Comparison) -> str:
    """The answer in one sentence."""
    far = [one for one in told.moved if one.beyond]
    unknown = [one for one in told.moved if one.beyond is None]
    of = words.counted(len(told.moved), "objective")
    if not told.moved:
        return "Neither side has an objective that was judged."
    if not far and unknown:
        known = len(told.moved) - len(unknown)
        if not known:
            none = f"None of {of} can" if len(unknown) > 1 else "The one objective cannot"
            return f"{none} be told from noise with these runs."
        rest = f"the other {known if known > 1 else 'one'} moved within noise"
        return f"Of {of}, {len(unknown)} cannot be told from noise with these runs; {rest}."
    if not far:
        return f"None of {of} moved beyond noise."
    names = words.listed([f"{one.name} ({_way(one)})" for one in far])
    return f"{len(far)} of {of} moved beyond noise: {names}."


def judged(one: Moved) -> str:
    """Whether an objective moved beyond noise, and which way."""
    if one.beyond is None:
        return one.why or "cannot be told"
    return f"{_way(one)}, beyond noise" if one.beyond else "within noise"


def change(one: Moved) -> str:
    """By how much it moved, with its interval."""
    if one.shift is None:
        return "–"
    text = signed(one.shift.by)
    if one.shift.interval is None:
        return text
    low, high = one.shift.interval
    return f"{text} ({signed(low)} to {signed(high)})"


def chance(p_value: float | None) -> str:
    """A p-value as a reader needs it."""
    if p_value is None:
        return "–"
    return "< 0.001" if p_value < 0.001 else f"{p_value:.2g}"


def fates(told: Fates) -> str:
    """How many rooms were kept."""
    (kept, of), (kept_after, of_after) = told.before, told.after
    return (
        f"The room was kept in {kept} of {of} runs before and {kept_after} of {of_after} after "
        f"(Fisher's exact p {chance(told.p_value)})."
    )


def signed(value: float) -> str:
    """A change with its sign."""
    return f"{'+' if value > 0 else '−' if value < 0 else ''}{words.figure(abs(value))}"


def method(told: Comparison) -> str:
    """How noise was judged."""
    share = f"{CONFIDENCE:.0%}"
    if len(told.before.runs) == len(told.after.runs) == 1:
        return (
            "Samples are laid beside each other by story time; the change is the mean of their differences, with its "
            f"{share} interval. Neighbouring samples say nearly the same, so fewer count than were taken (AR(1)). "
            "P-values are adjusted for the number of objectives (Holm)."
        )
    return (
        "Each run counts once, with the mean of what the objective measured. The change is Hodges and Lehmann's shift "
        f"with its {share} interval, the test Mann and Whitney's, exact; p-values are adjusted for the number of "
        "objectives (Holm)."
    )


def broken(before: Sequence[Objective], after: Sequence[Objective]) -> str:
    """For how long an objective was broken on both sides, the means over their runs."""
    return f"broken for {_broken(before)} → {_broken(after)} of the story"


def verdicts(side: Sequence[str]) -> str:
    """`pass`, or how many of each."""
    counts = {word: side.count(word) for word in ("pass", "fail", "inconclusive") if word in side}
    if len(side) == 1 or (len(counts) == 1 and len(side) == 1):
        return side[0]
    return ", ".join(f"{count} {word}" for word, count in counts.items()) or "–"


def _broken(side: Sequence[Objective]) -> str:
    known = [one.broken_s for one in side if one.broken_s is not None]
    return words.length(sum(known) / len(known)) if known else "–"


def _way(one: Moved) -> str:
    if one.way != "other":
        return one.way
    return "higher" if one.shift is not None and one.shift.by > 0 else "lower"
