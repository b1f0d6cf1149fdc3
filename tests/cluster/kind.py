"""What the tests on the kind cluster share: its own kubectl, Docker, what a run may leave there, and its reports."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from chaos.clients import routes
from chaos.worlds.heard import Known
from chaos.worlds.outpost import TOKEN_HEADER
from tests.waiting import wait_until

CONTEXT, NAMESPACE, RUNNERS = "kind-standby", "rooms", "standby-runner"
CONTROL_PLANE = "standby-control-plane"
ROOT = Path(__file__).parents[2]
EXPERIMENTS = ROOT / "experiments"
REPLICAS = {"platform": 2, "media-3": 0}
"""The replicas of the deployments that have another number than one."""
LEASE = 15.0
"""Real seconds that a run which died holds its target."""

SHORT = """
version: 1
title: A short run on the cluster
question: Does it work?
time_scale: 30
timeline: {{warm_up: 1m, baseline: 3m, faults: {faults}, recovery: 1m, after: 2m}}
rooms:
  audience:
    - {{room: townhall, listeners: 60_000, from: 0m, join_over: 4m, shape: linear, host_patience: 60m}}
objectives:
  - {{name: the audience is counted, query: 'rooms_listeners_planned{{room="townhall"}}', expect: ">= 0", max_gap: 30s}}
faults:
{fault}
"""


def document(*wanted: str, faults: str = "10m") -> str:
    """A document with such faults, which judges nothing but that there is an audience."""
    return SHORT.format(fault="\n".join(f"  - {{{one}}}" for one in wanted), faults=faults)


def plain_kubectl(*arguments: str) -> str:
    """What the control plane's own kubectl says."""
    return docker("exec", CONTROL_PLANE, "kubectl", "--kubeconfig=/etc/kubernetes/admin.conf", *arguments)


def kubectl(*arguments: str) -> Any:
    """The same, as JSON."""
    return json.loads(plain_kubectl(*arguments, "-o", "json"))


def apply(manifest: Mapping[str, object]) -> None:
    """Have an object in the cluster."""
    inside = ("docker", "exec", "-i", CONTROL_PLANE, "kubectl", "--kubeconfig=/etc/kubernetes/admin.conf")
    text = json.dumps(manifest)
    subprocess.run(
        (*inside, "apply", "-f", "-"), input=text, text=True, check=True, capture_output=True, timeout=60
    )


def docker(*arguments: str) -> str:
    """What docker says."""
    return subprocess.run(
        ("docker", *arguments), capture_output=True, text=True, check=True, timeout=60
    ).stdout


def told_alerts() -> Known:
    """Which alerts fire, as the outpost has it from Alertmanager."""
    way = routes.access(CONTEXT)
    secret = kubectl("-n", NAMESPACE, "get", "secret", "control")["data"]["token"]
    token = base64.b64decode(secret).decode()
    url = f"{way.server}/api/v1/namespaces/{NAMESPACE}/services/outpost:8000/proxy/alerts"
    answer = way.session().get(url, headers={TOKEN_HEADER: token}, timeout=10)
    return Known.model_validate_json(answer.text)


@contextmanager
def without_guardian() -> Iterator[None]:
    """For the length of a block nobody in the cluster undoes anything."""
    scaled = ("-n", RUNNERS, "scale", "deployment", "runner-guardian")
    plain_kubectl(*scaled, "--replicas=0")
    guardians = ("-n", RUNNERS, "get", "pods", "-l", "app.kubernetes.io/component=guardian")
    wait_until(lambda: kubectl(*guardians)["items"] == [], 60, "the guardian to go")
    try:
        yield
    finally:
        plain_kubectl(*scaled, "--replicas=1")
        plain_kubectl("-n", RUNNERS, "rollout", "status", "deployment/runner-guardian", "--timeout=50s")


def states() -> dict[str, str]:
    """What Docker says of each node's container."""
    told = docker(
        "ps", "-a", "--filter", "label=io.x-k8s.kind.cluster=standby", "--format", "{{.Names}} {{.State}}"
    )
    return dict(line.split() for line in told.splitlines())


def left_in_cluster() -> list[str]:
    """What a run may have left: its journal, its hold, nodes that are not well, toxics."""
    left = [
        one["metadata"]["name"]
        for one in kubectl("-n", NAMESPACE, "get", "configmaps", "-l", "standby.chaos/journal")["items"]
    ]
    leases = kubectl("-n", NAMESPACE, "get", "leases")["items"]
    left += [
        f"hold of {one['spec']['holderIdentity']}" for one in leases if one["spec"].get("holderIdentity")
    ]
    left += [f"{name} is {state}" for name, state in states().items() if state != "running"]
    for node in kubectl("get", "nodes")["items"]:
        ready = any(
            one["type"] == "Ready" and one["status"] == "True" for one in node["status"]["conditions"]
        )
        if not ready or node["spec"].get("unschedulable"):
            left.append(f"node {node['metadata']['name']}: ready {ready}, {node['spec']}")
    for one in kubectl("-n", NAMESPACE, "get", "deployments")["items"]:
        name, replicas = one["metadata"]["name"], one["spec"]["replicas"]
        if replicas != REPLICAS.get(name, 1):
            left.append(f"{name} has {replicas} replicas")
    for server in ("bridge", "bridge-spare"):
        try:
            left += hurt(server)
        except subprocess.CalledProcessError:  # its pod is being started anew
            left.append(f"{server} cannot be asked")
    return left


def hurt(server: str, namespace: str = NAMESPACE) -> list[str]:
    """The proxies of a Toxiproxy server that carry a toxic or are shut."""
    path = f"/api/v1/namespaces/{namespace}/services/{server}:8474/proxy/proxies"
    return [
        f"{name}: {one['toxics']}"
        for name, one in json.loads(plain_kubectl("get", "--raw", path)).items()
        if one["toxics"] or not one["enabled"]
    ]


def report_of(out: Path) -> Any:
    """A run's report."""
    return json.loads((out / "run.json").read_text(encoding="utf-8"))


def proven(report: Any) -> bool:
    """Whether every fault was shown on its path, in force and gone."""
    return all(one["path_proof"] is one["in_force"] is one["gone"] is True for one in report["faults"])


def named(events: Sequence[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    """The events of a name."""
    return [one for one in events if one["event"] == name]
