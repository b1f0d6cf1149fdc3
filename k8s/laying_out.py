"""The trials of a study laid out in a cluster: a namespace each with rooms that rest, and the Job that runs them.

Whoever lays them out makes namespaces, accounts and rights; the Job's account then needs nothing outside of those
namespaces, and cannot make others. What rests has no pods: a hundred trials cost no more than their objects.
"""

from __future__ import annotations

import asyncio
import secrets
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML

from chaos.clients.cluster import Cluster
from chaos.clients.tools import ensure
from chaos.study.order import Order
from chaos.worlds.cluster.resting import RESTING
from chaos.worlds.cluster.target import ALLOWED, OBSERVABILITY
from k8s.charts import CHARTS, PART_OF, RULE_FILES
from k8s.steps import run

STUDY: Final = "standby.chaos/study"
"""The label of every namespace of a study."""
RELEASE: Final = "trials"
"""What the Job, its account and its rights are called."""
ORDER: Final = f"{RELEASE}-order"
AT_ONCE: Final = 16
"""Objects that are sent at the same time."""
APPLY: Final = "application/apply-patch+yaml"
Manifest = Mapping[str, Any]


@dataclass(frozen=True)
class Layout:
    """How trials are run: with which image, how many at once, and whether on nodes of their roles alone."""

    image: str
    parallelism: int
    strict: bool


async def lay_out(cluster: Cluster, order: Order, layout: Layout) -> None:
    """Make all that the trials need; the Job comes last, so that where it is, all is. Raises ClientError."""
    version = str((await cluster.ask("GET", "/version", "tell its version"))["gitVersion"])
    await _apply(cluster, [namespace(order, name) for name in (order.study, *order.names)])
    for name in order.names:
        await _apply(cluster, rooms(order, name, layout, version))
    *others, job = runner(order, layout, version)
    await _apply(cluster, others)
    await _apply(cluster, [job])


def namespace(order: Order, name: str) -> Manifest:
    """A namespace of the study; that of a trial is a target, and is observed from within."""
    trial = name != order.study
    labels = {PART_OF: "standby", STUDY: order.study, "pod-security.kubernetes.io/enforce": "restricted"}
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": name,
            "labels": labels | ({ALLOWED: "allowed"} if trial else {}),
            "annotations": {OBSERVABILITY: name} if trial else {},
        },
    }


def rooms(order: Order, name: str, layout: Layout, version: str) -> Sequence[Manifest]:
    """The rooms and what observes them, at rest in a trial's namespace."""
    repository, _, tag = layout.image.rpartition(":")
    tiers = ("--set", f"images.rooms.repository={repository}", "--set-string", f"images.rooms.tag={tag}")
    strict = ("--set", f"placement.strict={str(layout.strict).lower()}")
    callers = ("--set", f"networkPolicy.runner={{{order.study}}}")
    observed = ("--set", f"networkPolicy.observability={{{name}}}")
    webhook = "alertmanager.webhook.url=http://outpost:8000/alerts,alertmanager.webhook.tokenSecret=webhook"
    token = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "webhook", "namespace": name, "labels": {PART_OF: "standby"}},
        "stringData": {"token": secrets.token_urlsafe(30)},
    }
    found = [
        *_rendered("rooms", "rooms", name, version, *strict, *tiers, *callers, *observed),
        *_rendered(
            "observability", "observability", name, version,
            *strict, *callers, *RULE_FILES, "--set", f"targets={{{name}}}", "--set", webhook,
        ),
        token,
    ]  # fmt: skip
    return [at_rest(one) for one in found]


def runner(order: Order, layout: Layout, version: str) -> Sequence[Manifest]:
    """The Job with its account and its rights; the Job is the last of them."""
    repository, _, tag = layout.image.rpartition(":")
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder) / "order.json"
        text.write_text(order.model_dump_json(), encoding="utf-8")
        found = _rendered(
            "runner", RELEASE, order.study, version,
            "--set", f"image.repository={repository},job=false,guardian.enabled=false",
            "--set-string", f"image.tag={tag}",
            "--set", f"placement.strict={str(layout.strict).lower()}",
            "--set", f"trials.parallelism={layout.parallelism},trials.names={{{','.join(order.names)}}}",
            "--set-file", f"trials.order={text}",
        )  # fmt: skip
    return sorted(found, key=lambda one: str(one["kind"]) == "Job")


def at_rest(manifest: Manifest) -> Manifest:
    """A deployment without pods, which remembers how many it is there for; anything else as it is."""
    if manifest["kind"] != "Deployment":
        return manifest
    metadata, spec = manifest["metadata"], manifest["spec"]
    annotations = {**(metadata.get("annotations") or {}), RESTING: str(spec["replicas"])}
    return {
        **manifest,
        "metadata": {**metadata, "annotations": annotations},
        "spec": {**spec, "replicas": 0},
    }


def _rendered(chart: str, release: str, namespace: str, version: str, *settings: str) -> list[Manifest]:
    text = run(
        str(ensure("helm")), "template", release, str(CHARTS / chart), "--namespace", namespace,
        "--kube-version", version, *settings,
    )  # fmt: skip
    return [one for one in YAML(typ="safe").load_all(text) if one]


async def _apply(cluster: Cluster, manifests: Sequence[Manifest]) -> None:
    room = asyncio.Semaphore(AT_ONCE)

    async def put(one: Manifest) -> None:
        what = f"have the {one['kind']} {one['metadata']['name']}"
        async with room:
            await cluster.ask(
                "PATCH", path_of(one), what, one, form=APPLY, fieldManager="standby", force="true"
            )

    await asyncio.gather(*(put(one) for one in manifests))


def path_of(manifest: Manifest) -> str:
    """Where the API has this object."""
    version, kind, metadata = manifest["apiVersion"], str(manifest["kind"]).lower(), manifest["metadata"]
    group = f"/api/{version}" if "/" not in version else f"/apis/{version}"
    plural = f"{kind[:-1]}ies" if kind.endswith("y") else f"{kind}s"
    within = f"/namespaces/{metadata['namespace']}" if "namespace" in metadata else ""
    return f"{group}{within}/{plural}/{metadata['name']}"
