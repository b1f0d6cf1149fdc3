"""Rows with stretches of time: phases, faults, alerts, and what each person did when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from chaos.report import svg, words
from chaos.report.model import Alert, Fault, Incident, Phase, Repair, RunReport, Stage
from chaos.report.svg import Axis
from chaos.report.trail import STORY

LETTERS = {
    "notice": "N",
    "acknowledge": "A",
    "triage": "T",
    "decide": "D",
    "act": "R",
    "verify": "V",
    "waiting": "W",
}
"""The letter that stands for a stage where its word has no room."""
_BAND, _MARKS = 20, 20


def phases_row(axis: Axis, phases: Sequence[Phase]) -> Markup:
    """The phases of the run."""
    parts: list[Markup] = []
    shown = [phase for phase in phases if phase.phase in STORY]
    for place, phase in enumerate(shown):
        end = axis.reached if phase.ended_s is None else phase.ended_s
        name = words.spoken(phase.phase)
        tip = f"{name}: {words.clock(phase.started_s)} to {words.clock(end)}"
        kind = f"phase p{place % 2}" + (" touched" if phase.phase == "faults" else "")
        parts += [
            svg.band(axis, phase.started_s, end, 1, 22, kind=kind, tip=tip),
            svg.fitted(axis, phase.started_s, end, 16, (name,), kind="phase"),
        ]
    return svg.plot(24, "The phases of the run", *parts, kind="phases")


def fault_row(axis: Axis, fault: Fault, back: Markup) -> Markup:
    """When a fault was scheduled (outline) and when it was there (filled)."""
    parts = [back]
    if fault.scheduled_s is not None and fault.scheduled_end_s is not None:
        until = "a repair" if fault.until_repaired else words.clock(fault.scheduled_end_s)
        tip = f"scheduled: {words.clock(fault.scheduled_s)} until {until}"
        parts.append(
            svg.band(axis, fault.scheduled_s, fault.scheduled_end_s, 3, 22, kind="scheduled", tip=tip)
        )
    if fault.applied_s is None and axis.now is None:
        begin = fault.scheduled_s or 0.0
        parts.append(svg.beside(axis, begin, begin, 18, "never applied", kind="halo muted"))
    elif fault.applied_s is not None:
        end = axis.reached if fault.undone_s is None else fault.undone_s
        says = f"{words.clock(fault.applied_s)}–{words.clock(end) if fault.undone_s is not None else axis.open_end}"
        state = {True: "in force", False: "NOT in force", None: "not shown"}[fault.in_force]
        kind = "force" + ("" if fault.in_force else " doubtful")
        parts.append(
            svg.band(axis, fault.applied_s, end, 6, 16, kind=kind, tip=f"{fault.name}: {state} {says}")
        )
        text = f"{state} {says}"
        inside = svg.fitted(axis, fault.applied_s, end, 18, (text, says), kind="onforce")
        if svg.fits(axis, fault.applied_s, end, says, narrow=True) and fault.in_force:
            parts.append(inside)
        else:
            parts.append(
                svg.beside(axis, fault.applied_s, end, 18, says if fault.in_force else text, kind="halo")
            )
    return svg.plot(28, f"Fault {fault.name}", *parts, kind="fault")


def alert_row(axis: Axis, alerts: Sequence[Alert], back: Markup) -> Markup:
    """When one alert fired."""
    parts = [back]
    for alert in alerts:
        end = axis.reached if alert.resolved_s is None else alert.resolved_s
        names = ", ".join(f"{key}={value}" for key, value in alert.labels.items())
        until = axis.open_end if alert.resolved_s is None else words.clock(end)
        tip = f"{alert.alert} {names}: {words.clock(alert.fired_s)} to {until}"
        parts.append(svg.band(axis, alert.fired_s, end, 5, 8, kind="alert", tip=tip))
    return svg.plot(18, f"Alert {alerts[0].alert if alerts else ''}", *parts, kind="alerts")


@dataclass(frozen=True)
class Lane:
    """What one person (None: nobody yet) did, and the repairs that this person made, numbered over the run."""

    person: int | None
    work: tuple[tuple[Incident, Stage], ...]
    repairs: tuple[tuple[int, Repair], ...]
    available: bool = True


def lanes_of(report: RunReport) -> list[Lane]:
    """One lane for each person of the crew, and one for what nobody had taken up yet."""
    if report.crew is None:
        return []
    work: dict[int | None, list[tuple[Incident, Stage]]] = {}
    for incident in report.crew.incidents:
        for stage in incident.stages:
            if stage.stage != "resolved":
                work.setdefault(stage.person, []).append((incident, stage))
    repairs: dict[int | None, list[tuple[int, Repair]]] = {}
    for place, repair in enumerate(report.repairs, start=1):
        repairs.setdefault(repair.person, []).append((place, repair))
    seen = {person for person in [*work, *repairs] if person is not None}
    first = 0 if 0 in seen else 1
    everyone: list[int | None] = [*sorted(seen | set(range(first, first + min(report.crew.headcount, 50))))]
    if None in work or None in repairs:
        everyone.append(None)
    present = report.crew.available
    return [
        Lane(
            person,
            tuple(work.get(person, ())),
            tuple(repairs.get(person, ())),
            present is None or person is None or person in present,
        )
        for person in everyone
    ]


def lane_row(axis: Axis, lane: Lane, back_of: BackOf) -> Markup:
    """A person's stages as coloured bands, wrong diagnoses striped, repairs as numbered marks below."""
    places = _packed(axis, lane)
    bands = (max(places, default=0) + 1) * (_BAND + 2)
    height = bands + (_MARKS if lane.repairs else 2)
    who = "waited for somebody" if lane.person is None else f"person {lane.person} did"
    parts = [back_of(height)]
    for (incident, stage), place in zip(lane.work, places, strict=True):
        parts += _stage(axis, incident, stage, 1 + place * (_BAND + 2))
    parts += [_mark(axis, number, repair, bands + 9) for number, repair in lane.repairs]
    parts += _mark_labels(axis, lane, bands + 13)
    if not lane.work and not lane.repairs:
        needed = "was not needed" if axis.now is None else "not needed so far"
        idle = needed if lane.available else "did not answer: not available in this draw"
        parts.append(svg.label(axis.at(axis.reached / 2), 15, idle, kind="halo muted", anchor="middle"))
    return svg.plot(height, f"What {who}", *parts, kind="lane")


