"""Pods where a lost node has driven them together: spread over the nodes of their tier again, before a run begins.

Kubernetes spreads pods only when it places them. After the loss of a node its pods crowd on what was left, and stay
there when it is back; the next lost node would be the loss of everything.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from chaos.clients.cluster_objects import Pod
from chaos.worlds.cluster.sight import TIER, Sight

ROLE = "standby.chaos/role"
"""The label of a node that says for which tier it is there."""
WITHIN = 60.0
"""Real seconds that pods get to be ready elsewhere."""
LOOK_EVERY = 0.5


def misplaced(sight: Sight) -> Sequence[Pod]:
    """The pods that should live elsewhere: those on a node of another tier while one of their own is there, and for
    each node of a tier that stays empty the youngest of a crowd.
    """
    found: list[Pod] = []
    for role in sorted({node.labels.get(ROLE, "") for node in sight.nodes.values()} - {""}):
        own = [
            node.name
            for node in sight.nodes.values()
            if node.labels.get(ROLE) == role and node.ready and not node.unschedulable
        ]
        pods = [pod for pod in sight.pods if pod.labels.get(TIER) == role and pod.ready]
        strayed = [pod for pod in pods if own and _role(sight, pod) not in ("", role)]
        found += strayed
        on: dict[str, list[Pod]] = {name: [] for name in own}
        for pod in pods:
            if pod not in strayed:
                on.setdefault(pod.node, []).append(pod)
        for _ in [name for name in own if not on[name]][len(strayed) :]:
            fullest = max(on.values(), key=len)
            if len(fullest) > 1:
                found.append(fullest.pop())
    return found


def _role(sight: Sight, pod: Pod) -> str:
    """For which tier the node of a pod is there; empty where it does not say, or is not there."""
    node = sight.nodes.get(pod.node)
    return node.labels.get(ROLE, "") if node is not None else ""


async def spread(sight: Sight) -> Sequence[Pod]:
    """Have misplaced pods made anew, where there is room; those that were."""
    moved = misplaced(sight)
    for pod in moved:
        await sight.cluster.delete_pod(sight.target.namespace, pod, grace=0)
    until = time.monotonic() + WITHIN
    while moved and time.monotonic() < until:
        await sight.look()
        if not sight.missing() and not {pod.uid for pod in moved} & {pod.uid for pod in sight.pods}:
            break
        await asyncio.sleep(LOOK_EVERY)
    return moved
