"""docs/existing-services.md followed on a real cluster, in a namespace with no rooms in it."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chaos.clients.tools import ensure
from k8s.images import full_name
from k8s.nodes import CLUSTER, roles
from tests.local.standby import Standby
from tests.waiting import wait_until

CONTEXT, NAMESPACE = "kind-standby", "shop"
CONTROL_PLANE = "standby-control-plane"
ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "experiments" / "cluster"
AT = ("--context", CONTEXT, "--namespace", NAMESPACE)
LINK = ("front-to-stock", "--to", "stock:80", "--from", "front", "--swap", *AT)
ON_TOOLS = json.dumps({"spec": {"template": {"spec": {"nodeSelector": {"standby.chaos/role": "tools"}}}}})
IMAGES = ("python:3.13-slim", "ghcr.io/shopify/toxiproxy:2.12.0")

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]


def told(*command: str, stdin: str | None = None, timeout: float = 180) -> str:
    """What a command prints, which must succeed."""
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=timeout, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stdout}{done.stderr}"
    return done.stdout


def kubectl(*arguments: str, stdin: str | None = None) -> str:
    """The control plane's own kubectl."""
    inside = ("docker", "exec", "-i", CONTROL_PLANE, "kubectl", "--kubeconfig=/etc/kubernetes/admin.conf")
    return told(*inside, *arguments, stdin=stdin)


def stock() -> Any:
    """The Service as its owner sees it: without the API server's own accounts of who changed it and how often."""
    found = json.loads(kubectl("-n", NAMESPACE, "get", "service", "stock", "-o", "json"))
    del found["metadata"]["resourceVersion"]
    return found


def names() -> list[str]:
    """Everything of the kinds that a link or a run makes."""
    kinds = "configmaps,services,deployments"
    return sorted(kubectl("-n", NAMESPACE, "get", kinds, "-o", "name").split())


def of_a_link() -> list[str]:
    """What of it belongs to a link or to a journal."""
    return [name for name in names() if "front-to-stock" in name or "standby-journal" in name]


def load_images() -> None:
    """Give the nodes the images of the example that they lack."""
    for image in IMAGES:
        if subprocess.run(("docker", "image", "inspect", image), capture_output=True, check=False).returncode:
            told("docker", "pull", "--quiet", image, timeout=300)
    for node, role in roles().items():
        if not role:
            continue
        have = told("docker", "exec", node, "ctr", "--namespace=k8s.io", "images", "ls", "--quiet").split()
        lacking = [image for image in IMAGES if full_name(image) not in have]
        if lacking:
            kind = str(ensure("kind"))
            told(kind, "load", "docker-image", *lacking, "--name", CLUSTER, "--nodes", node, timeout=300)


@pytest.fixture
def standby(tmp_path: Path) -> Iterator[Standby]:
    """The example in a namespace that may be touched, with an outpost; nothing of it is left."""
    load_images()
    kubectl("create", "namespace", NAMESPACE)
    try:
        labels = ("standby.chaos/target=allowed", "pod-security.kubernetes.io/enforce=restricted")
        kubectl("label", "namespace", NAMESPACE, *labels)
        shop = (EXAMPLE / "shop.yaml").read_text(encoding="utf-8")
        kubectl("apply", "--namespace", NAMESPACE, "--filename", "-", stdin=shop)
        for name in ("front", "stock"):  # where no test of the rooms takes a node away meanwhile
            kubectl("-n", NAMESPACE, "patch", "deployment", name, "--patch", ON_TOOLS)
        outpost = "jsonpath={.spec.template.spec.containers[0].image}"
        image = kubectl("-n", "rooms", "get", "deployment", "outpost", "-o", outpost)
        repository, _, tag = image.rpartition(":")
        told(
            str(ensure("helm")), "upgrade", "--install", "outpost", str(ROOT / "charts" / "outpost"),
            "--kube-context", CONTEXT, "--namespace", NAMESPACE, "--set", f"image.repository={repository}",
            "--set-string", f"image.tag={tag}", "--set", r"nodeSelector.standby\.chaos/role=tools",
            "--wait", "--timeout", "120s",
        )  # fmt: skip
        for name in ("front", "stock"):
            kubectl("-n", NAMESPACE, "rollout", "status", f"deployment/{name}", "--timeout=120s")
        yield Standby(tmp_path)
    finally:
        kubectl("delete", "namespace", NAMESPACE, "--wait=true", "--timeout=150s")


def test_the_guide_from_a_link_to_a_verdict_and_back(standby: Standby) -> None:
    """Killed half-way it is undone; added, an experiment is proven and passes; removed, all is as it was."""
    before, there = stock(), names()
    adding = standby.start("link", "add", *LINK)
    wait_until(lambda: "deployment.apps/link-front-to-stock" in names(), 90, "the link to be half there")
    adding.send_signal(signal.SIGKILL)
    adding.communicate(timeout=30)
    recovered = standby.run("recover", *AT, timeout=200)
    assert recovered.returncode == 0, recovered.stdout + recovered.stderr
    wait_until(lambda: of_a_link() == [], 120, "the half of a link to be gone")
    assert stock() == before

    added = standby.run("link", "add", *LINK, timeout=300)
    assert added.returncode == 0, added.stdout + added.stderr
    assert stock()["spec"]["clusterIP"] == before["spec"]["clusterIP"]
    assert "front-to-stock" in standby.run("link", "list", *AT).stdout
    kubectl("-n", NAMESPACE, "rollout", "restart", "deployment/front")
    kubectl("-n", NAMESPACE, "rollout", "status", "deployment/front", "--timeout=120s")
    there_with_link = names()

    out = standby.folder / "out"
    done = standby.run("run", EXAMPLE / "slow-stock.yaml", *AT, "--out", out, timeout=300)
    report = json.loads((out / "run.json").read_text(encoding="utf-8"))
    assert (done.returncode, report["verdict"]) == (0, "pass"), report["why"]
    (fault,) = report["faults"]
    assert fault["path_proof"] is fault["in_force"] is fault["gone"] is True, fault
    assert names() == there_with_link

    removed = standby.run("link", "remove", "front-to-stock", *AT, timeout=200)
    assert removed.returncode == 0, removed.stdout + removed.stderr
    assert stock() == before
    assert names() == there
    again = standby.run("link", "remove", "front-to-stock", *AT, timeout=200)
    assert again.returncode == 0
    assert "there is no link" in again.stdout
    wait_until(lambda: standby.left() == [], 60, "the guardians to go")
