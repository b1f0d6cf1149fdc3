"""`pod_kill`: pods are gone; their deployments make new ones."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from chaos.clients.cluster_objects import Pod
from chaos.errors import FaultError
from chaos.faults.base import Plan
from chaos.faults.kubernetes.workloads import WorkloadFault
from chaos.faults.specs import PodKillSpec
from chaos.faults.targets import chosen
from chaos.proof import Proof
from chaos.worlds.cluster.scaling import whole_step


class PodKill(WorkloadFault[PodKillSpec]):
    """Deletes pods, each known by its UID."""

    name = "pod_kill"
    spec_type = PodKillSpec

    async def check(self) -> tuple[str, ...]:
        return tuple(f"pod {name}" for info in self.candidates() for name in info.pods)

    async def plan(self) -> Plan:
        victims = await self._victims()
        if not victims:
            raise FaultError(f"{self.spec.title}: no pod is meant by it just now")
        told = tuple(f"pod {pod.name} (uid {pod.uid})" for pod in victims)
        return Plan(told, (whole_step(self.cluster.target, {pod.name: pod.uid for pod in victims}),))

    async def apply(self, plan: Plan) -> None:
        wanted = self._planned(plan)
        found = [pod for pod in self.cluster.sight.pods if wanted.get(pod.name) == pod.uid]
        if len(found) < len(wanted):
            raise FaultError(f"{self.spec.title}: a pod that was to be killed is gone already")
        client, namespace = self.cluster.sight.cluster, self.cluster.target.namespace
        await asyncio.gather(*(client.delete_pod(namespace, pod, grace=self.spec.grace) for pod in found))

    async def observe(self, plan: Plan) -> Proof:
        wanted = set(self._planned(plan).values())

        def still() -> str:
            return ", ".join(
                pod.name for pod in self.cluster.sight.pods if pod.uid in wanted and not pod.moving
            )

        left = await self.seen(still)
        return Proof(not left, f"{left} is there still" if left else f"{', '.join(plan.targets)} is gone")

    async def prove_gone(self, plan: Plan) -> Proof:
        return await self.whole()

    async def _victims(self) -> list[Pod]:
        """The pods that are meant now: `room` and `instance` pick the process, `count` and `share` draw pods."""
        select = self.spec.select
        names = {info.name for info in self.candidates()}
        pods = [pod for name in sorted(names) for pod in self.cluster.sight.of(name)]
        return await chosen(self.world, select, pods, self._known_as, self.draw())

    def _known_as(self, pod: Pod) -> set[str]:
        return {pod.name, self.cluster.process(pod.name).name}

    def _planned(self, plan: Plan) -> Mapping[str, str]:
        uids = plan.undo[0].args["pods"]
        assert isinstance(uids, Mapping)
        return {name: str(uid) for name, uid in uids.items()}
