"""Whether everybody at a link reads, from what the kernels in the pods at its ends say."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping, Sequence

import pytest
import requests

from chaos.clients.cluster import Cluster
from chaos.clients.toxiproxy import Toxic, Toxiproxy
from chaos.faults.link.undo import toxic_step
from chaos.testing.cluster import FakeCluster
from chaos.testing.toxiproxy import FakeToxiproxy
from chaos.undo.steps import carry_out
from chaos.worlds.base import Proxy
from chaos.worlds.cluster.reading import HEAD, unread
from tests.unit.worlds.cluster.shop import target
from tests.unit.worlds.cluster.test_linking import add, table
from tests.unit.worlds.cluster.test_linking import cluster as cluster

LINK = "10.9.0.1"
CALLED, UPSTREAM = "link-front-to-stock:20080", "front-to-stock-behind:80"
CALL, CARRIED = ("10.0.0.1", 40000, "10.96.0.7", 80), ("10.0.0.2", 8000, LINK, 50000)
ANOTHER = ("10.0.0.2", 8000, LINK, 50001)
ELSEWHERE = ("10.0.0.1", 40001, "10.0.0.9", 5432), ("10.0.0.2", 8000, "10.0.0.3", 40002)


def told(*rows: tuple[str, int, str, int], waiting: int = 0) -> str:
    """What a pod prints whose first connection has so many bytes that nobody has read."""
    return f"  sl  {HEAD}\n" + table(*rows).replace(":00000000", f":{waiting:08X}", 1)


@pytest.mark.parametrize(
    ("front", "stock", "known"),
    [
        ([told(CALL)], [told(CARRIED)], 0),
        ([told(CALL, ELSEWHERE[0])], [told(CARRIED, ELSEWHERE[1])], 0),
        ([told(CALL, waiting=700)], [told(CARRIED)], 1),
        ([told(CALL)], [told(CARRIED, waiting=70_000)], 1),
        ([told(CALL, waiting=700), told(CALL, waiting=70)], [told(CARRIED)], 0),
        ([told(ELSEWHERE[0], waiting=700)], [told()], 0),
        ([told(CALL)], [told(CARRIED, ANOTHER)], None),
        ([told(CALL)], [told(CARRIED, ANOTHER), told(CARRIED)], 0),
        ([told(CALL)], [told()], None),
        ([told(CALL)], [""], None),
        ([""], [told()], None),
    ],
    ids=[
        "both read", "other connections", "a deaf caller", "a deaf callee", "a busy caller", "deaf elsewhere",
        "somebody else calls", "a caller who left", "the callee sees another address", "no cat", "none at the caller",
    ],
)  # fmt: skip
async def test_who_does_not_read_is_seen_in_the_pods(
    cluster: FakeCluster,
    monkeypatch: pytest.MonkeyPatch,
    front: Sequence[str],
    stock: Sequence[str],
    known: int | None,
) -> None:
    """Bytes that stay in a receive queue are not read. Where the callee has connections of others, nobody knows."""
    await add(cluster)
    looks = {
        pod: itertools.chain(tables, itertools.repeat(tables[-1]))
        for pod, tables in (("front-x", front), ("stock-x", stock))
    }

    async def printed(_self: Cluster, _namespace: str, pod: str, _command: object) -> str:
        await asyncio.sleep(0)
        return next(looks[pod])

    monkeypatch.setattr(Cluster, "printed", printed)
    assert await _unread(cluster, {CALLED: "front"}) == known


@pytest.mark.parametrize(
    ("waiting", "said"), [(0, "connections kept"), (9000, "connections dropped (1 of them not being read)")]
)
async def test_an_undo_in_a_cluster_asks_the_pods(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch, waiting: int, said: str
) -> None:
    """From the journal alone, as a guardian does it: the link stays open for the removal where everybody reads."""
    await add(cluster)
    tables = {"front-x": told(CALL, waiting=waiting), "stock-x": told(CARRIED)}

    async def printed(_self: Cluster, _namespace: str, pod: str, _command: object) -> str:
        await asyncio.sleep(0)
        return tables[pod]

    monkeypatch.setattr(Cluster, "printed", printed)
    async with FakeToxiproxy() as server:
        server.add("front-to-stock", listen="0.0.0.0:20080", upstream=UPSTREAM)
        await Toxiproxy(server.url).add_toxic("front-to-stock", Toxic("f1", "latency"))
        cluster.proxied["services/link-front-to-stock:8474"] = lambda method, path, body: _asked(
            server.url, method, path, body
        )
        there = target(cluster).service("link-front-to-stock", 8474)
        link = Proxy("front-to-stock", there, CALLED, UPSTREAM, "front", "stock")
        proof = await carry_out(toxic_step(link, "f1", enabled=True, beside=[link]))
        assert server.proxies["front-to-stock"].toxics == {}
        assert server.proxies["front-to-stock"].enabled
    assert proof.holds
    assert said in proof.evidence


def _asked(server: str, method: str, path: str, body: str) -> tuple[int, str]:
    answer = requests.request(method, server + path, data=body, timeout=60)
    return answer.status_code, answer.text


async def test_a_caller_that_nobody_knows_is_not_called_a_reader(cluster: FakeCluster) -> None:
    """A link that was added without its caller, one whose caller is gone, and one that is not there."""
    await add(cluster)
    assert await _unread(cluster, {CALLED: ""}) is None
    assert await _unread(cluster, {CALLED: "gone"}) is None
    assert await _unread(cluster, {}) is None
    assert await _unread(cluster, {"link-a:20080": "front"}) is None


async def _unread(cluster: FakeCluster, callers: Mapping[str, str]) -> int | None:
    server = target(cluster).service("link-front-to-stock", 8474)
    return await unread(server, UPSTREAM, callers)
