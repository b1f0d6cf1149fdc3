"""What a link of `standby link add` is made of: a Toxiproxy that carries the ports of a Service.

Two services talk over `SERVICE:PORT`. Without a swap the caller is given the address `link-NAME:PORT` in its place.
With one the Service itself leads to the Toxiproxy, and `NAME-behind` to the pods that were behind it, so that names,
addresses and certificates stay as they are:

    before    caller ──▶ SERVICE ──▶ pods
    link      caller ──▶ link-NAME ──▶ Toxiproxy ──▶ SERVICE ──▶ pods
    swapped   caller ──▶ SERVICE ──▶ Toxiproxy ──▶ NAME-behind ──▶ pods

All that is needed to undo a swap stands in annotations of the Service.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from chaos.errors import UsageError
from chaos.worlds.cluster.layout import API, BRIDGE
from chaos.worlds.cluster.sight import TIER

Object: TypeAlias = dict[str, Any]

LINK = "standby.chaos/link"
"""The label of everything that a link is made of, and the annotation of a Service that was turned to it: its name."""
ORIGINAL = "standby.chaos/original"
"""The annotation of such a Service with the selector and the ports that it had, as JSON."""
CALLER = "standby.chaos/from"
"""The annotation with the Deployment that calls through a link."""
CALLED = "standby.chaos/to"
"""The annotation with `SERVICE:PORT`, to which it leads."""
IMAGE = "ghcr.io/shopify/toxiproxy:2.12.0"
API_PORT = 8474
FIRST_FREE = 1024
"""The first port at which a server without privileges listens."""
MOVED_BY = 20_000


@dataclass(frozen=True)
class Wanted:
    """A link as it is asked for: its name, the Service and port to which it leads, whether that Service is turned to
    it, the image of its Toxiproxy, and who calls (empty where that is not said)."""

    name: str
    service: str
    port: int
    swap: bool = False
    image: str = IMAGE
    caller: str = ""

    @property
    def object_name(self) -> str:
        """The name of its Deployment, Service and ConfigMap."""
        return f"link-{self.name}"

    @property
    def behind(self) -> str:
        """The name of the Service that leads to the original pods."""
        return f"{self.name}-behind"

    @property
    def selector(self) -> Mapping[str, str]:
        """By which its pods are found."""
        return {LINK: self.name, TIER: BRIDGE}

    @property
    def address(self) -> str:
        """What its caller calls."""
        return f"{self.service}:{self.port}" if self.swap else f"{self.object_name}:{listen_port(self.port)}"


def listen_port(port: int) -> int:
    """The port at which a link listens for a Service's: the same, unless that one is not to be had."""
    return port + MOVED_BY if port < FIRST_FREE or port == API_PORT else port


def carried(wanted: Wanted, service: Object) -> Sequence[int]:
    """The Service's ports that a link carries: all of them where it is swapped. Raises UsageError."""
    spec, name = service["spec"], wanted.service
    ports = spec.get("ports") or []
    if wanted.port not in [one["port"] for one in ports]:
        known = ", ".join(str(one["port"]) for one in ports) or "none"
        raise UsageError(f"the Service {name} has no port {wanted.port}; it has {known}")
    if not spec.get("selector"):
        raise UsageError(f"the Service {name} has no selector, so nobody knows which pods are behind it")
    if not wanted.swap:
        found = [one for one in ports if one["port"] == wanted.port]
    else:
        found = ports
        if spec.get("clusterIP") == "None":
            raise UsageError(
                f"the Service {name} is headless: its callers speak to pods, not to it, so it cannot be turned to a "
                "link; add the link without `--swap` and give its address to the caller"
            )
        if (owner := (service["metadata"].get("annotations") or {}).get(LINK)) is not None:
            raise UsageError(
                f"the Service {name} is turned to the link {owner} already; remove that one first"
            )
    others = [str(one["port"]) for one in found if one.get("protocol", "TCP") != "TCP"]
    if others:
        raise UsageError(
            f"Toxiproxy carries TCP alone; the Service {name} has {', '.join(others)} with another protocol"
        )
    numbers = [int(one["port"]) for one in found]
    if len({listen_port(number) for number in numbers}) < len(numbers):
        raise UsageError(f"the ports {', '.join(map(str, numbers))} of {name} cannot be carried by one link")
    return numbers


def objects(wanted: Wanted, service: Object) -> Sequence[tuple[str, Object]]:
    """What is made, with the path of its kind in the API: the Toxiproxy last. The Service itself is not among them."""
    ports = carried(wanted, service)
    upstream = wanted.behind if wanted.swap else wanted.service
    proxies = [
        {
            "name": wanted.name if port == wanted.port else f"{wanted.name}-port-{port}",
            "listen": f"0.0.0.0:{listen_port(port)}",
            "upstream": f"{upstream}:{port}",
            "enabled": True,
        }
        for port in ports
    ]
    made = [
        ("configmaps", _object("v1", "ConfigMap", wanted) | {"data": {"proxies.json": json.dumps(proxies)}}),
        ("services", _object("v1", "Service", wanted) | {"spec": _own_service(wanted, ports)}),
    ]
    if wanted.swap:
        made.append(("services", _behind(wanted, service)))
    return [*made, ("deployments", _deployment(wanted, ports))]


