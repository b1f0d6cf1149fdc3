"""Results of trials that are run in a cluster: one ConfigMap each, under the trial's own name, never changed.

Whoever hands in a second result of the same trial is refused by the API server, so none is counted twice.
"""

from __future__ import annotations

import base64
import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from chaos.clients.cluster import Cluster, ConflictError, NotInClusterError
from chaos.errors import ClientError
from chaos.study.evenings import LiveTrial

MARK = "standby.chaos/result"
"""The label of these ConfigMaps; its value is the trial's name."""
RESULT, EVENTS = "trial.json", "events.jsonl.gz"
MOST = 700_000
"""Bytes of a packed record that are handed in along with its result: an object in a cluster may have a mebibyte."""


@dataclass(frozen=True)
class HandedIn:
    """A trial's result, and the record of its run (empty where that was too large)."""

    name: str
    trial: LiveTrial
    events: bytes


async def hand_in(cluster: Cluster, namespace: str, name: str, trial: LiveTrial, events: Path) -> bool:
    """Hand in a result with the record of its run; False where the trial has one already. Raises ClientError."""
    packed = gzip.compress(events.read_bytes(), mtime=0) if events.is_file() else b""
    body: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "immutable": True,
        "metadata": {"name": name, "labels": {MARK: name, "app.kubernetes.io/part-of": "standby"}},
        "data": {RESULT: trial.model_dump_json()},
    }
    if 0 < len(packed) <= MOST:
        body["binaryData"] = {EVENTS: base64.b64encode(packed).decode()}
    try:
        await cluster.ask("POST", _path(namespace), f"take the result {namespace}/{name}", body)
    except ConflictError:
        return False
    return True


async def is_handed_in(cluster: Cluster, namespace: str, name: str) -> bool:
    """Whether there is a result of this trial. Raises ClientError."""
    try:
        await cluster.ask("GET", f"{_path(namespace)}/{name}", f"show the result {namespace}/{name}")
    except NotInClusterError:
        return False
    return True


async def handed_in(cluster: Cluster, namespace: str) -> Mapping[str, HandedIn]:
    """All results in a namespace by the trials' names. Raises ClientError."""
    found = await cluster.ask("GET", _path(namespace), f"list the results in {namespace}", labelSelector=MARK)
    return {one["metadata"]["name"]: _read(one, namespace) for one in found["items"]}


def _read(one: Any, namespace: str) -> HandedIn:
    name = one["metadata"]["name"]
    try:
        trial = LiveTrial.model_validate_json((one.get("data") or {}).get(RESULT, ""))
    except ValidationError as error:
        raise ClientError(f"the ConfigMap {namespace}/{name} is no result of a trial") from error
    packed = base64.b64decode((one.get("binaryData") or {}).get(EVENTS, ""))
    return HandedIn(name, trial, gzip.decompress(packed) if packed else b"")


def _path(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}/configmaps"
