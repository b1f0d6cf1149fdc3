from __future__ import annotations

import json
from pathlib import Path

import pytest

from chaos.cli.app import run_app
from chaos.cli.smallest import InterruptedRunError
from chaos.experiment.loading import Loaded
from chaos.faults.specs import LatencySpec
from chaos.study.smallest.oracles import Verdict
from tests.unit.study.standin import ROOT

LAUNCH = str(ROOT / "experiments" / "failure-to-launch.yaml")


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is written is the test's own."""
    monkeypatch.setenv("STANDBY_STATE", str(tmp_path / "state"))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--from", "1s"], "--from and --to are the ends of what --path names"),
        (["--path", "faults[0].delay"], "--path faults[0].delay needs --from"),
        (["--path", "faults[0].delay", "--from", "2s", "--to", "2s"], "expected two different numbers"),
        (["--path", "faults[9].delay", "--from", "1s", "--to", "2s"], "faults[9]: the list has 3 items"),
        (["--path", "faults[0].dely", "--from", "1s", "--to", "2s"], "did you mean `delay`?"),
        (["--breaks-at", "1"], "--breaks-at 1: expected a share above 0 and below 1"),
        (["--confidence", "sure"], "--confidence sure: is not a ratio"),
        (["--set", "faults=[]"], "there is nothing to leave out"),
    ],
)
def test_a_wrong_question_touches_nothing(
    options: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 2, what was expected instead, and nothing is run or written."""
    assert run_app(["smallest", LAUNCH, *options, "--out", str(tmp_path / "out")]) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


class _Runs:
    """In place of real runs: those with a delay of 300 ms or more fail; `ends_at` is interrupted."""

    def __init__(self, ends_at: int = 0) -> None:
        self.ends_at = ends_at
        self.told: list[tuple[int, Path]] = []

    async def __call__(self, loaded: Loaded, seed: int, folder: Path) -> tuple[Verdict, str]:
        self.told.append((seed, folder))
        if len(self.told) == self.ends_at:
            raise InterruptedRunError(130)
        (fault,) = loaded.experiment.faults
        assert isinstance(fault, LatencySpec)
        return ("fail" if fault.delay >= 0.3 else "pass"), "as it was to be"


SLOW = [
    "smallest",
    str(ROOT / "experiments" / "slow-bridge.yaml"),
    *("--path", "faults[0].delay", "--from", "110ms", "--to", "510ms", "--steps", "4", "--seed", "70"),
]


def test_what_is_not_simulated_is_run_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says why, tells each run as it ends, gives each a seed and a folder of its own, and the answer comes first."""
    runs = _Runs()
    monkeypatch.setattr("chaos.cli.smallest.live_run", runs)
    assert run_app([*SLOW, "--out", str(tmp_path / "out")]) == 0
    told = capsys.readouterr()
    found = json.loads((tmp_path / "out" / "smallest.json").read_text())
    assert (found["by"], found["holds"], found["breaks"]) == ("live", "210ms", "310ms")
    assert told.out.splitlines()[0] == found["says"]
    assert told.err.startswith(
        "by live runs, not simulated: it knows whether the room survives, and the verdict rests"
    )
    assert "run 1: faults[0].delay=510ms: fail: as it was to be" in told.err
    assert [seed for seed, _ in runs.told] == list(range(70, 70 + found["runs"]))
    assert len({folder for _, folder in runs.told}) == found["runs"]


def test_an_interrupted_search_concludes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ctrl-C in a run, which undoes everything, ends the search with the run's own code."""
    monkeypatch.setattr("chaos.cli.smallest.live_run", _Runs(ends_at=3))
    assert run_app([*SLOW, "--out", str(tmp_path / "out")]) == 130
    assert "nothing is concluded" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
