"""The rooms as a local world: which processes, behind which links.

    audience ──edge──▶ media-1 ──media-to-platform──▶ platform
        │              media-2 ◀──platform-to-media──     ▲
        └───────────────── a listener's own calls ────────┘

The two bridge links have a spare each, on a Toxiproxy of its own; the edge has one Toxiproxy per media instance.
`media-3` is a spare instance, started only by the repair `scale_out_media`.
"""

from __future__ import annotations

import sys
from importlib import resources
from pathlib import Path

from chaos.ports import Ports
from chaos.worlds.layout import Layout, LinkSpec, ProcessSpec, ProxySpec, prometheus_spec, toxiproxy_spec

MEDIA = ("media-1", "media-2", "media-3")
SPARE_MEDIA = "media-3"
TARGETS = ("platform", "media")
"""The tiers that faults may touch; everything else measures, loads or carries."""
PAYLOAD = "/probe?bytes={bytes}"


def rule_files() -> tuple[str, ...]:
    """The recording and alerting rules of the rooms."""
    folder = resources.files("chaos.rooms") / "rules"
    return tuple(str(folder / name) for name in ("recording.yaml", "alerts.yaml"))


def ends_of(link: str, instance: str) -> tuple[str, str]:
    """The caller and the callee of the proxy `link.instance`."""
    if link.startswith("media-to-platform"):
        return instance, "platform"
    return ("platform", instance) if link.startswith("platform-to-media") else ("audience", instance)


def layout(folder: Path, ports: Ports, *, toxiproxy: Path, prometheus: Path) -> Layout:
    """A local world of rooms; `folder` is where its Toxiproxy and Prometheus find their files."""
    at = {name: f"127.0.0.1:{ports.take()}" for name in ("prometheus", "platform", *MEDIA, "audience")}
    proxies = _proxies(at, ports)
    servers = sorted({proxy.server for link in proxies for proxy in link.proxies})
    apis = {server: f"127.0.0.1:{ports.take()}" for server in servers}
    listen = {proxy.name: f"http://{proxy.listen}" for link in proxies for proxy in link.proxies}
    return Layout(
        processes=(
            prometheus_spec(prometheus, at["prometheus"], folder),
            *(toxiproxy_spec(toxiproxy, server, apis[server], folder) for server in servers),
            _platform(at, listen),
            *(_media(name, at, listen) for name in MEDIA),
            _audience(at, listen),
        ),
        links=proxies,
        toxiproxies={server: f"http://{address}" for server, address in apis.items()},
        prometheus=f"http://{at['prometheus']}",
        rules=rule_files(),
    ).keeping(ports)


def _proxies(at: dict[str, str], ports: Ports) -> tuple[LinkSpec, ...]:
    def proxy(name: str, server: str, caller: str, callee: str) -> ProxySpec:
        listen = f"127.0.0.1:{ports.take()}"
        return ProxySpec(
            name=name, server=server, listen=listen, upstream=at[callee], caller=caller, callee=callee
        )

    links = []
    for suffix, server in (("", "toxiproxy-bridge"), ("-spare", "toxiproxy-spare")):
        to_platform = f"media-to-platform{suffix}"
        to_media = f"platform-to-media{suffix}"
        links += [
            LinkSpec(
                name=to_platform,
                proxies=tuple(proxy(f"{to_platform}.{name}", server, name, "platform") for name in MEDIA),
                payload=PAYLOAD,
            ),
            LinkSpec(
                name=to_media,
                proxies=tuple(proxy(f"{to_media}.{name}", server, "platform", name) for name in MEDIA),
                payload=PAYLOAD,
            ),
        ]
    edge = tuple(proxy(f"edge.{name}", f"toxiproxy-edge-{name}", "audience", name) for name in MEDIA)
    return (*links, LinkSpec(name="edge", proxies=edge, payload=PAYLOAD))


def _platform(at: dict[str, str], listen: dict[str, str]) -> ProcessSpec:
    links = [
        part
        for name in MEDIA
        for part in (
            "--media", f"{name}={listen[f'platform-to-media.{name}']}",
            "--media-spare", f"{name}={listen[f'platform-to-media-spare.{name}']}",
        )
    ]  # fmt: skip
    return _server("platform", "platform", "node-platform", at["platform"], links, role="target")


def _media(name: str, at: dict[str, str], listen: dict[str, str]) -> ProcessSpec:
    peers = [part for other in MEDIA if other != name for part in ("--peer", f"{other}=http://{at[other]}")]
    links = [
        "--platform", listen[f"media-to-platform.{name}"],
        "--platform-spare", listen[f"media-to-platform-spare.{name}"],
    ]  # fmt: skip
    arguments = ["--name", name, *links, *peers]
    return _server(
        name, "media", f"node-{name}", at[name], arguments, role="target", spare=name == SPARE_MEDIA
    )


def _audience(at: dict[str, str], listen: dict[str, str]) -> ProcessSpec:
    edges = [
        part
        for name in MEDIA
        for part in ("--edge", f"{name}={listen[f'edge.{name}'].removeprefix('http://')}")
    ]
    arguments = ["--platform", f"http://{at['platform']}", *edges]
    return _server("audience", "audience", "tools", at["audience"], arguments, role="load")


def _server(
    name: str, tier: str, node: str, address: str, arguments: list[str], *, role: str, spare: bool = False
) -> ProcessSpec:
    return ProcessSpec.model_validate(
        {
            "name": name,
            "tier": tier,
            "node": node,
            "argv": (sys.executable, "-m", f"chaos.rooms.{tier}", "--listen", address, *arguments),
            "role": role,
            "health": f"http://{address}/healthz",
            "metrics": f"http://{address}/metrics",
            "spare": spare,
        }
    )
