"""What is known of a run while it goes on, kept up to date event by event."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from chaos.record import Event
from chaos.report import fields as f
from chaos.report import words
from chaos.report.trail import PHASES, STORY


@dataclass
class Watched:
    """An objective as last seen; `since` is the real second of the run at which it began to hold or to break."""

    value: float | None
    holds: bool | None
    since: float
    expect: str = ""


@dataclass
class Trouble:
    """A fault: `state` is scheduled, in force, not shown, undone, gone, or NOT gone."""

    name: str
    what: str
    state: str = "scheduled"
    since: float = 0.0


@dataclass
class Doing:
    """What a person does: the stage, of which incident, since which real second of the run."""

    stage: str
    incident: str
    since: float
    wrong: bool = False


@dataclass
class Situation:
    """The run as it stands. `hear` takes in an event and answers with a line when it is worth one."""

    title: str = ""
    seed: int | None = None
    time_scale: float = 1.0
    headcount: int | None = None
    phase: str = ""
    now: float = 0.0
    verdict: str = ""
    why: str = ""
    objectives: dict[str, Watched] = field(default_factory=dict)
    faults: dict[str, Trouble] = field(default_factory=dict)
    people: dict[int, Doing] = field(default_factory=dict)
    open: dict[str, str] = field(default_factory=dict)
    """Incidents that nobody has taken up yet, with where they stand."""
    figures: dict[str, float | None] = field(default_factory=dict)
    alerts: dict[str, float] = field(default_factory=dict)
    lengths: dict[str, float] = field(default_factory=dict)
    """The planned length of each phase in real seconds."""
    phase_began: float = 0.0
    zero: float | None = None

    def hear(self, event: Event) -> str | None:
        """Take in an event; a line for whoever reads along when something notable happened."""
        self.now = max(self.now, event.t)
        handler = _HANDLERS.get(event.name)
        return handler(self, event) if handler else None

    @property
    def clock(self) -> str:
        """Story time as mm:ss, dashes before the story begins."""
        return "--:--" if self.zero is None else words.clock((self.now - self.zero) * self.time_scale)

    def phase_left(self) -> float | None:
        """Real seconds until the phase ends as planned; None for a phase without a planned length."""
        length = self.lengths.get(self.phase)
        return None if length is None else max(0.0, length - (self.now - self.phase_began))

    def left(self) -> float | None:
        """Real seconds until the last phase of the story ends as planned."""
        if self.phase not in PHASES or not self.lengths:
            return None
        later = STORY[STORY.index(self.phase) + 1 :] if self.phase in STORY else STORY
        if self.phase == "judging":
            return 0.0
        return (self.phase_left() or 0.0) + sum(self.lengths.get(name, 0.0) for name in later)

    def phase_share(self) -> float | None:
        """How much of the phase has passed, 0 to 1."""
        length, left = self.lengths.get(self.phase), self.phase_left()
        return None if not length or left is None else 1.0 - left / length

    def progress(self) -> str:
        """Everything in one line."""
        left = self.phase_left()
        parts = [
            words.spoken(self.phase) + (f", {words.length(round(left))} left" if left is not None else "")
        ]
        if self.objectives:
            holding = sum(1 for each in self.objectives.values() if each.holds)
            parts.append(f"objectives holding: {holding} of {len(self.objectives)}")
        in_force = sum(1 for each in self.faults.values() if each.state in {"in force", "not shown"})
        if self.faults:
            parts.append(f"faults there: {in_force} of {len(self.faults)}")
        if self.headcount is not None:
            parts.append(f"people busy: {len(self.people)} of {self.headcount}")
        parts += [
            f"{name} {words.figure(value)}" for name, value in self.figures.items() if value is not None
        ]
        return "; ".join(parts)


def _run_started(run: Situation, event: Event) -> str:
    run.title = words.single(f.text(event, "title") or f.text(event, "file"))
    run.seed = f.integer(event, "seed")
    scale = f.number(event, "time_scale")
    run.time_scale = scale if scale is not None and scale > 0 else 1.0
    timeline = f.mapping(event, "timeline")
    for name in timeline:
        story = f.number(timeline, name)
        if story is not None:
            run.lengths[name] = story / run.time_scale
    crew = f.mapping(event, "crew")
    run.headcount = f.integer(crew, "headcount") if crew else None
    people = "" if run.headcount is None else f", {words.counted(run.headcount, 'person', 'people')} on call"
    pace = f", {words.figure(run.time_scale)} story seconds in a real second" if run.time_scale != 1 else ""
    return f"{run.title} (seed {run.seed}{people}{pace})"


def _phase_started(run: Situation, event: Event) -> str:
    run.phase = event.phase
    run.phase_began = event.t
    if event.phase == "warm_up":
        run.zero = event.t
    left = run.phase_left()
    return f"phase {words.spoken(event.phase)}" + (f" ({words.length(left)})" if left is not None else "")


def _sample(run: Situation, event: Event) -> str | None:
    value = f.number(event, "value")
    if figure := words.single(f.text(event, "figure")):
        run.figures[words.single(f.text(event, "label")) or figure] = value
        return None
    name, holds = words.single(f.text(event, "objective")), f.flag(event, "holds")
    before = run.objectives.get(name)
    since = before.since if before and before.holds == holds else event.t
    run.objectives[name] = Watched(value, holds, since, f.text(event, "expect"))
    if before is None or before.holds == holds or holds is None or (before.holds is None and holds):
        return None
    return f"{name}: {'holds again' if holds else 'does not hold'} ({words.figure(value)})"


def _fault_scheduled(run: Situation, event: Event) -> None:
    what = f"{words.spoken(f.text(event, 'fault'))} on {words.listed(words.places(f.text(event, 'on')))}"
    name = words.single(f.text(event, "name")) or what
    run.faults[f.text(event, "id")] = Trouble(name, words.single(what))


def _fault(run: Situation, event: Event, state: str) -> Trouble:
    identity = f.text(event, "id")
    trouble = run.faults.setdefault(identity, Trouble(words.single(f.text(event, "name")) or identity, ""))
    if trouble.state != state:
        trouble.state, trouble.since = state, event.t
    return trouble


def _fault_applied(run: Situation, event: Event) -> str:
    trouble = _fault(run, event, "not shown")
    return f"fault applied: {trouble.name}" + (
        f" ({trouble.what})" if trouble.what not in {"", trouble.name} else ""
    )


def _fault_observed(run: Situation, event: Event) -> str:
    holds = f.flag(event, "in_force")
    trouble = _fault(run, event, "in force" if holds else "not shown" if holds is None else "NOT in force")
    said = {True: "in force", False: "NOT in force", None: "not shown to be in force"}[holds]
    return f"fault {said}, {f.text(event, 'when')}: {trouble.name}: {words.single(f.text(event, 'evidence'))}"


def _fault_failed(run: Situation, event: Event) -> str:
    return f"fault could not be applied: {_fault(run, event, 'failed').name}: {words.single(f.text(event, 'why'))}"


def _fault_undone(run: Situation, event: Event) -> str:
    return f"fault undone by {f.text(event, 'by')}: {_fault(run, event, 'undone').name}"


def _fault_gone(run: Situation, event: Event) -> str | None:
    gone = f.flag(event, "gone")
    trouble = _fault(run, event, "gone" if gone else "NOT gone")
    if gone:
        return None
    return f"fault NOT shown to be gone: {trouble.name}: {words.single(f.text(event, 'evidence'))}"


def _alert_firing(run: Situation, event: Event) -> str:
    name = _alert(event)
    run.alerts[name] = event.t
    return f"alert {name}"


def _alert_resolved(run: Situation, event: Event) -> None:
    run.alerts.pop(_alert(event), None)


def _alert(event: Event) -> str:
    about = [
        value
        for key, value in f.labels(event, "labels").items()
        if key not in {"severity", "tier", "alertname"}
    ]
    return words.single(" ".join([f.text(event, "alert"), *about]))


def _crew_stage(run: Situation, event: Event) -> str | None:
    incident, stage = words.single(f.text(event, "incident")), f.text(event, "stage")
    person, right = f.integer(event, "person"), f.flag(event, "right")
    for other in [other for other, doing in run.people.items() if doing.incident == incident]:
        del run.people[other]
    run.open.pop(incident, None)
    if stage == "resolved":
        return f"resolved: {incident}"
    if person is None:
        run.open[incident] = stage
        return f"nobody is free for {incident}" if stage == "waiting" else None
    run.people[person] = Doing(stage, incident, event.t, right is False)
    if stage == "acknowledge":
        return f"person {person} is paged: {incident}"
    return None


def _repair_started(_run: Situation, event: Event) -> str:
    who, incident = f.integer(event, "person"), words.single(f.text(event, "incident"))
    wrong = ", which is WRONG" if f.flag(event, "right") is False else ""
    noop = ", as a no-op" if f.flag(event, "noop") else ""
    by = f" by person {who}" if who is not None else ""
    return f"repair{by}: {_action(event)}" + (f", for {incident}" if incident else "") + wrong + noop


def _repair_finished(_run: Situation, event: Event) -> str:
    ok = f.flag(event, "ok")
    seconds = f.number(event, "seconds")
    took = f" after {words.length(seconds)} real" if seconds is not None else ""
    detail = words.single(f.text(event, "detail"))
    return f"repair {'done' if ok else 'FAILED'}{took}: {_action(event)}" + (f": {detail}" if detail else "")


def _action(event: Event) -> str:
    target = words.listed(words.places(f.said(event, "target")))
    return words.single(f"{words.spoken(f.text(event, 'action'))} {target}")


def _verdict(run: Situation, event: Event) -> None:
    run.verdict, run.why = f.text(event, "verdict"), words.single(f.text(event, "why"))


def _ended_early(_run: Situation, event: Event) -> str:
    signal, why = f.integer(event, "signal"), words.single(f.text(event, "why") or f.text(event, "name"))
    return (
        "ends early: "
        + (why or (f"signal {signal}" if signal else event.name))
        + "; everything is undone now"
    )


_HANDLERS: Mapping[str, Callable[[Situation, Event], str | None]] = {
    "run_started": _run_started,
    "phase_started": _phase_started,
    "sample": _sample,
    "fault_scheduled": _fault_scheduled,
    "fault_applied": _fault_applied,
    "fault_observed": _fault_observed,
    "fault_failed": _fault_failed,
    "fault_undone": _fault_undone,
    "fault_gone": _fault_gone,
    "alert_firing": _alert_firing,
    "alert_resolved": _alert_resolved,
    "crew_stage": _crew_stage,
    "repair_started": _repair_started,
    "repair_finished": _repair_finished,
    "verdict": _verdict,
    "aborted": _ended_early,
    "interrupted": _ended_early,
}