class BackOf:
    """Draws what stands behind every row, for a row of any height."""

    def __init__(self, axis: Axis, phases: Sequence[Phase], lost_at: float | None) -> None:
        self._axis = axis
        self._edges = [phase.started_s for phase in phases if phase.phase in STORY and phase.started_s > 0]
        self._lost_at = lost_at

    def __call__(self, height: float) -> Markup:
        """Lines at the ticks, at the phases' edges, and where the room was lost."""
        lines = [svg.upright(self._axis, tick, height, kind="grid") for tick in self._axis.ticks()]
        lines += [svg.upright(self._axis, edge, height, kind="edge") for edge in self._edges]
        if self._lost_at is not None:
            lines.append(svg.upright(self._axis, self._lost_at, height, kind="lost"))
        if self._axis.now is not None:
            lines.append(svg.upright(self._axis, self._axis.now, height, kind="now"))
        return Markup("").join(lines)


def _end(stage: Stage, axis: Axis) -> float:
    """When a stage ended; while the run goes on, one that is due later has come as far as the story has."""
    if stage.ends_s is None or (axis.now is not None and stage.ends_s > axis.now):
        return max(axis.reached, stage.begins_s)
    return stage.ends_s


def _packed(axis: Axis, lane: Lane) -> list[int]:
    """For each stage the line of the lane on which it overlaps no other."""
    ends: list[float] = []
    places: dict[int, int] = {}
    for place, (_, stage) in sorted(enumerate(lane.work), key=lambda item: item[1][1].begins_s):
        line = next((line for line, end in enumerate(ends) if end <= stage.begins_s + 1e-6), len(ends))
        if line == len(ends):
            ends.append(0.0)
        ends[line] = _end(stage, axis)
        places[place] = line
    return [places[place] for place in range(len(lane.work))]


