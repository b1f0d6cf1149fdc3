"""The study document: one experiment, what varies in it, what is compared, and how sure the answer has to be."""

from __future__ import annotations

from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from chaos.clock import RealSeconds
from chaos.experiment.base import Many, Model, wrong
from chaos.experiment.objective import Title
from chaos.experiment.units import Ratio, RealDuration

Value: TypeAlias = bool | int | float | str
"""A value as an experiment would have it: `3`, `2m`, `40%`, `true`."""
Changes: TypeAlias = dict[str, Value]
"""Paths of the experiment (those of `--set`) with the values that they get."""
Trials: TypeAlias = Annotated[int, Field(ge=10, le=1_000_000)]
Mechanism: TypeAlias = Literal["parallel", "availability", "coverage", "helping"]
MECHANISMS: tuple[Mechanism, ...] = ("parallel", "availability", "coverage", "helping")


class Varies(Model):
    """What varies from point to point of every curve."""

    path: Annotated[str, Field(min_length=1)] = "crew.headcount"
    """Any path of the experiment."""
    values: Annotated[Many[Value], Field(min_length=2, max_length=51)]
    """Its values, from the hardest to the easiest: the answer is the first that is enough."""


class Target(Model):
    """When a crew is enough, and how sure that has to be."""

    survival: Annotated[Ratio, Field(gt=0, lt=1)] = 0.9
    """The probability with which the room has to live."""
    confidence: Annotated[Ratio, Field(ge=0.5, lt=1)] = 0.95
    """Of every interval, and of every value that is declared enough."""


class TrialCounts(Model):
    """How many trials each point of the arms' curves gets."""

    simulated: Trials = 10_000
    """Of each point of each arm."""


class Margins(Model):
    """By how much worlds side by side may differ from one alone and still count as undisturbed; real time."""

    join_latency: RealDuration = RealSeconds(0.1)
    """From pressing join to being in, on average: a fifth of the half second at which a bridge counts as slow."""
    audience_lag: RealDuration = RealSeconds(0.05)
    """The audience behind its own schedule, on average: a tenth of the lag at which a run comes to no verdict."""
    detection: RealDuration = RealSeconds(1.0)
    """From a cause to the crew's being told, on average: one scrape, or one evaluation of the rules."""


class Arm(Model):
    """One way in which the experiment is set up."""

    name: Annotated[str, Field(min_length=1, max_length=60)]
    """What it is called in the report."""
    set: Changes = Field(default_factory=dict)
    """What it changes."""
    why: Annotated[str, Field(max_length=300)] = ""
    """Why it is there, or where its figures come from."""


class Measure(Arm):
    """Live trials that are run for the durations that they show, whoever lives through them; their `set` comes last."""

    value: Value
    """That of what varies."""
    trials: Annotated[int, Field(ge=1, le=1000)]
    """How many, on the seeds from the study's own on."""
    alone: bool = False
    """Whether nothing may run beside them, whatever `concurrency` allows."""


class Live(Model):
    """Real runs beside the simulated ones, where the simulator is in doubt about their fate."""

    trials: Annotated[int, Field(ge=0, le=10_000)]
    """How many in all."""
    set: Changes = Field(default_factory=dict)
    """What is changed for them: a size that a machine can carry, a time scale that an afternoon can wait for."""
    kept: Annotated[str, Field(min_length=1)] | None = None
    """A file of live trials that were run before, from this document's folder; the simulator's durations rest on it."""
    concurrency: Annotated[int, Field(ge=1, le=64)] | Literal["auto"] = "auto"
    """How many run side by side. `auto`: as many as an A/A test shows not to disturb each other."""
    margins: Margins = Margins()
    """What `auto` takes for undisturbed."""
    measure: Annotated[Many[Measure], Field(max_length=20)] = ()
    """Trials that show what those in doubt do not; those that `kept` has are not run again."""


class Stopping(Model):
    """When a point has had enough trials."""

    rule: Literal["fixed", "decided"] = "fixed"
    """`fixed`: after as many as `trials` says. `decided`: sooner, when a confidence sequence leaves the target out."""
    batch: Trials = 1000
    """How many trials there are between two looks."""


class OtherArms(Model):
    """Arms with fewer trials: one knob at a time, other capacities, other load shapes, other crews."""

    trials: Trials = 500
    """Of each point."""
    arms: Annotated[Many[Arm], Field(min_length=1, max_length=40)]


class Scales(Model):
    """The arms once more at other time scales: what compression does to the answer."""

    values: Annotated[Many[Annotated[float, Field(ge=1, le=3600)]], Field(min_length=1, max_length=6)]
    """Story seconds in a real second."""
    trials: Trials = 1000
    """Of each point."""


