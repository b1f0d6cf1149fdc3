"""The undo of a link's fault in a cluster, where a proxy may hang for minutes and then be well: on a real Toxiproxy."""

from __future__ import annotations

import asyncio
import socket

import pytest
import requests

from chaos.clients import toxiproxy as client
from chaos.clients.toxiproxy import HungError, Toxic, Toxiproxy
from chaos.faults.link import undo
from chaos.faults.link.undo import toxic_step
from chaos.testing.cluster import FakeCluster
from chaos.undo.steps import carry_out
from chaos.worlds.base import Proxy
from tests.black_hole import black_hole
from tests.local.faults_bench import toxiproxy
from tests.local.rooms_bench import until

pytestmark = pytest.mark.local

HELD_UP = 1.0
"""Real seconds after which a request counts as hung here."""


async def test_a_proxy_that_dials_a_dead_node_is_set_right_as_soon_as_it_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Toxiproxy cannot shut a proxy that dials into the void. The undo tries again until it can, and harms no other."""
    monkeypatch.setattr(client, "CLUSTER_TIMEOUT", HELD_UP)
    monkeypatch.setattr(undo, "PAUSE", 0.1)
    with FakeCluster() as cluster, toxiproxy() as server, black_hole() as (nowhere, held):
        cluster.proxied["services/bridge:8474"] = lambda method, path, body: _asked(
            server, method, path, body
        )
        direct = Toxiproxy(server)
        made = await direct.create_proxy("back", "127.0.0.1:0", nowhere)
        await direct.create_proxy("other", "127.0.0.1:0", nowhere)
        await direct.add_toxic("back", Toxic("f1", "latency", attributes={"latency": 100, "jitter": 0}))
        with socket.create_connection(tuple(made.listen.split(":"))):  # type: ignore[arg-type]
            there = f"kubernetes://{cluster.context}/rooms/services/bridge:8474"
            bridge = Toxiproxy(there)
            with pytest.raises(HungError):
                await bridge.set_enabled("back", False)
            step = toxic_step(
                Proxy("back", there, made.listen, nowhere, "platform", "media-2"), "f1", enabled=True
            )
            undoing = asyncio.create_task(carry_out(step))
            await until(lambda: _opened_twice(cluster), 60.0, what="a second try to open the proxy again")
            assert not undoing.done()
            assert (await direct.proxy("other")).enabled, "the others are not held up"
            held.close()
            proof = await asyncio.wait_for(undoing, 120)
        assert proof.holds, proof.evidence
        assert await direct.toxics("back") == {}
        assert (await direct.proxy("back")).enabled


def _asked(server: str, method: str, path: str, body: str) -> tuple[int, str]:
    answer = requests.request(method, server + path, data=body, timeout=60)
    return answer.status_code, answer.text


async def _opened_twice(cluster: FakeCluster) -> bool:
    changes = [one for one in cluster.asked if one.startswith("POST") and one.endswith("/proxies/back")]
    return len(changes) >= 3  # the first was to shut it
