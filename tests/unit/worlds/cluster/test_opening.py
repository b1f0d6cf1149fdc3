"""Taking a target for a run: whole, unhurt, nobody else's; and letting go of it whatever happened."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import AbstractAsyncContextManager, closing
from pathlib import Path
from typing import Any

import pytest

from chaos.clients.cluster import Cluster
from chaos.clients.routes import Place
from chaos.errors import PreflightError, TargetBusyError
from chaos.record import Record
from chaos.testing.cluster import FakeCluster, deployment, node, pod, service
from chaos.undo.journal import Journal
from chaos.worlds.base import Link
from chaos.worlds.cluster import lease, opening
from chaos.worlds.cluster.layout import links_of
from chaos.worlds.cluster.mirror import Mirror, name_of
from chaos.worlds.cluster.scope import Scope
from chaos.worlds.cluster.sight import Sight
from chaos.worlds.cluster.target import OBSERVABILITY, Target
from chaos.worlds.cluster.world import ClusterWorld

ANSWERED = '[{"end":"answered","first":0.1,"last":0.1,"received":1,"pieces":1,"status":200}]'


@pytest.fixture
def proxy() -> dict[str, Any]:
    """The one proxy of the bridge, as Toxiproxy has it."""
    return {
        "name": "edge.media-1", "listen": "0.0.0.0:21001", "upstream": "media-1:8000", "enabled": True, "toxics": [],
    }  # fmt: skip


@pytest.fixture
def cluster(proxy: dict[str, Any]) -> Iterator[FakeCluster]:
    """A namespace with one media instance behind one link."""
    with FakeCluster() as fake:
        fake.add("namespaces", {"metadata": {"name": "rooms"}})
        fake.add("nodes", node("worker"))
        fake.add("deployments", deployment("media-1", "media"))
        fake.add("pods", pod("media-1-x", "media-1", "media", "worker"))
        fake.add("services", service("bridge", "bridge", {"api": 8474}))
        fake.add("services", service("media-1", "media", {"http": 8000}))
        fake.add("secrets", {"metadata": {"name": "control"}, "data": {"token": "dG9rZW4="}})

        def bridge(_method: str, path: str, _body: str) -> tuple[int, str]:
            told = {"/proxies": {"edge.media-1": proxy}, "/proxies/edge.media-1": proxy}
            return 200, json.dumps(told.get(path, proxy["toxics"]))

        fake.proxied["services/bridge:8474"] = bridge
        fake.proxied["services/outpost:8000"] = lambda *_: (200, ANSWERED)
        yield fake


async def links(sight: Sight) -> Mapping[str, Link]:
    """The links of that namespace."""
    return await links_of(sight, lambda _link, instance: ("audience", instance), None)


def opened(
    cluster: FakeCluster, run: str, record: Record, journal: Journal
) -> AbstractAsyncContextManager[ClusterWorld]:
    """The target taken for a run."""
    target = Target("kind", cluster.context, "rooms")
    scope = Scope(links, lambda _: True, "control", own=True)
    return opening.opened(target, run, scope, record, journal, lasts=60.0, lost=lambda _: None)


async def test_a_target_is_held_for_as_long_as_its_run(cluster: FakeCluster, tmp_path: Path) -> None:
    """Hold and journal are in the namespace while the run goes on, and gone afterwards; a second run is refused."""
    record = Record()
    with (
        closing(Journal(tmp_path / "one.jsonl")) as journal,
        closing(Journal(tmp_path / "two.jsonl")) as other,
    ):
        async with opened(cluster, "one", record, journal) as world, Cluster(cluster.context) as client:
            assert world.links["edge"].proxies[0].listen == "bridge:21001"
            assert await lease.held(client, world.target) == lease.Hold("one", expired=False)
            assert name_of("one") in cluster.objects["configmaps"]
            with pytest.raises(TargetBusyError, match="in use by the run one"):
                async with opened(cluster, "two", record, other):
                    pytest.fail("two runs have one target")
            assert await lease.held(client, world.target) == lease.Hold("one", expired=False)
        async with Cluster(cluster.context) as client:
            assert await lease.held(client, world.target) is None
    assert cluster.objects["configmaps"] == {}


@pytest.mark.parametrize("named", [None, "rooms"])
async def test_a_namespace_says_where_its_prometheus_is(
    named: str | None, cluster: FakeCluster, tmp_path: Path
) -> None:
    """By an annotation, so that two targets need not share one; the usual place unless it says so."""
    if named is not None:
        cluster.objects["namespaces"]["rooms"]["metadata"]["annotations"] = {OBSERVABILITY: named}
    with closing(Journal(tmp_path / "one.jsonl")) as journal:
        async with opened(cluster, "one", Record(), journal) as world:
            place, _ = Place.parse(world.prometheus)
    assert (place.name, place.namespace) == ("prometheus", named or "standby-observability")


async def test_a_journal_is_in_the_namespace_only_under_a_hold(cluster: FakeCluster, tmp_path: Path) -> None:
    """So that one without a hold is that of a run which is over: the hold is taken before, and released after it."""
    with closing(Journal(tmp_path / "one.jsonl")) as journal:
        async with opened(cluster, "one", Record(), journal):
            pass
    writes = [one.split("/")[-2:] for one in cluster.asked if not one.startswith(("GET", "POST /api/v1"))]
    kinds = [kind if kind in ("configmaps", "leases") else name for kind, name in writes]
    assert kinds[0] == "leases", kinds
    assert kinds[-2:] == ["configmaps", "leases"], kinds


async def test_a_target_in_which_something_is_left_is_not_let_go(
    cluster: FakeCluster, tmp_path: Path
) -> None:
    """Its journal stays in the namespace, under the run's hold; the record says what is left."""
    record = Record()
    with closing(Journal(tmp_path / "one.jsonl")) as journal:
        async with opened(cluster, "one", record, journal):
            journal.intend("f1", "a slow link", [], lease=1.0)
    assert name_of("one") in cluster.objects["configmaps"]
    assert cluster.objects["leases"][lease.NAME]["spec"]["holderIdentity"] == "one"
    (ended,) = [event for event in record.events if event.name == "world_ended"]
    assert ended["gone"] is False
    assert "a slow link" in str(ended["evidence"])


