"""Rows with curves: the rooms' listeners, the objectives with their limits and breaks, other figures."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

from chaos.report import fields as f
from chaos.report import svg, words
from chaos.report.model import Objective
from chaos.report.svg import Axis, Points, Scale
from chaos.report.trail import Trail

ROLES = ("planned", "admitted", "hearing")
"""What a room's figures are, in the order in which they are drawn and told."""
_ROOM_HEIGHT, _OBJECTIVE_HEIGHT, _FIGURE_HEIGHT = 120, 64, 54


@dataclass(frozen=True)
class Curve:
    """A measured figure in story time."""

    name: str
    label: str
    unit: str
    points: Points

    @property
    def unit_after(self) -> str:
        """The unit as it stands after a figure; a ratio has none."""
        return "" if self.unit in {"", "ratio"} else f" {self.unit}"

    @property
    def values(self) -> list[float]:
        """The values that were seen."""
        return [value for _, value in self.points if value is not None]


@dataclass(frozen=True)
class RoomCurves:
    """What was measured of one room's listeners, by role."""

    room: str
    roles: dict[str, Curve] = field(default_factory=dict)


def curves(trail: Trail) -> list[Curve]:
    """Every context figure of the record, in story time; of a run that has none yet, as it was seen while it ran."""
    return _measured(trail) or _seen(trail)


def _measured(trail: Trail) -> list[Curve]:
    return [
        Curve(
            f.text(event, "name"),
            f.text(event, "label") or f.text(event, "name", "(a figure without a name)"),
            f.text(event, "unit"),
            tuple((trail.story(t), value) for t, value in f.series(event, "series")),
        )
        for event in trail.of("figure")
    ]


def _seen(trail: Trail) -> list[Curve]:
    found: dict[tuple[str, str], list[tuple[float, float | None]]] = {}
    for event in trail.of("sample"):
        if name := f.text(event, "figure"):
            points = found.setdefault((name, f.text(event, "label") or name), [])
            points.append((trail.story(event.t), f.number(event, "value")))
    return [Curve(name, label, "", tuple(points)) for (name, label), points in found.items()]


def objective_points(trail: Trail) -> list[Points]:
    """What each judged objective's query answered, in story time, in the order of the report's objectives."""
    return [
        tuple((trail.story(t), value) for t, value in f.series(event, "series"))
        for event in trail.of("objective_judged")
    ]


def rooms_of(found: Sequence[Curve]) -> tuple[list[RoomCurves], list[Curve]]:
    """The figures of rooms' listeners, a room each (the largest first), and the figures that remain.

    A figure belongs to a room when its label or name holds one of the roles as a word: `planned (townhall)`,
    `townhall/planned`. What is left tells the room.
    """
    rooms: dict[str, RoomCurves] = {}
    others: list[Curve] = []
    for curve in found:
        text, role = next(
            (
                (text, role)
                for text in (curve.label, curve.name)
                for role in ROLES
                if _word(role).search(text)
            ),
            ("", ""),
        )
        if not role:
            others.append(curve)
            continue
        rest = text
        for word in (role, "listeners", "audience"):
            rest = _word(word).sub("", rest)
        key = words.single(rest).strip(" -_.,:;/()")
        rooms.setdefault(key, RoomCurves(key or "the room")).roles.setdefault(role, curve)
    peak = {
        key: max(max(curve.values, default=0.0) for curve in room.roles.values())
        for key, room in rooms.items()
    }
    return sorted(rooms.values(), key=lambda room: -peak.get(room.room, 0.0)), others


def _word(word: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![a-zA-Z]){word}(?![a-zA-Z])")


def room_plot(axis: Axis, room: RoomCurves, back: Markup) -> Markup:
    """Who should be there, who was let in, and who hears sound."""
    high = max((value for curve in room.roles.values() for value in curve.values), default=0.0)
    scale = Scale(0.0, high or 1.0, 12.0, _ROOM_HEIGHT - 4.0)
    drawn = [
        svg.curve(axis, scale, room.roles[role].points, kind=role, filled=role == "hearing")
        for role in ("hearing", "admitted", "planned")
        if role in room.roles
    ]
    return svg.plot(
        _ROOM_HEIGHT,
        f"Listeners of {room.room} over story time",
        back,
        svg.stretched(_ROOM_HEIGHT, *drawn),
        svg.label("0", 10, words.figure(high), kind="halo axis", shift=2),
        svg.label("0", _ROOM_HEIGHT - 6, "0", kind="halo axis", shift=2),
        svg.readout(
            axis, _ROOM_HEIGHT, [(role, room.roles[role].points) for role in ROLES if role in room.roles]
        ),
        kind="room",
    )


def objective_plot(axis: Axis, objective: Objective, points: Points, back: Markup) -> Markup:
    """An objective's values with its limit and the stretches in which it did not hold."""
    height = _OBJECTIVE_HEIGHT
    bound = words.limit(objective.expect)
    values = [value for _, value in points if value is not None]
    scale = _range([*values, *([bound[1]] if bound else [])], height)
    parts = [back]
    parts += [
        svg.band(
            axis,
            span.began_s,
            span.ended_s,
            0,
            height,
            kind="broken",
            tip=f"did not hold from {words.clock(span.began_s)} to {words.clock(span.ended_s)} "
            f"({words.length(span.ended_s - span.began_s)} of story time)",
        )
        for span in objective.breaks
    ]
    parts.append(svg.stretched(height, svg.curve(axis, scale, points, kind="value")))
    if bound:
        y = scale.y(bound[1])
        parts.append(svg.level(y, kind="limit"))
        text = f"limit {words.compared(objective.expect)}"
        parts.append(
            svg.label("100%", y - 4 if y > 18 else y + 12, text, kind="halo limit", anchor="end", shift=-2)
        )
    parts += [
        svg.label("0", 10, words.figure(scale.high), kind="halo axis", shift=2),
        svg.label("0", height - 4, words.figure(scale.low), kind="halo axis", shift=2),
        svg.readout(axis, height, [(objective.name, points)]),
    ]
    if not values:
        says = (
            "no data" if objective.worst is None else f"{words.figure(objective.worst)} over the whole window"
        )
        parts.append(svg.label("50%", height / 2 + 4, says, kind="halo muted", anchor="middle"))
    return svg.plot(height, f"{objective.name} over story time", *parts, kind="objective")


def figure_plot(axis: Axis, curve: Curve, back: Markup) -> Markup:
    """Any other figure."""
    scale = _range([0.0, *curve.values], _FIGURE_HEIGHT)
    unit = curve.unit_after
    return svg.plot(
        _FIGURE_HEIGHT,
        f"{curve.label} over story time",
        back,
        svg.stretched(_FIGURE_HEIGHT, svg.curve(axis, scale, curve.points, kind="other")),
        svg.label("0", 10, words.figure(scale.high) + unit, kind="halo axis", shift=2),
        svg.label("0", _FIGURE_HEIGHT - 4, words.figure(scale.low), kind="halo axis", shift=2),
        svg.readout(axis, _FIGURE_HEIGHT, [(curve.label, curve.points)]),
        kind="figure",
    )


def _range(values: Sequence[float], height: float) -> Scale:
    low, high = min(values, default=0.0), max(values, default=1.0)
    if low >= 0:
        low = 0.0
    if low == 0 and 0.5 < high <= 1:
        high = 1.0
    if high <= low:
        high = low + 1.0
    return Scale(low, high, 4.0, height - 4.0)
