"""`rollout_restart`: a deployment replaces all of its pods, as its strategy says."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime

from chaos.faults.base import Plan
from chaos.faults.kubernetes.workloads import WorkloadFault
from chaos.faults.specs import RolloutRestartSpec
from chaos.proof import Proof
from chaos.worlds.cluster.scaling import whole_step

STAMP = "kubectl.kubernetes.io/restartedAt"
"""The annotation by which kubectl restarts a deployment, too."""


class RolloutRestart(WorkloadFault[RolloutRestartSpec]):
    """Restarts deployments; there is nothing to put back but the pods, which their deployments do."""

    name = "rollout_restart"
    spec_type = RolloutRestartSpec

    async def check(self) -> tuple[str, ...]:
        return tuple(f"deployment {info.name}" for info in self.candidates())

    async def plan(self) -> Plan:
        meant = await self.meant()
        pods = {name: uid for info in meant for name, uid in info.pods.items()}
        return Plan(
            tuple(f"deployment {info.name}" for info in meant), (whole_step(self.cluster.target, pods),)
        )

    async def apply(self, plan: Plan) -> None:
        stamp = datetime.now(UTC).isoformat(timespec="seconds")
        patch = {"spec": {"template": {"metadata": {"annotations": {STAMP: stamp}}}}}
        client, namespace = self.cluster.sight.cluster, self.cluster.target.namespace
        names = [target.removeprefix("deployment ") for target in plan.targets]
        await asyncio.gather(*(client.patch_deployment(namespace, name, patch) for name in names))

    async def observe(self, plan: Plan) -> Proof:
        pods = plan.undo[0].args["pods"]
        assert isinstance(pods, Mapping)
        old = {str(uid) for uid in pods.values()}

        def untouched() -> str:
            sight = self.cluster.sight
            replaced = {pod.uid for pod in sight.pods if pod.uid in old and not pod.moving}
            begun = replaced < old or any(one.ready < one.replicas for one in sight.deployments.values())
            return "" if begun else ", ".join(plan.targets)

        left = await self.seen(untouched)
        return Proof(
            not left, f"{left} has the pods that it had" if left else f"{', '.join(plan.targets)} restarts"
        )

    async def prove_gone(self, plan: Plan) -> Proof:
        return await self.whole()
