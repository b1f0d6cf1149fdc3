"""`node_loss` with `how: drain`: the node is cordoned, the target's pods are evicted in order. On any cluster."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from chaos.errors import FaultError
from chaos.faults.base import Plan
from chaos.faults.kubernetes.node_cordon import Cordoned
from chaos.faults.kubernetes.workloads import WHOLE_WITHIN
from chaos.faults.specs import NodeLossSpec
from chaos.proof import Proof
from chaos.worlds.cluster.cordon import evict_all

GONE_WITHIN = 25.0
"""Real seconds that the evicted pods get to leave, or their successors to be ready."""
LOOK_EVERY = 0.5


class Drain(Cordoned[NodeLossSpec]):
    """A node that is emptied."""

    name = "node_loss"
    spec_type = NodeLossSpec

    async def apply(self, plan: Plan) -> None:
        await super().apply(plan)
        for name in self.planned(plan):
            if not await evict_all(self.cluster.sight, name):
                raise FaultError(f"{self.spec.title}: no pod of {self.cluster.target} lives on {name}")

    async def _shut(self, name: str) -> Proof:
        shut = await super()._shut(name)
        if not shut.holds:
            return shut
        left = await self._waited(lambda: [pod.name for pod in self.cluster.sight.pods if pod.node == name])
        return Proof(
            not left, f"{shut.evidence}; {', '.join(left) + ' are there still' if left else 'it is empty'}"
        )

    async def _open(self, name: str) -> Proof:
        until = time.monotonic() + WHOLE_WITHIN
        opened = await super()._open(name)
        if not opened.holds:
            return opened
        missing = await self._waited(self.cluster.sight.missing)
        if missing:
            return Proof(False, f"{opened.evidence}; missing: {', '.join(missing)}")
        links = await self.cluster.links_carry(until)
        return Proof(True, f"{opened.evidence}; every deployment has its pods; {links}")

    async def _waited(self, left: Callable[[], list[str]]) -> list[str]:
        """Wait, bounded, until nothing is left."""
        loop = asyncio.get_running_loop()
        until = loop.time() + GONE_WITHIN
        await self.cluster.sight.look()
        while (found := left()) and loop.time() < until:
            await asyncio.sleep(LOOK_EVERY)
            await self.cluster.sight.look()
        return found
