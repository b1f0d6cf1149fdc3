"""Nodes that take no new pods: cordoned under a fault's name, and opened again unless somebody else has done so."""

from __future__ import annotations

import asyncio
import time

from chaos.clients.cluster import CORDONED_BY, Cluster, NotInClusterError
from chaos.clients.cluster_objects import Pod
from chaos.errors import FaultError
from chaos.proof import Proof
from chaos.undo.steps import Args, UndoStep, undoes
from chaos.worlds.cluster.sight import Sight
from chaos.worlds.cluster.target import Target

EVICTED_WITHIN = 45.0
"""Real seconds in which a drained node's pods must have been allowed to leave."""
LOOK_EVERY = 0.5


def cordon_step(target: Target, node: str, uid: str, mark: str) -> UndoStep:
    """The undo of a cordon."""
    return UndoStep("cordon", {"context": target.context, "node": node, "uid": uid, "mark": mark})


@undoes("cordon")
async def uncordon(args: Args) -> Proof:
    """Let pods come to a node again; one that somebody else has opened, or cordoned since, is left as it is."""
    name, mark = str(args["node"]), str(args["mark"])
    async with Cluster(str(args["context"])) as cluster:
        try:
            node = await cluster.node(name)
        except NotInClusterError:
            return Proof(True, f"the node {name} is gone")
        if node.uid != args["uid"] or (node.unschedulable and node.annotations.get(CORDONED_BY) != mark):
            return Proof(
                True, f"the node {name} is another one, or somebody else has cordoned it; it is left as it is"
            )
        opened = not node.unschedulable
        await cluster.cordon(name, None)
        now = await cluster.node(name)
    told = "had been opened by somebody else already" if opened else "takes pods again"
    return Proof(not now.unschedulable, f"the node {name} {told}")


async def evict_all(sight: Sight, node: str) -> list[Pod]:
    """Have every pod of the target leave a node, as their disruption budgets allow; those that left. Raises FaultError.

    Pods of other namespaces are none of the target's, and stay.
    """
    until = time.monotonic() + EVICTED_WITHIN
    wanted = [pod for pod in sight.pods if pod.node == node and not pod.moving]
    waiting = list(wanted)
    while waiting:
        waiting = [pod for pod in waiting if not await sight.cluster.evict(sight.target.namespace, pod)]
        if waiting and time.monotonic() > until:
            names = ", ".join(pod.name for pod in waiting)
            raise FaultError(
                f"the disruption budgets did not let {names} leave {node} within {EVICTED_WITHIN:g} s"
            )
        if waiting:
            await asyncio.sleep(LOOK_EVERY)
    return wanted
