"""A user's own services as a local world: which processes, behind which links.

Every tier that has a `command` is a process and a node of its own; every link is one proxy of one Toxiproxy, and its
caller is told the proxy's address in `$LINK_NAME`. Prometheus runs with the world unless the document has its own.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from chaos.experiment.system import LoadSection, SystemSection, TierSection, link_variable
from chaos.ports import Ports
from chaos.worlds.layout import Layout, LinkSpec, ProcessSpec, ProxySpec, prometheus_spec, toxiproxy_spec

TOXIPROXY = "toxiproxy"
LOAD = "load"


def layout(
    system: SystemSection,
    load: LoadSection | None,
    *,
    home: Path,
    folder: Path,
    ports: Ports,
    toxiproxy: Path | None,
    prometheus: Path | None,
) -> Layout:
    """A local world of these tiers; relative paths count from `home`, the document's folder.

    `folder` is where the world's own programs find their files; without `prometheus` the world has none, and without
    links it needs no `toxiproxy`.
    """
    tools: list[ProcessSpec] = []
    at = api = ""
    if prometheus is not None:
        at = f"127.0.0.1:{ports.take()}"
        tools.append(prometheus_spec(prometheus, at, folder))
    if toxiproxy is not None:
        api = f"127.0.0.1:{ports.take()}"
        tools.append(toxiproxy_spec(toxiproxy, TOXIPROXY, api, folder))
    links = _links(system, ports)
    told = _addresses(system, links)
    tiers = [_tier(name, tier, told.get(name, {}), home) for name, tier in system.tiers.items()]
    return Layout(
        processes=(*tools, *tiers, *_load(load, told.get(LOAD, {}), home)),
        links=links,
        toxiproxies={TOXIPROXY: f"http://{api}"} if links else {},
        prometheus=f"http://{at}" if at else "",
        rules=tuple(str((home / name).absolute()) for name in system.rules) if prometheus is not None else (),
    ).keeping(ports)


def _links(system: SystemSection, ports: Ports) -> tuple[LinkSpec, ...]:
    links = []
    for name, link in system.links.items():
        called = system.tiers[link.to]
        assert called.address is not None
        proxy = ProxySpec(
            name=name,
            server=TOXIPROXY,
            listen=f"127.0.0.1:{ports.take()}",
            upstream=called.address,
            caller=link.from_,
            callee=link.to,
        )
        links.append(LinkSpec(name=name, proxies=(proxy,), probe=_probe(called)))
    return tuple(links)


def _probe(tier: TierSection) -> str | None:
    """The path by which a fault's effect can be seen: that of `ready`, where it is served at the tier's address."""
    if tier.ready is None or not tier.ready.startswith(f"http://{tier.address}/"):
        return None
    return tier.ready.removeprefix(f"http://{tier.address}")


def _addresses(system: SystemSection, links: tuple[LinkSpec, ...]) -> Mapping[str, dict[str, str]]:
    """What each caller is told in its environment."""
    told: dict[str, dict[str, str]] = {}
    for link in links:
        caller = system.links[link.name].from_
        told.setdefault(caller, {})[link_variable(link.name)] = link.proxies[0].listen
    return told


def _tier(name: str, tier: TierSection, told: Mapping[str, str], home: Path) -> ProcessSpec:
    health = tier.ready or (f"tcp://{tier.address}" if tier.address else None)
    return ProcessSpec(
        name=name,
        tier=name,
        node=name,
        argv=tier.command or (),
        role="target" if tier.command else "external",
        health=health,
        metrics=tier.metrics,
        env={**tier.env, **told},
        cwd=str(home / (tier.cwd or ".")),
    )


def _load(load: LoadSection | None, told: Mapping[str, str], home: Path) -> tuple[ProcessSpec, ...]:
    if load is None:
        return ()
    cwd = os.path.normpath(home / (load.cwd or "."))
    return (
        ProcessSpec(
            name=LOAD,
            tier=LOAD,
            node="tools",
            argv=load.command,
            role="load",
            spare=True,
            env={**load.env, **told},
            cwd=cwd,
        ),
    )
