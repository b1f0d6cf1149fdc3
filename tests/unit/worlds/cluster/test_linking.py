"""`standby link`: what it makes and changes, and that nothing of it is left when it is taken away or fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from chaos.clients.cluster import Cluster
from chaos.errors import TargetBusyError, UsageError, WorldError
from chaos.testing.cluster import FakeCluster, Object
from chaos.undo.journal import Journal, read
from chaos.worlds.base import ProcessInfo, Proxy
from chaos.worlds.cluster import lease, link_sight, linking
from chaos.worlds.cluster.link_objects import LINK, ORIGINAL, Wanted, objects, restored, turned
from chaos.worlds.cluster.mirror import Mirror
from chaos.worlds.cluster.opening import end_step
from chaos.worlds.cluster.recovering import recover_target
from chaos.worlds.cluster.sight import Sight
from chaos.worlds.cluster.vantage import There
from tests.unit.worlds.cluster.shop import service, shop, target

SWAPPED = Wanted("front-to-stock", "stock", 80, swap=True, caller="front")


class NoGuardian:
    """In the place of a guardian, which is a process of its own."""

    def __init__(self, *_: object) -> None:
        self.left = False

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Watches nothing."""
        yield

    async def ready(self) -> None:
        """At once."""

    async def leave(self) -> None:
        """It has nothing to watch any more."""
        self.left = True


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeCluster]:
    """The shop, with a state folder of the test's own."""
    monkeypatch.setenv("STANDBY_STATE", str(tmp_path / "state"))
    monkeypatch.setattr(linking, "Guard", NoGuardian)
    with shop() as fake:
        yield fake


def seen(fake: FakeCluster) -> dict[str, Any]:
    """Every object but leases, as somebody else sees it: without the API server's own count of changes."""
    found = deepcopy({kind: there for kind, there in fake.objects.items() if kind != "leases"})
    for there in found.values():
        for one in there.values():
            del one["metadata"]["resourceVersion"]
    return {kind: there for kind, there in found.items() if there}


async def add(fake: FakeCluster, wanted: Wanted = SWAPPED) -> list[str]:
    """Add a link; what was said."""
    said: list[str] = []
    await linking.add(target(fake), wanted, said.append)
    return said


async def nobody_has_it(fake: FakeCluster) -> bool:
    """Whether no run holds the namespace."""
    async with Cluster(fake.context) as client:
        return await lease.held(client, target(fake)) is None


async def test_a_swap_turns_the_service_and_its_removal_leaves_everything_as_it_was(
    cluster: FakeCluster, tmp_path: Path
) -> None:
    """Same name, same address, the pods behind a second Service; and back to the very object that was there."""
    before = seen(cluster)
    said = await add(cluster)
    assert "the link front-to-stock carries stock:80: it answers HTTP as before" in said
    now = cluster.objects["services"]["stock"]
    assert now["spec"]["clusterIP"] == "10.96.0.7"
    assert now["spec"]["selector"] == SWAPPED.selector
    assert now["spec"]["ports"] == [{"name": "http", "port": 80, "targetPort": 20080, "protocol": "TCP"}]
    assert cluster.objects["services"]["front-to-stock-behind"]["spec"]["selector"] == {"app": "stock"}
    assert await nobody_has_it(cluster)
    (journal,) = (tmp_path / "state" / "journal").glob("link-*.jsonl")
    assert read(journal).closed
    assert not read(journal).pending, "a link is meant to last: nobody will undo it by itself"
    assert not [name for name in cluster.objects["configmaps"] if name.startswith("standby-journal")]
    (found,) = await link_sight.present(target(cluster))
    assert (found.address, found.swapped, found.caller, found.ready) == ("stock:80", "stock", "front", True)
    assert "the Service stock is as it was" in await linking.remove(target(cluster), "front-to-stock")
    assert seen(cluster) == before
    assert "there is no link" in await linking.remove(target(cluster), "front-to-stock")
    assert seen(cluster) == before


async def test_without_a_swap_the_service_is_not_touched(cluster: FakeCluster) -> None:
    """The caller is given another address; a port that only the privileged may have is moved."""
    before = deepcopy(cluster.objects["services"]["stock"])
    await add(cluster, Wanted("other", "stock", 80))
    assert cluster.objects["services"]["stock"] == before
    (found,) = await link_sight.present(target(cluster))
    assert (found.address, found.swapped) == ("link-other:20080", "")
    await linking.remove(target(cluster), "other")
    assert list(cluster.objects["services"]) == ["stock"]


