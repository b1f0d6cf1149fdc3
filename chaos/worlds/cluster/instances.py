"""An address that stands for all pods of a process, whichever they are when it is used."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from urllib.parse import urlsplit

from chaos.clients import routes
from chaos.clients.cluster import Cluster, NotInClusterError
from chaos.worlds.cluster.target import Target


def instances_address(target: Target, name: str, port: int) -> str:
    """The address that stands for the pods of a process."""
    return f"{target.address}/instances/{name}:{port}"


async def instances(address: str) -> Sequence[str]:
    """The base URLs that an address stands for now; any other address stands for itself."""
    parts = urlsplit(address)
    namespace, _, named = parts.path.lstrip("/").partition("/instances/")
    if not routes.is_cluster(address) or not named:
        return [address]
    name, _, port = named.partition(":")
    target = Target("kubernetes", parts.netloc, namespace)
    async with Cluster(target.context) as cluster:
        deployment, pods = await asyncio.gather(cluster.deployment(namespace, name), cluster.pods(namespace))
    return [target.pod(pod.name, int(port)) for pod in pods if pod.ready and deployment.owns(pod)]


def secret_address(target: Target, name: str, key: str) -> str:
    """The address of one text of a secret."""
    return f"{target.address}/secrets/{name}/{key}"


async def secret_at(address: str) -> str | None:
    """The text at the address of a secret; None where it is gone."""
    parts = urlsplit(address)
    namespace, _, name, key = parts.path.lstrip("/").split("/")
    async with Cluster(parts.netloc) as cluster:
        try:
            return await cluster.secret(namespace, name, key)
        except NotInClusterError:
            return None
