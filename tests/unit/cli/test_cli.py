from __future__ import annotations

from pathlib import Path

import pytest

from chaos.cli.app import run_app

GOOD = Path(__file__).parents[3] / "experiments" / "slow-bridge.yaml"


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A state folder of the test's own."""
    monkeypatch.setenv("STANDBY_STATE", str(tmp_path / "state"))


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """`--version` prints the name and a version, exit 0."""
    assert run_app(["--version"]) == 0
    assert capsys.readouterr().out.startswith("standby ")


@pytest.mark.parametrize(
    "command",
    ["run", "validate", "recover", "halt", "schema", "faults", "report", "up", "down", "demo", "study"],
)
def test_every_command_helps(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`--help` everywhere, exit 0."""
    assert run_app([command, "--help"]) == 0
    assert command in capsys.readouterr().out


def test_a_valid_document_is_told_to_be_valid(capsys: pytest.CaptureFixture[str]) -> None:
    """`validate` names the file and the title."""
    assert run_app(["validate", str(GOOD)]) == 0
    assert "valid: A slow bridge" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["validate", "run"])
def test_a_wrong_document_is_exit_2_with_its_place_and_touches_nothing(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """File, line, column and the nearest word; no run, no journal, no world."""
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(GOOD.read_text().replace("delay:", "dely:"))
    assert run_app([command, str(GOOD), str(wrong)]) == 2
    error = capsys.readouterr().err
    assert f"{wrong}:" in error
    assert "delay" in error
    assert "Traceback" not in error
    assert not (tmp_path / "state" / "journal").exists()


def test_an_override_obeys_the_same_rules(capsys: pytest.CaptureFixture[str]) -> None:
    """`--set` with an unknown path is exit 2 and names the override."""
    assert run_app(["validate", str(GOOD), "--set", "faults[0].dely=2s"]) == 2
    assert "--set" in capsys.readouterr().err


def test_a_wrong_command_line_is_exit_2(capsys: pytest.CaptureFixture[str]) -> None:
    """Unknown options and commands, a missing file, a world that is not there."""
    assert run_app(["run", "--no-such-option"]) == 2
    assert run_app(["no-such-command"]) == 2
    assert run_app(["run", "/no/such/file.yaml"]) == 2
    assert run_app(["up", "--world", "moon"]) == 2
    assert run_app(["halt"]) == 2
    assert run_app(["recover", "no-such-run"]) == 2
    assert run_app(["report", "/no/such/folder"]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_a_dry_run_says_what_would_be_touched_and_touches_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The schedule and the canary in words, and no state folder afterwards."""
    assert run_app(["run", str(GOOD), "--dry-run"]) == 0
    output = capsys.readouterr().out
    assert "latency on media-to-platform" in output
    assert "a delay of 250 ms for at most 5 s on media-to-platform as a canary" in output
    assert "nothing was touched" in output
    assert not (tmp_path / "state").exists()


def test_the_faults_are_listed_with_their_parameters(capsys: pytest.CaptureFixture[str]) -> None:
    """Every built-in fault by name."""
    assert run_app(["faults"]) == 0
    output = capsys.readouterr().out
    for name in ("latency", "timeout", "reset", "down", "bandwidth", "slicer", "limit_data", "node_loss"):
        assert name in output


def test_recovering_nothing_is_fine(capsys: pytest.CaptureFixture[str]) -> None:
    """`recover` is 0 also when there was nothing."""
    assert run_app(["recover"]) == 0
    assert "nothing is left behind" in capsys.readouterr().out


def test_a_folder_of_experiments_means_each_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    """`validate experiments/` checks them all."""
    assert run_app(["validate", str(GOOD.parent)]) == 0
    assert capsys.readouterr().out.count("valid:") == len(list(GOOD.parent.glob("*.yaml")))
