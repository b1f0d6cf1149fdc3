"""What the runner's account is allowed, by the chart, is enough for a run and for the guardian that undoes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from chaos.clients.cluster import Cluster
from chaos.clients.processes import Identity
from chaos.record import Record
from chaos.testing.cluster import FakeCluster
from chaos.undo.journal import Journal
from chaos.worlds.cluster import lease, living
from chaos.worlds.cluster.images import image_step
from chaos.worlds.cluster.mirror import Mirror
from chaos.worlds.cluster.opening import end_step
from chaos.worlds.cluster.recovering import recover_target
from chaos.worlds.cluster.scaling import scale_step, whole_step
from chaos.worlds.cluster.target import Target
from tests.unit.test_charts import manifests
from tests.unit.worlds.cluster.test_opening import cluster as cluster
from tests.unit.worlds.cluster.test_opening import opened
from tests.unit.worlds.cluster.test_opening import proxy as proxy

VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
NEEDLESS = {("list", "", "nodes"), ("list", "kube-system", "pods")}
"""What a run asks for and does without."""


def asked_for(method: str, path: str) -> tuple[str, str, str, str]:
    """Verb, namespace, resource and name of a request, as Kubernetes' authorisation has them."""
    parts = path.strip("/").split("/")
    del parts[: 2 if parts[0] == "api" else 3]
    namespace = parts[1] if parts[0] == "namespaces" else ""
    if namespace and len(parts) > 2:
        del parts[:2]
    resource, name, sub, *_ = [*parts, "", ""]
    verb = VERBS.get(method) or ("get" if name else "list")
    return verb, namespace, f"{resource}/{sub}" if sub else resource, name


@pytest.fixture
def refused(cluster: FakeCluster) -> list[tuple[str, str, str]]:
    """The fake grants what the chart's Roles do; whatever it refuses is written down."""
    rules: dict[str, list[Mapping[str, Any]]] = {}
    for one in manifests("runner", "default"):
        if one["kind"] == "Role":
            rules.setdefault(one["metadata"]["namespace"], []).extend(one["rules"])
    found: list[tuple[str, str, str]] = []

    def refuses(method: str, path: str) -> bool:
        if path == "/readyz":
            return False
        verb, namespace, resource, name = asked_for(method, path)
        for rule in rules.get(namespace, ()):
            named: Sequence[str] = rule.get("resourceNames", [name])
            if resource in rule["resources"] and verb in rule["verbs"] and name in named:
                return False
        found.append((verb, namespace, resource))
        return True

    cluster.refuses = refuses
    return found


async def test_a_run_takes_its_target_within_its_rights(
    cluster: FakeCluster, refused: list[tuple[str, str, str]], tmp_path: Path
) -> None:
    """Namespace, journal, hold, links, proofs; nodes and the control plane's flags it does without."""
    with closing(Journal(tmp_path / "one.jsonl")) as journal:
        async with opened(cluster, "one", Record(), journal) as world:
            assert world.nodes() == {}
            assert world.links["edge"].proxies
    assert set(refused) <= NEEDLESS
    assert cluster.objects["configmaps"] == {}


async def test_the_guardian_undoes_what_a_run_may_do_within_its_rights(
    cluster: FakeCluster,
    refused: list[tuple[str, str, str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Deployments scaled, given another image, their pods killed, and the hold on the target."""
    monkeypatch.setattr(living, "LASTS", 0.2)
    monkeypatch.setenv("STANDBY_STATE", str(tmp_path / "guardian"))
    here = Target("kubernetes", cluster.context, "rooms")
    async with Cluster(cluster.context) as client:
        media = await client.deployment("rooms", "media-1")
        await lease.take(client, here, "run")
        with closing(Journal(tmp_path / "run.jsonl")) as journal:
            journal.begin("run", Identity(1, 1, "another machine"), here.address, owned=False)
            journal.reflect_in(Mirror(here, "run"))
            journal.intend("world", "the hold", [end_step(here, "run")], lease=1.0)
            steps = [
                scale_step(here, media, to=0),
                image_step(here, media),
                whole_step(here, {}),
            ]
            journal.intend("f1", "hurt", steps, lease=1.0)
        await client.scale("rooms", "media-1", 0)
    (recovered,) = await recover_target(here, None, lambda _: None)
    assert recovered.failed == ()
    assert set(refused) <= NEEDLESS
    assert cluster.objects["configmaps"] == {}