class Range(Model):
    """One parameter that nobody knows exactly."""

    name: Annotated[str, Field(min_length=1, max_length=80)]
    """What the report calls it."""
    path: Annotated[str, Field(min_length=1)]
    """Where it stands in the experiment."""
    low: Value
    """The lower end."""
    high: Value
    """The upper end."""
    shape: Literal["uniform", "log-uniform"] = "uniform"
    """How it is drawn between the two."""
    source: Annotated[str, Field(min_length=1, max_length=300)]
    """Where the range comes from."""
    arms: Many[str] = ()
    """The arms that it is about; all unless given: people who sit by a room are not as slow as people who sleep."""

    def about(self, arm: str) -> bool:
        """Whether it is about an arm of that name."""
        return not self.arms or arm in self.arms


class Parameters(Model):
    """The outer level: parameters are drawn from their ranges, then trials are played with each draw."""

    draws: Annotated[int, Field(ge=8, le=2000)] = 32
    """How many combinations of parameters are tried."""
    trials: Trials = 100
    """Of each draw at each point of each arm."""
    ranges: Annotated[Many[Range], Field(min_length=1, max_length=40)]


class At(Model):
    """A point of a curve."""

    arm: str
    """The arm's name."""
    value: Value
    """The value of what varies."""


class Sensitivity(Model):
    """Each parameter at both ends of its range, all others as they are: what matters most."""

    at: At
    """At which point."""
    trials: Trials = 1000
    """Of each end of each range."""


class Factor(Model):
    """One of the causes that compete: as it was, and as it could have been."""

    name: Annotated[str, Field(min_length=1, max_length=60)]
    """What the report calls it."""
    from_: Annotated[Changes, Field(alias="from", min_length=1)]
    """As it was."""
    to: Annotated[Changes, Field(min_length=1)]
    """As it could have been."""


class Attribution(Model):
    """A full factorial design: every combination of the factors, and to which of them the gain is due."""

    trials: Trials = 1000
    """Of each combination."""
    factors: Annotated[Many[Factor], Field(min_length=2, max_length=6)]


class Ablation(Model):
    """The four mechanisms through which headcount acts, each switched off in turn."""

    arm: str
    """The arm whose curve is played with each mechanism off."""
    trials: Trials = 500
    """Of each point."""
    mechanisms: Annotated[Many[Mechanism], Field(min_length=1)] = MECHANISMS
    """Those that are switched off in turn."""


class Smallest(Model):
    """The smallest failure of one point: with `path` the weakest fault that breaks it, without the fewest faults."""

    at: At
    """At which point."""
    path: Annotated[str, Field(min_length=1)] | None = None
    """What is made stronger."""
    from_: Annotated[Value | None, Field(alias="from")] = None
    """Its weakest value."""
    to: Value | None = None
    """Its strongest value."""
    steps: Annotated[int, Field(ge=1, le=1000)] = 32
    """How finely it is looked between the two."""
    breaks_at: Annotated[Ratio, Field(gt=0, lt=1)] = 0.5
    """It is broken where more than this share of the rooms is lost."""

    @model_validator(mode="after")
    def _both_ends(self) -> Self:
        given = [one is not None for one in (self.path, self.from_, self.to)]
        if any(given) and not all(given):
            raise wrong(
                "goes with the other two", at="path", expected="`path`, `from` and `to` together, or none"
            )
        return self


class Study(Model):
    """How many people keep the room alive, and how sure that is."""

    version: Literal[1]
    """The version of this format."""
    title: Title
    """What the report is called."""
    question: str = ""
    """The one question that the answer is to."""
    experiment: Annotated[str, Field(min_length=1)]
    """The experiment's file, from this document's folder."""
    seed: Annotated[int, Field(ge=0, lt=2**40)] = 1
    """Trial k has the people and the listeners of a live run with the seed `seed + k`."""
    set: Changes = Field(default_factory=dict)
    """What is changed in the experiment for every arm."""
    varies: Varies
    target: Target = Target()
    trials: TrialCounts = TrialCounts()
    live: Live = Live(trials=0)
    stopping: Stopping = Stopping()
    arms: Annotated[Many[Arm], Field(min_length=1, max_length=10)]
    """What is compared: the first is what the others are measured against."""
    others: OtherArms | None = None
    """Further arms, with fewer trials."""
    scales: Scales | None = None
    """Other time scales."""
    parameters: Parameters | None = None
    """What is not known about people, load and machines."""
    sensitivity: Sensitivity | None = None
    """What matters most of it."""
    attribution: Attribution | None = None
    """Which of the competing causes the outcome is due to."""
    ablation: Ablation | None = None
    """What each mechanism of the crew model is worth."""
    smallest: Annotated[Many[Smallest], Field(max_length=10)] = ()
    """The weakest faults that break points that hold, and the fewest that break points that fail."""

    @property
    def all_arms(self) -> tuple[Arm, ...]:
        """The arms and the further arms."""
        return (*self.arms, *(self.others.arms if self.others is not None else ()))

    def arm(self, name: str) -> Arm:
        """The arm of that name. Raises KeyError."""
        for one in self.all_arms:
            if one.name == name:
                return one
        raise KeyError(name)
