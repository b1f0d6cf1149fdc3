from __future__ import annotations

import math

import pytest

from chaos.clients.prometheus import FiringAlert, Prometheus
from chaos.errors import ClientError
from chaos.testing.prometheus import FakePrometheus


async def test_queries_bring_series_and_bound_how_long_a_sample_holds() -> None:
    """Samples as numbers, NaN included; the lookback goes along with the request."""
    async with (
        FakePrometheus({"up": [(100.0, 1.0), (101.0, math.nan)]}) as fake,
        Prometheus(fake.url) as client,
    ):
        found = await client.range("up", start=99, end=102, step=1, lookback=1.5)
        assert found[0].samples[0] == (100.0, 1.0)
        assert math.isnan(found[0].samples[1][1])
        assert fake.asked[-1]["lookback_delta"] == "1.500"
        assert await client.instant("nothing") == []
        assert await client.newest("up", lookback=1.5) == 101.0


async def test_firing_alerts_come_with_their_labels() -> None:
    """The name apart, the other labels beside it."""
    async with FakePrometheus() as fake, Prometheus(fake.url) as client:
        fake.firing = [{"alertname": "BridgeSlow", "link": "media-to-platform"}]
        assert await client.firing() == [FiringAlert("BridgeSlow", {"link": "media-to-platform"})]


@pytest.mark.parametrize(
    ("mood", "said"), [("broken", "500"), ("garbage", "is this a Prometheus"), ("silent", "did not answer")]
)
async def test_a_server_that_misbehaves_is_a_clear_error(mood: str, said: str) -> None:
    """A 500, something that is no JSON, or silence: a ClientError that says which server and what to look at."""
    patience = 0.3 if mood == "silent" else 30.0
    async with FakePrometheus({"up": [(1.0, 1.0)]}) as fake, Prometheus(fake.url, timeout=patience) as client:
        fake.mood = mood  # type: ignore[assignment]
        with pytest.raises(ClientError, match=said):
            await client.instant("up")


async def test_a_server_that_is_gone_is_a_clear_error() -> None:
    """Nobody listens: the error asks whether it runs."""
    async with Prometheus("http://127.0.0.1:9", timeout=30) as client:
        assert not await client.ready()
        with pytest.raises(ClientError, match="is it running"):
            await client.firing()


async def test_the_interval_is_prometheus_own() -> None:
    """What is judged takes its step from the server, not from us."""
    async with FakePrometheus(interval=15) as fake, Prometheus(fake.url) as client:
        assert await client.interval("up") == 15
