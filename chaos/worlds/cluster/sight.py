"""What is in the target's namespace now, looked at once a second: deployments, their pods, nodes, and what changed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from chaos.clients.cluster import Cluster, ForbiddenError
from chaos.clients.cluster_objects import Deployment, Node, Pod, Service
from chaos.errors import ClientError
from chaos.worlds.base import Told
from chaos.worlds.cluster.target import Target

TIER = "standby.chaos/tier"
INSTANCE = "standby.chaos/instance"
SPARE = "standby.chaos/spare"
"""The annotation of a deployment that is kept at no replicas until it is needed."""
LOOK_EVERY = 1.0
"""Real seconds between two looks."""

Arrived = Callable[[str, Pod], None]
"""Told of a pod that became ready: the process that it serves, and the pod."""


@dataclass
class Sight:
    """The newest look at a namespace, and everybody who wants to hear of changes."""

    target: Target
    cluster: Cluster
    tell: Told
    deployments: Mapping[str, Deployment] = field(default_factory=dict)
    pods: Sequence[Pod] = ()
    nodes: Mapping[str, Node] = field(default_factory=dict)
    services: Mapping[str, Service] = field(default_factory=dict)
    seen_at: float = 0.0
    arrived: Arrived | None = None
    _away: bool = False

    async def look(self) -> None:
        """Look once. Raises ClientError."""
        namespace = self.target.namespace
        found, pods, nodes = await asyncio.gather(
            self.cluster.deployments(namespace), self.cluster.pods(namespace), self._nodes()
        )
        before_pods, before_nodes, first = self.pods, self.nodes, not self.seen_at
        self.deployments = {one.labels.get(INSTANCE, one.name): one for one in found}
        self.pods, self.nodes = pods, {one.name: one for one in nodes}
        self.seen_at = time.monotonic()
        if first:
            self.services = await self.cluster.services(namespace)
            return
        self._tell_nodes(before_nodes)
        self._tell_pods(before_pods)

    async def _nodes(self) -> Sequence[Node]:
        """The nodes, which belong to no namespace: whoever has no right to them sees none, and can hurt none."""
        try:
            return await self.cluster.nodes()
        except ForbiddenError:
            return ()

    async def keep_looking(self) -> None:
        """Look again and again, until cancelled; an API server that is away is told once, and once when it is back."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            try:
                await self.look()
            except ClientError as error:
                if not self._away:
                    self.tell("cluster_unseen", why=str(error))
                self._away = True
                continue
            if self._away:
                self.tell("cluster_seen_again")
            self._away = False

    def of(self, instance: str) -> list[Pod]:
        """The pods of a process that can be spoken to now, oldest first."""
        return [pod for pod in self.pods_of(instance) if pod.ready]

    def pods_of(self, instance: str) -> list[Pod]:
        """All pods of a process, those that start, fail or leave as well, oldest first."""
        deployment = self.deployments.get(instance)
        return [pod for pod in self.pods if deployment is not None and deployment.owns(pod)]

    def behind(self, service: Service) -> list[Pod]:
        """The pods behind a service that can be spoken to now."""
        wanted = service.selector.items()
        return [pod for pod in self.pods if service.selector and wanted <= pod.labels.items() and pod.ready]

    def process_of(self, pod: Pod) -> str:
        """The process that a pod serves; empty for a pod of no deployment."""
        return next((name for name, one in self.deployments.items() if one.owns(pod)), "")

    def spare(self, instance: str) -> bool:
        """Whether it is kept at no replicas until it is needed."""
        return self.deployments[instance].annotations.get(SPARE) == "true"

    def missing(self) -> list[str]:
        """The deployments that have fewer ready pods than they are asked to have."""
        ready = {name: min(one.ready, len(self.of(name))) for name, one in self.deployments.items()}
        return [
            f"{name} ({ready[name]} of {one.replicas} ready)"
            for name, one in self.deployments.items()
            if ready[name] < one.replicas
        ]

    def _tell_nodes(self, before: Mapping[str, Node]) -> None:
        for name, node in self.nodes.items():
            earlier = before.get(name)
            if earlier is not None and (earlier.ready, earlier.unschedulable) != (
                node.ready,
                node.unschedulable,
            ):
                self.tell(
                    "node_changed",
                    node=name,
                    ready=node.ready,
                    unschedulable=node.unschedulable,
                    since=_unix(node.since),
                )

    def _tell_pods(self, before: Sequence[Pod]) -> None:
        known = {pod.uid: pod for pod in before}
        for pod in self.pods:
            earlier = known.pop(pod.uid, None)
            if pod.moving and (earlier is None or not earlier.moving):
                self._tell_pod("pod_leaves", pod, since=_unix(pod.deleted))
            if pod.ready and (earlier is None or not earlier.ready):
                self._tell_pod("pod_ready", pod)
                if self.arrived is not None:
                    self.arrived(self.process_of(pod), pod)
        for pod in known.values():
            self._tell_pod("pod_gone", pod)

    def _tell_pod(self, what: str, pod: Pod, **more: float | None) -> None:
        self.tell(what, pod=pod.name, uid=pod.uid, process=self.process_of(pod), node=pod.node, **more)


def _unix(moment: datetime | None) -> float | None:
    return moment.timestamp() if moment is not None else None
