"""A namespace with two services of nobody in particular, behind a fake API server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

from chaos.testing.cluster import Behind, FakeCluster, Object
from chaos.worlds.cluster.target import ALLOWED, Target


@contextmanager
def shop() -> Iterator[FakeCluster]:
    """`front` calls `stock:80`, whose pods serve at their port `http`, 8000; a new Toxiproxy says what it has."""
    with FakeCluster(namespace="shop") as fake:
        fake.add("namespaces", {"metadata": {"name": "shop", "labels": {ALLOWED: "allowed"}}})
        for number, name in enumerate(("front", "stock"), start=1):
            fake.add("deployments", deployment(name))
            fake.add("pods", pod(f"{name}-x", name, f"10.0.0.{number}"))
        fake.add("services", service("stock", "10.96.0.7"))
        fake.proxied["services/stock:80"] = lambda *_: (200, "49.00")
        for name in ("front-to-stock", "other", "a"):
            fake.proxied[f"services/link-{name}:8474"] = toxiproxy(fake, f"link-{name}")
            fake.proxied[f"services/link-{name}:20080"] = lambda *_: (200, "49.00")
        yield fake


def target(fake: FakeCluster) -> Target:
    """Its namespace."""
    return Target("kubernetes", fake.context, "shop")


def toxiproxy(fake: FakeCluster, name: str) -> Behind:
    """A server with the proxies of its ConfigMap, none of them hurt."""

    def answer(_method: str, path: str, _body: str) -> tuple[int, str]:
        rows = json.loads(fake.objects["configmaps"][name]["data"]["proxies.json"])
        proxies = {row["name"]: {**row, "toxics": []} for row in rows}
        if path == "/proxies":
            return 200, json.dumps(proxies)
        return 200, "[]" if path.endswith("/toxics") else json.dumps(proxies[path.rpartition("/")[2]])

    return answer


def deployment(name: str) -> Object:
    """A deployment that carries no label of Standby's."""
    return {
        "metadata": {"name": name},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"app": name}},
            "template": {"spec": {"containers": [{"name": name, "image": "python:3.13-slim"}]}},
        },
        "status": {"readyReplicas": 1},
    }


def pod(name: str, app: str, ip: str) -> Object:
    """A pod of it."""
    container = {"name": app, "image": "python:3.13-slim", "ports": [{"name": "http", "containerPort": 8000}]}
    return {
        "metadata": {"name": name, "labels": {"app": app, "pod-template-hash": "1"}},
        "spec": {"nodeName": "worker", "containers": [container]},
        "status": {"podIP": ip, "conditions": [{"type": "Ready", "status": "True"}]},
    }


def service(name: str, address: str) -> Object:
    """A service as its owner made it."""
    return {
        "metadata": {"name": name, "annotations": {"owner": "somebody"}},
        "spec": {
            "clusterIP": address,
            "selector": {"app": name},
            "ports": [{"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"}],
        },
    }
