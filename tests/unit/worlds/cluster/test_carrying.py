"""When a link's server is started anew: only one that stands still by itself, for everybody who has a connection there
loses it.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from chaos.clients.cluster import Cluster
from chaos.errors import WorldError
from chaos.testing.cluster import FakeCluster, deployment, pod, service
from chaos.worlds.cluster import carrying
from chaos.worlds.cluster.sight import Sight
from tests.unit.worlds.cluster.test_undo import ANSWERED, SILENT, target
from tests.unit.worlds.cluster.test_undo import cluster as cluster

EDGE, CALLEE = "bridge:21001", "media-1:8000"
PATIENCE = 0.1


async def look(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch, silent: Callable[[str, int], bool], within: float
) -> str:
    """What becomes of links of which those are silent, told by address and by how often it was asked for."""
    asked: dict[str, int] = {}

    def answer(_method: str, _path: str, body: str) -> tuple[int, str]:
        address = json.loads(body)["address"]
        asked[address] = asked.get(address, 0) + 1
        return 200, SILENT if silent(address, asked[address]) else ANSWERED

    monkeypatch.setattr(carrying, "PATIENCE", PATIENCE)
    monkeypatch.setattr(carrying, "LOOK_EVERY", PATIENCE)
    cluster.add("deployments", deployment("bridge", "bridge"))
    cluster.add("pods", pod("bridge-x", "bridge", "bridge", "other"))
    cluster.proxied["services/outpost:8000"] = answer
    async with Cluster(cluster.context) as client:
        sight = Sight(target(cluster), client, lambda *_, **__: None)
        return await carrying.until_all_carry(sight, "token", within)


async def test_a_link_that_stands_still_though_its_callee_answers_is_started_anew(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is dialling a pod that is gone; where it is not waited for, every link carries again."""
    told = await look(
        cluster,
        monkeypatch,
        lambda address, _: address == EDGE and "bridge-x" in cluster.objects["pods"],
        60.0,
    )
    assert told == "every link carries requests (bridge stood still and was started anew)"


async def test_a_link_whose_callee_is_too_slow_is_let_be(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is not answered straight either says nothing about the link: it is waited for, and named."""
    with pytest.raises(WorldError, match=r"not every link carries requests after 1 s: edge\.media-1"):
        await look(cluster, monkeypatch, lambda address, _: address in (EDGE, CALLEE), 1.0)
    assert "bridge-x" in cluster.objects["pods"]


async def test_links_that_are_silent_in_turn_do_not_stand_still(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each look finds one of two that does not answer, and each has answered the look before: nothing is touched."""
    edge = json.loads(cluster.proxied["services/bridge:8474"]("GET", "/proxies/edge.media-1", "")[1])
    other = {**edge, "name": "edge.media-2", "listen": "0.0.0.0:21002"}
    told = {edge["name"]: edge, other["name"]: other}

    def both(_method: str, path: str, _body: str) -> tuple[int, str]:
        if path == "/proxies":
            return 200, json.dumps(told)
        return 200, json.dumps([] if path.endswith("/toxics") else told[path.removeprefix("/proxies/")])

    cluster.proxied["services/bridge:8474"] = both
    cluster.add("services", service("bridge", "bridge", {"api": 8474, "proxy": 21001, "other": 21002}))
    with pytest.raises(WorldError, match=r"not every link carries"):
        await look(
            cluster,
            monkeypatch,
            lambda address, times: address != CALLEE and times % 2 == (1 if address == EDGE else 0),
            2.0,
        )
    assert "bridge-x" in cluster.objects["pods"]
