from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.errors import UsageError
from chaos.experiment.loading import Loaded
from chaos.record import Event
from chaos.report.summary import summarise
from chaos.study.concurrency import Calm, KeptTest, Tried, calm_of, judged, short, try_out
from chaos.study.document import Live
from chaos.study.loading import LoadedStudy
from tests.unit.study.standin import STUDY, written

LIVE = STUDY.replace("arms:\n", "live: {trials: 6, set: {rooms.scale: 1/1000, time_scale: 8}}\narms:\n", 1)
AUTO = Live(trials=8)


@pytest.fixture
def loaded(tmp_path: Path) -> LoadedStudy:
    """The small study with live trials."""
    return written(tmp_path, LIVE)


def calm(*, lag: float = 0.01, join: float = 0.02, detection: float = 2.5, shaken: float = 0.0) -> Calm:
    """An evening whose values change a lot while it lasts; `shaken`: by how much they scatter besides."""
    odd = [shaken * (-1) ** n for n in range(6)]
    return Calm(
        values={
            "audience_lag": {str(n): lag + 0.1 * n + odd[n] / 100 for n in range(6)},
            "join_latency": {str(n): join + 0.5 * n + odd[n] / 50 for n in range(6)},
            "detection": {f"bridge_slow_seen {n}": detection + n + odd[n] / 5 for n in range(3)},
        }
    )


def tried(**beside: float) -> list[Tried]:
    """Two evenings alone, and two at once that are like `beside`."""
    pair = (calm(**beside, shaken=1.0), calm(**beside, shaken=-1.0))
    return [Tried(worlds=1, runs=(calm(), calm())), Tried(worlds=2, runs=pair)]


def test_worlds_that_do_not_disturb_each_other_may_run_side_by_side() -> None:
    """All three measures are equivalent within their margins, pair by pair: the evening's own course cancels."""
    found = judged(AUTO, tried())
    assert found.worlds == 2
    assert [one.undisturbed for one in found.tried[0].measures] == [True, True, True]
    assert "2 side by side" in found.says


@pytest.mark.parametrize(
    ("beside", "what"),
    [({"lag": 0.2}, "audience lag"), ({"join": 0.5}, "join latency"), ({"detection": 4.5}, "detection")],
)
def test_any_measure_can_forbid_it(beside: dict[str, float], what: str) -> None:
    """And the reason is told."""
    found = judged(AUTO, tried(**beside))
    assert found.worlds == 1
    assert f"with 2 at once {what} may change by more than the margin" in found.says


def test_the_unknown_is_no_pass() -> None:
    """Nothing was run, or too little was seen: one after the other."""
    assert judged(AUTO, []).worlds == 1
    values = {**calm().values, "detection": {"bridge_slow_seen 1": 2.5}}
    blind = Calm(values=values)
    found = judged(AUTO, [Tried(worlds=1, runs=(blind, blind)), Tried(worlds=2, runs=(blind, blind))])
    assert found.worlds == 1
    assert "fewer than 4 pairs of detection" in found.says


def test_margins_are_the_documents() -> None:
    """What is too much by default is allowed where the document bears it; a number needs no test."""
    wide = Live.model_validate({"trials": 8, "margins": {"audience_lag": "500ms"}})
    assert judged(wide, tried(lag=0.2)).worlds == 2
    assert judged(Live(trials=8, concurrency=3), []).worlds == 3


def test_no_gap_is_jumped() -> None:
    """Three at once pass by luck where two do not: one after the other."""
    three = Tried(worlds=3, runs=(calm(), calm(), calm()))
    assert judged(AUTO, [*tried(lag=0.2), three]).worlds == 1
    assert judged(AUTO, [*tried(), three]).worlds == 3


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 10))
def test_more_disturbance_never_allows_more(lag: float, join: float, detection: float) -> None:
    """What is allowed with a disturbance is allowed with half of it."""
    much = judged(AUTO, tried(lag=0.01 + lag, join=0.02 + join, detection=2.5 + detection)).worlds
    less = judged(AUTO, tried(lag=0.01 + lag / 2, join=0.02 + join / 2, detection=2.5 + detection / 2)).worlds
    assert much <= less


