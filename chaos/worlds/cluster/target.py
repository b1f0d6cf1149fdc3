"""The one namespace of one cluster that a run may touch; named by whoever starts it, never taken from the current
context.
"""

from __future__ import annotations

from dataclasses import dataclass

from chaos.clients import routes
from chaos.clients.cluster import Cluster, NotInClusterError
from chaos.clients.cluster_objects import Node
from chaos.errors import ClientError, UsageError
from chaos.experiment import Loaded

ALLOWED = "standby.chaos/target"
"""The label that a namespace, and each node, must carry with the value `allowed` before anything there is touched."""
KIND_CONTEXT = "kind-standby"
KIND_NAMESPACE = "rooms"
OBSERVABILITY = "standby.chaos/observability"
"""The annotation of a namespace that names the namespace of its Prometheus."""
OBSERVABILITY_NAMESPACE = "standby-observability"
"""Where Prometheus is unless a namespace says otherwise."""
WORLDS = ("kind", "kubernetes")


@dataclass(frozen=True)
class Target:
    """A namespace of a cluster; `world` is `kind` or `kubernetes`."""

    world: str
    context: str
    namespace: str

    def __str__(self) -> str:
        return f"{self.context}/{self.namespace}"

    @property
    def address(self) -> str:
        """The address under which recovery finds it again."""
        return f"{routes.SCHEME}://{self.context}/{self.namespace}"

    @property
    def kind_cluster(self) -> str:
        """The name of the kind cluster behind the context."""
        return self.context.removeprefix("kind-")

    def service(self, name: str, port: int, path: str = "") -> str:
        """The address of a service in this namespace."""
        return f"{self.address}/services/{name}:{port}{path}"

    def pod(self, name: str, port: int, path: str = "") -> str:
        """The address of a pod in this namespace."""
        return f"{self.address}/pods/{name}:{port}{path}"


def target_of(world: str, context: str | None, namespace: str | None) -> Target | None:
    """What `--world`, `--context` and `--namespace` name; None for the local world. Raises UsageError.

    Within a pod the context is that of its own service account unless another one is named.
    """
    if world not in WORLDS:
        if context or namespace:
            raise UsageError("`--context` and `--namespace` name a cluster; the world `local` has none")
        return None
    if world == "kind":
        return Target(world, context or KIND_CONTEXT, namespace or KIND_NAMESPACE)
    if context is None and routes.in_a_pod():
        context = routes.IN_CLUSTER
    if not context or not namespace:
        raise UsageError(
            "the world `kubernetes` needs `--context` and `--namespace`: the current context is never used silently"
        )
    return Target(world, context, namespace)


async def permitted(target: Target) -> None:
    """Raises UsageError unless the namespace is there and its label allows to touch it."""
    try:
        async with Cluster(target.context) as cluster:
            labels = await cluster.namespace(target.namespace)
    except NotInClusterError as error:
        raise UsageError(f"there is no namespace `{target.namespace}` in `{target.context}`") from error
    except ClientError as error:
        raise UsageError(f"the cluster `{target.context}` cannot be asked: {error}") from error
    if labels.get(ALLOWED) != "allowed":
        raise UsageError(
            f"the namespace {target} does not carry the label {ALLOWED}=allowed, so nothing in it may be touched; "
            f"whoever answers for it can allow that: kubectl --context {target.context} label namespace "
            f"{target.namespace} {ALLOWED}=allowed"
        )


async def observed_from(cluster: Cluster, target: Target) -> str:
    """The namespace of the Prometheus that observes the target. Raises ClientError."""
    found = await cluster.annotations(target.namespace)
    return found.get(OBSERVABILITY, OBSERVABILITY_NAMESPACE)


async def permitted_target(loaded: Loaded, context: str | None, namespace: str | None) -> Target | None:
    """The part of a cluster that a run may touch; None for the local world. Raises UsageError; touches nothing."""
    experiment = loaded.experiment
    target = target_of(experiment.world, context, namespace)
    if target is None:
        return None
    if target.world == "kubernetes" and "max_affected" not in experiment.model_fields_set:
        raise UsageError(
            f"{loaded.path}: the world `kubernetes` needs `max_affected`: how many nodes and pods a run may touch"
        )
    await permitted(target)
    return target


def may_lose(node: Node) -> str:
    """Why a node may not be hurt; empty where it may."""
    if node.control_plane:
        return f"the node {node.name} is a control plane"
    if node.labels.get(ALLOWED) != "allowed":
        return f"the node {node.name} does not carry the label {ALLOWED}=allowed"
    return ""
