"""Keeping a run's series: whatever becomes of it, the run goes on, and the record says what became of it."""

from __future__ import annotations

import asyncio
import gzip
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos import series
from chaos.clients.prometheus import NoPrometheus, Prometheus, Series
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
        await series.keep(prometheus, tmp_path / "tsdb", tmp_path, record, [])
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
        await series.keep(prometheus, tmp_path / "tsdb", tmp_path, record, [])
    assert _last(record).name == "series_not_kept"
    assert not (tmp_path / "prometheus").exists()
    assert not written.exists()


@pytest.mark.parametrize("mood", ["broken", "garbage", "well"])
async def test_a_prometheus_that_gives_none_is_told(mood: str, tmp_path: Path) -> None:
    """An error, nonsense, or a snapshot that is not there: the run's record says why, and nothing is raised."""
    record = Record()
    async with _prometheus("s1", mood) as prometheus:
        await series.keep(prometheus, tmp_path / "tsdb", tmp_path, record, [])
    assert _last(record).name == "series_not_kept"
    assert "could not be kept" in str(_last(record)["why"])


async def test_where_there_is_no_prometheus_nothing_is_missing(tmp_path: Path) -> None:
    """The document says so: it is recorded, and is no warning."""
    record = Record()
    await series.keep(NoPrometheus(), None, tmp_path, record, [])
    assert (_last(record).name, _last(record)["failed"]) == ("series_not_kept", False)


async def test_a_prometheus_elsewhere_that_does_not_answer_leaves_nothing_half_done(tmp_path: Path) -> None:
    """No file that looks like all of it, and the reason in the record."""
    record = Record()
    async with Prometheus("http://127.0.0.1:9") as prometheus:
        await series.keep(prometheus, None, tmp_path, record, ["up"])
    assert "cannot be reached" in str(_last(record)["why"])
    assert not (tmp_path / series.EXPORT).exists()


class _Elsewhere(NoPrometheus):
    """A Prometheus that has three metrics and answers every selector with a sample at each asked end."""

    def __init__(self, several: float = 2.0) -> None:
        super().__init__()
        self.url = "https://prometheus.example"
        self.asked: list[str] = []
        self.several = several

    async def metrics(self) -> list[str]:
        return ["http_requests_total", "node_load1", "up"]

    async def interval(self, query: str) -> float:
        return 1.0

    async def instant(
        self, query: str, *, at: float | None = None, lookback: float | None = None
    ) -> list[Series]:
        self.asked.append(query)
        assert at is not None
        if query.startswith("count("):
            return [Series({}, ((at, self.several),))]
        labels = {"__name__": "http_requests_total", "path": 'a"b\\c\nd'}
        return [Series(labels, ((at, 3.0), (at + 0.5, math.nan)))]


async def test_a_prometheus_elsewhere_is_asked_for_what_the_run_is_about(tmp_path: Path) -> None:
    """Standby's own metrics and those that the objectives name, and no others; labels as OpenMetrics escapes them."""
    elsewhere, record = _Elsewhere(), Record()
    record.event("run_started")
    await series.keep(elsewhere, None, tmp_path, record, ["sum(rate(http_requests_total[5s])) > nonsense"])
    assert record.events[-1].name == "series_kept"
    assert all('|http_requests_total"}' in query for query in elsewhere.asked)
    assert not any("node_load1" in query for query in elsewhere.asked)
    with gzip.open(tmp_path / series.EXPORT, "rt", encoding="utf-8") as file:
        lines = file.read().splitlines()
    assert lines[0].startswith('http_requests_total{path="a\\"b\\\\c\\nd"} 3.0 ')
    assert lines[-1] == "# EOF"


async def test_more_than_can_be_read_is_not_begun(tmp_path: Path) -> None:
    """A Prometheus with millions of such series is asked how many there are, and nothing more."""
    elsewhere, record = _Elsewhere(several=1e9), Record()
    record.event("run_started")
    await asyncio.sleep(0.01)
    await series.keep(elsewhere, None, tmp_path, record, [])
    assert "at most 3,000,000 are read" in str(record.events[-1]["why"])
    assert len(elsewhere.asked) == 1


@given(st.floats(0, 2e9), st.floats(0, 4000))
def test_slices_cover_the_run_and_do_not_overlap(begun: float, length: float) -> None:
    """One after the other, each as long as the next, from the begin of the run to its end."""
    ends = list(series._slices(begun, begun + length))
    assert all(later - end == pytest.approx(series.SLICE) for end, later in pairwise(ends))
    assert not ends or ends[0] == pytest.approx(begun + series.SLICE)
    assert (ends[-1] if ends else begun) >= begun + length - 1e-3
