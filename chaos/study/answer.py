"""What a study found, in one sentence that anybody can repeat; and what has to be said with it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from chaos.study.document import Study, Value
from chaos.study.result import ArmCurve, Calibration, Causes, Minimum, ValueBounds

HEADCOUNT = "crew.headcount"


def people(study: Study, value: Value | None) -> str:
    """A value of what varies, in words: `nobody`, `3 people`, `more than 10 people`."""
    last = study.varies.values[-1]
    if study.varies.path != HEADCOUNT:
        return f"{study.varies.path} beyond {last}" if value is None else f"{study.varies.path} {value}"
    if value is None:
        return f"more than {last} people"
    return {0: "nobody", 1: "1 person"}.get(int(value), f"{value} people")


def span(study: Study, interval: ValueBounds) -> str:
    """An interval of values in words: `1 to 3`, `2 to more than 10`."""
    last = study.varies.values[-1]
    low, high = (f"more than {last}" if end is None else str(end) for end in (interval.low, interval.high))
    return low if low == high else f"{low} to {high}"


def answer(study: Study, minima: Sequence[Minimum]) -> str:
    """The answer in one sentence, or that there is none; what compression changes comes first."""
    target = f"{100 * study.target.survival:g} %"
    needs = [_needs(study, one) for one in minima if not _none(one)]
    told = "; ".join([*_without(study, minima), *([_listed(needs)] if needs else [])])
    if any(not one.determined for one in minima):
        sentence = (
            f"Not determined by what is known: for a room that lives with a probability of {target}, " + told
        )
    else:
        sentence = f"For a room that lives with a probability of {target}, {told}"
    disagreeing = [one for one in minima if not one.scales_agree]
    if disagreeing:
        differ = "; ".join(f"{one.arm}: {_by_scale(study, one)}" for one in disagreeing)
        return f"Compressed time changes the answer ({differ}). {sentence}."
    return sentence + "."


def _none(one: Minimum) -> bool:
    """Whether no value that was tried is enough, whatever the parameters are."""
    return one.headcount is None and one.interval.low is None


def _without(study: Study, minima: Sequence[Minimum]) -> Iterator[str]:
    """The arms for which nothing that was tried is enough, in one part of the sentence."""
    arms = [one.arm for one in minima if _none(one)]
    if arms:
        what = "people" if study.varies.path == HEADCOUNT else study.varies.path
        named = arms[0] if len(arms) == 1 else ", ".join(arms[:-1]) + f" or {arms[-1]}"
        yield f"no number of {what} up to {study.varies.values[-1]} is enough, {named}"


def _needs(study: Study, one: Minimum) -> str:
    interval = span(study, one.interval)
    if not one.determined:
        unit = " people" if study.varies.path == HEADCOUNT else f" as {study.varies.path}"
        return f"{one.arm} needs {interval}{unit}"
    told = people(study, one.headcount)
    alone = interval == str(one.headcount)
    return f"{one.arm} needs {told}" + ("" if alone else f" ({interval})")


def _by_scale(study: Study, one: Minimum) -> str:
    return ", ".join(
        f"{people(study, each.headcount)} at time scale {each.time_scale:g}" for each in one.at_scales
    )


def _listed(told: Sequence[str]) -> str:
    return told[0] if len(told) == 1 else ", ".join(told[:-1]) + f" and {told[-1]}"


def notes(
    study: Study,
    arms: Sequence[ArmCurve],
    minima: Sequence[Minimum],
    causes: Causes | None,
    live: Calibration,
) -> Iterator[str]:
    """What a careful reader has to know besides; where live trials and simulated ones differ, that comes first."""
    yield from live.findings
    disagrees = live.agreed < live.conclusive or bool(live.findings)
    if disagrees:
        yield live.says
    for one in minima:
        if one.headcount is not None and not one.determined:
            yield (
                f"{one.arm}: with the experiment's own parameters {people(study, one.headcount)} would be declared "
                f"enough; over the ranges of what is not known it is {span(study, one.interval)}."
            )
    for arm in arms:
        for fall in arm.falls:
            yield (
                f"{arm.arm}: more is worse from {fall.value} to {fall.next_value} ({fall.before:.1%} to "
                f"{fall.after:.1%} survive, p = {fall.p_value:g}); the smallest number is looked for from above."
            )
        doubtful = [point for point in arm.points if point.probability is None]
        if doubtful:
            where = ", ".join(str(point.value) for point in doubtful)
            yield f"{arm.arm}: more than 5 % of the trials at {where} came to no verdict; there is no headline for it."
    if causes is not None:
        yield from _about(causes)
    if not disagrees:
        yield live.says


def _about(causes: Causes) -> Iterator[str]:
    names = [part.factor for part in causes.factors]
    best = max(range(len(causes.cells)), key=lambda bits: causes.cells[bits])
    switched = [name for place, name in enumerate(names) if best >> place & 1]
    they = "it" if len(switched) == 1 else "they"
    what = f"{_listed(switched)} as {they} could have been" if switched else "everything as it was"
    yield f"Of the {len(causes.cells)} combinations of the causes, {what} keeps most rooms: {causes.cells[best]:.1%}."
    shares = [part for part in causes.factors if part.share is not None]
    if shares:
        largest = max(shares, key=lambda part: part.share or 0.0)
        yield f"Of the spread between them the largest share is due to the {largest.factor} ({largest.share:.0%})."
    else:
        yield "The combinations differ by chance alone."
    for part in causes.factors:
        if part.interval.high < 0:
            yield f"The {part.factor} makes it worse: {100 * part.part:+.1f} points on average over the combinations."
