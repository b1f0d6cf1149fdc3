from __future__ import annotations

from pathlib import Path

import pytest

from chaos.crew.runbook import load_runbook
from chaos.errors import UsageError
from chaos.experiment.loading import Loaded
from chaos.study.answer import notes
from chaos.study.live import Ended, Kept, LiveTrial, Wanted, calibrate, play, wanted
from chaos.study.loading import LoadedStudy
from tests.unit.study.standin import ROOT, STUDY, chance, simulate, written

RUNBOOK = load_runbook(ROOT / "experiments" / "crew" / "runbooks.yaml")
LIVE = STUDY.replace("arms:\n", "live: {trials: 6, set: {rooms.scale: 1/1000, time_scale: 8}}\narms:\n", 1)


@pytest.fixture
def loaded(tmp_path: Path) -> LoadedStudy:
    """The small study with live trials."""
    return written(tmp_path, LIVE)


class _World:
    """Runs that end as the stand-in says, but for the seeds that it is told to turn around or to interrupt."""

    def __init__(self, *, turned: int = -1, interrupts_at: int = -1) -> None:
        self.turned, self.interrupts_at = turned, interrupts_at
        self.runs: list[tuple[int, float]] = []

    async def __call__(self, one: Loaded, seed: int, folder: Path) -> Ended | int:
        if len(self.runs) == self.interrupts_at:
            return 130
        folder.mkdir(parents=True)
        self.runs.append((seed, one.experiment.time_scale))
        told = simulate(one.experiment, first=seed, trials=1, runbook=RUNBOOK)
        lived = bool(told.lost_at[0] == float("inf")) != (seed == self.turned)
        return Ended(survived=lived, lost_at_s=None if lived else 600.0)


def test_live_trials_go_where_the_simulator_is_in_doubt(loaded: LoadedStudy) -> None:
    """Between 20 and 80 % survival, on the seeds from the study's own on, the same for each point."""
    several = wanted(loaded, simulate, 8)
    for one in several:
        assert (
            0.15 <= chance(loaded.experiment(one.arm.set, {"crew.headcount": one.value}).experiment) <= 0.85
        )
    points = {(one.arm.name, one.value) for one in several}
    assert len(points) == 4
    assert {one.seed for one in several} == {7, 8}
    assert several == wanted(loaded, simulate, 8, workers=3)


async def test_live_trials_run_at_their_own_size_and_speed(loaded: LoadedStudy, tmp_path: Path) -> None:
    """With what `live: set` changes, after everything else."""
    world = _World()
    several = wanted(loaded, simulate, 3)
    assert await play(loaded, several, Kept(tmp_path / "live.jsonl", resume=False), world, tmp_path / "live")
    assert {scale for _, scale in world.runs} == {8.0}


async def test_what_was_run_is_not_run_again(loaded: LoadedStudy, tmp_path: Path) -> None:
    """Interrupted after two of five, `--resume` runs the other three; without it nothing is touched."""
    path, several = tmp_path / "live.jsonl", wanted(loaded, simulate, 5)
    first = _World(interrupts_at=2)
    assert await play(loaded, several, Kept(path, resume=False), first, tmp_path / "live") == 130
    assert len(path.read_text().splitlines()) == 2
    with pytest.raises(UsageError, match="--resume"):
        Kept(path, resume=False)
    second, heard = _World(), []
    found = await play(
        loaded, several, Kept(path, resume=True), second, tmp_path / "live", lambda *told: heard.append(told)
    )
    assert len(second.runs) == 3
    assert isinstance(found, list)
    assert [(one.arm, one.value, one.seed) for one in found] == [
        (one.arm.name, one.value, one.seed) for one in several
    ]
    assert heard[-1] == (5, 5)


async def test_a_line_that_was_cut_off_is_run_again(loaded: LoadedStudy, tmp_path: Path) -> None:
    """A crash in the middle of a line loses that trial alone; what is no trial at all is refused with its line."""
    path, several = tmp_path / "live.jsonl", wanted(loaded, simulate, 2)
    await play(loaded, several, Kept(path, resume=False), _World(), tmp_path / "live")
    path.write_text(path.read_text()[:-20])
    again = _World()
    await play(loaded, several, Kept(path, resume=True), again, tmp_path / "live")
    assert len(again.runs) == 1
    assert len(Kept(path, resume=True).trials) == 2
    path.write_text('{"arm": 1}\n')
    with pytest.raises(UsageError, match=r"live\.jsonl:1: is no live trial"):
        Kept(path, resume=True)


async def test_trials_of_a_changed_study_do_not_count(loaded: LoadedStudy, tmp_path: Path) -> None:
    """After a change of what is set, the same point and seed is another trial."""
    path, several = tmp_path / "live.jsonl", wanted(loaded, simulate, 2)
    await play(loaded, several, Kept(path, resume=False), _World(), tmp_path / "live")
    other = written(tmp_path, LIVE.replace("time_scale: 8", "time_scale: 10"))
    again = _World()
    await play(other, several, Kept(path, resume=True), again, tmp_path / "live")
    assert len(again.runs) == 2


async def test_each_live_trial_is_laid_beside_its_own_simulation(loaded: LoadedStudy, tmp_path: Path) -> None:
    """All agree but the one that was turned around; a disagreement is told, and comes first."""
    several = wanted(loaded, simulate, 8)
    found = await play(loaded, several, Kept(tmp_path / "a.jsonl", resume=False), _World(), tmp_path / "a")
    assert isinstance(found, list)
    told = calibrate(loaded, simulate, found, several)
    assert (told.live_trials, told.agreed, told.conclusive) == (8, 8, 8)
    assert "fewer than 31% of the evenings" in told.says
    found = await play(
        loaded, several, Kept(tmp_path / "b.jsonl", resume=False), _World(turned=8), tmp_path / "b"
    )
    assert isinstance(found, list)
    told = calibrate(loaded, simulate, found, several)
    assert told.agreed == 4
    assert next(iter(notes(loaded.study, [], [], None, told))) == told.says


def test_trials_without_a_verdict_agree_with_nothing(loaded: LoadedStudy) -> None:
    """They are counted apart."""
    arm = loaded.study.arms[0]
    trial = LiveTrial(arm=arm.name, value=2, seed=7, overrides=(), ended=Ended(survived=None))
    told = calibrate(loaded, simulate, [trial], [Wanted(arm, 2, 7)])
    assert (told.live_trials, told.conclusive, told.agreed, told.points[0].inconclusive) == (1, 0, 0, 1)
    assert "came to a verdict" in told.says
