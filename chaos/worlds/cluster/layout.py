"""The links of a namespace: what its Toxiproxy servers carry, asked of the servers themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from chaos.clients.toxiproxy import ProxyState, Toxiproxy
from chaos.errors import WorldError
from chaos.worlds.base import Link, Proxy
from chaos.worlds.cluster.sight import TIER, Sight

BRIDGE = "bridge"
"""The tier of the Toxiproxy servers' services."""
API = "api"
"""The name of the port at which such a service has Toxiproxy's API."""

Ends = Callable[[str, str], tuple[str, str]]
"""The caller and the callee of a proxy, which is called LINK or LINK.INSTANCE, by these two."""


async def links_of(sight: Sight, ends: Ends, payload: str | None) -> Mapping[str, Link]:
    """The links by name; a proxy called `edge.media-1` is part of the link `edge`. Raises WorldError for none."""
    servers = {
        name: service.ports[API]
        for name, service in sight.services.items()
        if service.labels.get(TIER) == BRIDGE and API in service.ports
    }
    if not servers:
        raise WorldError(
            f"there is no Toxiproxy in {sight.target}; `make deploy` installs the rooms with theirs, "
            "and `standby link add` puts one between two services of yours"
        )
    apis = {name: sight.target.service(name, port) for name, port in servers.items()}
    carried = await asyncio.gather(*(Toxiproxy(address).proxies() for address in apis.values()))
    links: dict[str, list[Proxy]] = {}
    for (server, address), proxies in zip(apis.items(), carried, strict=True):
        for state in proxies.values():
            link, _, instance = state.name.partition(".")
            links.setdefault(link, []).append(_proxy(state, server, address, *ends(link, instance)))
    return {
        name: Link(name, tuple(sorted(proxies, key=lambda one: one.name)), payload=payload)
        for name, proxies in sorted(links.items())
    }


def _proxy(state: ProxyState, service: str, address: str, caller: str, callee: str) -> Proxy:
    port = state.listen.rpartition(":")[2]
    return Proxy(state.name, address, f"{service}:{port}", state.upstream, caller, callee)
