"""The pictures of a study: SVG without scripts, each with its words for who cannot see it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

from chaos.report import svg
from chaos.report.svg import Axis, Scale, tag
from chaos.study.document import Value
from chaos.study.result import ArmCurve, Bounds, Moment, Point, StudyResult, Swing

CURVE_HEIGHT, LIFE_HEIGHT, BAR_HEIGHT = 250.0, 200.0, 26.0
_TOP, _FOOT = 16.0, 22.0
_MARGIN = 0.5
"""Room for the labels of the levels, in values."""
_STRETCH = 1000
"""The width of the coordinates within `svg.stretched`."""
_MOST_LIVES = 6
_APART = 13.0
"""Pixels between two labels that are not on each other."""


def percent(share: float) -> str:
    """A share in percent, with a digit behind the point where it would otherwise seem certain."""
    rounded = f"{share:.0%}"
    return f"{share:.1%}" if rounded in ("0%", "100%") and share not in (0.0, 1.0) else rounded


@dataclass(frozen=True)
class _Frame:
    """Values next to each other, probabilities from 0 to 1."""

    axis: Axis
    scale: Scale
    height: float

    @classmethod
    def of(cls, places: int, height: float) -> _Frame:
        return cls(Axis(places + _MARGIN, 1.0), Scale(0.0, 1.0, _TOP, height - _FOOT), height)

    def x(self, place: float) -> float:
        return self.axis.share(place + 0.5 + _MARGIN) * _STRETCH / 100

    def at(self, place: float) -> str:
        return self.axis.at(place + 0.5 + _MARGIN)

    def line(self, shares: Sequence[float | None], kind: str) -> Markup:
        points = [(place + 0.5 + _MARGIN, share) for place, share in enumerate(shares)]
        return svg.curve(self.axis, self.scale, points, kind=kind)

    def band(self, intervals: Sequence[Bounds], kind: str) -> Markup:
        above = [(self.x(place), self.scale.y(one.high)) for place, one in enumerate(intervals)]
        below = [(self.x(place), self.scale.y(one.low)) for place, one in enumerate(intervals)]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in [*above, *reversed(below)])
        return tag("path", class_=f"span {kind}", d=f"M{path}Z")

    def levels(self) -> list[Markup]:
        parts = []
        for share in (0.0, 0.25, 0.5, 0.75, 1.0):
            y = self.scale.y(share)
            parts.append(svg.level(y, kind="grid"))
            parts.append(svg.label("0", y - 3, f"{share:.0%}", kind="halo axis", shift=2))
        return parts


def curve(arm: ArmCurve, result: StudyResult) -> Markup:
    """Survival by headcount: both bands, the target, the closed form, and where the smallest crew is that is enough."""
    frame = _Frame.of(len(arm.points), CURVE_HEIGHT)
    wide = [point.parameters_interval for point in arm.points if point.parameters_interval is not None]
    closed = [point.closed_form for point in arm.points]
    shares = [point.probability for point in arm.points]
    drawn = [frame.band(wide, "unknown")] if len(wide) == len(arm.points) else []
    drawn.append(frame.band([point.interval for point in arm.points], "chance"))
    if any(share is not None for share in closed):
        drawn.append(frame.line(closed, "closed"))
    drawn.append(frame.line(shares, "main"))
    parts = [*frame.levels(), svg.stretched(CURVE_HEIGHT, *drawn)]
    target = frame.scale.y(result.target)
    parts.append(svg.level(target, kind="limit"))
    beside = target + 13 if (shares[-1] or 0.0) >= result.target else target - 4
    parts.append(
        svg.label(
            "100%", beside, f"target {percent(result.target)}", kind="halo limit", anchor="end", shift=-2
        )
    )
    for place, point in enumerate(arm.points):
        parts.append(
            svg.label(frame.at(place), CURVE_HEIGHT - 6, str(point.value), kind="axis", anchor="middle")
        )
        tip = f"{point.value}: {point.survived} of {point.trials} survived"
        y = frame.scale.y(point.survived / point.trials if point.trials else 0.0)
        kind = "dot least" if point.value == arm.minimum else "dot"
        parts.append(
            tag(
                "circle",
                svg.title(tip),
                class_=kind,
                cx=frame.at(place),
                cy=y,
                r=6 if "least" in kind else 3.5,
            )
        )
    if arm.minimum is not None:
        place = result.values.index(arm.minimum)
        kind, anchor, shift = "halo least", "middle", 0.0
        if place >= len(arm.points) - 2:
            anchor, shift = "end", -10.0
        elif place <= 1:
            anchor, shift = "start", 10.0
        y = frame.scale.y(arm.points[place].interval.low)
        parts.append(svg.label(frame.at(place), y + 20, "enough", kind=kind, anchor=anchor, shift=shift))
    words = ", ".join(f"{point.value}: {percent(point.survived / point.trials)}" for point in arm.points)
    return svg.plot(CURVE_HEIGHT, f"Survival of {arm.arm} by {result.varies}: {words}", *parts, kind="study")


def lives(arm: ArmCurve) -> Markup:
    """How long rooms live, for some of the values; curves that end together share a label."""
    shown = [point for point in _spread(arm) if point.survival_curve]
    end = max((moment.minutes for point in shown for moment in point.survival_curve), default=1.0)
    axis, scale = Axis(end * 60, 1.0), Scale(0.0, 1.0, _TOP, LIFE_HEIGHT - _FOOT)
    parts: list[Markup] = []
    for moment in axis.ticks():
        parts.append(svg.upright(axis, moment, LIFE_HEIGHT - _FOOT, kind="grid"))
        anchor = "start" if moment == 0 else "end" if axis.share(moment) > 96 else "middle"
        parts.append(
            svg.label(axis.at(moment), LIFE_HEIGHT - 6, f"{moment / 60:g} min", kind="axis", anchor=anchor)
        )
    for share in (0.0, 0.5, 1.0):
        parts.append(svg.label("0", scale.y(share) - 3, f"{share:.0%}", kind="halo axis", shift=2))
    drawn = []
    for number, point in enumerate(shown):
        drawn.append(_band_of(axis, scale, point.survival_curve, number))
    for number, point in enumerate(shown):
        steps = _steps(point.survival_curve)
        drawn.append(svg.curve(axis, scale, steps, kind=f"life l{number}"))
    parts.append(svg.stretched(LIFE_HEIGHT, *drawn))
    places = [point.value for point in arm.points]
    ends = sorted(
        (
            (scale.y(point.survival_curve[-1].share), number, point.value)
            for number, point in enumerate(shown)
        ),
    )
    groups: list[tuple[float, int, list[Value]]] = []
    for y, number, value in ends:
        if groups and y - groups[-1][0] < _APART:
            groups[-1][2].append(value)
        else:
            groups.append((y, number, [value]))
    for y, number, values in groups:
        text = ", ".join(str(value) for value in sorted(values, key=places.index))
        parts.append(
            svg.label("100%", max(12.0, y - 4), text, kind=f"halo l{number}", anchor="end", shift=-3)
        )
    words = "; ".join(
        f"{point.value}: {percent(point.survival_curve[-1].share)} at the end" for point in shown
    )
    return svg.plot(
        LIFE_HEIGHT, f"Share of rooms alive over story time, {arm.arm}: {words}", *parts, kind="study"
    )


def _steps(curve_: Sequence[Moment]) -> list[tuple[float, float]]:
    """A survival curve stays as it is until the next moment."""
    points = [(curve_[0].minutes * 60, curve_[0].share)]
    for before, after in pairwise(curve_):
        points += [(after.minutes * 60, before.share), (after.minutes * 60, after.share)]
    return points


def _spread(arm: ArmCurve) -> list[Point]:
    """Some of the points, the first and the last among them, and the smallest that is enough."""
    last = len(arm.points) - 1
    places = {round(place * last / (_MOST_LIVES - 1)) for place in range(_MOST_LIVES)}
    return [point for place, point in enumerate(arm.points) if place in places or point.value == arm.minimum]


def _band_of(axis: Axis, scale: Scale, curve_: Sequence[Moment], number: int) -> Markup:
    places = [(axis.share(moment.minutes * 60) * _STRETCH / 100, moment) for moment in curve_]
    above = [f"{x:.1f} {scale.y(moment.high):.1f}" for x, moment in places]
    below = [f"{x:.1f} {scale.y(moment.low):.1f}" for x, moment in reversed(places)]
    return tag("path", class_=f"span l{number}", d=f"M{'L'.join([*above, *below])}Z")


def swing(one: Swing, middle: float) -> Markup:
    """From the probability at the low end of a parameter to that at its high end; a line where it is as assumed."""
    axis = Axis(1.0, 1.0)
    low, high = sorted((one.at_low, one.at_high))
    kind = "bar worse" if one.at_high < one.at_low else "bar better"
    tip = f"{one.low_value}: {percent(one.at_low)}; {one.high_value}: {percent(one.at_high)}"
    return svg.plot(
        BAR_HEIGHT,
        f"{one.parameter}: {tip}",
        *_quarters(axis),
        svg.band(axis, low, high, 5, BAR_HEIGHT - 10, kind=kind, tip=tip),
        svg.upright(axis, middle, BAR_HEIGHT, kind="middle"),
        _ends(axis, one, low, high),
        kind="study bars",
    )


def _ends(axis: Axis, one: Swing, low: float, high: float) -> Markup:
    left, right = (
        (one.low_value, one.high_value) if one.at_low <= one.at_high else (one.high_value, one.low_value)
    )
    if high - low < 0.004:
        return svg.beside(axis, low, high, BAR_HEIGHT - 9, "no difference", kind="halo muted")
    y = BAR_HEIGHT - 9
    parts = Markup("")
    if axis.share(low) > 12:
        parts += svg.label(axis.at(low), y, str(left), kind="halo", anchor="end", shift=-4)
    if axis.share(high) < 88:
        parts += svg.label(axis.at(high), y, str(right), kind="halo", shift=4)
    return parts


def _quarters(axis: Axis) -> list[Markup]:
    return [svg.upright(axis, share, BAR_HEIGHT, kind="grid") for share in (0.25, 0.5, 0.75)]


def part(value: float, interval: Bounds, largest: float, *, what: str) -> Markup:
    """A bar from 0 in either direction with its interval; `largest` is where the plot ends on both sides."""
    axis = Axis(2 * largest, 1.0)
    low, high = sorted((largest, largest + value))
    tip = f"{value:+.3f} ({interval.low:+.3f} to {interval.high:+.3f})"
    y = BAR_HEIGHT / 2
    return svg.plot(
        BAR_HEIGHT,
        f"{what}: {tip}",
        svg.upright(axis, largest, BAR_HEIGHT, kind="middle"),
        svg.band(
            axis, low, high, 5, BAR_HEIGHT - 10, kind="bar better" if value >= 0 else "bar worse", tip=tip
        ),
        tag(
            "line",
            class_="whisker",
            x1=axis.at(largest + interval.low),
            x2=axis.at(largest + interval.high),
            y1=y,
            y2=y,
        ),
        kind="study bars",
    )