def _stage(axis: Axis, incident: Incident, stage: Stage, y: float) -> list[Markup]:
    end = _end(stage, axis)
    name = words.spoken(stage.stage)
    tip = f"{name}: {incident.incident}, {words.clock(stage.begins_s)} to {words.clock(end)}"
    if stage.attempt > 1:
        tip += f", attempt {stage.attempt}"
    if stage.helpers:
        tip += f", with {words.counted(stage.helpers, 'helper')}"
    if stage.diagnosis:
        tip += f"; diagnosis: {stage.diagnosis}"
        tip += "" if stage.right is None else " (right)" if stage.right else " (WRONG)"
    known = stage.stage if stage.stage in LETTERS else "unknown"
    parts = [svg.band(axis, stage.begins_s, end, y, _BAND, kind=f"stage s-{known}", tip=tip)]
    if stage.right is False:
        parts.append(svg.band(axis, stage.begins_s, end, y, _BAND, kind="wrong", tip=tip))
    letter = LETTERS.get(stage.stage, "?")
    long = f"{name} ({incident.kind})" if incident.kind else name
    texts = (long, name, letter) if stage.stage in {"notice", "triage"} else (name, letter)
    return [*parts, svg.fitted(axis, stage.begins_s, end, y + 14, texts, kind=f"on-{known}")]


def _mark(axis: Axis, number: int, repair: Repair, y: float) -> Markup:
    x = axis.at(repair.started_s)
    kind = (
        "wrong"
        if repair.right is False
        else "noop"
        if repair.noop
        else "failed"
        if repair.ok is False
        else "good"
    )
    shape = (
        svg.tag(
            "rect",
            x=x,
            y=y - 8,
            width=16,
            height=16,
            rx=2,
            transform="translate(-8 0)",
            class_=f"mark {kind}",
        )
        if kind == "wrong"
        else svg.tag("circle", cx=x, cy=y, r=8, class_=f"mark {kind}")
    )
    return svg.tag(
        "g",
        svg.title(sentence(repair)),
        shape,
        svg.label(x, y + 4, str(number), kind=f"mark {kind}", anchor="middle"),
    )


def _mark_labels(axis: Axis, lane: Lane, y: float) -> list[Markup]:
    """The action beside its mark, on a desk, where it has room before the next mark."""
    parts: list[Markup] = []
    for place, (_, repair) in enumerate(lane.repairs):
        later = lane.repairs[place + 1][1].started_s if place + 1 < len(lane.repairs) else axis.end
        text = f"{words.spoken(repair.action)} {words.listed(words.places(repair.target))}".strip()
        if repair.right is False:
            text += " (wrong)"
        gap = later - 0.02 * axis.end
        if svg.fits(axis, repair.started_s, gap, text, narrow=False):
            parts.append(svg.label(axis.at(repair.started_s), y, text, kind="halo wide", shift=12))
    return parts


def sentence(repair: Repair) -> str:
    """A repair in a few words: what, when, and how it went."""
    parts = [f"{words.clock(repair.started_s)} {words.spoken(repair.action)}"]
    if repair.target:
        parts.append(f"({words.listed(words.places(repair.target))})")
    if repair.right is False:
        parts.append("– the wrong thing to do")
    if repair.noop:
        parts.append("– made a no-op, as a control")
    if repair.ok is not None:
        took = f" after {words.length(repair.took_real_s)} real" if repair.took_real_s is not None else ""
        parts.append(("– done" if repair.ok else "– failed") + took)
    return " ".join(parts)
