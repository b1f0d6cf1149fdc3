"""What live trials beside their replays say, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from chaos.study.estimates import ENOUGH
from chaos.study.result import Difference, Half, MeasuredDuration
from chaos.study.statistics.binomial import seen_at_least, wilson


def findings(compared: Sequence[Half], durations: Sequence[MeasuredDuration]) -> Iterator[str]:
    """Where live and simulated differ, on the trials that the durations were not fitted on."""
    for half in compared:
        if half.half != "judged":
            continue
        which = "that measure durations, which were not fitted on them" if half.measuring else ""
        which = which or "that the durations were not fitted on"
        if half.agreed < half.conclusive:
            yield (
                f"Live and simulated end differently: on {half.conclusive - half.agreed} of {half.conclusive} live "
                f"evenings {which}."
            )
        stages, losses = (
            [one for one in half.differences if one.found == "differs" and (one.what == "room lost") == lost]
            for lost in (False, True)
        )
        if stages:
            told = ", ".join(f"{one.what} {_shifted(one)}" for one in stages)
            most = max(one.trials for one in stages)
            yield f"Stages begin at other moments simulated than live ({most} evenings {which}), story time: {told}."
        for one in losses:
            yield f"Simulated, rooms are lost {_shifted(one)}, story time ({one.trials} evenings {which})."
    for each in durations:
        fit, judged = each.fitted, each.judged
        if not each.measured or fit is None or judged is None or judged.n < ENOUGH:
            continue
        if judged.low > fit.high or judged.high < fit.low:
            yield (
                f"{each.what[0].upper()}{each.what[1:]}: {fit.median:g} {each.unit} on the evenings it was fitted on, "
                f"{judged.median:g} on the others."
            )


def _shifted(one: Difference) -> str:
    """By how much, and which way, with the interval."""
    way = "later" if one.later_s > 0 else "earlier"
    if one.interval is None:
        return f"{abs(one.later_s):.0f} s {way}"
    low, high = sorted((abs(one.interval.low), abs(one.interval.high)))
    return f"{abs(one.later_s):.0f} s {way} ({low:.0f} to {high:.0f})"


def in_short(compared: Sequence[Half]) -> str:
    """How many ended alike, and what would not have shown."""
    doubt, measuring = ([one for one in compared if one.measuring == kind] for kind in (False, True))
    trials, conclusive, agreed = _counts(doubt)
    if conclusive == 0:
        return f"None of {trials} live evenings came to a verdict: they say nothing about the simulator."
    told = f"Of {conclusive} live evenings with a verdict, {agreed} end simulated as they ended live"
    low = wilson(agreed, conclusive).low
    unseen = seen_at_least(conclusive)
    _, ended, alike = _counts(measuring)
    beside = f" Of {ended} more that were run to measure durations, {alike} do." if ended else ""
    return (
        f"{told} (so at least {low:.0%} do, at 95 %); a disagreement on fewer than {unseen:.0%} of the evenings would "
        f"probably not have shown{_unseen_shifts(doubt)}.{beside} This checks the technical model, not the model of "
        "the people."
    )


def _counts(several: Sequence[Half]) -> tuple[int, int, int]:
    """Trials, those with a verdict, and those that ended alike."""
    return (
        sum(one.trials for one in several),
        sum(one.conclusive for one in several),
        sum(one.agreed for one in several),
    )


def _unseen_shifts(compared: Sequence[Half]) -> str:
    """The smallest shifts that would have shown, of those on which the durations are judged."""
    known = [
        one
        for half in compared
        if half.half == "judged"
        for one in half.differences
        if one.smallest_s is not None
    ]
    stages = [one.smallest_s or 0.0 for one in known if one.what != "room lost"]
    losses = [one.smallest_s or 0.0 for one in known if one.what == "room lost"]
    parts = []
    if stages:
        parts.append(f"a shift of stages by less than {min(stages):.0f} to {max(stages):.0f} story seconds")
    parts += [f"of the time of loss by less than {losses[0]:.0f}"] if losses else []
    return f", nor {' or '.join(parts)}" if parts else ""
