"""`node_cordon`: a node takes no new pods; those that are there stay."""

from __future__ import annotations

from chaos.clients.cluster import CORDONED_BY
from chaos.faults.base import Plan, together
from chaos.faults.kubernetes.nodes import NodeFault, Spec
from chaos.faults.specs import NodeCordonSpec
from chaos.proof import Proof
from chaos.undo.steps import UndoStep
from chaos.worlds.base import NodeInfo
from chaos.worlds.cluster.cordon import cordon_step


class Cordoned(NodeFault[Spec]):
    """A fault that keeps new pods off its nodes, under its own id."""

    async def prove_path(self) -> Proof:
        meant = await self.due()
        open_ones = [node.name for node in meant if not self.cluster.sight.nodes[node.name].unschedulable]
        if len(open_ones) < len(meant) or not meant:
            return Proof(False, f"{self.spec.title}: its nodes take no pods already")
        return Proof(True, f"{', '.join(open_ones)} take pods now")

    async def step(self, node: NodeInfo) -> UndoStep:
        return cordon_step(self.cluster.target, node.name, node.uid, self.id)

    async def apply(self, plan: Plan) -> None:
        for name in self.planned(plan):
            await self.cluster.sight.cluster.cordon(name, self.id)

    async def observe(self, plan: Plan) -> Proof:
        return together([await self._shut(name) for name in self.planned(plan)])

    async def prove_gone(self, plan: Plan) -> Proof:
        return together([await self._open(name) for name in self.planned(plan)])

    async def _shut(self, name: str) -> Proof:
        node = await self.cluster.sight.cluster.node(name)
        ours = node.unschedulable and node.annotations.get(CORDONED_BY) == self.id
        return Proof(
            ours, f"the node {name} {'takes no new pods' if ours else 'takes pods, or is cordoned by others'}"
        )

    async def _open(self, name: str) -> Proof:
        node = await self.cluster.sight.cluster.node(name)
        ours = node.annotations.get(CORDONED_BY) == self.id
        return Proof(
            not ours, f"the node {name} {'is cordoned still' if ours else 'is not cordoned by this fault'}"
        )


class NodeCordon(Cordoned[NodeCordonSpec]):
    """Cordons nodes."""

    name = "node_cordon"
    spec_type = NodeCordonSpec
