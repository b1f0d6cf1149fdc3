"""A namespace of a cluster as a world: its deployments are the processes, its Toxiproxy servers carry the links."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest

from chaos.errors import ClientError, WorldError
from chaos.proof import Proof
from chaos.undo.steps import UndoStep
from chaos.worlds.base import Link, Locator, NodeInfo, ProcessInfo, Told
from chaos.worlds.cluster import nodes, scaling
from chaos.worlds.cluster.carrying import carried
from chaos.worlds.cluster.instances import instances_address, secret_address
from chaos.worlds.cluster.scope import Scope
from chaos.worlds.cluster.sight import TIER, Sight
from chaos.worlds.cluster.target import OBSERVABILITY_NAMESPACE, Target, may_lose
from chaos.worlds.cluster.vantage import There

PORT = 8000
"""At which every tier serves."""
TELL_EVERY = 1.0
"""Real seconds between two accounts of itself that a run gives Prometheus."""


class ClusterWorld:
    """A world in a cluster; see `chaos.worlds.base.RunWorld` for what it offers."""

    port = PORT
    """At which its processes serve, in each pod."""

    def __init__(
        self,
        target: Target,
        sight: Sight,
        links: Mapping[str, Link],
        token: str,
        scope: Scope,
        observed_from: str = OBSERVABILITY_NAMESPACE,
    ) -> None:
        """`token` opens the outpost, and the tiers' control ports where they have some; `observed_from` is the
        namespace of its Prometheus.
        """
        self.target = target
        self.name = target.world
        self.token = token
        self.sight = sight
        self.vantage = There(sight, token)
        self._links = links
        self._scope = scope
        self._observed_from = observed_from
        self._locator: Locator = lambda _: ()

    @property
    def links(self) -> Mapping[str, Link]:
        return {
            name: replace(
                link,
                proxies=tuple(
                    replace(proxy, idle=not (self._runs(proxy.caller) and self._runs(proxy.callee)))
                    for proxy in link.proxies
                ),
            )
            for name, link in self._links.items()
        }

    @property
    def state(self) -> str:
        return self.target.address

    @property
    def secret(self) -> str:
        return secret_address(self.target, self._scope.kept_in, "token")

    @property
    def prometheus(self) -> str:
        return replace(self.target, namespace=self._observed_from).service("prometheus", 9090)

    @property
    def tsdb(self) -> Path | None:
        return None

    def tell(self, told: Told) -> None:
        self.sight.tell = told

    def find_by(self, locator: Locator) -> None:
        self._locator = locator

    def arrivals(self, arrived: Callable[[str, str], None]) -> None:
        """Call `arrived` with the process and the base URL of every pod that becomes ready from now on."""
        self.sight.arrived = lambda instance, pod: arrived(instance, self.target.pod(pod.name, PORT))

    async def locate(self, select: Mapping[str, str]) -> Sequence[str]:
        return self._locator(select)

    def processes(self) -> Sequence[ProcessInfo]:
        return [self._info(name) for name, one in self.sight.deployments.items() if self._scope.touches(one)]

    def process(self, name: str) -> ProcessInfo:
        known = self._instance(name)
        if known is None:
            raise WorldError(
                f"no process `{name}` in {self.target}; there are {', '.join(self.sight.deployments) or 'none'}"
            )
        return self._info(known)

    def nodes(self) -> Mapping[str, NodeInfo]:
        """The nodes by name, with the processes that live on each now."""
        return {
            name: NodeInfo(
                name,
                node.uid,
                node.ready,
                may_lose(node),
                tuple(info.name for info in self.processes() if name in self._nodes_of(info.name)),
            )
            for name, node in self.sight.nodes.items()
        }

    def control(self, name: str) -> str:
        return instances_address(self.target, self.process(name).name, PORT)

    def undo_start(self, name: str) -> UndoStep:
        return scaling.scale_step(self.target, self.sight.deployments[name], to=1)

    async def start_process(self, name: str) -> ProcessInfo:
        deployment = self.sight.deployments[self.process(name).name]
        if deployment.replicas == 0:
            await self.sight.cluster.scale(self.target.namespace, deployment.name, 1)
        await scaling.until_ready(self.sight, name)
        return self.process(name)

    async def end_process(self, name: str, *, grace: float) -> None:
        """Delete its pods, those on a lost node without waiting for it; its deployment then makes new ones."""
        found = [pod for pod in self.sight.pods if name in (pod.name, self._instance(pod.name))]
        for pod in found:
            lost = pod.node in self.sight.nodes and not self.sight.nodes[pod.node].ready
            await self.sight.cluster.delete_pod(self.target.namespace, pod, grace=0 if lost else grace)
        await scaling.until_gone(self.sight, {pod.uid for pod in found})

    async def bring_node_back(self, node: str) -> Sequence[str]:
        if node not in self.sight.nodes:
            raise WorldError(f"there is no node `{node}` to bring back")
        lost = [name for name, one in self.nodes().items() if name == node and one.refused]
        if lost or self.target.world != "kind":
            raise WorldError(f"the node {node} is none of those that this world may touch")
        before = {pod.uid for pod in self.sight.pods if pod.ready}
        await nodes.bring_back(self.target, node)
        await self.sight.look()
        return sorted(
            {self._instance(pod.name) or "" for pod in self.sight.pods if pod.uid not in before} - {""}
        )

    @asynccontextmanager
    async def measured(self, run: str, measures: CollectorRegistry) -> AsyncIterator[None]:
        if not self.token:
            yield
            return
        telling = asyncio.create_task(self._tell_measures(run, measures))
        try:
            yield
        finally:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)
            with suppress(ClientError):  # what is not renewed is forgotten all the same
                await self.vantage.tell("DELETE", f"{self.vantage.address}/measures/{run}", "", 3.0)

    async def _tell_measures(self, run: str, measures: CollectorRegistry) -> None:
        while True:
            with suppress(ClientError):  # Prometheus then misses a sample, as it would of any target
                text = generate_latest(measures).decode()
                await self.vantage.tell("PUT", f"{self.vantage.address}/measures/{run}", text, 3.0)
            await asyncio.sleep(TELL_EVERY)

    async def whole(self) -> Proof:
        """Whether every deployment has the pods that it is asked to have."""
        await self.sight.look()
        missing = self.sight.missing()
        return Proof(
            not missing, f"not all there: {', '.join(missing)}" if missing else "every deployment is there"
        )

    async def links_carry(self, until: float) -> str:
        """Wait until the rooms' links carry requests, up to a moment of the monotonic clock; in words, what became of
        that.
        """
        if not self._scope.own:
            return "links of services of one's own are left to themselves"
        return await carried(self.sight, self.token, max(0.0, until - time.monotonic()))

    def _runs(self, name: str) -> bool:
        return bool(self.sight.of(name)) if name in self.sight.deployments else True

    def _nodes_of(self, name: str) -> set[str]:
        return {pod.node for pod in self.sight.pods if self._instance(pod.name) == name and pod.node}

    def _instance(self, name: str) -> str | None:
        """The process of a name, which may be that of one of its pods."""
        if name in self.sight.deployments:
            return name
        found = next((self.sight.process_of(pod) for pod in self.sight.pods if pod.name == name), "")
        return found or None

    def _info(self, name: str) -> ProcessInfo:
        deployment, pods = self.sight.deployments[name], self.sight.of(name)
        return ProcessInfo(
            name,
            deployment.labels.get(TIER, name),
            pods[0].node if pods else "",
            0,
            0,
            "",
            self.target.service(name, PORT, "/healthz") if TIER in deployment.labels else None,
            deployment.labels,
            {pod.name: pod.uid for pod in pods},
        )
