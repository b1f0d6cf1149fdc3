"""What runs in a world, as data: processes, links, and what Prometheus needs to know of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, PrivateAttr

from chaos.errors import WorldError
from chaos.worlds.base import Link, Proxy


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ProcessSpec(_Frozen):
    """A program of the world and how it is started, found ready, and measured.

    `role` is `target` (faults may touch it), `tool` (Toxiproxy, Prometheus), `load`, or `external` (served by somebody
    else, never started or ended here). A `spare` is not started with the world. `health` and `metrics` are URLs;
    `tcp://HOST:PORT` as `health` asks for a connection only. `env` is added to the program's environment.
    """

    name: str
    tier: str
    node: str
    argv: tuple[str, ...]
    role: Literal["target", "tool", "load", "external"] = "target"
    health: str | None = None
    metrics: str | None = None
    spare: bool = False
    env: Mapping[str, str] = {}
    cwd: str | None = None


class ProxySpec(_Frozen):
    """One Toxiproxy proxy; `server` names the Toxiproxy process that carries it."""

    name: str
    server: str
    listen: str
    upstream: str
    caller: str
    callee: str


class LinkSpec(_Frozen):
    """A link: its proxies, and the HTTP paths by which a fault's effect can be seen."""

    name: str
    proxies: tuple[ProxySpec, ...]
    probe: str | None = "/healthz"
    payload: str | None = None


class Layout(_Frozen):
    """Everything a local world starts, in this order; `rules` are Prometheus rule files."""

    processes: tuple[ProcessSpec, ...]
    links: tuple[LinkSpec, ...]
    toxiproxies: Mapping[str, str]
    """The base URL of each Toxiproxy process' API."""
    prometheus: str
    """The base URL of the world's own Prometheus; empty where it has none."""
    rules: tuple[str, ...] = ()
    _kept: object = PrivateAttr(default=None)

    def keeping(self, what: object) -> Self:
        """This layout, which keeps `what` (the ports that it names) alive for as long as it is itself."""
        self._kept = what
        return self

    def process(self, name: str) -> ProcessSpec:
        """One process by name. Raises WorldError for a name that is not there."""
        for spec in self.processes:
            if spec.name == name:
                return spec
        raise WorldError(
            f"no process `{name}` in this world; there are {', '.join(s.name for s in self.processes)}"
        )

    def link_table(self) -> dict[str, Link]:
        """The links as faults see them."""
        return {
            link.name: Link(
                link.name,
                tuple(
                    Proxy(p.name, self.toxiproxies[p.server], p.listen, p.upstream, p.caller, p.callee)
                    for p in link.proxies
                ),
                link.probe,
                link.payload,
            )
            for link in self.links
        }

    def toxiproxy_config(self, server: str) -> str:
        """The proxies of one Toxiproxy process, in the form of its `-config` file."""
        rows = [
            {"name": proxy.name, "listen": proxy.listen, "upstream": proxy.upstream, "enabled": True}
            for link in self.links
            for proxy in link.proxies
            if proxy.server == server
        ]
        return json.dumps(rows, indent=1)

    def scrape_targets(self) -> list[dict[str, object]]:
        """What Prometheus scrapes, in the form of file-based service discovery; spares are left out."""
        return [scrape_target(spec) for spec in self.processes if spec.metrics and not spec.spare]


def toxiproxy_spec(program: Path, name: str, address: str, folder: Path) -> ProcessSpec:
    """A Toxiproxy server whose API listens at `address` and whose proxies stand in `folder`/`name`.json."""
    host, port = address.split(":")
    return ProcessSpec(
        name=name,
        tier="toxiproxy",
        node="tools",
        argv=(str(program), "-host", host, "-port", port, "-config", str(folder / f"{name}.json")),
        role="tool",
        health=f"http://{address}/version",
    )


def tsdb_folder(folder: Path) -> Path:
    """Where the Prometheus of a world in `folder` keeps its data."""
    return folder / "prometheus"


def prometheus_spec(program: Path, address: str, folder: Path, *, retention: str = "1d") -> ProcessSpec:
    """A Prometheus server at `address`, configured by `folder`/prometheus.yml.

    Its admin API is on, so that a run can keep a snapshot: it listens on loopback alone, like everything of the world.
    """
    return ProcessSpec(
        name="prometheus",
        tier="prometheus",
        node="tools",
        argv=(
            str(program),
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={tsdb_folder(folder)}",
            f"--storage.tsdb.retention.time={retention}",
            f"--web.listen-address={address}",
            "--web.enable-admin-api",
            "--log.level=warn",
        ),
        role="tool",
        health=f"http://{address}/-/ready",
    )


def scrape_target(spec: ProcessSpec) -> dict[str, object]:
    """One process as a target of file-based service discovery."""
    assert spec.metrics is not None
    scheme, _, rest = spec.metrics.partition("://")
    host, _, path = rest.partition("/")
    labels = {
        "__scheme__": scheme,
        "job": spec.tier,
        "tier": spec.tier,
        "instance": spec.name,
        "node": spec.node,
        "__metrics_path__": f"/{path}",
    }
    return {"targets": [host], "labels": labels}


def prometheus_config(targets: Path, rules: tuple[str, ...]) -> str:
    """Prometheus' configuration: one second between scrapes and between evaluations."""
    return json.dumps(
        {
            "global": {"scrape_interval": "1s", "scrape_timeout": "900ms", "evaluation_interval": "1s"},
            "rule_files": list(rules),
            "scrape_configs": [
                {
                    "job_name": "world",
                    "file_sd_configs": [{"files": [str(targets)], "refresh_interval": "5s"}],
                }
            ],
        },
        indent=1,
    )
