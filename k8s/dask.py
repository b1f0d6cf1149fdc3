"""A Dask cluster in the kind cluster, for the simulated part of studies."""

from __future__ import annotations

import json
from typing import Final

from chaos.clients.tools import ensure
from k8s.charts import PART_OF, Release, install
from k8s.images import STUDY_REQUIREMENTS, build, load
from k8s.nodes import CONTEXT, kubectl
from k8s.steps import say

NAMESPACE: Final = "standby-dask"
ADDRESS: Final = "tcp://127.0.0.1:8786"


def dask(workers: int, python: str) -> None:
    """The image with the simulator for this Python, a scheduler and so many workers; afterwards all are ready."""
    helm = str(ensure("helm"))
    image = build(STUDY_REQUIREMENTS, python)
    load(image, ("tools",))
    kubectl("apply", "--filename", "-", stdin=json.dumps(_namespace()).encode())
    install(helm, release(image, workers))
    say(
        f"A scheduler with {workers} workers is in the namespace {NAMESPACE}. Forward its port, then use it:\n"
        f"  kubectl --context {CONTEXT} --namespace {NAMESPACE} port-forward service/scheduler 8786\n"
        f"  standby study experiments/studies/headcount.yaml --scheduler {ADDRESS}"
    )


def release(image: str, workers: int) -> Release:
    """The chart with our image."""
    repository, _, tag = image.partition(":")
    settings = f"image.repository={repository},workers.replicas={workers},placement.strict=true"
    return Release("dask", NAMESPACE, ("--set", settings, "--set-string", f"image.tag={tag}"))


def _namespace() -> dict[str, object]:
    labels = {PART_OF: "standby", "pod-security.kubernetes.io/enforce": "restricted"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": labels}}
