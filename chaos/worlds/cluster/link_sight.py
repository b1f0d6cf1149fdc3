"""What is seen of the links of a namespace: which are there, what can be added, and what a change still waits for.

What is waited for is a function that answers in words what is missing, and nothing when nothing is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp

from chaos.clients import routes
from chaos.clients.cluster import Cluster, NotInClusterError
from chaos.clients.toxiproxy import Toxiproxy
from chaos.errors import UsageError
from chaos.worlds.cluster.layout import BRIDGE
from chaos.worlds.cluster.link_objects import (
    API_PORT,
    CALLED,
    CALLER,
    LINK,
    ORIGINAL,
    Object,
    Wanted,
    carried,
    objects,
)
from chaos.worlds.cluster.sight import TIER
from chaos.worlds.cluster.target import Target

SLICE_OF = "kubernetes.io/service-name"
"""The label of an endpoint slice that names its Service."""


@dataclass(frozen=True)
class Present:
    """A link that is there: its name, what its caller calls, where it leads, who calls (as far as it was said), the
    Service that was turned to it (empty for none), and whether its Toxiproxy is ready."""

    name: str
    address: str
    leads_to: str
    caller: str
    swapped: str
    ready: bool


async def present(target: Target) -> Sequence[Present]:
    """The links that were added to a namespace, by name."""
    async with Cluster(target.context) as cluster:
        deployments, services = await asyncio.gather(
            listed(cluster, target, "deployments", f"{LINK},{TIER}={BRIDGE}"),
            listed(cluster, target, "services"),
        )
    found = []
    for one in deployments:
        metadata = one["metadata"]
        name, notes = metadata["labels"][LINK], metadata.get("annotations") or {}
        service, _, port = notes.get(CALLED, ":0").rpartition(":")
        swapped = next((other["metadata"]["name"] for other in services if turned_to(other, name)), "")
        wanted = Wanted(name, service, int(port), swap=bool(swapped))
        ready = bool((one.get("status") or {}).get("readyReplicas"))
        found.append(
            Present(name, wanted.address, f"{service}:{port}", notes.get(CALLER, ""), swapped, ready)
        )
    return sorted(found, key=lambda one: one.name)


async def addable(cluster: Cluster, target: Target, wanted: Wanted) -> Object:
    """The Service to which a link may lead. Raises UsageError."""
    services = {one["metadata"]["name"]: one for one in await listed(cluster, target, "services")}
    service = services.get(wanted.service)
    if service is None:
        known = ", ".join(sorted(services)) or "none"
        raise UsageError(f"there is no Service `{wanted.service}` in {target}; there are {known}")
    if wanted.caller:
        callers = [one.name for one in await cluster.deployments(target.namespace)]
        if wanted.caller not in callers:
            raise UsageError(
                f"there is no Deployment `{wanted.caller}` in {target}; there are {', '.join(callers) or 'none'}"
            )
    for kind, one in objects(wanted, service):
        name = one["metadata"]["name"]
        try:
            await cluster.ask("GET", f"{api_path(target, kind)}/{name}", f"show {name}")
        except NotInClusterError:
            continue
        raise UsageError(
            f"there is a {one['kind']} {name} in {target} already; `standby link list` shows the links that are there, "
            f"and `standby link remove {wanted.name}` takes this one away"
        )
    return service


async def not_ready(cluster: Cluster, target: Target, wanted: Wanted) -> str:
    """What is missing until the link's Toxiproxy runs."""
    found = await cluster.deployment(target.namespace, wanted.object_name)
    return "" if found.ready else f"see `kubectl -n {target.namespace} describe pods -l {LINK}={wanted.name}`"


async def not_listed(target: Target, wanted: Wanted, service: Object) -> str:
    """What is missing until that Toxiproxy has a proxy for each port."""
    found = await Toxiproxy(target.service(wanted.object_name, API_PORT)).proxies()
    shut = [one.name for one in found.values() if not one.enabled]
    if shut or len(found) != len(carried(wanted, service)):
        return f"it has {', '.join(found) or 'none'}"
    return ""


async def nobody_behind(cluster: Cluster, target: Target, service: str) -> str:
    """What is missing until a Service leads to somebody."""
    return "" if await _endpoints(cluster, target, service) else f"{service} has no ready endpoints"


async def not_turned(cluster: Cluster, target: Target, wanted: Wanted) -> str:
    """What is missing until the Service leads to the link alone."""
    now, link = await asyncio.gather(
        _endpoints(cluster, target, wanted.service), _endpoints(cluster, target, wanted.object_name)
    )
    return "" if now and now == link else f"its endpoints are {', '.join(sorted(now)) or 'none'}"


async def still_turned(cluster: Cluster, target: Target, service: str, link: str) -> str:
    """What is missing until a Service leads to the link no more."""
    now, pods = await asyncio.gather(
        _endpoints(cluster, target, service), cluster.pods(target.namespace, f"{LINK}={link}")
    )
    left = now & {pod.ip for pod in pods}
    return f"its endpoints are {', '.join(sorted(now))}" if left else ""


async def pods_left(cluster: Cluster, target: Target, link: str) -> str:
    """The pods of a link that are still there."""
    return ", ".join(pod.name for pod in await cluster.pods(target.namespace, f"{LINK}={link}"))


async def mute(address: str, wanted: bool) -> str:
    """What is missing until an address answers HTTP, where that is `wanted`."""
    return "" if not wanted or await answers(address) else f"{address} does not answer"


async def answers(address: str) -> bool:
    """Whether what is behind an address answers HTTP, with whatever status."""
    try:
        async with (
            routes.opened(address, 5.0) as (session, url),
            session.get(url, headers=routes.headers(address), allow_redirects=False) as answer,
        ):
            return routes.trouble(address, answer.status, await answer.text(errors="replace")) is None and (
                answer.status not in (502, 503, 504)
            )
    except (aiohttp.ClientError, TimeoutError, OSError):
        return False


async def _endpoints(cluster: Cluster, target: Target, service: str) -> set[str]:
    """The addresses of the pods to which a Service leads now."""
    path = f"/apis/discovery.k8s.io/v1/namespaces/{target.namespace}/endpointslices"
    what = f"show where the Service {service} of {target} leads"
    found = await cluster.ask("GET", path, what, labelSelector=f"{SLICE_OF}={service}")
    return {
        address
        for one in found["items"]
        for endpoint in one.get("endpoints") or ()
        if (endpoint.get("conditions") or {}).get("ready") is not False
        for address in endpoint["addresses"]
    }


def turned_to(service: Object, link: str) -> bool:
    """Whether a Service leads to a link in place of its own pods."""
    notes = service["metadata"].get("annotations") or {}
    return notes.get(LINK) == link and ORIGINAL in notes


async def listed(cluster: Cluster, target: Target, kind: str, selector: str = "") -> Sequence[Object]:
    """The namespace's objects of a kind, all of them or those that a selector of labels means."""
    query = {"labelSelector": selector} if selector else {}
    found: Any = await cluster.ask("GET", api_path(target, kind), f"list the {kind} of {target}", **query)
    items: Sequence[Object] = found["items"]
    return items


def api_path(target: Target, kind: str) -> str:
    """The path at which the API server has the namespace's objects of a kind."""
    group = "/apis/apps/v1" if kind == "deployments" else "/api/v1"
    return f"{group}/namespaces/{target.namespace}/{kind}"
