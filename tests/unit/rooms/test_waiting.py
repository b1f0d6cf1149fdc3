from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from chaos.rooms.waiting import Waiting, seconds_in_line


def test_the_kernels_count_is_told_in_seconds(tmp_path: Path) -> None:
    """The second number of schedstat is nanoseconds in line; the metric counts seconds."""
    source = tmp_path / "schedstat"
    source.write_text("141075 2500000000 3\n", encoding="ascii")
    registry = CollectorRegistry()
    Waiting(registry, source)
    assert "rooms_cpu_wait_seconds_total 2.5" in generate_latest(registry).decode()


@pytest.mark.parametrize("text", [None, "", "1 x 3", "1"])
def test_a_kernel_that_does_not_tell_gives_no_sample(tmp_path: Path, text: str | None) -> None:
    """No sample at all: a zero would say that nobody waited."""
    source = tmp_path / "schedstat"
    if text is not None:
        source.write_text(text, encoding="ascii")
    registry = CollectorRegistry()
    Waiting(registry, source)
    assert seconds_in_line(source) is None
    assert not any(line.startswith("rooms") for line in generate_latest(registry).decode().splitlines())
