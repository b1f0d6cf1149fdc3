"""What the faults of deployments and their pods share: whose they are, and how they are seen to be whole again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from random import Random
from typing import TYPE_CHECKING, TypeVar

from chaos.clients.cluster_objects import Deployment
from chaos.errors import FaultError, PreflightError, WorldError
from chaos.experiment.fault import ProcessFaultSpec
from chaos.faults.base import Fault
from chaos.faults.targets import chosen, possible
from chaos.proof import Proof
from chaos.worlds.base import ProcessInfo

if TYPE_CHECKING:
    from chaos.worlds.cluster.world import ClusterWorld

Spec = TypeVar("Spec", bound=ProcessFaultSpec)

SEEN_WITHIN = 25.0
"""Real seconds that a change gets to show."""
WHOLE_WITHIN = 27.0
"""Real seconds in which the pods are there and the links carry requests to them: within the bound of a proof."""
LOOK_EVERY = 0.3


class WorkloadFault(Fault[Spec]):
    """Something done to the deployment behind a process, or to its pods."""

    @property
    def cluster(self) -> ClusterWorld:
        """The world. Raises PreflightError for one that has no deployments."""
        from chaos.worlds.cluster.world import ClusterWorld

        if not isinstance(self.world, ClusterWorld):
            raise PreflightError(
                f"{self.spec.title}: `{self.spec.fault}` works in a cluster, not in `{self.world.name}`"
            )
        return self.world

    def candidates(self) -> Sequence[ProcessInfo]:
        """Every process that it may ever be done to. Raises PreflightError when there is none."""
        cluster = self.cluster
        if self.spec.process is not None:
            try:
                named = cluster.process(self.spec.process)
            except WorldError as error:
                raise PreflightError(f"{self.spec.title}: {error}") from error
            return [named]
        of_tier = [info for info in cluster.processes() if info.tier == self.spec.tier]
        found = possible(self.spec.select, of_tier, lambda info: {info.name})
        if not found:
            tiers = ", ".join(sorted({info.tier for info in cluster.processes()}))
            raise PreflightError(
                f"{self.spec.title}: `tier` and `select` can mean no process; the tiers are {tiers}"
            )
        return found

    async def due(self) -> Sequence[ProcessInfo]:
        """Those that run and are meant now."""
        running = [info for info in self.candidates() if info.runs]
        return await chosen(self.world, self.spec.select, running, lambda info: {info.name}, self.draw())

    async def meant(self) -> Sequence[ProcessInfo]:
        """The same, and at least one. Raises FaultError."""
        meant = await self.due()
        if not meant:
            raise FaultError(f"{self.spec.title}: nothing that runs is meant by it just now")
        return meant

    def draw(self) -> Random:
        """The generator for what `count` and `share` draw."""
        return Random(f"{self.seed}/{self.id}")

    async def prove_path(self) -> Proof:
        """Whether what is to be hurt runs and is spoken to: its pods are ready, which its service asks of them."""
        meant = [info for info in await self.due() if info.pods]
        if not meant:
            return Proof(None, f"{self.spec.title}: none of its processes runs")
        return Proof(True, "; ".join(f"{info.name} is served by {info.told}" for info in meant))

    def deployment(self, info: ProcessInfo) -> Deployment:
        """The deployment behind a process."""
        return self.cluster.sight.deployments[info.name]

    async def seen(self, missing: Callable[[], str]) -> str:
        """Look until nothing is missing, for a bounded time; what is missing then, empty for nothing."""
        loop = asyncio.get_running_loop()
        until = loop.time() + SEEN_WITHIN
        while True:
            await self.cluster.sight.look()
            left = missing()
            if not left or loop.time() > until:
                return left
            await asyncio.sleep(LOOK_EVERY)

    async def whole(self) -> Proof:
        """Whether every deployment of the target has its pods; then the links get some time to carry requests again."""
        until = time.monotonic() + WHOLE_WITHIN
        left = await self.seen(lambda: ", ".join(self.cluster.sight.missing()))
        if left:
            return Proof(False, f"not whole after {SEEN_WITHIN:g} s: {left}")
        links = await self.cluster.links_carry(until)
        return Proof(True, f"every deployment has its pods; {links}")
