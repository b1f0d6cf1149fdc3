"""What a fault is: parameters, what it will touch and how that is undone, the act, and the proofs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Generic, Protocol, TypeVar, runtime_checkable

from chaos.experiment.fault import FaultSpec
from chaos.undo.steps import UndoStep
from chaos.worlds.base import Proof, World

Spec = TypeVar("Spec", bound=FaultSpec)


@dataclass(frozen=True)
class Plan:
    """What a fault is about to touch, resolved when it is due, and how each part is undone.

    `targets` are names for people (`media-to-platform/media-1`, `process media-2 (pid 4711)`). The engine
    writes `undo` to the journal before the act and carries the steps out in reverse order.
    """

    targets: tuple[str, ...]
    undo: tuple[UndoStep, ...]


class Fault(ABC, Generic[Spec]):
    """One thing that goes wrong.

    The engine calls, in this order: `check` in preflight, `prove_path` before the faults, then when the fault
    is due `plan` (journaled), `apply`, `observe`, and after the undo steps were carried out `prove_gone`.
    Just before the undo it calls `observe` again. Each call is bounded in time by the fault itself.
    """

    name: ClassVar[str]
    """The word that stands after `fault:` in a document."""
    spec_type: ClassVar[type[FaultSpec]]
    """The parameters, as a model with units."""
    taken_away_by_repairs: ClassVar[bool] = False
    """Whether a repair that ends it takes it away itself, rather than working around it: it is then looked at for the
    last time before that repair."""

    def __init__(self, spec: Spec, world: World, *, id: str, seed: int = 0) -> None:
        """`id` is unique in the run (`RUN-f1`); what the fault leaves in the world carries it as its name.

        `seed` is the run's; with `id` it decides what `count` and `share` draw.
        """
        self.spec = spec
        self.world = world
        self.id = id
        self.seed = seed

    @abstractmethod
    async def check(self) -> tuple[str, ...]:
        """The names of what would be touched, without touching it. Raises PreflightError when it cannot work
        here.
        """

    @abstractmethod
    async def prove_path(self) -> Proof:
        """Whether what is to be hurt really depends on what this fault touches (the caller's sockets go
        through the link).
        """

    @abstractmethod
    async def plan(self) -> Plan:
        """Resolve the targets now. Touches nothing."""

    @abstractmethod
    async def apply(self, plan: Plan) -> None:
        """The act. Raises FaultError; the engine then undoes `plan` all the same."""

    @abstractmethod
    async def observe(self, plan: Plan) -> Proof:
        """Whether the fault is in force, seen from outside, with the evidence."""

    @abstractmethod
    async def prove_gone(self, plan: Plan) -> Proof:
        """Whether nothing is left of it, seen from outside, with the evidence."""


@runtime_checkable
class HasCanary(Protocol):
    """An ability that a fault may have: a small, harmless hurt by which a path shows that is too quick to be seen.

    The engine journals and undoes it like a fault, before the faults, and asks `prove_path` again meanwhile.
    """

    @classmethod
    def canary_told(cls) -> str:
        """What the small hurt is, in words."""

    async def canary(self) -> Plan:
        """What the small hurt would touch. Touches nothing."""

    async def apply_canary(self, plan: Plan) -> None:
        """The small hurt."""


def together(proofs: Sequence[Proof]) -> Proof:
    """One proof for all targets: false if one is, else unknown if one is."""
    verdicts = [proof.holds for proof in proofs]
    holds = False if False in verdicts else None if None in verdicts or not verdicts else True
    return Proof(holds, "; ".join(proof.evidence for proof in proofs))
