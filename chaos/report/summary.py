"""From the event record to the report of a run: `summarise`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import get_args

from chaos.record import Event
from chaos.report import fields as f
from chaos.report import words
from chaos.report.cluster import cluster_of
from chaos.report.evidence import faults_of
from chaos.report.losses import node_losses_of
from chaos.report.model import (
    Alert,
    Break,
    Ending,
    Expected,
    Figure,
    Load,
    Objective,
    Phase,
    RunReport,
    StopCondition,
    Verdict,
)
from chaos.report.people import crew_of, repairs_of
from chaos.report.trail import Trail, moment

_INCONCLUSIVE = 3


def summarise(events: Iterable[Event]) -> RunReport:
    """The report of a run, derived from its events alone.

    A record that was cut off (kill -9, a lost machine) gives an inconclusive report of what is there.
    """
    trail = Trail(events)
    start = trail.start
    objectives = tuple(_objective(event, trail) for event in trail.of("objective_judged"))
    verdict = trail.last("verdict")
    survived = f.flag(verdict, "survived") if verdict else None
    begun, ended = (trail.last("run_started"), trail.last("run_ended"))
    last = max(trail.events, key=lambda event: event.t, default=None)
    exit_code = f.integer(verdict, "exit_code") if verdict else None
    return RunReport(
        run=f.text(start, "run"),
        experiment=f.text(start, "title") or f.text(start, "file"),
        question=f.text(start, "question"),
        file=f.text(start, "file"),
        verdict=_verdict(f.text(verdict, "verdict")) if verdict else "inconclusive",
        why=_why(verdict, trail),
        reasons=f.texts(verdict, "reasons") if verdict else (),
        exit_code=_INCONCLUSIVE if exit_code is None else exit_code,
        ending=_ending(trail),
        expected=_expected(start),
        seed=f.integer(start, "seed"),
        world=f.text(start, "world"),
        world_owned=f.flag(start, "world_owned"),
        cluster=cluster_of(trail),
        started=moment(begun.unix) if begun else None,
        ended=moment((ended or last).unix) if ended or last else None,  # type: ignore[union-attr]
        lasted_real_s=max(0.0, trail.end_t - (begun.t if begun else 0.0)),
        time_scale=trail.time_scale,
        scale=f.number(start, "scale"),
        timeline=trail.timeline,
        phases=_phases(trail),
        objectives=objectives,
        faults=faults_of(trail),
        node_losses=node_losses_of(trail),
        crew=crew_of(trail),
        repairs=repairs_of(trail),
        alerts=_alerts(trail),
        survived=survived,
        lost_at_s=_lost_at(objectives) if survived is False else None,
        lost_listener_minutes=f.number(verdict, "lost_listener_minutes") if verdict else None,
        load=_load(trail),
        stop_conditions=tuple(
            StopCondition(
                name=f.text(event, "name"), fired=f.flag(event, "fired") is True, why=f.text(event, "why")
            )
            for event in trail.of("stop_condition")
        ),
        figures=tuple(_figure(event) for event in trail.of("figure")),
        warnings=_warnings(trail),
        command=f.text(start, "command"),
        versions=f.labels(start, "versions") | _later_versions(trail),
        machine=f.labels(start, "machine"),
    )


def _verdict(word: str) -> Verdict:
    for known in get_args(Verdict):
        if word == known:
            return known  # type: ignore[no-any-return]
    return "inconclusive"


def _why(verdict: Event | None, trail: Trail) -> str:
    if verdict is not None:
        return f.one_line(f.text(verdict, "why")) or "the record does not say why"
    if not trail.events:
        return "the record is empty: nothing is known of this run"
    last = max(trail.events, key=lambda event: event.t)
    phase = words.spoken(last.phase) or "an unknown phase"
    return (
        f"the record ends in the phase {phase} at {words.clock(trail.story(last.t))} of the story, without a verdict: "
        "the run was cut off"
    )


def _ending(trail: Trail) -> Ending:
    if trail.of("interrupted"):
        return "interrupted"
    if trail.of("aborted") or any(f.flag(event, "fired") for event in trail.of("stop_condition")):
        return "aborted"
    verdict = trail.last("verdict")
    if verdict is None:
        return "cut off"
    return "aborted" if f.integer(verdict, "exit_code") == 5 else "complete"


def _expected(start: Event) -> Expected | None:
    expected = f.mapping(start, "expected")
    if not expected:
        return None
    return Expected(verdict=_verdict(f.text(expected, "verdict")), because=f.text(expected, "because"))


def _phases(trail: Trail) -> tuple[Phase, ...]:
    found: list[Phase] = []
    for name in dict.fromkeys(event.phase for event in trail.of("phase_started")):
        span = trail.phase(name)
        if name and span is not None:
            found.append(Phase(phase=f.clean(name), started_s=span[0], ended_s=span[1]))
    return tuple(found)


def _objective(event: Event, trail: Trail) -> Objective:
    survival, counts = f.flag(event, "survival") is True, f.flag(event, "counts")
    return Objective(
        name=f.text(event, "name", "(without a name)"),
        verdict=_verdict(f.text(event, "verdict")),
        why=f.text(event, "why"),
        query=f.text(event, "query"),
        expect=f.text(event, "expect"),
        during=f.texts(event, "during"),
        samples=f.integer(event, "samples") or 0,
        worst=f.number(event, "worst"),
        longest_break_s=f.number(event, "longest_break_s"),
        broken_s=f.number(event, "broken_s"),
        may_break_for_s=f.number(event, "may_break_for"),
        may_break_in_all_s=f.number(event, "may_break_in_all"),
        breaks=tuple(
            Break(began_s=trail.story(begin), ended_s=trail.story(end))
            for begin, end in f.spans(event, "breaks")
        ),
        survival=survival,
        counts=not survival if counts is None else counts,
        owner=f.text(event, "owner"),
    )


def _lost_at(objectives: Iterable[Objective]) -> float | None:
    """The first moment at which a failed survival objective had been broken for longer than it may."""
    moments: list[float] = []
    for objective in objectives:
        if not objective.survival or objective.verdict != "fail":
            continue
        allowed = objective.may_break_for_s or 0.0
        for span in objective.breaks:
            if span.ended_s - span.began_s > allowed:
                moments.append(span.began_s + allowed)
                break
    return min(moments, default=None)


def _alerts(trail: Trail) -> tuple[Alert, ...]:
    resolved = [
        (f.text(event, "alert"), f.labels(event, "labels"), event.t) for event in trail.of("alert_resolved")
    ]
    found: list[Alert] = []
    for event in trail.of("alert_firing"):
        name, labels = f.text(event, "alert"), f.labels(event, "labels")
        end = min(
            (t for other, others, t in resolved if (other, others) == (name, labels) and t >= event.t),
            default=None,
        )
        found.append(
            Alert(
                alert=name,
                labels=labels,
                fired_s=trail.story(event.t),
                resolved_s=trail.story(end) if end is not None else None,
            )
        )
    return tuple(found)


def _warnings(trail: Trail) -> tuple[str, ...]:
    found = list(f.texts(trail.start, "warnings"))
    found += [
        f"the figure {f.text(event, 'label')} is missing: {f.text(event, 'why')}"
        for event in trail.of("figure_missing")
    ]
    found += [
        f"{f.text(event, 'what') or 'settings'} could not be shown to be put back: {f.text(event, 'evidence')}"
        for event in trail.of("settings_restored")
        if f.flag(event, "holds") is not True
    ]
    found += [
        f"something is left of the world: {f.text(event, 'evidence')}"
        for event in trail.of("world_ended")
        if f.flag(event, "gone") is not True
    ]
    found += [
        f"the crew had no place for one more incident: {f.text(event, 'incident')}"
        for event in trail.of("crew_overwhelmed")
    ]
    found += [f.text(event, "why") for event in trail.of("series_not_kept") if f.flag(event, "failed")]
    unknown = len(trail.of("alerts_unknown"))
    if unknown:
        found.append(f"which alerts fire could not be asked {words.counted(unknown, 'time')}")
    return tuple(found)


def _later_versions(trail: Trail) -> dict[str, str]:
    return {
        name: found
        for event in trail.of("versions")
        for name, value in event.fields.items()
        if (found := f.as_text(value))
    }


def _load(trail: Trail) -> Load | None:
    event = trail.last("load_check")
    return Load(holds=f.flag(event, "holds"), evidence=f.text(event, "evidence")) if event else None


def _figure(event: Event) -> Figure:
    values = [value for _, value in f.series(event, "series") if value is not None]
    return Figure(
        name=f.text(event, "name"),
        label=f.text(event, "label"),
        unit=f.text(event, "unit"),
        samples=len(values),
        lowest=min(values, default=None),
        highest=max(values, default=None),
        last=values[-1] if values else None,
    )
