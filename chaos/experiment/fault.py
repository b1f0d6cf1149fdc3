"""What every fault of a document has in common; each fault adds its own parameters in a subclass.

    class Latency(LinkFaultSpec):
        fault: Literal["latency"] = "latency"
        delay: RealDuration

The loader picks the class by the key `fault`.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self, TypeAlias

from pydantic import ConfigDict, Field, model_validator

from chaos.clock import RealSeconds, StorySeconds
from chaos.experiment.base import Many, Model, wrong
from chaos.experiment.objective import FunctionName, HttpCheck, Text
from chaos.experiment.units import Expectation, Ratio, RealDuration, StoryDuration

Direction: TypeAlias = Literal["upstream", "downstream"]

ASKED = ("query", "http", "command", "python")
"""Where the value of a user's own proof may come from."""


class Select(Model):
    """Which of the possible targets a fault takes; without it every target, bounded by `max_affected`."""

    room: Annotated[str, Field(min_length=1)] | None = None
    """The instance, or the node of the instance, that serves this room when the fault begins."""
    instance: Annotated[str, Field(min_length=1)] | None = None
    """The name of an instance, e.g. `media-1`."""
    label: Annotated[str, Field(pattern=r"^[^=\s]+=[^=\s]*$")] | None = None
    """A label as `key=value`."""
    count: Annotated[int, Field(ge=1)] | None = None
    """How many of them, drawn with the run's seed."""
    share: Annotated[Ratio, Field(gt=0, le=1)] | None = None
    """What share of them, drawn with the run's seed and rounded up."""


class Proof(Model):
    """A user's own proof that a fault is in force: where its value comes from, and what that must be meanwhile.

    Exactly one of `query`, `http`, `command` and `python` gives the value.
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(
        json_schema_extra={"oneOf": [{"required": [source]} for source in ASKED]}
    )

    query: Text | None = None
    """PromQL."""
    http: HttpCheck | None = None
    """A request whose value is 1 when it is answered as it should be, else 0."""
    command: Annotated[Many[Text], Field(min_length=1)] | None = None
    """A command; its value is the number that it prints last, or 1 when it prints none; 0 when it fails."""
    python: FunctionName | None = None
    """A function without arguments as `module:function`; its value is the number or truth that it returns."""
    expect: Expectation
    """What the value must be while the fault is in force."""
    timeout: Annotated[RealDuration, Field(gt=0)] = RealSeconds(5.0)
    """How long one value may take to get. Real time."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        given = [source for source in ASKED if getattr(self, source) is not None]
        if len(given) != 1:
            raise wrong(
                f"has {len(given)} sources ({', '.join(given)})" if given else "has no source",
                expected=f"exactly one of {', '.join(ASKED)}",
            )
        return self


class FaultSpec(Model):
    """One fault of the document: what, from when, for how long, on which target."""

    fault: str
    """The name of the fault; `standby faults` lists them."""
    name: Annotated[str, Field(min_length=1, max_length=80)] | None = None
    """What the report calls it; the fault's name unless given."""
    at: StoryDuration = StorySeconds(0.0)
    """When it begins, in story time from the start of the phase *faults*."""
    lasts: Annotated[StoryDuration, Field(gt=0)] | None = None
    """How long it stays in force, in story time; to the end of *faults* unless this or `until` is given."""
    until: Literal["repaired"] | None = None
    """`repaired`: it stays until a person's repair removes it or works around it. Needs a crew."""
    at_most: Annotated[StoryDuration, Field(gt=0)] | None = None
    """The bound of `until: repaired`, in story time; the end of *faults* unless given."""
    select: Select | None = None
    """Which of the possible targets."""
    proof: Proof | None = None
    """The user's own proof of effect, in place of the fault's."""

    @property
    def title(self) -> str:
        """What to call it in a report."""
        return self.name or self.fault

    def ends(self, faults: StorySeconds) -> StorySeconds:
        """When it is undone at the latest, from the start of *faults*; `faults` is how long that phase is."""
        longest = self.at_most if self.until else self.lasts
        return faults if longest is None else StorySeconds(min(self.at + longest, faults))


class LinkFaultSpec(FaultSpec):
    """A fault of a link, which a Toxiproxy proxy carries."""

    link: Annotated[str, Field(min_length=1)]
    """The link's name: `edge`, `media-to-platform`, `platform-to-media`, or one of `system: {links}`."""
    toxicity: Annotated[Ratio, Field(gt=0, le=1)] = 1.0
    """The share of the connections that meet the fault."""
    direction: Direction = "downstream"
    """`upstream`: from the caller to the called. `downstream`: the answers."""


class NodeFaultSpec(FaultSpec):
    """A fault of nodes: one by name, or those that carry what `tier` and `select` mean. Exactly one of the two."""

    node: Annotated[str, Field(min_length=1)] | None = None
    """The name of one node."""
    tier: Annotated[str, Field(min_length=1)] | None = None
    """The tier whose nodes are possible targets, e.g. `media`."""

    @model_validator(mode="after")
    def _one_target(self) -> Self:
        if (self.node is None) == (self.tier is None):
            raise wrong("needs exactly one target", expected="one of `node` and `tier`")
        if self.node is not None and self.select is not None:
            raise wrong("one node leaves nothing to select", at="select", expected="`select` beside `tier`")
        return self


class ProcessFaultSpec(FaultSpec):
    """A fault of a process: one by name, or those of a tier that `select` picks. Exactly one of the two."""

    process: Annotated[str, Field(min_length=1)] | None = None
    """The name of one process, e.g. `media-1`."""
    tier: Annotated[str, Field(min_length=1)] | None = None
    """The tier whose processes are possible targets, e.g. `media`."""

    @model_validator(mode="after")
    def _one_target(self) -> Self:
        if (self.process is None) == (self.tier is None):
            raise wrong("needs exactly one target", expected="one of `process` and `tier`")
        if self.process is not None and self.select is not None:
            raise wrong(
                "one process leaves nothing to select", at="select", expected="`select` beside `tier`"
            )
        return self


SHARED = frozenset({*FaultSpec.model_fields, "link", "node", "process", "tier"})
"""The keys that say which fault, when, on what and how it is proven; a fault's others say how it hurts."""
