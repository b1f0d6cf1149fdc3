"""The kind cluster: made, found, brought back, removed; its nodes are Docker containers."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from chaos.clients.tools import ensure
from chaos.errors import WorldError
from k8s.steps import lines, run, say, succeeds

CLUSTER: Final = "standby"
CONTEXT: Final = f"kind-{CLUSTER}"
CONTROL_PLANE: Final = f"{CLUSTER}-control-plane"
CONFIG: Final = Path(__file__).with_name("kind.yaml")
NODES: Final = 5
DEFAULT_IMAGE: Final = "kindest/node:v1.34.0"
ROLE: Final = "standby.chaos/role"
READY_WITHIN: Final = 240.0
"""Real seconds that the nodes get to become ready."""
STEADY: Final = 15.0
"""Real seconds that nodes which were brought back must have been ready: right after their return they still are by
what was known before, and turn not ready a moment later."""


@dataclass(frozen=True)
class Node:
    """A node and the state of its container: running, paused, exited, created, …"""

    name: str
    state: str


def nodes() -> list[Node]:
    """The cluster's nodes, whatever their state; none where there is no cluster."""
    told = run(
        "docker", "ps", "--all", "--filter", f"label=io.x-k8s.kind.cluster={CLUSTER}",
        "--format", "{{.Names}} {{.State}}",
    )  # fmt: skip
    return [Node(*line.split()) for line in sorted(lines(told))]


def up() -> None:
    """Make the cluster, or bring back what is there of it; afterwards every node is ready."""
    found = nodes()
    if not found:
        _create()
    elif len(found) != NODES:
        raise WorldError(
            f"the cluster {CLUSTER} has {len(found)} nodes in place of {NODES}:"
            f" {', '.join(node.name for node in found)}.\nMake it anew: make clean cluster"
        )
    else:
        _bring_back(found)
    _move_dns()


def _create() -> None:
    image = os.environ.get("KIND_IMAGE") or DEFAULT_IMAGE
    kind = str(ensure("kind"))
    run(
        kind, "create", "cluster", "--name", CLUSTER, "--config", str(CONFIG), "--image", image,
        what=f"Making the cluster {CLUSTER} with {NODES} nodes from {image} (context {CONTEXT})",
    )  # fmt: skip
    wait_until_ready(0.0)


def _bring_back(found: Sequence[Node]) -> None:
    asleep = [node for node in found if node.state != "running"]
    for node in asleep:
        verb = "unpause" if node.state == "paused" else "start"
        run("docker", verb, node.name, what=f"Bringing back {node.name} ({node.state})")
    if not _has_context():
        kind = str(ensure("kind"))
        run(
            kind,
            "export",
            "kubeconfig",
            "--name",
            CLUSTER,
            what=f"Writing the context {CONTEXT} to the kubeconfig",
        )
    wait_until_ready(STEADY if asleep else 0.0)
    if not asleep:
        say(f"The cluster {CLUSTER} is there, with {len(found)} nodes that are ready.")


def _has_context() -> bool:
    """Whether one of the kubeconfig files names our context."""
    chosen = os.environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")
    for name in filter(None, chosen.split(os.pathsep)):
        try:
            told = YAML(typ="safe").load(Path(name))
        except (OSError, YAMLError):
            continue
        contexts = told.get("contexts") if isinstance(told, dict) else None
        if any(isinstance(one, dict) and one.get("name") == CONTEXT for one in contexts or ()):
            return True
    return False


def wait_until_ready(steady: float) -> None:
    """Wait until every node has been ready for `steady` real seconds at a stretch. Raises WorldError."""
    until, since, told = time.monotonic() + READY_WITHIN, None, 0.0
    while True:
        now = time.monotonic()
        waited_for = not_ready()
        since = None if waited_for else (since if since is not None else now)
        if since is not None and now - since >= steady:
            return
        if now > until:
            raise WorldError(
                f"after {READY_WITHIN:.0f} s these nodes of {CLUSTER} are not ready: {', '.join(waited_for)}.\n"
                f"See `docker logs NODE`, or make the cluster anew: make clean cluster"
            )
        if now - told > 10.0:
            told = now
            say(
                "Waiting for the nodes to be ready"
                + (f": {', '.join(waited_for)}" if waited_for else " for good")
            )
        time.sleep(1.0)


def not_ready() -> list[str]:
    """The names of the nodes that are not ready; of all expected ones while the API server does not answer."""
    try:
        told = json.loads(kubectl("get", "nodes", "--output", "json"))
    except WorldError:
        return ["the API server"]
    found = {str(one["metadata"]["name"]): _is_ready(one) for one in told["items"]}
    missing = [f"{NODES - len(found)} more"] if len(found) < NODES else []
    return [*(name for name, ready in found.items() if not ready), *missing]


def _is_ready(node: Mapping[str, Mapping[str, Sequence[Mapping[str, str]]]]) -> bool:
    return any(
        one["type"] == "Ready" and one["status"] == "True" for one in node["status"].get("conditions", ())
    )


def roles() -> dict[str, str]:
    """The value of the label standby.chaos/role by node; "" for the control plane."""
    told = json.loads(kubectl("get", "nodes", "--output", "json"))
    return {one["metadata"]["name"]: one["metadata"]["labels"].get(ROLE, "") for one in told["items"]}


def kubectl(*arguments: str, stdin: bytes = b"") -> str:
    """The kubectl of the control plane's node, of the cluster's own version; this machine needs none."""
    inside = (
        "docker",
        "exec",
        "--interactive",
        CONTROL_PLANE,
        "kubectl",
        "--kubeconfig=/etc/kubernetes/admin.conf",
    )
    return run(*inside, *arguments, stdin=stdin, longest=240.0)


def _move_dns() -> None:
    """Have cluster DNS live on the node that is no target: on the control plane its loss would hide that of the API."""
    selector = {"spec": {"template": {"spec": {"nodeSelector": {ROLE: "tools"}}}}}
    patch = ("patch", "deployment", "coredns", "--patch", json.dumps(selector))
    if "no change" not in kubectl("--namespace=kube-system", *patch):
        say("Moving cluster DNS to the tools node...")
        kubectl("--namespace=kube-system", "rollout", "status", "deployment", "coredns", "--timeout=180s")


def down() -> None:
    """Remove the cluster, its entry in the kubeconfig, and kind's network if no other cluster uses it."""
    if nodes() or _has_context():
        kind = str(ensure("kind"))
        run(kind, "delete", "cluster", "--name", CLUSTER, what=f"Removing the cluster {CLUSTER}")
    # kind has one network for all clusters, makes it when it is missing, and never removes it.
    if succeeds("docker", "network", "inspect", "kind"):
        used = run("docker", "network", "inspect", "kind", "--format", "{{len .Containers}}").strip()
        others = run("docker", "ps", "--all", "--quiet", "--filter", "label=io.x-k8s.kind.cluster").strip()
        if used == "0" and not others:
            run("docker", "network", "rm", "kind", what="Removing kind's network")
