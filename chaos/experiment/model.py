"""The document as a whole: one experiment, which asks one question."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Literal, Self, TypeAlias, Union

from pydantic import BeforeValidator, Field, SerializeAsAny, ValidationInfo, create_model, model_validator

from chaos.clock import StorySeconds
from chaos.experiment.base import CHECKED_ELSEWHERE, Many, Model, wrong
from chaos.experiment.checks import check
from chaos.experiment.fault import FaultSpec
from chaos.experiment.objective import PHASES, Objective, Phase, StopCondition, Title
from chaos.experiment.people import CrewSection
from chaos.experiment.rooms import RoomsSection
from chaos.experiment.system import LoadSection, PrometheusSection, SystemSection
from chaos.experiment.units import Ratio, StoryDuration

WorldName: TypeAlias = Literal["local", "kind", "kubernetes"]


class Timeline(Model):
    """How long each phase lasts, in story time."""

    warm_up: StoryDuration = StorySeconds(0.0)
    """Load begins; nothing is judged."""
    baseline: Annotated[StoryDuration, Field(gt=0)]
    """The objectives must hold before anything is touched."""
    faults: Annotated[StoryDuration, Field(gt=0)]
    """The faults come and go; `at` counts from its start."""
    recovery: StoryDuration = StorySeconds(0.0)
    """Every fault is undone; the system may find its feet."""
    after: StoryDuration = StorySeconds(0.0)
    """The system is as it was before."""

    def length(self, phase: Phase) -> StorySeconds:
        """How long a phase lasts."""
        lengths: dict[Phase, StorySeconds] = {
            "warm_up": self.warm_up,
            "baseline": self.baseline,
            "faults": self.faults,
            "recovery": self.recovery,
            "after": self.after,
        }
        return lengths[phase]

    def start(self, phase: Phase) -> StorySeconds:
        """When a phase begins, from the start of warm-up."""
        return StorySeconds(sum(self.length(earlier) for earlier in PHASES[: PHASES.index(phase)]))

    @property
    def total(self) -> StorySeconds:
        """How long all phases last together."""
        return StorySeconds(sum(self.length(phase) for phase in PHASES))


class Expected(Model):
    """The verdict that the author expects, so that known weaknesses can be kept an eye on."""

    verdict: Literal["pass", "fail"]
    """`fail`: the run exits 0 on fail and 1 on pass."""
    because: Title
    """Why."""


class MaxAffected(Model):
    """The blast radius: a run that would touch more is refused before anything is touched."""

    nodes: Annotated[int, Field(ge=1)] = 1
    """Nodes lost at the same time."""
    processes: Annotated[int, Field(ge=1)] = 1
    """Processes of the local world hurt by one fault."""
    pods: Annotated[Ratio, Field(gt=0, le=1)] = 0.3
    """The share of a workload's pods hurt by one fault."""


class Experiment(Model):
    """An experiment: what is hurt, what must hold all the same, and who repairs it."""

    version: Literal[1]
    """The version of this format."""
    title: Title
    """What the report is called."""
    question: str = ""
    """The one question that the verdict answers."""
    tags: Many[str] = ()
    """Words to find it by."""
    expected: Expected | None = None
    """The verdict that the author expects; `fail` turns the exit codes of pass and fail around."""
    world: WorldName = "local"
    """Where it runs, unless the command line says otherwise."""
    time_scale: Annotated[float, Field(ge=1, le=3600)] = 1.0
    """How many times faster story time passes than real time."""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 1
    """What every draw depends on: the same seed brings the same people and the same listeners."""
    timeline: Timeline
    rooms: RoomsSection | None = None
    """The reference system and its load; or `system` for services of one's own."""
    system: SystemSection | None = None
    """Services of one's own, in place of `rooms`."""
    load: LoadSection | None = None
    """The load on services of one's own."""
    prometheus: PrometheusSection | None = None
    """A Prometheus that is already there; the world's own unless given."""
    objectives: Annotated[Many[Objective], Field(min_length=1)]
    """What must hold."""
    stop_when: Many[StopCondition] = ()
    """What ends the run early."""
    faults: Many[SerializeAsAny[FaultSpec]] = ()
    """What goes wrong; none is a control."""
    max_affected: MaxAffected = MaxAffected()
    crew: CrewSection | None = None
    """Who repairs it; nobody unless given."""

    @model_validator(mode="after")
    def _fits_together(self, info: ValidationInfo) -> Self:
        if info.context != CHECKED_ELSEWHERE:
            for finding in check(self.plain()):
                if not finding.doubt:
                    raise wrong(
                        finding.message,
                        at=".".join(map(str, finding.path)),
                        expected=finding.expected,
                        suggestion=finding.suggestion,
                    )
        return self

    def plain(self) -> dict[str, object]:
        """What was given, as plain values under the document's names; quantities are texts with units."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)


@lru_cache(maxsize=16)
def experiment_model(faults: tuple[type[FaultSpec], ...]) -> type[Experiment]:
    """`Experiment` with exactly these faults: each is told from the others by the word after `fault:`."""
    if not faults:
        return create_model(
            "Experiment", __base__=Experiment, __doc__=Experiment.__doc__, faults=(NoFaults, ())
        )
    one = faults[0] if len(faults) == 1 else Annotated[Union[faults], Field(discriminator="fault")]  # noqa: UP007
    return create_model(
        "Experiment",
        __base__=Experiment,
        __doc__=Experiment.__doc__,
        faults=(Many[one], Field(default=(), description="What goes wrong; none is a control.")),  # type: ignore[valid-type]
    )


def _none_known(value: object) -> object:
    if value not in ([], ()):
        raise wrong("no faults are known here", expected="an empty list")
    return value


NoFaults: TypeAlias = Annotated[Many[FaultSpec], BeforeValidator(_none_known)]
