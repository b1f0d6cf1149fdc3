from __future__ import annotations

import contextlib
import http.client
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from chaos.worlds.local.measures import served


class _Breaks(Collector):
    """Measures that cannot be told."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def collect(self) -> Iterator[Metric]:
        raise self.error


def test_measures_are_served_for_the_length_of_the_block() -> None:
    """Anything that scrapes gets them, on loopback only; after the block nobody answers there."""
    measures = CollectorRegistry()
    Gauge("chaos_something", "A measure.", registry=measures).set(3)
    with served(measures) as address:
        assert address.startswith("127.0.0.1:")
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as answer:
            assert b"chaos_something 3.0" in answer.read()
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(f"http://{address}/metrics", timeout=10)


def test_a_caller_who_goes_away_is_no_stack_on_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """The world's Prometheus ends in the middle of a scrape; what is wrong here is still told."""
    told = []
    for error in (BrokenPipeError("gone"), ValueError("wrong here")):
        measures = CollectorRegistry()
        measures.register(_Breaks(error))
        with served(measures) as address, contextlib.suppress(OSError, http.client.HTTPException):
            urllib.request.urlopen(f"http://{address}/metrics", timeout=10).read()
        told.append(capsys.readouterr().err)
    assert told[0] == ""
    assert "wrong here" in told[1]
