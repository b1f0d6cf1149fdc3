"""What the faults of a cluster's nodes share: which nodes are meant, and which of them may be hurt."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from random import Random
from typing import TYPE_CHECKING, TypeVar

from chaos.errors import FaultError, PreflightError
from chaos.experiment.fault import NodeFaultSpec
from chaos.faults.base import Fault, Plan
from chaos.faults.targets import chosen, possible
from chaos.undo.steps import UndoStep
from chaos.worlds.base import NodeInfo

if TYPE_CHECKING:
    from chaos.worlds.cluster.world import ClusterWorld

Spec = TypeVar("Spec", bound=NodeFaultSpec)


class NodeFault(Fault[Spec]):
    """Something done to nodes of a cluster, each known by name and UID."""

    @abstractmethod
    async def step(self, node: NodeInfo) -> UndoStep:
        """What undoes the act on one node. Touches nothing."""

    @property
    def cluster(self) -> ClusterWorld:
        """The world. Raises PreflightError for one that has no nodes."""
        from chaos.worlds.cluster.world import ClusterWorld

        if not isinstance(self.world, ClusterWorld):
            raise PreflightError(
                f"{self.spec.title}: works on the nodes of a cluster, and the world `{self.world.name}` has none"
            )
        return self.world

    async def check(self) -> tuple[str, ...]:
        return tuple(_told(node) for node in self.candidates())

    def candidates(self) -> Sequence[NodeInfo]:
        """Every node that it may ever be done to. Raises PreflightError, with the reasons, when there is none."""
        nodes = self.cluster.nodes()
        name, tier, select = self.spec.node, self.spec.tier, self.spec.select
        if name is not None:
            if name not in nodes:
                raise PreflightError(
                    f"{self.spec.title}: {self.cluster.target} has no node `{name}`; there are {', '.join(nodes)}"
                )
            if nodes[name].refused:
                raise PreflightError(f"{self.spec.title}: may not be done: {nodes[name].refused}")
            return [nodes[name]]
        processes = {info.name: info.tier for info in self.world.processes()}
        of_tier = [
            node for node in nodes.values() if any(processes.get(one) == tier for one in node.processes)
        ]
        left = [node for node in possible(select, of_tier, lambda node: node.processes) if not node.refused]
        if not left:
            refused = "; ".join(node.refused for node in of_tier if node.refused)
            raise PreflightError(
                f"{self.spec.title}: `tier` and `select` can mean no node that may be hurt"
                f"{': ' + refused if refused else ''}"
            )
        return left

    async def due(self) -> Sequence[NodeInfo]:
        """Those that are meant now. One, drawn where several are meant, unless `count` or `share` says otherwise."""
        ready = [node for node in self.candidates() if node.ready]
        select = self.spec.select
        draw = Random(f"{self.seed}/{self.id}")
        meant = await chosen(self.world, select, ready, lambda node: node.processes, draw)
        if select is None or (select.count is None and select.share is None):
            meant = draw.sample(meant, min(1, len(meant)))
        return meant

    async def plan(self) -> Plan:
        meant = await self.due()
        if not meant:
            raise FaultError(f"{self.spec.title}: no node that is Ready is meant by it just now")
        steps = [await self.step(node) for node in meant]
        return Plan(tuple(_told(node) for node in meant), tuple(steps))

    def planned(self, plan: Plan) -> Mapping[str, UndoStep]:
        """The planned undo steps by node."""
        return {str(step.args["node"]): step for step in plan.undo}


def _told(node: NodeInfo) -> str:
    return f"node {node.name}" + (f" ({', '.join(node.processes)})" if node.processes else "")
