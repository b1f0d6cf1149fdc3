"""What must hold, and what stops a run: the `objectives` and `stop_when` of a document."""

from __future__ import annotations

import math
from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import ConfigDict, Field, JsonValue

from chaos.clock import RealSeconds, StorySeconds
from chaos.experiment.base import Many, Model
from chaos.experiment.units import Expectation, RealDuration, StoryDuration

Phase: TypeAlias = Literal["warm_up", "baseline", "faults", "recovery", "after"]
Source: TypeAlias = Literal["query", "survives", "http", "command", "python"]
Text: TypeAlias = Annotated[str, Field(min_length=1)]
FunctionName: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")]
Title: TypeAlias = Annotated[str, Field(min_length=1, max_length=200)]

SOURCES: tuple[Source, ...] = ("query", "survives", "http", "command", "python")
PHASES: tuple[Phase, ...] = ("warm_up", "baseline", "faults", "recovery", "after")
JUDGED: tuple[Phase, ...] = ("baseline", "faults", "recovery", "after")
"""The phases in which an objective must hold unless it says otherwise."""


class HttpCheck(Model):
    """An HTTP request; its value is 1 when it is answered with `status` in time, else 0."""

    url: Annotated[str, Field(pattern=r"^(https?|kubernetes)://\S+$")]
    """`http`, `https`, or `kubernetes://CONTEXT/NAMESPACE/services/NAME:PORT/PATH` through the API server."""
    method: Literal["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"] = "GET"
    """How it is asked."""
    status: Annotated[int, Field(ge=100, le=599)] = 200
    """The status that counts as 1."""
    headers: dict[str, str] = Field(default_factory=dict)
    """Sent with the request; `$NAME` in a value stands for an environment variable, which is where secrets belong."""
    body: str | None = None
    """Sent as it stands."""


class Objective(Model):
    """One part of the steady-state hypothesis: a source of values, what they must be, and when.

    Exactly one of `query`, `survives`, `http`, `command` and `python` gives the values.
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(
        json_schema_extra={"oneOf": [{"required": [source]} for source in SOURCES]}
    )

    name: Title
    """What the report calls it."""
    query: Text | None = None
    """PromQL with one value at a time, judged over the whole window at the step of its samples."""
    survives: Text | None = None
    """The name of a room of `rooms: {audience}` that must survive, by the limits of `rooms: {survival}`."""
    http: HttpCheck | None = None
    """A request whose value is 1 when it is answered as it should be, else 0."""
    command: Annotated[Many[Text], Field(min_length=1)] | None = None
    """A command; its value is the number that it prints last, or 1 when it prints none; 0 when it fails."""
    python: FunctionName | None = None
    """A function as `module:function`; its value is the number or truth that it returns."""
    arguments: dict[str, JsonValue] = Field(default_factory=dict)
    """What `python` is called with, by name; in a text `$LINK_API_TO_DB` stands for a link's address. Nothing unless
    given."""
    expect: Expectation | None = None
    """What every value must be. Required for `query`, none for `survives`, `== 1` for the others unless given."""
    during: Annotated[Many[Phase], Field(min_length=1)] = JUDGED
    """The phases in which it must hold."""
    may_break_for: StoryDuration | None = None
    """The longest continuous break that is forgiven, in story time; 0 unless given."""
    may_break_in_all: StoryDuration | None = None
    """The sum of breaks that is forgiven, in story time; unless given, `may_break_for` alone decides."""
    max_gap: Annotated[RealDuration, Field(gt=0)] = RealSeconds(5.0)
    """The longest time without a value; beyond it the objective is inconclusive. Real time."""
    timeout: Annotated[RealDuration, Field(gt=0)] = RealSeconds(5.0)
    """How long one value may take to get. Real time."""
    interval: Annotated[RealDuration, Field(ge=0.1)] = RealSeconds(1.0)
    """How often a value is taken by `http`, `command` and `python`. Real time."""

    @property
    def source(self) -> Source:
        """Which key gives the values."""
        return next(source for source in SOURCES if getattr(self, source) is not None)

    @property
    def expectation(self) -> Expectation:
        """What every value must be, defaults filled in."""
        return self.expect or Expectation("==", 1.0)

    @property
    def longest_break(self) -> StorySeconds:
        """The longest continuous break that is forgiven."""
        return self.may_break_for or self.may_break_in_all or StorySeconds(0.0)

    @property
    def sum_of_breaks(self) -> StorySeconds:
        """The sum of breaks that is forgiven; infinite where only the longest break is limited."""
        if self.may_break_in_all is not None:
            return self.may_break_in_all
        return StorySeconds(math.inf if self.may_break_for else 0.0)


class StopCondition(Model):
    """What ends a run early: all is undone and the run is *aborted*. Without data for its `for` it fires, too."""

    name: Title
    """What the report calls it."""
    query: Text
    """PromQL."""
    expect: Expectation
    """What fires it: `> 5` stops the run when the value is above 5."""
    for_: StoryDuration = Field(default=StorySeconds(0.0), alias="for")
    """How long it must be so without a pause, in story time."""
