"""`image_break`: a deployment is given an image that does not exist, so that no new pod of it can start."""

from __future__ import annotations

import asyncio

from chaos.faults.base import Plan
from chaos.faults.kubernetes.workloads import WorkloadFault
from chaos.faults.specs import ImageBreakSpec
from chaos.proof import Proof
from chaos.worlds.cluster.images import BROKEN, image_step, set_image


class ImageBreak(WorkloadFault[ImageBreakSpec]):
    """Breaks the image of deployments, and puts it back unless somebody else has changed it since."""

    name = "image_break"
    spec_type = ImageBreakSpec

    async def check(self) -> tuple[str, ...]:
        return tuple(f"deployment {info.name}" for info in self.candidates())

    async def plan(self) -> Plan:
        meant = await self.meant()
        steps = tuple(image_step(self.cluster.target, self.deployment(info)) for info in meant)
        return Plan(tuple(f"deployment {info.name}" for info in meant), steps)

    async def apply(self, plan: Plan) -> None:
        client, namespace = self.cluster.sight.cluster, self.cluster.target.namespace
        await asyncio.gather(
            *(
                set_image(
                    client, namespace, str(step.args["deployment"]), str(step.args["container"]), BROKEN
                )
                for step in plan.undo
            )
        )

    async def observe(self, plan: Plan) -> Proof:
        names = [str(step.args["deployment"]) for step in plan.undo]

        def starting() -> str:
            sight = self.cluster.sight
            return ", ".join(
                name
                for name in names
                if not any(pod.image == BROKEN and not pod.ready for pod in sight.pods_of(name))
            )

        left = await self.seen(starting)
        told = f"{', '.join(names)} has a pod that cannot start, for there is no image {BROKEN}"
        return Proof(not left, f"{left} has no pod with the broken image" if left else told)

    async def prove_gone(self, plan: Plan) -> Proof:
        return await self.whole()
