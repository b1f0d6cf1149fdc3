"""`node_loss` in a kind cluster: the node is a container of Docker, which is killed, paused or stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from chaos.clients.cluster_objects import Pod
from chaos.clients.docker import Docker
from chaos.clients.probe import Question
from chaos.errors import ClientError, FaultError, PreflightError
from chaos.experiment.fault import Select
from chaos.faults.base import Plan, together
from chaos.faults.kubernetes.nodes import NodeFault
from chaos.faults.specs import NodeLossSpec
from chaos.proof import Proof
from chaos.undo.steps import UndoStep
from chaos.worlds.base import NodeInfo
from chaos.worlds.cluster import nodes

SILENCE = 1.0
"""Real seconds without an answer of a pod that count as none."""
NOTICED_WITHIN = 25.0
"""Real seconds that are waited for Kubernetes to notice that a node is gone."""
GONE_WITHIN = 25.0
"""Real seconds that the pods get to answer again after the node is back."""
LOOK_EVERY = 0.5
STATES = {"kill": "exited", "stop": "exited", "pause": "paused"}
"""What Docker says of the container while the fault is in force."""


class KindNodeLoss(NodeFault[NodeLossSpec]):
    """A node of kind: its container."""

    name = "node_loss"
    spec_type = NodeLossSpec

    @property
    def wanted(self) -> tuple[str | None, str | None, Select | None]:
        return self.spec.node, self.spec.tier, self.spec.select

    async def check(self) -> tuple[str, ...]:
        for node in self.candidates():
            try:
                await Docker().node(node.name, self.cluster.target.kind_cluster)
            except ClientError as error:
                raise PreflightError(f"{self.spec.title}: {error}") from error
        return await super().check()

    async def prove_path(self) -> Proof:
        meant = await self.due()
        if not meant:
            return Proof(None, f"{self.spec.title}: none of its nodes is Ready")
        return together(await asyncio.gather(*(self._carries(node) for node in meant)))

    async def step(self, node: NodeInfo) -> UndoStep:
        assert self.spec.how != "drain"
        target = self.cluster.target
        container = await Docker().node(node.name, target.kind_cluster)
        return nodes.node_step(target, node.name, node.uid, container.id, self.spec.how)

    async def apply(self, plan: Plan) -> None:
        assert self.spec.how != "drain"
        how, target = self.spec.how, self.cluster.target
        calls = (
            nodes.lose(target, name, str(step.args["container"]), how)
            for name, step in self.planned(plan).items()
        )
        results = await asyncio.gather(*calls, return_exceptions=True)
        failed = [str(result) for result in results if isinstance(result, BaseException)]
        if failed:
            raise FaultError(f"{self.spec.title}: {'; '.join(failed)}")

    async def observe(self, plan: Plan) -> Proof:
        return together(await asyncio.gather(*(self._in_force(name) for name in self.planned(plan))))

    async def prove_gone(self, plan: Plan) -> Proof:
        return together(await asyncio.gather(*(self._gone(name) for name in self.planned(plan))))

    async def _carries(self, node: NodeInfo) -> Proof:
        """Whether what is to be hurt lives on the node and answers there."""
        pods = self._pods(node.name)
        answering = [pod.name for pod in pods if await self._answers(pod)]
        if not answering:
            return Proof(None, f"nothing that lives on {node.name} answers")
        return Proof(True, f"{', '.join(answering)} live on {node.name} and answer there")

    async def _in_force(self, node: str) -> Proof:
        state = await nodes.state_of(self.cluster.target, node)
        if state != STATES[self.spec.how]:
            return Proof(False, f"the container of {node} is {state}")
        answering = [pod.name for pod in self._pods(node) if await self._answers(pod)]
        if answering:
            return Proof(False, f"the container of {node} is {state}, and yet {', '.join(answering)} answer")
        noticed = await self._noticed(node)
        return Proof(True, f"the container of {node} is {state} and none of its pods answers; {noticed}")

    async def _noticed(self, node: str) -> str:
        """When Kubernetes noticed, by its own clock."""
        loop = asyncio.get_running_loop()
        until = loop.time() + NOTICED_WITHIN
        while loop.time() < until:
            now = self.cluster.sight.nodes.get(node)
            if now is not None and not now.ready and now.since is not None:
                return f"Kubernetes holds it NotReady since {now.since:%H:%M:%S} UTC"
            await asyncio.sleep(LOOK_EVERY)
        return f"Kubernetes has not noticed within {NOTICED_WITHIN:g} s"

    async def _gone(self, node: str) -> Proof:
        loop = asyncio.get_running_loop()
        until = loop.time() + GONE_WITHIN
        while True:
            state = await nodes.state_of(self.cluster.target, node)
            await self.cluster.sight.look()
            now = self.cluster.sight.nodes.get(node)
            missing = self.cluster.sight.missing()
            if state == "running" and now is not None and now.ready and not missing:
                since = f" since {now.since:%H:%M:%S} UTC" if now.since is not None else ""
                return Proof(
                    True, f"the container of {node} runs, the node is Ready{since}, every deployment is whole"
                )
            if loop.time() > until:
                ready = "Ready" if now is not None and now.ready else "not Ready"
                return Proof(
                    False, f"the container of {node} is {state}, the node is {ready}; missing: {missing}"
                )
            await asyncio.sleep(LOOK_EVERY)

    def _pods(self, node: str) -> Sequence[Pod]:
        """The pods of the tiers that live on a node."""
        known = {info.name for info in self.world.processes()}
        sight = self.cluster.sight
        return [pod for name in known for pod in sight.of(name) if pod.node == node and pod.ip]

    async def _answers(self, pod: Pod) -> bool:
        question = Question("/healthz", SILENCE)
        found = await self.world.vantage.probe(f"{pod.ip}:{self.cluster.port}", question, 1)
        return all(one.end == "answered" and one.status == 200 for one in found)
