"""Keeping a run's series: whatever becomes of it, the run goes on, and the record says what became of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from chaos import series
from chaos.clients.prometheus import NoPrometheus, Prometheus
from chaos.record import Event, Record
from chaos.testing.prometheus import FakePrometheus


@asynccontextmanager
async def _prometheus(snapshot: str = "", mood: str = "well") -> AsyncIterator[Prometheus]:
    async with FakePrometheus() as fake, Prometheus(fake.url) as client:
        fake.snapshot = snapshot
        fake.mood = mood  # type: ignore[assignment]
        yield client


def _last(record: Record) -> Event:
    assert len(record.events) == 1
    return record.events[0]


async def test_a_snapshot_is_moved_into_the_runs_folder(tmp_path: Path) -> None:
    """As a whole, and gone from where Prometheus wrote it; the record has its size."""
    written = tmp_path / "tsdb" / "snapshots" / "s1" / "block"
    written.mkdir(parents=True)
    (written / "chunks").write_bytes(b"x" * 100)
    record = Record()
    async with _prometheus("s1") as prometheus:
        await series.keep(prometheus, tmp_path / "tsdb", tmp_path, record)
    assert (tmp_path / "prometheus" / "block" / "chunks").stat().st_size == 100
    assert not written.exists()
    assert (_last(record).name, _last(record)["bytes"]) == ("series_kept", 100)


async def test_what_is_too_large_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And not left lying either."""
    monkeypatch.setattr(series, "LARGEST", 10)
    written = tmp_path / "tsdb" / "snapshots" / "s1"
    written.mkdir(parents=True)
    (written / "chunks").write_bytes(b"x" * 100)
    record = Record()
    async with _prometheus("s1") as prometheus:
        await series.keep(prometheus, tmp_path / "tsdb", tmp_path, record)
    assert _last(record).name == "series_not_kept"
    assert not (tmp_path / "prometheus").exists()
    assert not written.exists()


@pytest.mark.parametrize("mood", ["broken", "garbage", "well"])
async def test_a_prometheus_that_gives_none_is_told(mood: str, tmp_path: Path) -> None:
    """An error, nonsense, or a snapshot that is not there: the run's record says why, and nothing is raised."""
    record = Record()
    async with _prometheus("s1", mood) as prometheus:
        await series.keep(prometheus, tmp_path / "tsdb", tmp_path, record)
    assert _last(record).name == "series_not_kept"
    assert "could not be kept" in str(_last(record)["why"])


async def test_a_prometheus_elsewhere_keeps_its_series_itself(tmp_path: Path) -> None:
    """One's own, a cluster's, or none at all: nothing is asked of it."""
    record = Record()
    await series.keep(Prometheus("http://prometheus.example"), None, tmp_path, record)
    assert _last(record).name == "series_elsewhere"
    assert "prometheus.example" in str(_last(record)["why"])
    nothing = Record()
    await series.keep(NoPrometheus(), None, tmp_path, nothing)
    assert "no Prometheus" in str(_last(nothing)["why"])