async def test_one_that_does_not_come_to_carry_traffic_is_undone(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Toxiproxy that cannot start, or a link that does not answer after the turn: said, and nothing is left."""
    monkeypatch.setattr(linking, "READY_WITHIN", 0.5)
    before = seen(cluster)
    cluster.pods_start = False
    with pytest.raises(WorldError, match=r"is undone: .*link-front-to-stock is ready"):
        await add(cluster)
    assert seen(cluster) == before
    cluster.pods_start = True
    answers = iter([(200, "49.00")])
    cluster.proxied["services/stock:80"] = lambda *_: next(answers, (503, ""))
    with pytest.raises(WorldError, match=r"is undone: .*stock answers as before"):
        await add(cluster)
    assert seen(cluster) == before
    assert await nobody_has_it(cluster)


async def test_whoever_dies_in_the_middle_is_undone_from_the_namespace(
    cluster: FakeCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the Service turned already, its machine and its disk gone: the mirrored journal is enough."""
    before, here = seen(cluster), target(cluster)
    journal = Journal(tmp_path / "gone.jsonl")
    journal.mirror = Mirror(here, "gone")
    journal.intend("world", "the hold", [end_step(here, "gone")], lease=1.0)
    journal.intend("link", "the link", [linking.link_step(here, SWAPPED.name)], lease=1.0)
    journal.close()
    async with Cluster(cluster.context) as client:
        stock = deepcopy(cluster.objects["services"]["stock"])
        for kind, one in objects(SWAPPED, stock):
            await client.ask("POST", f"/api/v1/namespaces/shop/{kind}", "make", one)
        await client.ask("PUT", "/api/v1/namespaces/shop/services/stock", "turn", turned(SWAPPED, stock))
    assert cluster.objects["services"]["stock"]["spec"]["selector"] == SWAPPED.selector
    monkeypatch.setenv("STANDBY_STATE", str(tmp_path / "elsewhere"))
    (recovered,) = await recover_target(here, None, lambda _: None)
    assert recovered.failed == ()
    assert seen(cluster) == before


async def test_what_somebody_else_has_changed_since_is_left_and_said(cluster: FakeCluster) -> None:
    """A new selector and a further port stay; what is still ours is given back."""
    await add(cluster)
    spec = cluster.objects["services"]["stock"]["spec"]
    spec["selector"] = {"app": "stock-2"}
    spec["ports"].append({"name": "admin", "port": 81, "targetPort": 81})
    told = await linking.remove(target(cluster), "front-to-stock")
    assert "somebody else has changed since" in told
    assert "stock-2" in told
    now = cluster.objects["services"]["stock"]
    assert now["spec"]["selector"] == {"app": "stock-2"}
    assert [one["targetPort"] for one in now["spec"]["ports"]] == ["http", 81]
    assert now["metadata"]["annotations"] == {"owner": "somebody"}
    assert list(cluster.objects["services"]) == ["stock"]


async def test_a_run_that_has_the_namespace_keeps_links_out(cluster: FakeCluster) -> None:
    """Neither added nor removed while a run goes on, and its name is told."""
    await add(cluster)
    before = seen(cluster)
    async with Cluster(cluster.context) as client:
        await lease.take(client, target(cluster), "a-run")
    with pytest.raises(TargetBusyError, match="a-run"):
        await linking.remove(target(cluster), "front-to-stock")
    with pytest.raises(TargetBusyError, match="a-run"):
        await add(cluster, Wanted("other", "stock", 80))
    assert seen(cluster) == before


@pytest.mark.parametrize(
    ("change", "wanted", "why"),
    [
        ({}, Wanted("a", "nobody", 80), "no Service `nobody`"),
        ({}, Wanted("a", "stock", 81), "no port 81; it has 80"),
        ({}, Wanted("a", "stock", 80, caller="nobody"), "no Deployment `nobody`"),
        ({"clusterIP": "None"}, Wanted("a", "stock", 80, swap=True), "headless"),
        ({"selector": None}, Wanted("a", "stock", 80), "no selector"),
        ({"ports": [{"port": 80, "protocol": "UDP"}]}, Wanted("a", "stock", 80), "TCP alone"),
        ({"ports": [{"port": 80}, {"port": 20080}]}, Wanted("a", "stock", 80, swap=True), "by one link"),
    ],
)
async def test_what_cannot_be_carried_is_refused_before_anything_is_made(
    change: Object, wanted: Wanted, why: str, cluster: FakeCluster
) -> None:
    """The error names what is there instead; nothing was written."""
    cluster.objects["services"]["stock"]["spec"].update(change)
    with pytest.raises(UsageError, match=why):
        await add(cluster, wanted)
    assert all(asked.startswith("GET ") for asked in cluster.asked)


async def test_a_name_that_is_taken_is_refused(cluster: FakeCluster) -> None:
    """The same link twice, or a second one on a Service that was turned already."""
    await add(cluster)
    with pytest.raises(UsageError, match="turned to the link front-to-stock already"):
        await add(cluster)
    with pytest.raises(UsageError, match=r"link-front-to-stock in .* already"):
        await add(cluster, Wanted("front-to-stock", "stock", 80))


async def test_a_dry_run_names_every_object_and_touches_none(cluster: FakeCluster) -> None:
    """What is made, and the Service that would be turned."""
    told = await linking.would_add(target(cluster), SWAPPED)
    assert told == [
        "make ConfigMap link-front-to-stock",
        "make Service link-front-to-stock",
        "make Service front-to-stock-behind",
        "make Deployment link-front-to-stock",
        "turn Service stock to the pods of link-front-to-stock (targetPort of 80 to 20080)",
    ]
    assert all(asked.startswith("GET ") for asked in cluster.asked)


def test_a_service_is_given_back_exactly() -> None:
    """Turned and restored it is the same object, with annotations or without, and with a node's port."""
    changes: tuple[dict[str, object], ...] = ({}, {"annotations": {}})
    for change in changes:
        one = service("stock", "10.96.0.7")
        one["metadata"].pop("annotations")
        one["metadata"].update(change)
        one["spec"]["ports"][0]["nodePort"] = 30080
        given = turned(SWAPPED, one)
        assert {LINK, ORIGINAL} <= given["metadata"]["annotations"].keys()
        back, left = restored(given)
        assert not left
        assert back["spec"] == one["spec"]
        assert not back["metadata"].get("annotations")


def table(*rows: tuple[str, int, str, int]) -> str:
    """The kernel's table of connections from `ip:port` to `ip:port`."""

    def end(ip: str, port: int) -> str:
        return "".join(f"{int(part):02X}" for part in reversed(ip.split("."))) + f":{port:04X}"

    return "\n".join(
        f"  {n}: {end(a, b)} {end(c, d)} 01 00000000:00000000" for n, (a, b, c, d) in enumerate(rows)
    )


@pytest.mark.parametrize(
    ("at_caller", "at_callee", "through", "around"),
    [
        (("10.0.0.1", 40000, "10.96.0.7", 80), ("10.0.0.2", 8000, "10.9.0.1", 50000), 1, 0),
        (("10.0.0.1", 40000, "10.96.0.7", 80), ("10.0.0.2", 8000, "10.0.0.1", 40000), 1, 1),
        (("10.0.0.1", 40000, "10.0.0.2", 8000), ("10.0.0.2", 8000, "10.0.0.1", 40000), 0, 2),
    ],
    ids=["through the link", "from before the turn", "straight to the pod"],
)
async def test_a_connection_from_before_the_turn_counts_as_around(
    cluster: FakeCluster,
    monkeypatch: pytest.MonkeyPatch,
    at_caller: tuple[str, int, str, int],
    at_callee: tuple[str, int, str, int],
    through: int,
    around: int,
) -> None:
    """Its caller sees the Service's address all the same; the callee sees the caller where the link should be."""
    await add(cluster)
    tables = {"front-x": table(at_caller), "stock-x": table(at_callee)}

    async def printed(_self: Cluster, _namespace: str, pod: str, _command: object) -> str:
        await asyncio.sleep(0)
        return tables[pod]

    monkeypatch.setattr(Cluster, "printed", printed)
    async with Cluster(cluster.context) as client:
        sight = Sight(target(cluster), client, lambda *_, **__: None)
        await sight.look()
        caller = ProcessInfo("front", "front", "worker", 0, 0, "", pods={"front-x": "1"})
        link = Proxy("l", "", "link-front-to-stock:20080", "front-to-stock-behind:80", "front", "stock")
        ends = await There(sight, "token").ends(caller, link)
    assert (ends.through, ends.around) == (through, around)
