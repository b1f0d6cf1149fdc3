"""The image of a deployment's container: changed, and put back unless somebody else has changed it since."""

from __future__ import annotations

from chaos.clients.cluster import Cluster, NotInClusterError
from chaos.clients.cluster_objects import Deployment
from chaos.proof import Proof
from chaos.undo.steps import Args, UndoStep, undoes
from chaos.worlds.cluster.target import Target

BROKEN = "standby.invalid/there-is-no-such-image:broken"
"""An image that cannot be had: its registry's name is one that nobody can own."""


def image_step(target: Target, deployment: Deployment) -> UndoStep:
    """The undo of breaking a deployment's image: the one that its first container has now."""
    return UndoStep(
        "image",
        {
            "context": target.context,
            "namespace": target.namespace,
            "deployment": deployment.name,
            "container": deployment.container,
            "before": deployment.image,
        },
    )


async def set_image(cluster: Cluster, namespace: str, name: str, container: str, image: str) -> None:
    """Give a container of a deployment an image."""
    containers = [{"name": container, "image": image}]
    await cluster.patch_deployment(
        namespace, name, {"spec": {"template": {"spec": {"containers": containers}}}}
    )


@undoes("image")
async def image_back(args: Args) -> Proof:
    """Put the image back, if the broken one is still there."""
    namespace, name = str(args["namespace"]), str(args["deployment"])
    async with Cluster(str(args["context"])) as cluster:
        try:
            now = await cluster.deployment(namespace, name)
        except NotInClusterError:
            return Proof(True, f"the deployment {name} is gone")
        if now.image != BROKEN:
            return Proof(
                True, f"the deployment {name} has the image {now.image}, which is not the broken one"
            )
        await set_image(cluster, namespace, name, str(args["container"]), str(args["before"]))
        now = await cluster.deployment(namespace, name)
    return Proof(now.image == args["before"], f"the deployment {name} has the image {now.image} again")
