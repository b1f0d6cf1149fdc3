"""The course of a run: its beginning, phases, samples, judgement and end."""

from __future__ import annotations

from typing import Literal

from chaos.catalogue.told import Outside, Point, Told

Verdict = Literal["pass", "fail", "inconclusive"]


class RunStarted(Told):
    """A run began; everything that was known of it then."""

    run: str
    """Its name."""
    title: str
    question: str
    file: str
    """The document's path."""
    document: str
    """The document's text."""
    world: str
    world_owned: bool
    """Whether it starts its world itself, and ends it."""
    cluster: Outside
    """`context` and `namespace`; none in the local world."""
    seed: int
    time_scale: float
    """Story seconds in a real second."""
    timeline: dict[str, float]
    """Story seconds of each phase as planned."""
    scale: float | None
    """By which listeners and capacity are multiplied; none without rooms."""
    expected: Outside
    """`verdict` and `because`, if the document expects a verdict."""
    crew: Outside
    """The headcount, every parameter of the people, and the assumptions with their sources."""
    warnings: list[str]
    command: str
    """The command line."""
    versions: dict[str, str]
    machine: dict[str, object]


class Versions(Told):
    """What was asked for its version after the start."""

    prometheus: str


class PhaseStarted(Told):
    """The phase that every line from here on names began."""

    story: float
    """Story seconds since the start of warm-up."""


class PhaseEnded(Told):
    """The phase ended."""


class SettingsProven(Told):
    """Whether the system showed the settings that the document asks for, before anything else."""

    holds: bool | None
    evidence: str


class Sample(Told):
    """A value in passing, about once a second or at the objective's interval. Nothing is judged by it."""

    objective: str = ""
    """Of which objective; else of a figure."""
    figure: str = ""
    label: str = ""
    """The figure in words."""
    value: float | None
    """None where there was no data."""
    holds: bool | None = None
    """Whether it is as expected; of an objective."""
    expect: str = ""
    why: str = ""
    """Why there is no value, or what was odd about it."""


class AlertFiring(Told):
    """An alert began to fire."""

    alert: str
    labels: dict[str, str]


class AlertResolved(Told):
    """An alert ended."""

    alert: str
    labels: dict[str, str]


class AlertsUnknown(Told):
    """Which alerts fire could not be asked."""

    why: str


class StopCondition(Told):
    """A stop condition fired; the run undoes everything and ends."""

    name: str
    fired: bool
    why: str


class Interrupted(Told):
    """A signal ended the run early."""

    signal: int
    why: str


class Aborted(Told):
    """A stop condition, a halt or a part of the run that failed ended it early."""

    signal: int
    """Always 0: no signal."""
    why: str


class ObjectiveJudged(Told):
    """An objective over its whole window, after everything was put back."""

    name: str
    owner: str
    """The document's objective that it stands for."""
    query: str
    expect: str
    during: list[str]
    """The phases in which it had to hold."""
    verdict: Verdict
    why: str
    samples: int
    worst: float | None
    longest_break_s: float
    """Story seconds."""
    broken_s: float
    """Story seconds, in all."""
    may_break_for: float
    """Story seconds."""
    may_break_in_all: float | None
    """Story seconds."""
    breaks: list[tuple[float, float]]
    """Begin and end, in real seconds since the run began."""
    series: list[Point]
    survival: bool
    """Whether it tells a room's fate."""
    counts: bool
    """Whether it decides the verdict."""


class LoadCheck(Told):
    """Whether the load arrived as planned, and its generator kept up."""

    holds: bool | None
    evidence: str


class Figure(Told):
    """A measured context figure over the whole run."""

    name: str
    label: str
    unit: str
    series: list[Point]


class FigureMissing(Told):
    """A figure could not be had."""

    name: str
    label: str
    why: str


class Verdict_(Told):  # noqa: N801  `Verdict` is the word
    """What the run came to."""

    verdict: Verdict
    why: str
    """The first reason, in a sentence."""
    reasons: list[str]
    exit_code: int
    survived: bool | None
    """Whether the room did; none where that is not known."""
    lost_listener_minutes: float | None
    """Story minutes x full-scale listeners."""

    @classmethod
    def event_name(cls) -> str:
        return "verdict"


class UndoneForTheRun(Told):
    """The run had died; its guardian or `standby recover` undid what it left, and goes on with its record."""

    undone: list[str]
    why: str


class RunEnded(Told):
    """Nothing follows."""


EVENTS = (
    RunStarted,
    Versions,
    SettingsProven,
    PhaseStarted,
    PhaseEnded,
    Sample,
    AlertFiring,
    AlertResolved,
    AlertsUnknown,
    StopCondition,
    Interrupted,
    Aborted,
    ObjectiveJudged,
    LoadCheck,
    Figure,
    FigureMissing,
    Verdict_,
    UndoneForTheRun,
    RunEnded,
)
