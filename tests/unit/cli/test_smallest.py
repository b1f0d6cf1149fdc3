from __future__ import annotations

from pathlib import Path

import pytest

from chaos.cli.app import run_app
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