async def test_what_an_earlier_run_left_is_not_built_upon(
    cluster: FakeCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its journal is there still: nobody begins before it is undone, and the message says how."""
    monkeypatch.setattr(opening, "PREDECESSOR_GONE_WITHIN", 0.0)
    Mirror(Target("kind", cluster.context, "rooms"), "earlier").write("")
    with (
        closing(Journal(tmp_path / "one.jsonl")) as journal,
        pytest.raises(TargetBusyError, match="standby recover --context"),
    ):
        async with opened(cluster, "one", Record(), journal):
            pytest.fail("begun on what another run has left")
    assert "leases" not in cluster.objects or not cluster.objects["leases"]


@pytest.mark.parametrize("hurt", ["shut", "toxic"])
async def test_a_link_that_is_hurt_already_is_no_baseline(
    cluster: FakeCluster, proxy: dict[str, Any], tmp_path: Path, hurt: str
) -> None:
    """Nobody known here has done that: refused, and the hold is released again."""
    if hurt == "shut":
        proxy["enabled"] = False
    else:
        toxic = {"name": "slow", "type": "latency", "stream": "downstream", "toxicity": 1, "attributes": {}}
        proxy["toxics"] = [toxic]
    with (
        closing(Journal(tmp_path / "one.jsonl")) as journal,
        pytest.raises(PreflightError, match="is hurt already"),
    ):
        async with opened(cluster, "one", Record(), journal):
            pytest.fail("begun on a hurt link")
    assert not cluster.objects["leases"][lease.NAME]["spec"]["holderIdentity"]


async def test_a_target_that_is_not_whole_is_refused(
    cluster: FakeCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what is missing."""
    monkeypatch.setattr(opening, "WHOLE_WITHIN", 0.0)
    cluster.objects["pods"]["media-1-x"] = pod("media-1-x", "media-1", "media", "worker", ready=False)
    cluster.add("pods", cluster.objects["pods"]["media-1-x"])
    with (
        closing(Journal(tmp_path / "one.jsonl")) as journal,
        pytest.raises(PreflightError, match=r"media-1 \(0 of 1 ready\)"),
    ):
        async with opened(cluster, "one", Record(), journal):
            pytest.fail("begun on half a target")
