from __future__ import annotations

import asyncio
import io
import json
import re
import time
from pathlib import Path

import pytest
from rich.console import Console

from chaos.cli.app import run_app
from chaos.cli.studying import progress
from chaos.experiment.loading import Loaded
from chaos.study.evenings import Ended, Evenings
from chaos.study.replay import Replayed
from tests.unit.study.standin import ROOT, STUDY, simulate


@pytest.fixture
def document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small study, and a stand-in in the simulator's place."""
    monkeypatch.setattr("chaos.cli.studying.simulate", simulate)
    monkeypatch.setenv("STANDBY_STATE", str(tmp_path / "state"))
    path = tmp_path / "small.yaml"
    path.write_text(STUDY)
    return path


def test_a_study_leaves_its_answer_twice(
    document: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 0 also when the answer is that there is none; study.json, study.html, and the answer as the first line."""
    assert run_app(["study", str(document), "--simulated", "100", "--out", str(tmp_path / "out")]) == 0
    told = json.loads((tmp_path / "out" / "study.json").read_text())
    assert capsys.readouterr().out.splitlines()[0] == told["answer"]
    assert {point["trials"] for point in told["arms"][0]["points"]} == {100}
    assert told["answer"] in (tmp_path / "out" / "study.html").read_text()


def test_a_study_tells_how_long_it_took(
    document: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the clock and of the processor, all of it and the main curve; on the terminal alone."""
    assert run_app(["study", str(document), "--simulated", "50", "--out", str(tmp_path / "out")]) == 0
    told = json.loads((tmp_path / "out" / "study.json").read_text())
    curve = sum(point["trials"] for arm in told["arms"] if arm["role"] == "main" for point in arm["points"])
    seconds = r"in \d+\.\d s \(\d+\.\d s of processor time\)"
    whole = rf"{told['simulated_trials']:,} evenings were simulated {seconds}"
    main = rf"{curve:,} of them, the main curve, {seconds}"
    assert re.search(f"{whole}; {main}\n", capsys.readouterr().err)


LIVE = """\
live:
  trials: 1
  set: {time_scale: 8}
  concurrency: 2
  measure:
    - {name: a move, value: 1, trials: 3}
    - {name: a rush, value: 1, trials: 2, alone: true, set: {time_scale: 60}}
arms:
"""


def test_what_a_study_measures_on_is_run_and_what_needs_the_machine_alone(
    document: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two of the others at once, and those that need it with nothing beside them; all of them are kept."""
    under_way: list[float] = []
    seen: list[tuple[float, ...]] = []

    async def ended(_stop: object, one: Loaded, _seed: int, _folder: Path) -> Ended:
        under_way.append(one.experiment.time_scale)
        for _ in range(5):
            await asyncio.sleep(0)
        seen.append(tuple(under_way))
        under_way.remove(one.experiment.time_scale)
        return Ended(survived=True)

    monkeypatch.setattr("chaos.cli.evenings.ended", ended)
    monkeypatch.setattr(
        "chaos.cli.studying.replay", lambda *_, **__: Replayed(float("inf"), float("inf"), {})
    )
    document.write_text(STUDY.replace("arms:\n", LIVE, 1))
    out = tmp_path / "out"
    assert run_app(["study", str(document), "--simulated", "10", "--out", str(out)]) == 0
    assert (8.0, 8.0) in seen
    assert [one for one in seen if 60.0 in one] == [(60.0,), (60.0,)]
    kept = Evenings.model_validate_json((out / "live.json").read_text())
    assert (
        sorted(one.arm for one in kept.trials if one.arm.startswith("a ")) == ["a move"] * 3 + ["a rush"] * 2
    )


def test_the_same_study_is_the_same_bytes(document: Path, tmp_path: Path) -> None:
    """In another folder, with other workers: no time, no path and no machine is in study.json."""
    for name, workers in (("one", "1"), ("two", "3")):
        out = str(tmp_path / name)
        assert run_app(["study", str(document), "--simulated", "50", "--out", out, "--workers", workers]) == 0
    written = [(tmp_path / name / "study.json").read_bytes() for name in ("one", "two")]
    assert written[0] == written[1]


def test_a_wrong_study_touches_nothing(
    document: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 2, every problem with its place, no file."""
    document.write_text(STUDY.replace("survival: 90%", "survival: 90").replace("seed: 7", "sede: 7"))
    assert run_app(["study", str(document), "--out", str(tmp_path / "out")]) == 2
    told = capsys.readouterr().err
    assert "small.yaml:5:1: sede: unknown key" in told
    assert "small.yaml:8:20: target.survival" in told
    assert not (tmp_path / "out").exists()


def test_too_few_trials_are_refused(document: Path) -> None:
    """Exit 2 before anything is read."""
    assert run_app(["study", str(document), "--simulated", "5"]) == 2


def test_schemas_are_told_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    """The experiment's without a name, the study's with its own; others do not exist."""
    assert run_app(["schema", "study"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "Standby study"
    assert run_app(["schema"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "Standby experiment"
    assert run_app(["schema", "studies"]) == 2


def test_a_study_is_validated_as_one(document: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`validate` tells studies and experiments apart by what they say."""
    experiment = ROOT / "experiments" / "slow-bridge.yaml"
    assert run_app(["validate", str(document), str(experiment)]) == 0
    told = capsys.readouterr().out
    assert "small.yaml: valid: A small study" in told
    assert "valid: A slow bridge" in told
    document.write_text(STUDY.replace("seed: 7", "sede: 7"))
    assert run_app(["validate", str(document)]) == 2
    assert "small.yaml:5:1: sede: unknown key" in capsys.readouterr().err


def test_an_interrupted_study_writes_nothing(
    document: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ctrl-C ends it with 130."""

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("chaos.cli.studying.conduct", interrupted)
    assert run_app(["study", str(document), "--out", str(tmp_path / "out")]) == 130
    assert "nothing was written" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_progress_tells_how_long_it_will_take() -> None:
    """A bar on a terminal; in a pipe a line now and then, with the time left."""
    console = Console(file=io.StringIO(), force_terminal=True)
    with progress("evenings", console) as heard:
        heard(5, 10)
    assert "evenings" in console.file.getvalue()  # type: ignore[attr-defined]
    with progress("evenings", Console(file=io.StringIO())) as heard:
        heard(1, 10)
        heard._told -= 20
        heard._began = time.monotonic() - 16
        heard(5, 10)
        heard(6, 10)
        told = heard._console.file.getvalue()  # type: ignore[attr-defined]
    assert told.splitlines() == ["5 of 10 evenings; about 20 s left"]
