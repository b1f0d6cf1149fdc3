"""`node_loss`: a node with all that runs on it is gone; one fault, a backend per world."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from chaos.errors import PreflightError
from chaos.faults.base import Fault, Plan
from chaos.faults.kubernetes.drain import Drain
from chaos.faults.kubernetes.kind_node import KindNodeLoss
from chaos.faults.process.act import How
from chaos.faults.process.base import ActFault
from chaos.faults.specs import NodeLossSpec
from chaos.faults.targets import chosen, possible
from chaos.worlds.base import ProcessInfo, Proof, World


class LocalNodeLoss(ActFault[NodeLossSpec]):
    """A node of the local world: the group of its processes."""

    name = "node_loss"
    spec_type = NodeLossSpec

    @property
    def how(self) -> How:
        assert self.spec.how != "drain"
        return self.spec.how

    async def check(self) -> tuple[str, ...]:
        if self.spec.how == "drain":
            raise PreflightError(
                f"{self.spec.title}: `how: drain` empties a node of a cluster; here, `stop` comes nearest"
            )
        return await super().check()

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


BACKENDS: Mapping[str, type[Fault[NodeLossSpec]]] = {"local": LocalNodeLoss, "kind": KindNodeLoss}
"""How a node is lost, by the kind of world; a drain is the same in every cluster."""


class NodeLoss(Fault[NodeLossSpec]):
    """Takes away nodes with everything that runs on them."""

    name = "node_loss"
    spec_type = NodeLossSpec
    taken_away_by_repairs = True

    def __init__(self, spec: NodeLossSpec, world: World, *, id: str, seed: int = 0) -> None:
        super().__init__(spec, world, id=id, seed=seed)
        drained = spec.how == "drain" and world.name != "local"
        self._in_world = Drain if drained else BACKENDS.get(world.name)

    @property
    def backend(self) -> Fault[NodeLossSpec]:
        """The fault as this world knows it. Raises PreflightError for a world that cannot lose a node."""
        if self._in_world is None:
            raise PreflightError(
                f"{self.spec.title}: a world of the kind `{self.world.name}` has no way to lose a node; "
                f"these have: {', '.join(BACKENDS)}; in every cluster there is `how: drain`"
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
