"""How many pods a deployment has: changed, waited for, and put back unless somebody else has changed it since."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

from chaos.clients.cluster import Cluster, NotInClusterError
from chaos.clients.cluster_objects import Deployment
from chaos.errors import WorldError
from chaos.proof import Proof
from chaos.undo.steps import Args, UndoStep, undoes
from chaos.worlds.cluster.sight import Sight
from chaos.worlds.cluster.target import Target

READY_WITHIN = 60.0
"""Real seconds that pods get to be ready, or to be gone."""
LOOK_EVERY = 0.3


def scale_step(target: Target, deployment: Deployment, *, to: int) -> UndoStep:
    """The undo of scaling a deployment to `to` replicas: what it had before, if it still has that many."""
    return UndoStep(
        "scale",
        {
            "context": target.context,
            "namespace": target.namespace,
            "deployment": deployment.name,
            "uid": deployment.uid,
            "before": deployment.replicas,
            "to": to,
        },
    )


@undoes("scale")
async def scale_back(args: Args) -> Proof:
    """Scale a deployment back; one that somebody else has scaled or made anew since is left alone, and that is said."""
    namespace, name = str(args["namespace"]), str(args["deployment"])
    before, to = args["before"], args["to"]
    assert isinstance(before, int)
    async with Cluster(str(args["context"])) as cluster:
        try:
            now = await cluster.deployment(namespace, name)
        except NotInClusterError:
            return Proof(True, f"the deployment {name} is gone, so there is nothing to scale back")
        if now.uid != args["uid"]:
            return Proof(
                True, f"the deployment {name} was made anew since; it is left at {now.replicas} replicas"
            )
        if now.replicas == before:
            return Proof(True, f"the deployment {name} has {before} replicas, as before")
        if now.replicas != to:
            return Proof(
                True,
                f"the deployment {name} was scaled to {now.replicas} by somebody else (we left {to}); it is left so",
            )
        await cluster.scale(namespace, name, before)
        now = await cluster.deployment(namespace, name)
    return Proof(now.replicas == before, f"the deployment {name} has {now.replicas} replicas again")


def whole_step(target: Target, pods: Mapping[str, str]) -> UndoStep:
    """The undo of losing pods (UIDs by name): their deployments make new ones, which is waited for."""
    return UndoStep(
        "pods_back", {"context": target.context, "namespace": target.namespace, "pods": dict(pods)}
    )


@undoes("pods_back", within=READY_WITHIN + 10)
async def pods_back(args: Args) -> Proof:
    """Wait until every deployment has the pods that it is asked to have; nothing else needs to be done."""
    namespace, until = str(args["namespace"]), time.monotonic() + READY_WITHIN
    async with Cluster(str(args["context"])) as cluster:
        while True:
            found = await cluster.deployments(namespace)
            short = [
                f"{one.name} ({one.ready} of {one.replicas})" for one in found if one.ready < one.replicas
            ]
            if not short:
                return Proof(True, "every deployment has its pods")
            if time.monotonic() > until:
                return Proof(False, f"after {READY_WITHIN:g} s these lack pods: {', '.join(short)}")
            await asyncio.sleep(LOOK_EVERY)


async def until_ready(sight: Sight, name: str) -> None:
    """Wait until a process has the pods that it is asked to have. Raises WorldError."""
    until = time.monotonic() + READY_WITHIN
    while True:
        await sight.look()
        deployment = sight.deployments[name]
        if deployment.replicas and len(sight.of(name)) >= deployment.replicas:
            return
        if time.monotonic() > until:
            raise WorldError(
                f"{name} has {len(sight.of(name))} of {deployment.replicas} pods after {READY_WITHIN:g} s; "
                f"see `kubectl --context {sight.target.context} -n {sight.target.namespace} get pods`"
            )
        await asyncio.sleep(LOOK_EVERY)


async def until_gone(sight: Sight, uids: set[str]) -> None:
    """Wait until pods are gone. Raises WorldError."""
    until = time.monotonic() + READY_WITHIN
    while uids & {pod.uid for pod in sight.pods}:
        if time.monotonic() > until:
            raise WorldError(f"{len(uids)} pods of {sight.target} are still there after {READY_WITHIN:g} s")
        await asyncio.sleep(LOOK_EVERY)
        await sight.look()
