from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from chaos.clients.prometheus import FiringAlert, Prometheus
from chaos.clock import StorySeconds, SystemClock
from chaos.engine.sampling import NO_DATA_AT_LEAST, Alerting, Sampler, StopCondition, Watchman
from chaos.experiment.units import Expectation
from chaos.record import Record


def watchman(hold: float = 60.0, time_scale: float = 12.0) -> Watchman:
    """A condition on the lag, at twelve times."""
    return Watchman(StopCondition("lag", "lag", Expectation.parse("> 5"), StorySeconds(hold)), time_scale)


def test_a_stop_condition_fires_after_its_story_time() -> None:
    """One minute of story at twelve times is five seconds of the machine, without a pause."""
    watch = watchman()
    assert [bool(watch.see(float(t), 9.0)) for t in range(7)] == [False] * 5 + [True, True]


def test_a_pause_starts_the_count_again() -> None:
    """One value below the limit and the time begins anew."""
    watch = watchman()
    for t in range(4):
        assert not watch.see(float(t), 9.0)
    assert not watch.see(4.0, 1.0)
    assert not watch.see(5.0, 9.0)
    assert not watch.see(9.9, 9.0)
    assert watch.see(10.0, 9.0)


def test_silence_fires_too() -> None:
    """A stop condition without data for its time stops the run, and says that data is what it lacks."""
    watch = watchman()
    assert not watch.see(0.0, None)
    assert "no data" in watch.see(max(5.0, NO_DATA_AT_LEAST), None)


def test_silence_of_a_moment_does_not_fire() -> None:
    """A condition without `for` tolerates a missed scrape, but not a silence."""
    watch = watchman(hold=0.0)
    assert not watch.see(0.0, float("nan"))
    assert not watch.see(1.0, 1.0)
    assert watch.see(2.0, 6.0)


class Source:
    """Alerts that a test decides."""

    def __init__(self, *firing: FiringAlert) -> None:
        self._firing = firing

    async def firing(self) -> Sequence[FiringAlert]:
        return self._firing


async def test_a_heartbeat_of_alerting_calls_nobody(tmp_path: Path) -> None:
    """What fires always, to show that alerts arrive, is neither told to the crew nor to the record."""
    told: list[FiringAlert] = []
    gone = FiringAlert("RoomGone", {"room": "townhall", "severity": "page"})
    record = Record()
    sampler = Sampler(
        Prometheus("http://127.0.0.1:1"), record, SystemClock(), 1.0,
        alerting=Alerting(Source(FiringAlert("Watchdog", {"severity": "none"}), gone), told.extend),
        goals=[], figures=[], stops=[], halt=tmp_path / "halt", on_stop=pytest.fail,
    )  # fmt: skip
    await sampler._alerts()
    assert told == [gone]
    assert [event["alert"] for event in record.events] == ["RoomGone"]
