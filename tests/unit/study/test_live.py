from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from chaos.crew.runbook import load_runbook
from chaos.errors import UndoError, UsageError
from chaos.experiment.loading import Loaded
from chaos.study.evenings import Ended, Evenings, LiveTrial
from chaos.study.live import Kept, apart, changed, measuring, play, wanted
from chaos.study.loading import LoadedStudy
from tests.unit.study.standin import ROOT, STUDY, chance, simulate, written

RUNBOOK = load_runbook(ROOT / "experiments" / "crew" / "runbooks.yaml")
LIVE = STUDY.replace("arms:\n", "live: {trials: 6, set: {rooms.scale: 1/1000, time_scale: 8}}\narms:\n", 1)


@pytest.fixture
def loaded(tmp_path: Path) -> LoadedStudy:
    """The small study with live trials."""
    return written(tmp_path, LIVE)


class _World:
    """Runs that end as the stand-in says; one is interrupted where that is asked for."""

    def __init__(self, *, interrupts_at: int = -1) -> None:
        self.interrupts_at = interrupts_at
        self.runs: list[tuple[int, float]] = []

    async def __call__(self, one: Loaded, seed: int, folder: Path) -> Ended | int:
        if len(self.runs) == self.interrupts_at:
            return 130
        folder.mkdir(parents=True)
        self.runs.append((seed, one.experiment.time_scale))
        told = simulate(one.experiment, first=seed, trials=1, runbook=RUNBOOK)
        return Ended(
            survived=bool(told.lost_at[0] == float("inf")),
        )


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


MEASURE = """\
live:
  trials: 2
  set: {rooms.scale: 1/1000, time_scale: 8}
  kept: kept.json
  measure:
    - {name: a room that moves, value: 5, trials: 3, set: {rooms.profile: hardened}}
    - {name: a rush, value: 0, trials: 1, alone: true, set: {rooms.scale: 1/100, time_scale: 60}}
arms:
"""


def test_trials_that_measure_come_after_what_live_sets(tmp_path: Path) -> None:
    """As many as are asked for, on the seeds from the study's own on; their changes win over those of `live: set`, and
    only one of them runs with nothing beside it.
    """
    (tmp_path / "kept.json").write_text(Evenings(trials=()).text())
    loaded = written(tmp_path, STUDY.replace("arms:\n", MEASURE, 1))
    several = measuring(loaded)
    told = [(one.arm.name, one.value, one.seed) for one in several]
    assert told == [("a room that moves", 5, seed) for seed in (7, 8, 9)] + [("a rush", 0, 7)]
    moves, rush = (changed(loaded, several[place]).experiment for place in (0, 3))
    assert moves.rooms is not None
    assert rush.rooms is not None
    assert (moves.time_scale, moves.rooms.profile, moves.rooms.scale) == (8, "hardened", 1 / 1000)
    assert (rush.time_scale, rush.rooms.scale) == (60, 1 / 100)
    assert apart(several) == (several[3:], several[:3])


def test_trials_that_measure_are_run_once_and_kept(tmp_path: Path) -> None:
    """What the document keeps of them is not run again; of another set-up it is."""
    (tmp_path / "kept.json").write_text(Evenings(trials=()).text())
    loaded = written(tmp_path, STUDY.replace("arms:\n", MEASURE, 1))
    ran = measuring(loaded)[1]
    trial = LiveTrial(
        arm=ran.arm.name, value=ran.value, seed=ran.seed, overrides=changed(loaded, ran).overrides,
        ended=Ended(survived=True),
    )  # fmt: skip
    (tmp_path / "kept.json").write_text(Evenings(trials=(trial,)).text())
    again = written(tmp_path, STUDY.replace("arms:\n", MEASURE, 1))
    assert [one.seed for one in measuring(again)] == [7, 9, 7]
    other = written(
        tmp_path, STUDY.replace("arms:\n", MEASURE.replace("profile: hardened", "scale: 1/900"), 1)
    )
    assert [one.seed for one in measuring(other)] == [7, 8, 9, 7]


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


async def test_several_run_side_by_side_and_are_told_in_their_order(
    loaded: LoadedStudy, tmp_path: Path
) -> None:
    """Three of five at once and never more; each on the disk as it ends, in whatever order that is."""
    several, kept = wanted(loaded, simulate, 5), Kept(tmp_path / "live.jsonl", resume=False)
    under_way = most = 0
    ended: list[int] = []
    gates = {one.seed * 10 + number: asyncio.Event() for number, one in enumerate(several)}
    third = asyncio.Event()

    async def run(_one: Loaded, _seed: int, _folder: Path) -> Ended | int:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        number = len(ended) + under_way
        if number == 3:
            third.set()
        await third.wait()
        if number == 1:  # the first one is the last to end
            await gates[several[0].seed * 10].wait()
        ended.append(number)
        if len(ended) == 4:
            gates[several[0].seed * 10].set()
        under_way -= 1
        return Ended(survived=True)

    found = await play(loaded, several, kept, run, tmp_path / "live", at_once=3)
    assert most == 3
    assert isinstance(found, list)
    assert [(one.arm, one.value, one.seed) for one in found] == [
        (one.arm.name, one.value, one.seed) for one in several
    ]
    lines = Kept(tmp_path / "live.jsonl", resume=True).trials
    assert len(lines) == 5
    assert lines != found


@pytest.mark.parametrize("trouble", [130, UndoError("something is left")])
async def test_after_trouble_nothing_begins_and_what_is_under_way_is_awaited(
    loaded: LoadedStudy, tmp_path: Path, trouble: int | UndoError
) -> None:
    """One of two is interrupted, or fails; the other ends and is kept, the third is never begun."""
    several, kept = wanted(loaded, simulate, 3), Kept(tmp_path / "live.jsonl", resume=False)
    begun: list[int] = []
    both, over = asyncio.Event(), asyncio.Event()

    async def run(_one: Loaded, seed: int, _folder: Path) -> Ended | int:
        begun.append(seed)
        if len(begun) == 2:
            both.set()
            await over.wait()
            return Ended(survived=True)
        await both.wait()
        over.set()
        if isinstance(trouble, UndoError):
            raise trouble
        return trouble

    playing = play(loaded, several, kept, run, tmp_path / "live", at_once=2)
    if isinstance(trouble, UndoError):
        with pytest.raises(UndoError, match="something is left"):
            await playing
    else:
        assert await playing == 130
    assert len(begun) == 2
    assert len(kept.trials) == 1
