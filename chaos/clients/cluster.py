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
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from chaos.clients import routes
from chaos.clients.cluster_objects import (
    Deployment,
    Node,
    Pod,
    Service,
    deployment_in,
    node_in,
    pod_in,
    service_in,
)
from chaos.errors import ApiAwayError, ClientError

if TYPE_CHECKING:  # heavy, and validating asks no server
    import aiohttp

TIMEOUT = 10.0
"""Real seconds that one request may take."""
CORDONED_BY = "standby.chaos/cordoned-by"
"""The annotation of a node that a fault has cordoned; its value is the fault's id."""
MERGE = "application/merge-patch+json"


class NotInClusterError(ClientError):
    """The API server answers, and has no such object."""


class ConflictError(ClientError):
    """Somebody else changed the object meanwhile."""


class ForbiddenError(ClientError):
    """Whoever asks has no right to it."""


class NotNowError(ClientError):
    """The API server will not do it just now; a disruption budget stands in the way."""


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
        return dict((await self._namespace(name)).get("labels") or {})

    async def annotations(self, name: str) -> Mapping[str, str]:
        """The annotations of a namespace."""
        return dict((await self._namespace(name)).get("annotations") or {})

    async def _namespace(self, name: str) -> Mapping[str, Any]:
        found = await self.ask("GET", f"/api/v1/namespaces/{name}", f"show the namespace {name}")
        metadata: Mapping[str, Any] = found["metadata"]
        return metadata

    async def pods(self, namespace: str, selector: str = "") -> Sequence[Pod]:
        """The pods with a label, oldest first."""
        path = f"/api/v1/namespaces/{namespace}/pods"
        found = await self.ask("GET", path, f"list the pods of {namespace}", labelSelector=selector)
        pods = [pod_in(one) for one in found["items"]]
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
        return sorted((deployment_in(one) for one in found["items"]), key=lambda one: one.name)

    async def deployment(self, namespace: str, name: str) -> Deployment:
        """One deployment by name."""
        path = f"{_apps(namespace)}/deployments/{name}"
        return deployment_in(await self.ask("GET", path, f"show the deployment {namespace}/{name}"))

    async def services(self, namespace: str) -> Mapping[str, Service]:
        """The services of a namespace by name."""
        path = f"/api/v1/namespaces/{namespace}/services"
        found = await self.ask("GET", path, f"list the services of {namespace}")
        return {one["metadata"]["name"]: service_in(one) for one in found["items"]}

    async def nodes(self) -> Sequence[Node]:
        """All nodes by name."""
        found = await self.ask("GET", "/api/v1/nodes", "list its nodes")
        return sorted((node_in(one) for one in found["items"]), key=lambda one: one.name)

    async def node(self, name: str) -> Node:
        """One node by name."""
        return node_in(await self.ask("GET", f"/api/v1/nodes/{name}", f"show the node {name}"))

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
