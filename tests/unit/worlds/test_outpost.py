"""The outpost as a server: who may tell it alerts, and who may read them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from chaos.clients.cluster import Cluster
from chaos.clients.prometheus import FiringAlert
from chaos.errors import ClientError
from chaos.outpost import Outpost
from chaos.testing.cluster import FakeCluster
from chaos.worlds.cluster.sight import Sight
from chaos.worlds.cluster.target import Target
from chaos.worlds.cluster.vantage import There
from chaos.worlds.heard import BELIEVED, Heard
from chaos.worlds.outpost import TOKEN_HEADER

FIRING = {"alerts": [{"status": "firing", "labels": {"alertname": "RoomGone", "room": "townhall"}}]}


@pytest.fixture
async def outpost() -> AsyncIterator[str]:
    """One that was started long enough ago; its URL."""
    moments = iter((0.0,))
    heard = Heard(lambda: next(moments, BELIEVED))
    runner = web.AppRunner(Outpost("control", "webhook", heard).app(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def status(method: str, url: str, header: dict[str, str], body: object = None) -> int:
    """What it answers."""
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, url, headers=header, json=body) as answer,
    ):
        return answer.status


async def test_only_the_bearer_of_the_webhooks_token_may_tell_alerts(outpost: str) -> None:
    """Neither nobody, nor who has the control token, nor the right token in another form; and it opens nothing else."""
    url = f"{outpost}/alerts"
    for header in (
        {}, {"Authorization": "Bearer control"}, {"Authorization": "Basic webhook"}, {TOKEN_HEADER: "webhook"},
    ):  # fmt: skip
        assert await status("POST", url, header, FIRING) == 401, header
    bearer = {"Authorization": "Bearer webhook"}
    assert await status("POST", url, bearer, FIRING) == 204
    assert await status("POST", url, bearer, {"alerts": [{"status": "odd"}]}) == 422
    assert await status("GET", url, bearer) == 401
    assert await status("PUT", f"{outpost}/measures/run", bearer) == 401
    assert await status("GET", url, {TOKEN_HEADER: "control"}) == 200


async def test_without_a_token_of_its_own_the_webhook_is_shut() -> None:
    """An empty token is nobody's."""
    runner = web.AppRunner(Outpost("control").app(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/alerts"
        for header in ({}, {"Authorization": "Bearer "}, {"Authorization": "Bearer control"}):
            assert await status("POST", url, header, FIRING) == 401
    finally:
        await runner.cleanup()


async def test_a_run_outside_reads_there_which_alerts_fire() -> None:
    """Through the API server's proxy; what the outpost does not know is not known, and never nothing."""
    answers = iter(
        (
            (200, '{"unknown": "", "firing": [{"name": "RoomGone", "labels": {"room": "townhall"}}]}'),
            (200, '{"unknown": "no Alertmanager has told anything yet", "firing": []}'),
            (200, "moved"),
            (404, "404: Not Found"),
        )
    )
    with FakeCluster() as fake:
        fake.proxied["services/outpost:8000"] = lambda *_: next(answers)
        async with Cluster(fake.context) as client:
            sight = Sight(Target("kind", fake.context, "rooms"), client, lambda *_, **__: None)
            assert await There(sight, "token").firing() == [FiringAlert("RoomGone", {"room": "townhall"})]
            for why in ("told anything yet", "no alerts", "404"):
                with pytest.raises(ClientError, match=why):
                    await There(sight, "token").firing()
            with pytest.raises(ClientError, match="there is no outpost"):
                await There(sight, "").firing()
