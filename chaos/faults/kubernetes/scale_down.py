"""`scale_down`: a deployment runs fewer pods."""

from __future__ import annotations

import asyncio

from chaos.errors import FaultError, PreflightError
from chaos.faults.base import Plan
from chaos.faults.kubernetes.workloads import WorkloadFault
from chaos.faults.specs import ScaleDownSpec
from chaos.proof import Proof
from chaos.worlds.cluster.scaling import scale_step


class ScaleDown(WorkloadFault[ScaleDownSpec]):
    """Scales deployments down, and back unless somebody else has scaled them since."""

    name = "scale_down"
    spec_type = ScaleDownSpec

    async def check(self) -> tuple[str, ...]:
        found = [info for info in self.candidates() if self.deployment(info).replicas > self.spec.to]
        if not found:
            raise PreflightError(
                f"{self.spec.title}: nothing that is meant has more than {self.spec.to} replicas"
            )
        return tuple(f"deployment {info.name}" for info in found)

    async def plan(self) -> Plan:
        meant = [info for info in await self.due() if self.deployment(info).replicas > self.spec.to]
        if not meant:
            raise FaultError(
                f"{self.spec.title}: nothing that is meant has more than {self.spec.to} replicas now"
            )
        steps = tuple(
            scale_step(self.cluster.target, self.deployment(info), to=self.spec.to) for info in meant
        )
        return Plan(tuple(f"deployment {info.name}" for info in meant), steps)

    async def apply(self, plan: Plan) -> None:
        client, namespace = self.cluster.sight.cluster, self.cluster.target.namespace
        await asyncio.gather(*(client.scale(namespace, name, self.spec.to) for name in self._planned(plan)))

    async def observe(self, plan: Plan) -> Proof:
        sight, names = self.cluster.sight, self._planned(plan)

        def too_many() -> str:
            more = [name for name in names if len(sight.of(name)) > self.spec.to]
            changed = [name for name in names if sight.deployments[name].replicas != self.spec.to]
            return ", ".join((*more, *changed))

        left = await self.seen(too_many)
        told = f"{', '.join(names)} runs {self.spec.to} pods"
        return Proof(not left, f"{left} is not at {self.spec.to} replicas" if left else told)

    async def prove_gone(self, plan: Plan) -> Proof:
        return await self.whole()

    def _planned(self, plan: Plan) -> list[str]:
        return [str(step.args["deployment"]) for step in plan.undo]
