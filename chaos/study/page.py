"""The page of a study: the answer first, then what it rests on. One file, no network, no script."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from jinja2 import Environment
from markupsafe import Markup

from chaos.report import html, words
from chaos.study import plots
from chaos.study.document import Value
from chaos.study.estimates import ENOUGH
from chaos.study.result import (
    ArmCurve,
    Calibration,
    Difference,
    Half,
    Minimum,
    Spread,
    StudyResult,
    ValueBounds,
    Worth,
)

HEADCOUNT = "crew.headcount"


@dataclass(frozen=True)
class _Row:
    """A name with its notes, and what is drawn beside it."""

    title: str
    notes: Sequence[str]
    drawing: Markup


def study_page(result: StudyResult, command: str) -> str:
    """The page of a study; `command` repeats it."""
    main = [arm for arm in result.arms if arm.role == "main"]
    return html.page(
        _environment(),
        "study.html.j2",
        (html.style_of("chaos.report", "page.css"), html.style_of("chaos.study", "study.css")),
        result=result,
        main=main,
        others=[arm for arm in result.arms if arm.role == "other"],
        tone=_tone(result),
        unit="people on call" if result.varies == HEADCOUNT else result.varies,
        curves=[(arm, plots.curve(arm, result)) for arm in main],
        lives=[(arm, plots.lives(arm)) for arm in main],
        causes=_causes(result),
        mechanisms=_mechanisms(result),
        swings=_swings(result),
        compared=_compared(result.calibration),
        command=command,
    )


@dataclass(frozen=True)
class _Compared:
    """Live trials of one kind beside their replays: what differs by how much, judged and fitted."""

    measuring: bool
    margin: float
    halves: list[Half]
    rows: list[tuple[str, Difference | None, Difference | None]]


def _compared(live: Calibration) -> list[_Compared]:
    groups: dict[tuple[bool, float], list[Half]] = {}
    for half in live.halves:
        groups.setdefault((half.measuring, half.time_scale), []).append(half)
    return [
        _Compared(
            measuring,
            next((one.margin_s for half in halves for one in half.differences), 0.0),
            halves,
            _rows(halves),
        )
        for (measuring, _), halves in groups.items()
    ]


def _rows(halves: Sequence[Half]) -> list[tuple[str, Difference | None, Difference | None]]:
    by_half = {half.half: {one.what: one for one in half.differences} for half in halves}
    judged, fitted = by_half.get("judged", {}), by_half.get("fitted", {})
    return [(what, judged.get(what), fitted.get(what)) for what in {**judged, **fitted}]


def _tone(result: StudyResult) -> str:
    """Whether there is an answer, and whether it is that nothing is enough."""
    if not all(one.determined and one.scales_agree for one in result.minimum_headcount):
        return "open"
    return "none" if all(one.headcount is None for one in result.minimum_headcount) else "known"


def _causes(result: StudyResult) -> list[_Row]:
    if result.attribution is None:
        return []
    factors = result.attribution.factors
    largest = 1.05 * max(
        (abs(end) for one in factors for end in (one.interval.low, one.interval.high)), default=1
    )
    rows = []
    for one in factors:
        notes = [points(one.part)]
        if one.share is not None and one.share_interval is not None:
            low, high = one.share_interval.low, one.share_interval.high
            notes.append(f"{whole(one.share)} of the spread ({whole(low)} to {whole(high)})")
        rows.append(
            _Row(one.factor, notes, plots.part(one.part, one.interval, largest or 1.0, what=one.factor))
        )
    return rows


def _mechanisms(result: StudyResult) -> list[_Row]:
    if result.ablation is None:
        return []
    without = result.ablation.without
    largest = 1.05 * max(
        (abs(end) for one in without for end in (one.interval.low, one.interval.high)), default=1
    )
    return [
        _Row(
            f"without {one.mechanism}",
            [points(one.difference), f"enough: {value_words(result, one.minimum)}"],
            plots.part(one.difference, one.interval, largest or 1.0, what=one.mechanism),
        )
        for one in without
    ]


def _swings(result: StudyResult) -> list[_Row]:
    if result.sensitivity is None:
        return []
    return [
        _Row(
            one.parameter,
            [
                f"{one.low_value}: {plots.percent(one.at_low)}",
                f"{one.high_value}: {plots.percent(one.at_high)}",
            ],
            plots.swing(one, result.sensitivity.probability),
        )
        for one in result.sensitivity.swings
    ]


def value_words(result: StudyResult, value: Value | None) -> str:
    """A value, or that it is beyond those that were tried."""
    return f"more than {result.values[-1]}" if value is None else str(value)


def bounds_words(result: StudyResult, interval: ValueBounds) -> str:
    """An interval of values."""
    low, high = (value_words(result, end) for end in (interval.low, interval.high))
    return low if low == high else f"{low} to {high}"


def worth_words(worth: Worth) -> str:
    """What an arm is worth, in a sentence."""
    if worth.heads is not None:
        told = f"{worth.heads:+g}".removeprefix("+")
        many = "head" if abs(worth.heads) == 1 else "heads"
        between = ""
        if worth.interval is not None:
            between = f" ({worth.interval.low:g} to {worth.interval.high:g} over what is not known)"
        return f"{worth.arm} is worth {told} {many} against {worth.against}{between}."
    if worth.more_than is not None:
        return (
            f"{worth.arm} is worth more than {worth.more_than:g} heads against {worth.against}: no number that was "
            "tried is enough there, and more people may not be what it lacks."
        )
    return f"What {worth.arm} is worth in heads is not known: no number that was tried is enough for it."


def points(change: float) -> str:
    """A change of a probability in percentage points."""
    return f"{signed(100 * change, 1)} points"


def signed(value: float, digits: int = 0) -> str:
    """A figure with its sign; nothing has none."""
    told = f"{value:+.{digits}f}"
    return "0" if float(told) == 0 else told


def whole(share: float) -> str:
    """A share in whole percent."""
    return f"{round(100 * share)}%"


def later_words(one: Difference | None) -> str:
    """By how much something comes later, with its interval."""
    if one is None:
        return ""
    told = f"{signed(one.later_s, 1)} s"
    if one.interval is None:
        return told
    return f"{told} ({signed(one.interval.low, 1)} to {signed(one.interval.high, 1)})"


def spread_words(spread: Spread | None) -> str:
    """A median with its quartiles, and how many observations it is of."""
    return "" if spread is None else f"{spread.median:g} ({spread.low:g} to {spread.high:g}), n = {spread.n}"


def shade(share: float | None) -> str:
    """The class of a cell of the table of arms."""
    return "unknown" if share is None else f"q{min(4, int(share * 5))}"


def by_scale(minimum: Minimum) -> str:
    """The time scales of a minimum, for the table's head."""
    return ", ".join(f"{one.time_scale:g}" for one in minimum.at_scales)


def outcome(arm: ArmCurve) -> list[tuple[Value, float | None]]:
    """The shares that survived, by value."""
    return [(point.value, point.probability) for point in arm.points]


@cache
def _environment() -> Environment:
    made = html.environment("chaos.study", "chaos.report")
    made.filters.update(
        percent=plots.percent,
        count=words.count,
        shade=shade,
        worth=worth_words,
        outcome=outcome,
        signed=signed,
        spread=spread_words,
        later=later_words,
    )
    made.globals.update(value_words=value_words, bounds_words=bounds_words, enough=ENOUGH)
    return made
