"""What the record says about the crew: incidents, the stages people went through, and the repairs they made."""

from __future__ import annotations

import math
from dataclasses import dataclass

from chaos.record import Event
from chaos.report import fields as f
from chaos.report.model import Assumption, Crew, Incident, Repair, Stage
from chaos.report.trail import Trail

_PARAMETERS_BESIDE_PEOPLE = ("headcount", "attending", "people", "assumptions")


def crew_of(trail: Trail) -> Crew | None:
    """The crew and its incidents; None for a run without one."""
    described = f.mapping(trail.start, "crew")
    incidents = _incidents(trail)
    if not described and not incidents:
        return None
    seen = max(
        (stage.person for each in incidents for stage in each.stages if stage.person is not None), default=0
    )
    headcount = f.integer(described, "headcount")
    others = {key: value for key, value in described.items() if key not in _PARAMETERS_BESIDE_PEOPLE}
    return Crew(
        headcount=max(0, seen if headcount is None else headcount),
        attending=f.flag(described, "attending"),
        available=_available(trail),
        people=f.labels(described, "people") | f.labels({"others": others}, "others"),
        assumptions=tuple(
            Assumption(what=f.text(row, "what"), value=f.text(row, "value"), source=f.text(row, "source"))
            for row in f.rows(described, "assumptions")
        ),
        incidents=incidents,
    )


def _available(trail: Trail) -> tuple[int, ...] | None:
    begun = trail.last("crew_begun")
    if begun is None or begun.get("available") is None:
        return None
    numbers = (f.as_number(item) for item in f.items(begun.get("available")))
    return tuple(int(number) for number in numbers if number is not None)


def repairs_of(trail: Trail) -> tuple[Repair, ...]:
    """Every action that was executed on the world, in order, each joined with how it ended."""
    open_ends = list(trail.of("repair_finished"))
    found: list[Repair] = []
    for event in trail.of("repair_started"):
        end = next((other for other in open_ends if _same_act(event, other) and other.t >= event.t), None)
        if end is not None:
            open_ends.remove(end)
        found.append(
            Repair(
                action=f.text(event, "action", "(unnamed)"),
                target=f.said(event, "target"),
                person=f.integer(event, "person"),
                incident=f.text(event, "incident"),
                right=f.flag(event, "right"),
                noop=f.flag(event, "noop") is True,
                started_s=trail.story(event.t),
                finished_s=trail.story(end.t) if end else None,
                took_real_s=f.number(end, "seconds") if end else None,
                ok=f.flag(end, "ok") if end else None,
                detail=f.text(end, "detail") if end else "",
            )
        )
    return tuple(found)


def _same_act(one: Event, other: Event) -> bool:
    return all(f.said(one, key) == f.said(other, key) for key in ("action", "target", "incident"))


@dataclass(frozen=True)
class _Step:
    stage: Stage
    due: float | None
    kind: str


def _incidents(trail: Trail) -> tuple[Incident, ...]:
    grouped: dict[str, list[_Step]] = {}
    for event in trail.of("crew_stage"):
        grouped.setdefault(f.text(event, "incident"), []).append(_step(event, trail))
    repairs = repairs_of(trail)
    found: list[Incident] = []
    for key, group in grouped.items():
        times = _occurrences(sorted(group, key=lambda step: step.stage.begins_s))
        starts = [time[0].stage.begins_s for time in times]
        for time, begin, end in zip(times, [-math.inf, *starts[1:]], [*starts[1:], math.inf], strict=True):
            own = tuple(each for each in repairs if each.incident == key and begin <= each.started_s < end)
            found.append(_incident(key, time, own))
    return tuple(sorted(found, key=lambda incident: incident.opened_s))


def _occurrences(steps: list[_Step]) -> list[list[_Step]]:
    """An incident that comes up again after it was resolved is another incident."""
    times: list[list[_Step]] = [[]]
    for step in steps:
        if times[-1] and times[-1][-1].stage.stage == "resolved" and step.stage.stage != "resolved":
            times.append([])
        times[-1].append(step)
    return times


def _incident(key: str, steps: list[_Step], repairs: tuple[Repair, ...]) -> Incident:
    resolved = [step.stage.begins_s for step in steps if step.stage.stage == "resolved"]
    stages = tuple(
        step.stage.model_copy(update={"ends_s": _end(step, following, repairs)})
        for step, following in zip(steps, [*steps[1:], None], strict=True)
    )
    return Incident(
        incident=key,
        kind=next((step.kind for step in steps if step.kind), ""),
        opened_s=stages[0].begins_s,
        resolved_s=resolved[-1] if resolved else None,
        stages=stages,
        repairs=repairs,
    )


def _step(event: Event, trail: Trail) -> _Step:
    begins = f.number(event, "begins")
    stage = Stage(
        stage=f.text(event, "stage", "(unnamed)"),
        person=f.integer(event, "person"),
        attempt=f.integer(event, "attempt") or 1,
        helpers=max(0, f.integer(event, "helpers") or 0),
        begins_s=trail.story(event.t) if begins is None else begins,
        diagnosis=f.text(event, "diagnosis") or None,
        right=f.flag(event, "right"),
    )
    return _Step(stage, f.number(event, "due"), f.text(event, "kind"))


def _end(step: _Step, following: _Step | None, repairs: tuple[Repair, ...]) -> float | None:
    """When a stage ended: when the next one of its incident began, else when it was due; an act lasts as its repair."""
    begins = step.stage.begins_s
    if step.stage.stage == "resolved":
        return begins
    bounds = [following.stage.begins_s] if following is not None else []
    if step.due is not None:
        due = step.due
        if step.stage.stage == "act":
            due = max(
                [due, *(each.finished_s for each in repairs if each.finished_s and each.started_s >= begins)]
            )
        bounds.append(due)
    if not bounds:
        return None
    return max(begins, min(bounds))
