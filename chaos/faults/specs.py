"""What a document says of each fault: its parameters, apart from the code that carries it out.

Who only reads documents needs no client, no world and no event loop, and imports none of them for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from chaos.clock import RealSeconds
from chaos.experiment.base import wrong
from chaos.experiment.fault import FaultSpec, LinkFaultSpec, NodeFaultSpec, ProcessFaultSpec
from chaos.experiment.units import Rate, RealDuration, Size

GROUP = "standby.faults"
"""The entry point group in which a package offers its own fault classes."""
LONGEST_RESET = 10.0
"""Real seconds: the server holds still that long when the fault is removed, and cannot be interrupted in it."""


@cache
def offered() -> tuple[EntryPoint, ...]:
    """What packages offer in `GROUP`, looked for once: every installed package is read for it."""
    return tuple(entry_points(group=GROUP))


def spec_types() -> Mapping[str, type[FaultSpec]]:
    """The model of each fault's parameters by the fault's name, for the loader of documents.

    Raises UsageError where `registry` does.
    """
    if offered():
        from chaos.faults.registry import registry  # only a user's own fault class tells its parameters

        return {name: fault.spec_type for name, fault in registry().items()}
    return {str(spec.model_fields["fault"].default): spec for spec in BUILT_IN}


class LatencySpec(LinkFaultSpec):
    """Every piece of data waits `delay`, plus or minus up to `jitter`."""

    fault: Literal["latency"] = "latency"
    delay: RealDuration
    """How long data waits, in whole milliseconds of real time."""
    jitter: RealDuration = RealSeconds(0.0)
    """How far the wait varies to both sides, evenly; at most `delay`."""

    @model_validator(mode="after")
    def _sent_as_it_stands(self) -> Self:
        _whole(self.delay, 1e-3, "milliseconds", "delay")
        _whole(self.jitter, 1e-3, "milliseconds", "jitter", zero=True)
        if self.jitter > self.delay:
            raise wrong("is more than the delay: data cannot come before it was sent", at="jitter")
        return self


class TimeoutSpec(LinkFaultSpec):
    """No data passes; a connection is closed `after` the last data, or never.

    When it goes, the connections of the link end, for bytes are missing on them; new ones are not refused.
    """

    fault: Literal["timeout"] = "timeout"
    after: RealDuration = RealSeconds(0.0)
    """When a connection is closed, in whole milliseconds of real time after its last data; 0: never (a black
    hole).
    """

    @model_validator(mode="after")
    def _sent_as_it_stands(self) -> Self:
        _whole(self.after, 1e-3, "milliseconds", "after", zero=True)
        return self


class ResetSpec(LinkFaultSpec):
    """A connection is reset `after` its first data.

    For its undo the link is shut for about 0.1 s: what it met would be reset when it ends.
    """

    fault: Literal["reset"] = "reset"
    after: RealDuration = Field(default=RealSeconds(0.0), le=LONGEST_RESET)
    """When, in whole milliseconds of real time after the first data; 0: at once."""

    @model_validator(mode="after")
    def _sent_as_it_stands(self) -> Self:
        _whole(self.after, 1e-3, "milliseconds", "after", zero=True)
        return self


class DownSpec(LinkFaultSpec):
    """Connections to the link are refused, in both directions and for everybody."""

    fault: Literal["down"] = "down"

    @model_validator(mode="after")
    def _for_everybody(self) -> Self:
        for key in ("toxicity", "direction"):
            if key in self.model_fields_set:
                raise wrong("does not go with `down`, which refuses every connection", at=key)
        return self


class BandwidthSpec(LinkFaultSpec):
    """Each connection carries at most `rate`."""

    fault: Literal["bandwidth"] = "bandwidth"
    rate: Rate
    """Bytes per second and connection, in whole KB/s (1000 bytes)."""

    @model_validator(mode="after")
    def _sent_as_it_stands(self) -> Self:
        _whole(self.rate, 1e3, "KB/s", "rate")
        return self


class SlicerSpec(LinkFaultSpec):
    """Data is cut into pieces of about `average_size`, with `delay` after each."""

    fault: Literal["slicer"] = "slicer"
    average_size: Size = Field(ge=1)
    """Bytes of a piece, on average."""
    size_variation: Size = 0
    """How far a piece may differ to both sides; less than `average_size`."""
    delay: RealDuration = RealSeconds(0.0)
    """The pause after each piece, in whole microseconds of real time."""

    @model_validator(mode="after")
    def _sent_as_it_stands(self) -> Self:
        _whole(self.delay, 1e-6, "microseconds", "delay", zero=True)
        if self.size_variation >= self.average_size:
            raise wrong("must be less than `average_size`", at="size_variation")
        return self


class LimitDataSpec(LinkFaultSpec):
    """A connection is closed after `bytes`."""

    fault: Literal["limit_data"] = "limit_data"
    bytes: Size = Field(ge=1)
    """How many bytes a connection carries in the direction of the fault."""


class ProcessKillSpec(ProcessFaultSpec):
    """The process gets SIGKILL; the undo starts it again."""

    fault: Literal["process_kill"] = "process_kill"


class ProcessPauseSpec(ProcessFaultSpec):
    """The process gets SIGSTOP; the undo lets it run on."""

    fault: Literal["process_pause"] = "process_pause"


class NodeLossSpec(NodeFaultSpec):
    """Nodes are lost: one by name, or those that carry what `tier` and `select` mean.

    Without a `count` or `share` one node is lost, drawn where several are meant.
    """

    fault: Literal["node_loss"] = "node_loss"
    how: Literal["kill", "pause", "stop", "drain"] = "kill"
    """`kill`: gone at once. `pause`: it hangs. `stop`: shut down in order. `drain`: emptied in order, in a cluster."""


class NodeCordonSpec(NodeFaultSpec):
    """A node of a cluster takes no new pods."""

    fault: Literal["node_cordon"] = "node_cordon"


class PodKillSpec(ProcessFaultSpec):
    """Pods of one process, or of a tier, are deleted; `select` draws among the pods."""

    fault: Literal["pod_kill"] = "pod_kill"
    grace: Annotated[RealDuration, Field(ge=0)] | None = None
    """How long a pod may take to end, in real time; `0s` for none, its own unless given."""


class ScaleDownSpec(ProcessFaultSpec):
    """The deployment of one process, or those of a tier, get fewer replicas."""

    fault: Literal["scale_down"] = "scale_down"
    to: Annotated[int, Field(ge=0)] = 0
    """How many replicas are left."""


class RolloutRestartSpec(ProcessFaultSpec):
    """The deployment of one process, or those of a tier, are rolled out anew."""

    fault: Literal["rollout_restart"] = "rollout_restart"


class ImageBreakSpec(ProcessFaultSpec):
    """The deployment of one process, or those of a tier, can start no new pods; what runs goes as its strategy says."""

    fault: Literal["image_break"] = "image_break"


def _whole(value: float, unit: float, word: str, at: str, *, zero: bool = False) -> int:
    """A parameter in Toxiproxy's whole units; refuses what the server would round or take for nothing."""
    count = round(value / unit)
    if value == 0 and zero:
        return 0
    if value == 0:
        raise wrong("would do nothing", at=at, expected=f"a whole number of {word}, at least 1")
    if count < 1 or abs(value / unit - count) > 1e-6 * max(1, count):
        raise wrong("Toxiproxy would round it", at=at, expected=f"a whole number of {word}, at least 1")
    return count


BUILT_IN: tuple[type[FaultSpec], ...] = (
    LatencySpec,
    TimeoutSpec,
    ResetSpec,
    DownSpec,
    BandwidthSpec,
    SlicerSpec,
    LimitDataSpec,
    ProcessKillSpec,
    ProcessPauseSpec,
    NodeLossSpec,
    NodeCordonSpec,
    PodKillSpec,
    ScaleDownSpec,
    RolloutRestartSpec,
    ImageBreakSpec,
)
"""Those of the faults that come with Standby."""
