from __future__ import annotations

import urllib.error
import urllib.request

import pytest
from prometheus_client import CollectorRegistry, Gauge

from chaos.worlds.local.measures import served


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
