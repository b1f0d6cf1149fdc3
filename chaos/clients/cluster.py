"""A Kubernetes cluster, as far as a run needs it: what is there, by name and UID, and what may be changed.

    async with Cluster("kind-standby") as cluster:
        pods = await cluster.pods("rooms", "app=media")

The API is spoken to in its own JSON: a look at a namespace, once a second, costs a tenth of what the library's models
cost. Every method raises ApiAwayError when the API server does not answer, NotInClusterError for what is not there, and
ClientError, with the server's own words, for whatever it refuses.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from chaos.clients import routes
from chaos.errors import ApiAwayError, ClientError

if TYPE_CHECKING:  # heavy, and validating asks no server
    import aiohttp

TIMEOUT = 10.0
"""Real seconds that one request may take."""
CORDONED_BY = "standby.chaos/cordoned-by"
"""The annotation of a node that a fault has cordoned; its value is the fault's id."""
MERGE = "application/merge-patch+json"
CONTROL_PLANE = "node-role.kubernetes.io/control-plane"


class NotInClusterError(ClientError):
    """The API server answers, and has no such object."""


class ConflictError(ClientError):
    """Somebody else changed the object meanwhile."""


class ForbiddenError(ClientError):
    """Whoever asks has no right to it."""


class NotNowError(ClientError):
    """The API server will not do it just now; a disruption budget stands in the way."""


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


