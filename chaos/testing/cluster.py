"""A Kubernetes API server without a cluster behind it: objects in memory, on a free port, on a thread of its own.

    with FakeCluster() as cluster:
        cluster.add("nodes", node("worker", ready=True))
        cluster.proxied["services/outpost:8000"] = lambda method, path, body: (200, "[]")
        async with Cluster(cluster.context) as client: ...

It knows objects by name, takes merge patches, refuses to replace what has changed meanwhile, gives a new deployment its
pods and a deleted one's away, knows where services lead (`endpointslices`), and hands requests of its service and pod
proxy to `proxied`, on a thread. `away` makes it answer nothing but 503. The context is in a kubeconfig of its own,
to which $KUBECONFIG points for the length of the block.
"""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TypeAlias
from uuid import uuid4

from aiohttp import web

Object: TypeAlias = dict[str, Any]
Behind: TypeAlias = Callable[[str, str, str], tuple[int, str]]
"""What answers behind the proxy: method, path and body of a request to the status and text of its answer."""


@dataclass
class FakeCluster:
    """The API server. `objects` are by kind (`pods`, `leases`, …) and name; `asked` holds `METHOD path`."""

    namespace: str = "rooms"
    objects: dict[str, dict[str, Object]] = field(default_factory=dict)
    proxied: dict[str, Behind] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    away: bool = False
    hangs: bool = False
    """Take every request and answer none."""
    silent: set[str] = field(default_factory=set)
    """What is behind the proxy (as in `proxied`) and takes requests without answering them."""
    refuses: Callable[[str, str], bool] = field(default=lambda _method, _path: False)
    """Whether whoever asks has no right to a request, by its method and path."""
    pods_start: bool = True
    """Whether the pods of new deployments become ready."""
    context: str = ""

    def add(self, kind: str, one: Object) -> Object:
        """Put an object there, with a UID if it has none."""
        metadata = one.setdefault("metadata", {})
        metadata.setdefault("uid", str(uuid4()))
        metadata["resourceVersion"] = str(int(metadata.get("resourceVersion", "0")) + 1)
        self.objects.setdefault(kind, {})[metadata["name"]] = one
        return one

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory()
        started = threading.Event()
        self._thread = threading.Thread(target=self._serve, args=(started,), daemon=True)
        self._thread.start()
        assert started.wait(60), "the fake API server did not start"
        self.context = f"fake-{self._port}"
        file = Path(self._folder.name) / "config"
        file.write_text(json.dumps(_kubeconfig(self.context, self._port)), encoding="utf-8")
        self._before = os.environ.get("KUBECONFIG")
        os.environ["KUBECONFIG"] = str(file)
        return self

    def __exit__(self, *_: object) -> None:
        if self._before is None:
            del os.environ["KUBECONFIG"]
        else:
            os.environ["KUBECONFIG"] = self._before
        self._loop.call_soon_threadsafe(self._done.set)
        self._thread.join(10)
        self._folder.cleanup()

    def _serve(self, started: threading.Event) -> None:
        asyncio.run(self._run(started))

    async def _run(self, started: threading.Event) -> None:
        self._loop, self._done = asyncio.get_running_loop(), asyncio.Event()
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self._port = int(runner.addresses[0][1])
        started.set()
        await self._done.wait()
        await runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        self.asked.append(f"{request.method} {request.path}")
        body = await request.text()
        if self.hangs or any(f"/{one}/proxy" in request.path for one in self.silent):
            await self._done.wait()
        if self.away:
            return _status(503, "the API server is starting")
        if self.refuses(request.method, request.path):
            return _status(403, f"no right to {request.method} {request.path}")
        parts = request.path.strip("/").split("/")
        if "proxy" in parts:
            return await self._hand_on(request, parts, body)
        del parts[: 2 if parts[0] == "api" else 3]
        if parts[:1] == ["namespaces"] and len(parts) > 2:
            del parts[:2]
        kind, name, *_ = [*parts, ""]
        return self._act(request, kind, name, json.loads(body) if body else {})

    async def _hand_on(self, request: web.Request, parts: list[str], body: str) -> web.Response:
        at = parts.index("proxy")
        behind = self.proxied.get("/".join(parts[at - 2 : at]))
        if behind is None:
            return _status(503, f'no endpoints available for service "{parts[at - 1]}"')
        path = "/" + "/".join(parts[at + 1 :])
        status, text = await asyncio.to_thread(behind, request.method, path, body)
        return web.Response(status=status, text=text)

    def _evict(self, name: str) -> None:
        """A pod leaves and a new one of the same process is ready on a node that takes pods."""
        left = self.objects["pods"].pop(name)
        nodes = self.objects.get("nodes", {})
        free = [one for one, found in nodes.items() if not found["spec"].get("unschedulable")]
        labels = left["metadata"]["labels"]
        instance, tier = labels["standby.chaos/instance"], labels["standby.chaos/tier"]
        self.add("pods", pod(f"{name}-2", instance, tier, free[0]))

    def _give_pods(self, made: Object) -> None:
        """What the deployment controller and a node do: its pods are there and ready, unless it never can be."""
        replicas = made["spec"].get("replicas", 1)
        made["status"] = {"readyReplicas": replicas if self.pods_start else 0}
        name = made["metadata"]["name"]
        for number in range(replicas):
            template = made["spec"]["template"]
            one = pod(f"{name}-{number}", "", "", "", ready=self.pods_start, ip=f"10.9.0.{number + 1}")
            one["metadata"]["labels"] = template["metadata"]["labels"]
            one["spec"]["containers"] = template["spec"]["containers"]
            self.add("pods", one)

    def _take_pods(self, gone: Object) -> None:
        wanted = gone["spec"]["selector"]["matchLabels"].items()
        pods = self.objects.get("pods", {})
        for name in [name for name, one in pods.items() if wanted <= _labels(one).items()]:
            del pods[name]

    def _slices(self, selector: str) -> list[Object]:
        """Where a service leads: to the ready pods that its selector means."""
        service = self.objects.get("services", {}).get(selector.partition("=")[2])
        wanted = (service or {"spec": {}})["spec"].get("selector") or {}
        addresses = [
            one["status"]["podIP"]
            for one in self.objects.get("pods", {}).values()
            if wanted and wanted.items() <= _labels(one).items() and _is_ready(one)
        ]
        return [{"endpoints": [{"addresses": [ip], "conditions": {"ready": True}} for ip in addresses]}]

    def _act(self, request: web.Request, kind: str, name: str, body: Object) -> web.Response:
        if kind == "endpointslices":
            return web.json_response({"items": self._slices(request.query["labelSelector"])})
        there = self.objects.setdefault(kind, {})
        if request.method == "POST" and not name:
            if body["metadata"]["name"] in there:
                return _status(409, "already exists")
            made = self.add(kind, body)
            if kind == "deployments":
                self._give_pods(made)
            return web.json_response(made, status=201)
        if not name:
            wanted = _selected(request.query.get("labelSelector", ""))
            return web.json_response({"items": [one for one in there.values() if wanted(_labels(one))]})
        found = there.get(name)
        if found is None:
            return _status(404, f'{kind} "{name}" not found')
        return self._change(request.method, kind, name, found, body)

    def _change(self, method: str, kind: str, name: str, found: Object, body: Object) -> web.Response:
        there = self.objects[kind]
        match method:
            case "PUT":
                version = body["metadata"].get("resourceVersion")
                if version is not None and version != found["metadata"]["resourceVersion"]:
                    return _status(409, "the object has been modified")
                kept = ("uid", "resourceVersion", "creationTimestamp")
                body["metadata"] = body["metadata"] | {
                    key: found["metadata"][key] for key in kept if key in found["metadata"]
                }
                self.add(kind, body)
            case "PATCH":
                _merge(found, body)
                self.add(kind, found)
            case "DELETE":
                del there[name]
                if kind == "deployments":
                    self._take_pods(found)
            case "POST":
                self._evict(name)
        return web.json_response(there.get(name, found))