class _World:
    """Evenings that disturb each other from so many at once on; it counts how many run at a time."""

    def __init__(self, *, disturbed_from: int = 99, interrupts: bool = False) -> None:
        self.disturbed_from, self.interrupts = disturbed_from, interrupts
        self.seeds: list[int] = []
        self.folders: list[str] = []

    async def __call__(self, one: Loaded, seed: int, folder: Path) -> Calm | int:
        self.seeds.append(seed)
        self.folders.append(folder.name)
        if self.interrupts and len(self.seeds) == 3:
            return 130
        worlds = 1 if folder.name.startswith("alone") else int(folder.name[0])
        return calm(lag=0.3 if worlds >= self.disturbed_from else 0.01)


async def test_the_test_ends_with_the_first_number_that_fails(loaded: LoadedStudy, tmp_path: Path) -> None:
    """Two alone, two at once, three at once, and not four; the seeds are the study's own in each."""
    world = _World(disturbed_from=3)
    found = await try_out(loaded, world, tmp_path, 4)
    assert isinstance(found, list)
    assert [one.worlds for one in found] == [1, 2, 3]
    assert world.seeds == [7, 8, 7, 8, 7, 8, 9]
    assert judged(loaded.study.live, found).worlds == 2
    assert len(set(world.folders)) == len(world.folders)


async def test_an_interrupted_test_says_nothing(loaded: LoadedStudy, tmp_path: Path) -> None:
    """Its exit code is that of the run."""
    assert await try_out(loaded, _World(interrupts=True), tmp_path, 2) == 130
    assert await try_out(loaded, _World(), tmp_path, 1) == []


def test_the_short_evening_is_the_studys_own(loaded: LoadedStudy) -> None:
    """Its rooms at the live size and speed, all its faults within half a minute, nobody on call."""
    evening = short(loaded)
    assert evening is not None
    experiment = evening.experiment
    assert experiment.time_scale == 8
    assert experiment.rooms is not None
    assert experiment.rooms.scale == pytest.approx(1 / 1000)
    assert experiment.crew is not None
    assert experiment.crew.headcount == 0
    assert experiment.timeline.total / 8 == pytest.approx(40)
    assert [float(spec.at) / 8 for spec in experiment.faults] == [1, 5, 9]


def test_an_experiment_that_bears_no_short_evening_runs_one_by_one(tmp_path: Path) -> None:
    """A fault that may last longer than all of the short evening's phase cannot be put into it."""
    loaded = written(tmp_path, LIVE.replace("time_scale: 8}", 'time_scale: 8, "faults[0].at_most": 10m}'))
    assert short(loaded) is None


def test_a_test_that_was_run_is_kept_for_its_experiment(loaded: LoadedStudy, tmp_path: Path) -> None:
    """With `--resume`; not for another time scale, and not without."""
    path = tmp_path / "side-by-side.json"
    kept = KeptTest(path, loaded, resume=True)
    assert kept.wanted
    kept.keep(tried())
    assert list(KeptTest(path, loaded, resume=True).tried) == tried()
    assert not KeptTest(path, loaded, resume=True).wanted
    assert KeptTest(path, loaded, resume=False).wanted
    other = written(tmp_path, LIVE.replace("time_scale: 8", "time_scale: 10"))
    assert KeptTest(path, other, resume=True).wanted
    assert not KeptTest(
        path, written(tmp_path, LIVE.replace("trials: 6,", "trials: 6, concurrency: 2,")), resume=True
    ).wanted
    path.write_text("{}")
    with pytest.raises(UsageError, match=r"side-by-side\.json is no A/A test"):
        KeptTest(path, loaded, resume=True)


def test_curves_are_taken_in_blocks() -> None:
    """The means of five seconds each, from warm-up on; a moment without a value counts nowhere."""
    series = [[10.0 + t, None if t == 7 else 0.01 * (t // 5)] for t in range(-3, 12)]
    events = [
        Event("phase_started", 10.0, 0.0, "warm_up", {"story": 0.0}),
        Event("figure", 30.0, 0.0, "judging", {"name": "audience lag", "label": "behind", "series": series}),
    ]
    assert calm_of(summarise(events), events).values == {
        "audience_lag": {"0": 0.0, "1": 0.01, "2": 0.02},
        "detection": {},
    }
