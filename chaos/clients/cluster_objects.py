"""What a run needs to know of a cluster's objects, and reading that from the API's own JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

CONTROL_PLANE = "node-role.kubernetes.io/control-plane"


@dataclass(frozen=True)
class Pod:
    """A pod as it is now. `moving` says that it is being deleted."""

    name: str
    uid: str
    node: str
    ip: str
    ready: bool
    moving: bool
    image: str
    labels: Mapping[str, str] = field(default_factory=dict)
    begun: datetime | None = None
    deleted: datetime | None = None
    """When its deletion was asked for."""
    ports: Mapping[str, int] = field(default_factory=dict)
    """The ports of its containers that have a name."""


@dataclass(frozen=True)
class Node:
    """A node as it is now; `since` is when its readiness last changed, by Kubernetes' own clock."""

    name: str
    uid: str
    ready: bool
    since: datetime | None
    unschedulable: bool
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)

    @property
    def control_plane(self) -> bool:
        return CONTROL_PLANE in self.labels


@dataclass(frozen=True)
class Deployment:
    """A deployment as it is now."""

    name: str
    uid: str
    replicas: int
    ready: int
    container: str
    """The name of its first container."""
    image: str
    """That container's image."""
    selector: Mapping[str, str]
    """The labels by which it knows its pods."""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)

    def owns(self, pod: Pod) -> bool:
        """Whether a pod is one of its own, by its selector."""
        return bool(self.selector) and self.selector.items() <= pod.labels.items()


@dataclass(frozen=True)
class Service:
    """A service: its own address (empty for a headless one), its ports by name, and which pods are behind it."""

    name: str
    address: str
    ports: Mapping[str, int]
    selector: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    targets: Mapping[int, int | str] = field(default_factory=dict)
    """The port of the pods behind each of its own: a number, or the name of a container's port."""


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _told_to_leave(metadata: Any) -> datetime | None:
    """When a pod was told to leave. Kubernetes keeps the moment at which its time to do so is over."""
    over = _moment(metadata.get("deletionTimestamp"))
    return (
        over - timedelta(seconds=metadata.get("deletionGracePeriodSeconds") or 0)
        if over is not None
        else None
    )


def pod_in(one: Any) -> Pod:
    """A pod as the API tells it."""
    metadata, status = one["metadata"], one.get("status") or {}
    ready = any(
        found["type"] == "Ready" and found["status"] == "True" for found in status.get("conditions") or ()
    )
    deleted = _told_to_leave(metadata)
    return Pod(
        metadata["name"],
        metadata["uid"],
        one["spec"].get("nodeName") or "",
        status.get("podIP") or "",
        ready and deleted is None,
        deleted is not None,
        one["spec"]["containers"][0]["image"],
        metadata.get("labels") or {},
        _moment(metadata.get("creationTimestamp")),
        deleted,
        {
            port["name"]: port["containerPort"]
            for container in one["spec"]["containers"]
            for port in container.get("ports") or ()
            if "name" in port
        },
    )


def node_in(one: Any) -> Node:
    """A node as the API tells it."""
    conditions = one["status"].get("conditions") or ()
    ready = next((found for found in conditions if found["type"] == "Ready"), None)
    metadata = one["metadata"]
    return Node(
        metadata["name"],
        metadata["uid"],
        ready is not None and ready["status"] == "True",
        _moment(ready["lastTransitionTime"]) if ready is not None else None,
        bool(one["spec"].get("unschedulable")),
        metadata.get("labels") or {},
        metadata.get("annotations") or {},
    )


def deployment_in(one: Any) -> Deployment:
    """A deployment as the API tells it."""
    metadata, spec = one["metadata"], one["spec"]
    first = spec["template"]["spec"]["containers"][0]
    return Deployment(
        metadata["name"],
        metadata["uid"],
        spec.get("replicas", 1),
        (one.get("status") or {}).get("readyReplicas") or 0,
        first["name"],
        first["image"],
        spec["selector"].get("matchLabels") or {},
        metadata.get("labels") or {},
        metadata.get("annotations") or {},
    )


def service_in(one: Any) -> Service:
    """A service as the API tells it."""
    spec, metadata = one["spec"], one["metadata"]
    own, ports = spec.get("clusterIP") or "", spec.get("ports") or ()
    return Service(
        metadata["name"],
        "" if own == "None" else own,
        {port.get("name", ""): port["port"] for port in ports},
        spec.get("selector") or {},
        metadata.get("labels") or {},
        metadata.get("annotations") or {},
        {port["port"]: port.get("targetPort", port["port"]) for port in ports},
    )