class Cluster:
    """One cluster by its context; use as an async context manager."""

    def __init__(self, context: str) -> None:
        self.context = context
        self._way = routes.access(context)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        import aiohttp

        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=self._way.trust),
            timeout=aiohttp.ClientTimeout(total=TIMEOUT),
            trust_env=False,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._session is not None
        await self._session.close()

    async def ask(
        self,
        method: str,
        path: str,
        what: str,
        body: object = None,
        *,
        form: str = "application/json",
        **query: str,
    ) -> Any:
        """One request; the API's answer. `what` says for people what is asked: `show the node standby-worker`."""
        import aiohttp

        assert self._session is not None
        where = f"the cluster `{self.context}` was asked to {what}"
        sent = {**self._way.headers, "Accept": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        if data is not None:
            sent["Content-Type"] = form
        try:
            async with self._session.request(
                method, f"{self._way.server}{path}", data=data, params=query, headers=sent
            ) as answer:
                text = await answer.text()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ApiAwayError(
                f"{where}, and its API server does not answer ({type(error).__name__}: {error})"
            ) from error
        if answer.status < 300:
            return json.loads(text) if text else None
        told = f"{where}, and said ({answer.status}): {_words(text)}"
        if answer.status == 403:
            raise ForbiddenError(told)
        if answer.status == 404:
            raise NotInClusterError(told)
        if answer.status == 409:
            raise ConflictError(told)
        if answer.status == 429:
            raise NotNowError(told)
        if answer.status in (500, 502, 503, 504):
            raise ApiAwayError(told)
        raise ClientError(told)

    async def namespace(self, name: str) -> Mapping[str, str]:
        """The labels of a namespace."""
        found = await self.ask("GET", f"/api/v1/namespaces/{name}", f"show the namespace {name}")
        return dict(found["metadata"].get("labels") or {})

    async def pods(self, namespace: str, selector: str = "") -> Sequence[Pod]:
        """The pods with a label, oldest first."""
        path = f"/api/v1/namespaces/{namespace}/pods"
        found = await self.ask("GET", path, f"list the pods of {namespace}", labelSelector=selector)
        pods = [_pod(one) for one in found["items"]]
        return sorted(pods, key=lambda one: (str(one.begun), one.name))

    async def node_grace(self) -> str:
        """How long the control plane waits for a sign of life of a node; empty where it does not show its flags."""
        path, what = "/api/v1/namespaces/kube-system/pods", "show its controller manager"
        found = await self.ask("GET", path, what, labelSelector="component=kube-controller-manager")
        for one in found["items"]:
            for container in one["spec"]["containers"]:
                for word in (*(container.get("command") or ()), *(container.get("args") or ())):
                    if word.startswith("--node-monitor-grace-period="):
                        return str(word.partition("=")[2])
        return ""

    async def deployments(self, namespace: str) -> Sequence[Deployment]:
        """All deployments of a namespace, by name."""
        path = f"{_apps(namespace)}/deployments"
        found = await self.ask("GET", path, f"list the deployments of {namespace}")
        return sorted((_deployment(one) for one in found["items"]), key=lambda one: one.name)

    async def deployment(self, namespace: str, name: str) -> Deployment:
        """One deployment by name."""
        path = f"{_apps(namespace)}/deployments/{name}"
        return _deployment(await self.ask("GET", path, f"show the deployment {namespace}/{name}"))

    async def services(self, namespace: str) -> Mapping[str, Service]:
        """The services of a namespace by name."""
        path = f"/api/v1/namespaces/{namespace}/services"
        found = await self.ask("GET", path, f"list the services of {namespace}")
        return {one["metadata"]["name"]: _service(one) for one in found["items"]}

    async def nodes(self) -> Sequence[Node]:
        """All nodes by name."""
        found = await self.ask("GET", "/api/v1/nodes", "list its nodes")
        return sorted((_node(one) for one in found["items"]), key=lambda one: one.name)

    async def node(self, name: str) -> Node:
        """One node by name."""
        return _node(await self.ask("GET", f"/api/v1/nodes/{name}", f"show the node {name}"))

    async def cordon(self, name: str, mark: str | None) -> None:
        """Keep new pods off a node under a mark (its annotation says whose), or with None let them come again."""
        body = {
            "metadata": {"annotations": {CORDONED_BY: mark}},
            "spec": {"unschedulable": True if mark is not None else None},
        }
        what = f"{'uncordon' if mark is None else 'cordon'} the node {name}"
        await self.ask("PATCH", f"/api/v1/nodes/{name}", what, body, form=MERGE)

    async def evict(self, namespace: str, pod: Pod) -> bool:
        """Ask a pod to leave its node; False when its disruption budget does not allow that now."""
        body = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": pod.name, "namespace": namespace},
            "deleteOptions": {"preconditions": {"uid": pod.uid}},
        }
        path = f"/api/v1/namespaces/{namespace}/pods/{pod.name}/eviction"
        try:
            await self.ask("POST", path, f"evict the pod {namespace}/{pod.name}", body)
        except NotNowError:
            return False
        except (NotInClusterError, ConflictError):
            return True  # it is gone, or another one has its name
        return True

    async def delete_pod(self, namespace: str, pod: Pod, *, grace: float | None = None) -> None:
        """Delete this very pod (by UID); `grace` in real seconds, 0 for at once, None for its own.

        One that is gone already is no error.
        """
        body: dict[str, object] = {"preconditions": {"uid": pod.uid}}
        if grace is not None:
            body["gracePeriodSeconds"] = round(grace)
        path = f"/api/v1/namespaces/{namespace}/pods/{pod.name}"
        try:
            await self.ask("DELETE", path, f"delete the pod {namespace}/{pod.name}", body)
        except (NotInClusterError, ConflictError):
            return

    async def scale(self, namespace: str, name: str, replicas: int) -> None:
        """Have a deployment run so many replicas."""
        path = f"{_apps(namespace)}/deployments/{name}/scale"
        what = f"scale the deployment {namespace}/{name} to {replicas}"
        await self.ask("PATCH", path, what, {"spec": {"replicas": replicas}}, form=MERGE)

    async def patch_deployment(self, namespace: str, name: str, patch: Mapping[str, object]) -> None:
        """Lay a strategic merge patch over a deployment."""
        path = f"{_apps(namespace)}/deployments/{name}"
        form = "application/strategic-merge-patch+json"
        await self.ask("PATCH", path, f"change the deployment {namespace}/{name}", patch, form=form)

    async def secret(self, namespace: str, name: str, key: str) -> str:
        """One text of a secret."""
        path = f"/api/v1/namespaces/{namespace}/secrets/{name}"
        found = await self.ask("GET", path, f"show the secret {namespace}/{name}")
        data = found.get("data") or {}
        if key not in data:
            raise ClientError(f"the secret {namespace}/{name} of `{self.context}` has no `{key}`")
        return base64.b64decode(data[key]).decode()

    async def printed(self, namespace: str, pod: str, command: Sequence[str]) -> str:
        """What a command prints in a pod's first container."""
        import aiohttp

        assert self._session is not None
        path = f"{self._way.server}/api/v1/namespaces/{namespace}/pods/{pod}/exec"
        query = [("stdout", "true"), *(("command", word) for word in command)]
        printed = b""
        try:
            async with (
                asyncio.timeout(TIMEOUT),
                self._session.ws_connect(
                    path, params=query, headers=self._way.headers, protocols=("v4.channel.k8s.io",)
                ) as socket,
            ):
                async for message in socket:
                    if isinstance(message.data, bytes) and message.data[:1] == b"\x01":
                        printed += message.data[1:]
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ClientError(
                f"`{command[0]}` could not be run in the pod {namespace}/{pod} of `{self.context}`: {error!r}"
            ) from error
        return printed.decode(errors="replace")


def _apps(namespace: str) -> str:
    return f"/apis/apps/v1/namespaces/{namespace}"


def _words(text: str) -> str:
    """What the API server says went wrong."""
    try:
        told = json.loads(text)
    except ValueError:
        return " ".join(text.split())[:300]
    return str(told.get("message", told)) if isinstance(told, Mapping) else str(told)


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _pod(one: Any) -> Pod:
    metadata, status = one["metadata"], one.get("status") or {}
    ready = any(
        found["type"] == "Ready" and found["status"] == "True" for found in status.get("conditions") or ()
    )
    deleted = _moment(metadata.get("deletionTimestamp"))
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


def _node(one: Any) -> Node:
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


def _deployment(one: Any) -> Deployment:
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


def _service(one: Any) -> Service:
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
