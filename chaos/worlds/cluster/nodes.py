"""Nodes of a kind cluster, taken away through Docker and brought back: the container, the node, the pods, the links."""

from __future__ import annotations

from typing import Literal, TypeAlias

from chaos.clients.cluster import Cluster, NotInClusterError
from chaos.clients.docker import Docker
from chaos.errors import ClientError, FaultError, WorldError
from chaos.proof import Proof
from chaos.undo.steps import Args, UndoStep, undoes
from chaos.worlds.cluster.carrying import until_all_carry
from chaos.worlds.cluster.sight import Sight
from chaos.worlds.cluster.target import Target
from chaos.worlds.cluster.waiting import until_seen

How: TypeAlias = Literal["kill", "pause", "stop"]
BACK_WITHIN = 150.0
"""Real seconds that a node, then what ran on it, then the links get to be there again, each."""


def node_step(target: Target, node: str, uid: str, container: str, how: How) -> UndoStep:
    """The undo of a lost node; it says exactly which container was touched."""
    return UndoStep(
        "kind_node",
        {
            "context": target.context,
            "namespace": target.namespace,
            "node": node,
            "uid": uid,
            "container": container,
            "how": how,
        },
    )


async def lose(target: Target, node: str, container: str, how: How) -> None:
    """Take a node away. Raises FaultError when its container is not there to be hurt."""
    docker = Docker()
    try:
        found = await docker.node(node, target.kind_cluster)
        if found.id != container or found.state != "running":
            raise FaultError(f"the node {node} is {found.state} already, or another container than before")
        await docker.act(found, how)
    except ClientError as error:
        raise FaultError(f"the node {node} could not be lost: {error}") from error


async def state_of(target: Target, node: str) -> str:
    """What Docker says of a node's container. Raises ClientError."""
    return (await Docker().node(node, target.kind_cluster)).state


async def bring_back(target: Target, node: str) -> str:
    """Have a node run again, whatever was done to it; in words. Raises WorldError when it stays away."""
    docker = Docker()
    found = await docker.node(node, target.kind_cluster)
    if found.state == "paused":
        await docker.act(found, "unpause")
    elif found.state != "running":
        await docker.act(found, "start")
    now = (await docker.node(node, target.kind_cluster)).state
    if now != "running":
        raise WorldError(
            f"the container of the node {node} is {now} although it was started; see `docker logs {node}`"
        )
    async with Cluster(target.context) as cluster:
        await until_seen(f"the node {node} is Ready", lambda: _ready(cluster, node), BACK_WITHIN)
        whole = "every deployment has its pods"
        await until_seen(whole, lambda: _whole(cluster, target.namespace), BACK_WITHIN)
        try:
            token = await cluster.secret(target.namespace, "control", "token")
        except NotInClusterError:
            return f"the container of {node} runs, the node is Ready, and every deployment of {target} has its pods"
        sight = Sight(target, cluster, lambda *_, **__: None)
        carried = await until_all_carry(sight, token, BACK_WITHIN)
    return (
        f"the container of {node} runs, the node is Ready, every deployment of {target} has its pods, "
        f"and {carried}"
    )


@undoes("kind_node", within=3 * BACK_WITHIN)
async def undo_loss(args: Args) -> Proof:
    """Start or continue a node of ours and wait until it is Ready and the pods are there; one that was made anew since
    is not ours any more.
    """
    target = Target("kind", str(args["context"]), str(args["namespace"]))
    node = str(args["node"])
    found = await Docker().node(node, target.kind_cluster)
    if found.id != args["container"]:
        return Proof(
            True, f"the node {node} is another container than the one that was lost; it is left alone"
        )
    return Proof(True, await bring_back(target, node))


async def _ready(cluster: Cluster, node: str) -> str:
    return "" if (await cluster.node(node)).ready else "it is NotReady"


async def _whole(cluster: Cluster, namespace: str) -> str:
    short = [one for one in await cluster.deployments(namespace) if one.ready < one.replicas]
    return ", ".join(f"{one.name} has {one.ready} of {one.replicas}" for one in short)
