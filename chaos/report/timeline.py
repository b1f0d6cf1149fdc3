"""The picture of a run: rows that share one story-time axis, with real time as the second."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from chaos.record import Event
from chaos.report import fields, lanes, plots, svg, words
from chaos.report.model import Alert, Break, Objective, RunReport
from chaos.report.svg import Axis
from chaos.report.trail import Trail


@dataclass(frozen=True)
class Row:
    """One row of the picture: what it is, what to know about it, and the drawing."""

    title: str
    notes: tuple[str | Markup, ...]
    drawing: Markup
    kind: str = ""


@dataclass(frozen=True)
class Group:
    """Rows of a kind under a heading."""

    heading: str
    rows: tuple[Row, ...]
    note: str | Markup = ""


def axis_of(trail: Trail, end: float | None = None) -> Axis:
    """The axis of a run; `end` (story seconds) makes several runs share one."""
    return Axis(end if end is not None else trail.story_end(), trail.time_scale)


def axis_to_plan(trail: Trail) -> Axis:
    """The axis of a run that goes on: to the end that its document plans, and past it where it takes longer."""
    now = max(0.0, trail.story(trail.end_t))
    planned = trail.faults_begin() + sum(
        trail.timeline.get(name, 0.0) for name in ("faults", "recovery", "after")
    )
    return Axis(max(1.0, planned, now), trail.time_scale, now)


def picture(report: RunReport, trail: Trail, axis: Axis) -> list[Group]:
    """Everything that took place, on one axis."""
    back = lanes.BackOf(axis, report.phases, report.lost_at_s)
    found = plots.curves(trail)
    rooms, others = plots.rooms_of(found)
    judged = list(zip(report.objectives, plots.objective_points(trail), strict=True))
    return [
        Group("", (_story_axis(axis, report), _phases(axis, report))),
        Group(
            "Faults", tuple(_fault_rows(axis, report, back)), "outline: as scheduled; filled: really there"
        ),
        Group("Rooms", tuple(_room_rows(axis, rooms, back))),
        Group("People", tuple(_lane_rows(axis, report, back)), stage_key() if report.crew else ""),
        Group(
            "Objectives",
            tuple(_objective_row(axis, each, points, back) for each, points in judged if not each.survival),
            "dashed: the limit; striped: did not hold",
        ),
        *(
            []
            if judged
            else [Group("Objectives as seen live, not judged", tuple(_sampled(axis, trail, back)))]
        ),
        Group(
            "What keeps the room alive",
            tuple(_objective_row(axis, each, points, back) for each, points in judged if each.survival),
        ),
        Group("Alerts", tuple(_alert_rows(axis, report.alerts, back))),
        Group("Other figures", tuple(_figure_row(axis, curve, back) for curve in others)),
        Group("", (_real_axis(axis, report),)),
    ]


def short_picture(report: RunReport, trail: Trail, axis: Axis) -> list[Group]:
    """What a newcomer needs: the faults, the largest room, and the people."""
    back = lanes.BackOf(axis, report.phases, report.lost_at_s)
    rooms, _ = plots.rooms_of(plots.curves(trail))
    return [
        Group("", (_story_axis(axis, report),)),
        Group("What went wrong", tuple(_fault_rows(axis, report, back))),
        Group("Who was there, and who heard", tuple(_room_rows(axis, rooms[:1], back))),
        Group(
            "What the people did", tuple(_lane_rows(axis, report, back)), stage_key() if report.crew else ""
        ),
        Group("", (_real_axis(axis, report),)),
    ]


def stage_key() -> Markup:
    """What the colours and letters of the stages mean."""
    chips = [
        svg.tag(
            "span",
            svg.tag(
                "svg",
                svg.tag("rect", class_=f"stage s-{stage}", width=18, height=14, rx=2),
                svg.tag("text", letter, class_=f"t on-{stage}", x=9, y=11, text_anchor="middle"),
                width=18,
                height=14,
                aria_hidden="true",
            ),
            f" {stage}{' (a repair)' if stage == 'act' else ''}",
            class_="chip",
        )
        for stage, letter in lanes.LETTERS.items()
    ]
    striped = svg.tag(
        "span",
        svg.tag(
            "svg",
            svg.tag("rect", class_="wrong", width=18, height=14, rx=2),
            width=18,
            height=14,
            aria_hidden="true",
        ),
        " wrong diagnosis",
        class_="chip",
    )
    return Markup(" ").join([*chips, striped])


def _swatch(role: str) -> Markup:
    line = svg.tag("line", class_=f"line {role}", x1=0, x2=22, y1=5, y2=5)
    return svg.tag("svg", line, width=22, height=10, aria_hidden="true")


def _story_axis(axis: Axis, report: RunReport) -> Row:
    parts = _ticks(axis, axis.ticks(), [words.clock(tick) for tick in axis.ticks()], 26)
    if report.lost_at_s is not None:
        place = axis.share(report.lost_at_s)
        anchor, shift = ("end", -4) if place > 50 else ("start", 4)
        text = f"room lost {words.clock(report.lost_at_s)}"
        parts.append(svg.upright(axis, report.lost_at_s, 40, kind="lost"))
        parts.append(svg.label(f"{place:.3f}%", 36, text, kind="halo lost", anchor=anchor, shift=shift))
    height = 40 if report.lost_at_s is not None else 26
    return Row(
        "Story time",
        (f"mm:ss since {_zero(report)}",),
        svg.plot(height, f"Story time since {_zero(report)}", *parts, kind="axis"),
        "axis",
    )


def _zero(report: RunReport) -> str:
    """The moment from which both axes count."""
    if report.scale is not None:
        return "the room opened"
    phases = [phase.phase for phase in report.phases if phase.phase != "preflight"]
    return f"the {phases[0].replace('_', '-')} began" if phases else "the run began"


def _real_axis(axis: Axis, report: RunReport) -> Row:
    ticks = axis.real_ticks()
    names = [f"{tick / axis.time_scale:g} s" for tick in ticks]
    note = f"{words.figure(axis.time_scale)} story seconds in each"
    title = f"Real seconds since {_zero(report)}"
    drawing = svg.plot(26, title, *_ticks(axis, ticks, names, 26), kind="axis")
    return Row("Real time", (note if axis.time_scale != 1 else "the same as story time",), drawing, "axis")


def _ticks(axis: Axis, ticks: Sequence[float], names: Sequence[str], height: float) -> list[Markup]:
    parts: list[Markup] = []
    for place, (tick, name) in enumerate(zip(ticks, names, strict=True)):
        share = axis.share(tick)
        anchor = "start" if share < 2 else "end" if share > 96 else "middle"
        kind = "axis" + (" minor" if place % 2 else "")
        parts.append(svg.upright(axis, tick, 6, kind="tick"))
        parts.append(svg.label(axis.at(tick), min(19, height - 6), name, kind=kind, anchor=anchor))
    return parts


def _phases(axis: Axis, report: RunReport) -> Row:
    return Row("Phases", (), lanes.phases_row(axis, report.phases))


def _fault_rows(axis: Axis, report: RunReport, back: lanes.BackOf) -> list[Row]:
    found: list[Row] = []
    for fault in report.faults:
        places = words.places(fault.target)
        where = " ".join([words.spoken(fault.fault), *(["on", words.listed(places)] if places else [])])
        found.append(Row(fault.name, (where,), lanes.fault_row(axis, fault, back(28)), "fault"))
    return found


def _room_rows(axis: Axis, rooms: Sequence[plots.RoomCurves], back: lanes.BackOf) -> list[Row]:
    found: list[Row] = []
    for room in rooms:
        notes = tuple(
            _swatch(role)
            + Markup(" {} <span class=figure>peak {}</span>").format(
                role, words.count(max(room.roles[role].values, default=0.0))
            )
            for role in plots.ROLES
            if role in room.roles
        )
        found.append(Row(room.room, notes, plots.room_plot(axis, room, back(120)), "room"))
    return found


def _lane_rows(axis: Axis, report: RunReport, back: lanes.BackOf) -> list[Row]:
    found: list[Row] = []
    for lane in lanes.lanes_of(report):
        name = "Nobody yet" if lane.person is None else f"Person {lane.person}"
        incidents = len({incident.incident for incident, _ in lane.work})
        notes = [words.counted(incidents, "incident")] if incidents else []
        if lane.repairs:
            notes.append(words.counted(len(lane.repairs), "repair"))
        found.append(
            Row(name, (", ".join(notes),) if notes else (), lanes.lane_row(axis, lane, back), "lane")
        )
    return found


def _objective_row(axis: Axis, objective: Objective, points: svg.Points, back: lanes.BackOf) -> Row:
    notes: list[str] = [objective.verdict]
    if objective.longest_break_s:
        notes.append(f"longest break {words.length(objective.longest_break_s)}")
    drawing = plots.objective_plot(axis, objective, points, back(64))
    return Row(objective.name, tuple(notes), drawing, f"objective {objective.verdict}")


def _sampled(axis: Axis, trail: Trail, back: lanes.BackOf) -> list[Row]:
    """What was seen of the objectives while the run went on, for a run that came to no judgement."""
    seen: dict[str, list[Event]] = {}
    for event in trail.of("sample"):
        if name := fields.text(event, "objective"):
            seen.setdefault(name, []).append(event)
    found: list[Row] = []
    for name, events in list(seen.items())[:20]:
        unjudged = Objective(
            name=name,
            verdict="inconclusive",
            expect=fields.text(events[-1], "expect"),
            breaks=tuple(_breaks(events, trail)),
        )
        points = sorted(((trail.story(each.t), fields.number(each, "value")) for each in events), key=_moment)
        found.append(Row(name, (), plots.objective_plot(axis, unjudged, points, back(64)), "objective"))
    return found


def _breaks(samples: Sequence[Event], trail: Trail) -> Iterator[Break]:
    """The stretches in which an objective was seen not to hold, each to the sample that ended it."""
    began: float | None = None
    for sample in samples:
        if fields.flag(sample, "holds") is False:
            began = trail.story(sample.t) if began is None else began
        elif began is not None:
            yield Break(began_s=began, ended_s=trail.story(sample.t))
            began = None
    if began is not None:
        yield Break(began_s=began, ended_s=trail.story(samples[-1].t))


def _moment(point: tuple[float, float | None]) -> float:
    return point[0]


def _alert_rows(axis: Axis, alerts: Sequence[Alert], back: lanes.BackOf) -> list[Row]:
    named: dict[str, list[Alert]] = {}
    for alert in alerts:
        named.setdefault(alert.alert, []).append(alert)
    return [
        Row(name, _about(group), lanes.alert_row(axis, group, back(18)), "alert")
        for name, group in list(named.items())[:20]
    ]


def _about(alerts: Sequence[Alert]) -> tuple[str, ...]:
    """What the alerts are about: the labels that tell them apart, without those that all alerts have."""
    values = dict.fromkeys(
        value
        for alert in alerts
        for key, value in alert.labels.items()
        if key not in {"severity", "tier", "alertname"}
    )
    return (", ".join(values),) if values else ()


def _figure_row(axis: Axis, curve: plots.Curve, back: lanes.BackOf) -> Row:
    peak = max(curve.values, default=None)
    notes = (f"peak {words.figure(peak)}{curve.unit_after}",) if peak is not None else ("no data",)
    return Row(curve.label, notes, plots.figure_plot(axis, curve, back(54)), "figure")
