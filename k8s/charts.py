"""The charts, installed or brought up to date in the cluster."""

from __future__ import annotations

import base64
import json
import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from chaos.clients.tools import ensure
from k8s.images import ROOT, build_and_load
from k8s.nodes import CONTEXT, kubectl
from k8s.steps import run, say

NAMESPACES: Final = Path(__file__).with_name("namespaces.yaml")
PART_OF: Final = "app.kubernetes.io/part-of"
RULES: Final = ROOT / "chaos" / "rooms" / "rules"
DASHBOARDS: Final = ROOT / "chaos" / "report" / "dashboards"
CHARTS: Final = ROOT / "charts"
RULE_FILES: Final = tuple(
    part for path in sorted(RULES.glob("*.yaml")) for part in ("--set-file", f"rules.{path.stem}={path}")
)
"""Arguments of helm: the package's rules for Prometheus."""
READY_WITHIN: Final = "240s"
TELLING: Final = (
    "--set=alertmanager.webhook.url=http://outpost.rooms:8000/alerts,alertmanager.webhook.tokenSecret=webhook",
)
"""Alertmanager tells the outpost of the rooms which alerts fire."""


@dataclass(frozen=True)
class Release:
    """A chart and the namespace that it goes to; `settings` are arguments of helm."""

    chart: str
    namespace: str
    settings: tuple[str, ...]


def releases(image: str) -> tuple[Release, ...]:
    """What `make deploy` installs, with our image."""
    repository, _, tag = image.partition(":")
    tiers = ("--set", f"images.rooms.repository={repository}", "--set-string", f"images.rooms.tag={tag}")
    runner = ("--set", f"image.repository={repository},job=false", "--set-string", f"image.tag={tag}")
    strict = ("--set", "placement.strict=true")
    dashboards = tuple(
        part
        for path in sorted(DASHBOARDS.glob("*.json"))
        for part in ("--set-file", f"dashboards.{path.stem}={path}")
    )
    return (
        Release("observability", "standby-observability", (*strict, *RULE_FILES, *dashboards, *TELLING)),
        Release("rooms", "rooms", (*strict, *tiers)),
        Release("runner", "standby-runner", (*strict, *runner)),
    )


def deploy() -> None:
    """Images built and loaded, namespaces and charts brought up to date; afterwards every pod is ready."""
    helm = str(ensure("helm"))
    image = build_and_load()
    kubectl("apply", "--filename", "-", stdin=NAMESPACES.read_bytes())
    share_token("webhook", "standby-observability", "rooms")
    wanted = releases(image)
    with ThreadPoolExecutor(len(wanted)) as together:
        for one in [together.submit(install, helm, release) for release in wanted]:
            one.result()
    say(f"All is deployed: the context is {CONTEXT}, the rooms are in the namespace rooms.")


def share_token(name: str, *namespaces: str) -> None:
    """See to it that these namespaces have a Secret of this name with one token between them."""
    found = {namespace: _token(name, namespace) for namespace in namespaces}
    token = next(filter(None, found.values()), None) or secrets.token_urlsafe(30)
    for namespace, known in found.items():
        if known != token:
            secret = {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": name, "namespace": namespace, "labels": {PART_OF: "standby"}},
                "stringData": {"token": token},
            }
            kubectl("apply", "--filename", "-", stdin=json.dumps(secret).encode())


def _token(name: str, namespace: str) -> str:
    shown = ("--ignore-not-found", "--output", "jsonpath={.data.token}")
    return base64.b64decode(kubectl("--namespace", namespace, "get", "secret", name, *shown)).decode()


def install(helm: str, release: Release) -> None:
    """Install a release, or bring it up to date, and wait until its pods are ready."""
    run(
        helm, "upgrade", "--install", release.chart, str(CHARTS / release.chart),
        "--kube-context", CONTEXT, "--namespace", release.namespace, *release.settings,
        "--wait", "--timeout", READY_WITHIN,
        what=f"Installing {release.chart} into {release.namespace}",
    )  # fmt: skip
