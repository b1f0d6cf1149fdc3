"""What was measured before, served again: a Prometheus on a copy of the series, and Grafana beside it."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from chaos.errors import PreflightError, ToolError
from chaos.worlds.layout import Layout, ProcessSpec, prometheus_spec, tsdb_folder

GRAFANA = "grafana"
IMAGE = "grafana/grafana:12.1.1"
"""The same as the chart `observability` has."""
PULL_WITHIN = 300.0
"""Real seconds in which Docker has to have the image."""
FOR_EVER = "100y"
"""How old series may be: those of a run are served whenever it was."""


@dataclass(frozen=True)
class Ports:
    """Where the report, Prometheus and Grafana listen on loopback."""

    report: int
    prometheus: int
    grafana: int


def fill(folder: Path, snapshots: Sequence[Path], texts: Sequence[Path], promtool: Path | None) -> None:
    """Put copies of snapshots, and what OpenMetrics files tell, where the Prometheus of a world in `folder` looks.

    A file may be compressed (`.gz`). Raises PreflightError when one cannot be taken in.
    """
    data = tsdb_folder(folder)
    data.mkdir(parents=True, mode=0o700)
    for snapshot in snapshots:
        shutil.copytree(snapshot, data, dirs_exist_ok=True)
    for text in texts:
        assert promtool is not None
        plain = folder / "imported.openmetrics"
        with gzip.open(text) if text.suffix == ".gz" else text.open("rb") as source, plain.open("wb") as copy:
            shutil.copyfileobj(source, copy)
        command = [str(promtool), "tsdb", "create-blocks-from", "openmetrics", str(plain), str(data)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        plain.unlink()
        if done.returncode:
            raise PreflightError(f"{text} cannot be imported: {done.stderr.strip() or done.stdout.strip()}")


def layout(folder: Path, ports: Ports, prometheus: Path) -> Layout:
    """Prometheus, and Grafana as a process that is started only when it is asked for."""
    at = f"127.0.0.1:{ports.prometheus}"
    return Layout(
        processes=(
            prometheus_spec(prometheus, at, folder, retention=FOR_EVER),
            _grafana(folder, ports.grafana),
        ),
        links=(),
        toxiproxies={},
        prometheus=f"http://{at}",
    )


def provision(folder: Path, ports: Ports, dashboards: Mapping[str, str]) -> None:
    """Write what Grafana finds when it starts: the data source, and dashboards by their files' names."""
    source = {
        "name": "Prometheus",
        "uid": "prometheus",
        "type": "prometheus",
        "url": f"http://127.0.0.1:{ports.prometheus}",
        "isDefault": True,
        "jsonData": {"timeInterval": "1s"},
    }
    provider = {"name": "standby", "type": "file", "options": {"path": "/etc/standby/json"}}
    _put(folder, "datasources/standby.yaml", {"apiVersion": 1, "datasources": [source]})
    _put(folder, "dashboards/standby.yaml", {"apiVersion": 1, "providers": [provider]})
    for name, text in dashboards.items():
        path = _provisioning(folder) / "json" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


async def pulled() -> None:
    """See to it that Docker has Grafana's image. Raises ToolError with why it has not."""
    docker = shutil.which("docker")
    if docker is None:
        raise ToolError("Docker is not here")
    if (await _docker(docker, "image", "inspect", IMAGE)).returncode == 0:
        return
    got = await _docker(docker, "pull", "--quiet", IMAGE)
    if got.returncode:
        said = (got.stderr.strip() or got.stdout.strip()).splitlines()
        raise ToolError(
            f"Docker cannot have the image {IMAGE}: {said[-1] if said else 'it does not say why'}"
        )


async def _docker(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    try:
        return await asyncio.to_thread(
            subprocess.run,
            [program, *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=PULL_WITHIN,
        )
    except subprocess.TimeoutExpired as error:
        raise ToolError(f"Docker took more than {PULL_WITHIN:g} s over {arguments[0]} {IMAGE}") from error


def _grafana(folder: Path, port: int) -> ProcessSpec:
    """Grafana in a container on the host's network, for whoever is at this machine: to look, not to change.

    Docker hands the end of its own process on to the container, which is removed with it.
    """
    settings = {
        "GF_SERVER_HTTP_ADDR": "127.0.0.1",
        "GF_SERVER_HTTP_PORT": str(port),
        "GF_AUTH_ANONYMOUS_ENABLED": "true",
        "GF_AUTH_ANONYMOUS_ORG_ROLE": "Viewer",
        "GF_AUTH_DISABLE_LOGIN_FORM": "true",
        "GF_ANALYTICS_REPORTING_ENABLED": "false",
        "GF_ANALYTICS_CHECK_FOR_UPDATES": "false",
        "GF_PATHS_PROVISIONING": "/etc/standby",
        "GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH": "/etc/standby/json/experiment.json",
    }
    return ProcessSpec(
        name=GRAFANA,
        tier=GRAFANA,
        node="tools",
        argv=(
            "docker", "run", "--rm", "--network", "host", "--user", f"{os.getuid()}:{os.getgid()}",
            "--volume", f"{_provisioning(folder)}:/etc/standby:ro", "--tmpfs", "/var/lib/grafana:mode=1777",
            *(part for name, value in settings.items() for part in ("--env", f"{name}={value}")),
            IMAGE,
        ),
        role="tool",
        health=f"http://127.0.0.1:{port}/api/health",
        spare=True,
    )  # fmt: skip


def _provisioning(folder: Path) -> Path:
    return folder / "grafana"


def _put(folder: Path, name: str, told: Mapping[str, object]) -> None:
    path = _provisioning(folder) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(told, indent=1), encoding="utf-8")
