"""Rooms that rest in a namespace: all of them is there but their pods, which somebody wakes and puts to rest again.

Whoever lays the rooms out may do much more than whoever uses them needs to: only deployments are scaled here.
"""

from __future__ import annotations

from chaos.clients.cluster import Cluster
from chaos.worlds.cluster.waiting import until_seen

RESTING = "standby.chaos/replicas"
"""The annotation of a deployment that rests: how many pods it has while it is awake."""
AWAKE_WITHIN = 300.0
"""Real seconds that all pods get to be ready."""
AT_REST_WITHIN = 120.0
"""Real seconds that all pods get to be gone."""


async def wake(cluster: Cluster, namespace: str) -> None:
    """Have every deployment run the pods that it is there for, and wait for them. Raises WorldError."""

    async def short() -> str:
        seen = await cluster.deployments(namespace)
        wanted = {one.name: int(one.annotations.get(RESTING, one.replicas)) for one in seen}
        for one in seen:
            if one.replicas != wanted[one.name]:
                await cluster.scale(namespace, one.name, wanted[one.name])
        return ", ".join(
            f"{one.name} has {one.ready} of {wanted[one.name]}"
            for one in seen
            if one.ready < wanted[one.name]
        )

    await until_seen(f"every deployment of {namespace} has its pods", short, AWAKE_WITHIN)


async def put_to_rest(cluster: Cluster, namespace: str) -> None:
    """Have no deployment run anything, and wait until no pod is left. Raises WorldError."""

    async def left() -> str:
        for one in await cluster.deployments(namespace):
            if one.replicas:
                await cluster.scale(namespace, one.name, 0)
        return ", ".join(pod.name for pod in await cluster.pods(namespace))

    await until_seen(f"nothing runs in {namespace}", left, AT_REST_WITHIN)