def node(
    name: str,
    *,
    ready: bool = True,
    labels: Mapping[str, str] | None = None,
    since: str = "2026-01-01T00:00:00Z",
) -> Object:
    """A node as the API has it."""
    condition = {"type": "Ready", "status": "True" if ready else "False", "lastTransitionTime": since}
    return {
        "metadata": {"name": name, "labels": dict(labels or {})},
        "spec": {},
        "status": {"conditions": [condition]},
    }


def pod(name: str, instance: str, tier: str, on: str, *, ready: bool = True, ip: str = "10.0.0.1") -> Object:
    """A pod of a tier as the API has it."""
    labels = {"standby.chaos/instance": instance, "standby.chaos/tier": tier}
    return {
        "metadata": {"name": name, "labels": labels, "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"nodeName": on, "containers": [{"name": tier, "image": "standby:1"}]},
        "status": {"podIP": ip, "conditions": [{"type": "Ready", "status": "True" if ready else "False"}]},
    }


def deployment(name: str, tier: str, *, replicas: int = 1, ready: int = 1) -> Object:
    """A deployment of a tier as the API has it."""
    labels = {"standby.chaos/instance": name, "standby.chaos/tier": tier}
    return {
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"standby.chaos/instance": name}},
            "template": {"spec": {"containers": [{"name": tier, "image": "standby:1"}]}},
        },
        "status": {"readyReplicas": ready},
    }


def service(name: str, tier: str, ports: Mapping[str, int], address: str = "10.96.0.1") -> Object:
    """A service as the API has it."""
    return {
        "metadata": {"name": name, "labels": {"standby.chaos/tier": tier}},
        "spec": {
            "clusterIP": address,
            "selector": {"standby.chaos/instance": name},
            "ports": [{"name": port, "port": number} for port, number in ports.items()],
        },
    }


def _labels(one: Object) -> Mapping[str, str]:
    labels: Mapping[str, str] = one["metadata"].get("labels") or {}
    return labels


def _is_ready(one: Object) -> bool:
    return any(
        found["type"] == "Ready" and found["status"] == "True" for found in one["status"]["conditions"]
    )


def _selected(selector: str) -> Callable[[Mapping[str, str]], bool]:
    asked = [part.partition("=") for part in selector.split(",") if part]
    return lambda labels: all(
        key in labels and (not equals or labels[key] == value) for key, equals, value in asked
    )


def _merge(found: Object, patch: Object) -> None:
    for key, value in patch.items():
        if value is None:
            found.pop(key, None)
        elif isinstance(value, dict):
            _merge(found.setdefault(key, {}), value)
        else:
            found[key] = value


def _status(code: int, message: str) -> web.Response:
    return web.json_response(
        {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": code},
        status=code,
    )


def _kubeconfig(name: str, port: int) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": name, "user": {"token": "of-the-kubeconfig"}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
    }
