"""A document in words: what is asked, what happens when, how far it reaches, and what decides."""

from __future__ import annotations

from collections.abc import Iterator

from chaos.authoring.outline import Hurt, Outline
from chaos.experiment.model import Experiment
from chaos.experiment.objective import JUDGED, Objective
from chaos.experiment.units import format_duration
from chaos.report.words import clock, counted, length


def explained(plan: Outline) -> list[str]:
    """The lines of the explanation; moments are story time from the start of warm-up."""
    experiment = plan.experiment
    lines = [experiment.title]
    lines += [f"  {experiment.question}"] if experiment.question else []
    lines += ["", "Where and how long", *(f"  {line}" for line in _frame(plan))]
    lines += ["", "What goes wrong", *(f"  {line}" for line in _faults(plan))]
    lines += ["", "How far it reaches", *(f"  {line}" for line in _reach(plan))]
    lines += ["", "What must hold", *(f"  {line}" for line in _objectives(experiment))]
    lines += ["", "Who repairs", f"  {_crew(experiment)}"]
    return lines


def _frame(plan: Outline) -> Iterator[str]:
    experiment, scale = plan.experiment, plan.experiment.time_scale
    where = {
        "local": "in the world local: processes on this machine that the run starts and ends",
        "kind": "in the world kind: the cluster that `make cluster` makes",
        "kubernetes": "in the world kubernetes: the context and namespace that the command line names",
    }[experiment.world]
    yield where
    pace = f", {scale:g} times faster than story time" if scale != 1 else ""
    yield f"{length(plan.ends / scale)} of real time{pace}, without starting and ending the world"
    for phase in plan.phases:
        yield f"{clock(phase.begins)}–{clock(phase.ends)}  {phase.name}"


def _faults(plan: Outline) -> Iterator[str]:
    if not plan.faults:
        yield "nothing: this is a control"
    for fault in plan.faults:
        until = ", or until a repair ends it" if fault.until_repaired else ""
        yield f"{clock(fault.span.begins)}–{clock(fault.span.ends)}  {_named(fault)} on {fault.target}{until}"
        settings = ", ".join(f"{name} {value}" for name, value in fault.settings)
        spec = plan.experiment.faults[plan.faults.index(fault)]
        does = " ".join((type(spec).__doc__ or "").split("\n\n")[0].split())
        yield f"             {does}{f' Here: {settings}.' if settings else ''}"


def _named(fault: Hurt) -> str:
    return fault.fault if fault.span.name == fault.fault else f"{fault.span.name} ({fault.fault})"


def _reach(plan: Outline) -> Iterator[str]:
    hurt = list(dict.fromkeys(fault.target for fault in plan.faults))
    yield f"touched: {', '.join(hurt) if hurt else 'nothing'}"
    for way in plan.links:
        if way.name in plan.hurt_links:
            yield f"  over {way.name} {way.caller} calls {way.called}: {way.caller} meets the fault"
    for tier in sorted(plan.hurt_tiers):
        callers = sorted({way.caller for way in plan.links if way.called == tier})
        yield f"  {tier} is called by {', '.join(callers) if callers else 'nobody over a link'}"
    if plan.spared:
        yield f"not touched by a fault: {', '.join(plan.spared)}"
    most = plan.experiment.max_affected
    yield (
        f"refused if it would touch more than {counted(most.nodes, 'node')} at the same time, "
        f"{counted(most.processes, 'process', 'processes')} or {most.pods:.0%} of a workload's pods with one fault"
    )
    yield "every fault is undone at its end, and whatever ends the run; its undo is on disk before it begins"


def _objectives(experiment: Experiment) -> Iterator[str]:
    for one in experiment.objectives:
        yield f"{one.name}: {_asked(one)}"
        phases = "" if one.during == JUDGED else f"in {', '.join(one.during)}"
        breaks = _forgiven(one)
        if phases or breaks:
            yield f"    {'; '.join(filter(None, [phases, breaks]))}"
    for stop in experiment.stop_when:
        held = f" for {format_duration(stop.for_)}" if stop.for_ else ""
        yield f"stops the run: {stop.name}: {stop.query} {stop.expect}{held}"
    if experiment.expected is not None:
        yield f"expected: {experiment.expected.verdict}, because {experiment.expected.because}"


def _asked(one: Objective) -> str:
    if one.survives is not None:
        return f"the room {one.survives} survives"
    if one.http is not None:
        value = f"{one.http.method} {one.http.url} is answered with {one.http.status}"
        return value if one.expect is None else f"{value} (1, else 0) {one.expect}"
    asked = one.query or (" ".join(one.command) if one.command else f"{one.python}()")
    return f"{asked} {one.expectation}"


def _forgiven(one: Objective) -> str:
    told = []
    if one.may_break_for is not None:
        told.append(f"may break for {format_duration(one.may_break_for)} at a stretch")
    if one.may_break_in_all is not None:
        told.append(f"may break for {format_duration(one.may_break_in_all)} in all")
    return ", ".join(told)


def _crew(experiment: Experiment) -> str:
    crew = experiment.crew
    if crew is None:
        return "nobody: faults end by the clock"
    attending = ", sitting by it" if crew.attending else ", on call"
    return f"{counted(crew.headcount, 'modelled person', 'modelled people')}{attending}, by {crew.runbooks}"