def turned(wanted: Wanted, service: Object) -> Object:
    """The Service as it is when it leads to the link; it carries what it was before."""
    spec, metadata = service["spec"], service["metadata"]
    original = json.dumps({"selector": spec["selector"], "ports": spec["ports"]}, sort_keys=True)
    annotations = {**(metadata.get("annotations") or {}), LINK: wanted.name, ORIGINAL: original}
    ports = [{**one, "targetPort": listen_port(one["port"])} for one in spec["ports"]]
    return {
        **service,
        "metadata": {**metadata, "annotations": annotations},
        "spec": {**spec, "selector": dict(wanted.selector), "ports": ports},
    }


def restored(service: Object) -> tuple[Object, Sequence[str]]:
    """A turned Service as it was before, and what of it somebody else has changed since, which is left as it is."""
    spec, metadata = service["spec"], service["metadata"]
    annotations = dict(metadata["annotations"])
    wanted = Wanted(annotations.pop(LINK), metadata["name"], 0, swap=True)
    original = json.loads(annotations.pop(ORIGINAL))
    left: list[str] = []
    selector = spec.get("selector")
    if selector == wanted.selector:
        selector = original["selector"]
    elif selector != original["selector"]:
        left.append(f"its selector, now {selector}")
    before = {one["port"]: one for one in original["ports"]}
    ports = []
    for one in spec.get("ports") or ():
        was = before.get(one["port"])
        if was is not None and one == {**was, "targetPort": listen_port(one["port"])}:
            ports.append(was)
            continue
        ports.append(one)
        if one != was:
            left.append(f"its port {one['port']}, now to {one.get('targetPort')}")
    meta = {key: value for key, value in metadata.items() if key != "annotations"}
    if annotations:
        meta["annotations"] = annotations
    return {**service, "metadata": meta, "spec": {**spec, "selector": selector, "ports": ports}}, left


def _object(version: str, kind: str, wanted: Wanted, name: str = "") -> Object:
    labels = {**wanted.selector, "app.kubernetes.io/managed-by": "standby"}
    annotations = {
        CALLED: f"{wanted.service}:{wanted.port}",
        **({CALLER: wanted.caller} if wanted.caller else {}),
    }
    metadata = {"name": name or wanted.object_name, "labels": labels, "annotations": annotations}
    return {"apiVersion": version, "kind": kind, "metadata": metadata}


def _own_service(wanted: Wanted, ports: Sequence[int]) -> Object:
    listed = [{"name": API, "port": API_PORT, "targetPort": API_PORT}] + [
        {"name": f"port-{port}", "port": listen_port(port), "targetPort": listen_port(port)} for port in ports
    ]
    return {"selector": dict(wanted.selector), "ports": listed}


def _behind(wanted: Wanted, service: Object) -> Object:
    """The original pods under a name of their own. It is no Toxiproxy's Service, so it has no tier."""
    made = _object("v1", "Service", wanted, wanted.behind)
    del made["metadata"]["labels"][TIER]
    kept = ("name", "port", "targetPort", "protocol", "appProtocol")
    ports = [{key: one[key] for key in kept if key in one} for one in service["spec"]["ports"]]
    return made | {"spec": {"selector": service["spec"]["selector"], "ports": ports}}


def _deployment(wanted: Wanted, ports: Sequence[int]) -> Object:
    probe = {"tcpSocket": {"port": API_PORT}}
    container = {
        "name": "toxiproxy",
        "image": wanted.image,
        "command": ["/toxiproxy"],
        "args": ["-host=0.0.0.0", f"-port={API_PORT}", "-config=/etc/toxiproxy/proxies.json"],
        "env": [{"name": "LOG_LEVEL", "value": "error"}],
        "ports": [{"name": API, "containerPort": API_PORT}]
        + [{"containerPort": listen_port(port)} for port in ports],
        "startupProbe": {**probe, "periodSeconds": 1, "failureThreshold": 60},
        "livenessProbe": {**probe, "periodSeconds": 5, "timeoutSeconds": 5, "failureThreshold": 6},
        "readinessProbe": {**probe, "periodSeconds": 2, "timeoutSeconds": 2, "failureThreshold": 3},
        "resources": {"requests": {"cpu": "20m", "memory": "32Mi"}, "limits": {"memory": "256Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "proxies", "mountPath": "/etc/toxiproxy", "readOnly": True}],
    }
    pod = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 5,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 10001,
            "runAsGroup": 10001,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": [{"name": "proxies", "configMap": {"name": wanted.object_name}}],
    }
    made = _object("apps/v1", "Deployment", wanted)
    # One replica, never two: toxics live in the one server that they were set on.
    spec = {
        "replicas": 1,
        "strategy": {"type": "Recreate"},
        "selector": {"matchLabels": dict(wanted.selector)},
        "template": {"metadata": {"labels": made["metadata"]["labels"]}, "spec": pod},
    }
    return made | {"spec": spec}
