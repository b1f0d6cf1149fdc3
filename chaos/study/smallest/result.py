"""What a search of the smallest failure found, as JSON has it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from chaos.experiment.base import Many, Model
from chaos.study.document import Value

By = Literal["simulated", "live"]


class Tried(Model):
    """How all runs of one candidate ended."""

    what: Value
    """The value, or the numbers of the faults (from 1)."""
    failed: int
    passed: int
    unknown: int
    """Runs without a verdict; they say nothing."""
    low: float
    high: float
    """The share that fails, between these (Wilson's 95 % interval of these runs alone)."""


class _Sought(Model):
    by: By
    share: float
    """A candidate breaks the experiment where more than this share of its runs fail."""
    confidence: float
    seed: int
    runs: int
    determined: bool
    says: str
    """In one sentence."""
    tried: Many[Tried]


class WeakestFault(_Sought):
    """The weakest fault that breaks an experiment."""

    kind: Literal["weakest"] = "weakest"
    path: str
    weakest: Value
    strongest: Value
    holds: Value | None
    """The strongest value that is confirmed to hold, or null."""
    breaks: Value | None
    """The weakest value that is confirmed to break it, or null."""
    against: Many[Value]
    """Values at which a stronger fault is not worse, confirmed: there may be more than one border."""


class FewestFaults(_Sought):
    """The fewest faults that still break an experiment: without any one of them it holds."""

    kind: Literal["fewest"] = "fewest"
    faults: Many[str]
    """All of the document, as the report calls them."""
    fail: Many[int] | None
    """The numbers (from 1) of those that fail together; null where that is not known."""
    needed: Many[bool | None]
    """For each of them whether it is confirmed to be needed; null: not confirmed."""


Smallest = Annotated[WeakestFault | FewestFaults, Field(discriminator="kind")]
