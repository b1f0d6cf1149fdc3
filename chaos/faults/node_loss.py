"""`node_loss`: a node with all that runs on it is gone; one fault, a backend per world."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from chaos.errors import PreflightError
from chaos.experiment.base import wrong
from chaos.experiment.fault import FaultSpec
from chaos.faults.base import Fault, Plan
from chaos.faults.process.act import How
from chaos.faults.process.base import ActFault
from chaos.faults.targets import chosen, possible
from chaos.worlds.base import ProcessInfo, Proof, World


class NodeLossSpec(FaultSpec):
    """Nodes are lost: one by name, or those that carry what `tier` and `select` mean.

    Without a `count` or `share` one node is lost, drawn where several are meant.
    """

    fault: Literal["node_loss"] = "node_loss"
    node: Annotated[str, Field(min_length=1)] | None = None
    """The name of one node."""
    tier: Annotated[str, Field(min_length=1)] | None = None
    """The tier whose nodes are possible targets, e.g. `media`."""
    how: Literal["kill", "pause", "stop"] = "kill"
    """`kill`: gone at once. `pause`: it hangs. `stop`: shut down in order."""

    @model_validator(mode="after")
    def _one_target(self) -> Self:
        if (self.node is None) == (self.tier is None):
            raise wrong("needs exactly one target", expected="one of `node` and `tier`")
        if self.node is not None and self.select is not None:
            raise wrong("one node leaves nothing to select", at="select", expected="`select` beside `tier`")
        return self


class LocalNodeLoss(ActFault[NodeLossSpec]):
    """A node of the local world: the group of its processes."""

    name = "node_loss"
    spec_type = NodeLossSpec

    @property
    def how(self) -> How:
        return self.spec.how

    def candidates(self) -> Sequence[ProcessInfo]:
        nodes = self._nodes()
        if self.spec.node is not None:
            left = [self.spec.node] if self.spec.node in nodes else []
        else:
            of_tier = [node for node in nodes if any(info.tier == self.spec.tier for info in nodes[node])]
            left = possible(self.spec.select, of_tier, lambda node: _known_as(nodes[node]))
        if not left:
            raise PreflightError(
                f"{self.spec.title}: `node`, `tier` and `select` can mean no node of this world; "
                f"its nodes are {', '.join(sorted(nodes)) or 'none'}"
            )
        return [info for node in left for info in nodes[node]]

    async def due(self) -> Sequence[ProcessInfo]:
        running: dict[str, list[ProcessInfo]] = {}
        for info in self.candidates():
            if info.pid:
                running.setdefault(info.node, []).append(info)
        draw, select = self.draw(), self.spec.select
        lost = await chosen(self.world, select, list(running), lambda node: _known_as(running[node]), draw)
        if select is None or (select.count is None and select.share is None):
            lost = draw.sample(lost, min(1, len(lost)))
        return [info for node in lost for info in running[node]]

    def _nodes(self) -> dict[str, list[ProcessInfo]]:
        nodes: dict[str, list[ProcessInfo]] = {}
        for info in self.world.processes():
            if info.node:
                nodes.setdefault(info.node, []).append(info)
        return nodes


BACKENDS: Mapping[str, type[Fault[NodeLossSpec]]] = {"local": LocalNodeLoss}
"""How a node is lost, by the kind of world."""


class NodeLoss(Fault[NodeLossSpec]):
    """Takes away nodes with everything that runs on them."""

    name = "node_loss"
    spec_type = NodeLossSpec

    def __init__(self, spec: NodeLossSpec, world: World, *, id: str, seed: int = 0) -> None:
        super().__init__(spec, world, id=id, seed=seed)
        self._in_world = BACKENDS.get(world.name)

    @property
    def backend(self) -> Fault[NodeLossSpec]:
        """The fault as this world knows it. Raises PreflightError for a world that cannot lose a node."""
        if self._in_world is None:
            raise PreflightError(
                f"{self.spec.title}: a world of the kind `{self.world.name}` has no way to lose a node; "
                f"these have: {', '.join(BACKENDS)}"
            )
        return self._in_world(self.spec, self.world, id=self.id, seed=self.seed)

    async def check(self) -> tuple[str, ...]:
        return await self.backend.check()

    async def prove_path(self) -> Proof:
        return await self.backend.prove_path()

    async def plan(self) -> Plan:
        return await self.backend.plan()

    async def apply(self, plan: Plan) -> None:
        await self.backend.apply(plan)

    async def observe(self, plan: Plan) -> Proof:
        return await self.backend.observe(plan)

    async def prove_gone(self, plan: Plan) -> Proof:
        return await self.backend.prove_gone(plan)


def _known_as(processes: Sequence[ProcessInfo]) -> set[str]:
    return {info.name for info in processes}
