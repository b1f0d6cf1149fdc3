from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from chaos.cli.app import run_app
from chaos.experiment import load
from chaos.faults.specs import spec_types

ROOT = Path(__file__).parents[3]
GOOD = ROOT / "experiments" / "slow-bridge.yaml"


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A state folder of the test's own, which nothing here may need."""
    monkeypatch.setenv("STANDBY_STATE", str(tmp_path / "state"))


def answers(monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    """What somebody types."""
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))


def test_a_new_document_goes_to_standard_output_and_is_valid(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Flags alone; nothing else is printed, so that it can be piped; nothing is touched."""
    arguments = [
        "new",
        "--fault",
        "latency",
        "--on",
        "edge",
        "--with",
        "delay=250ms",
        "--title",
        "A slow edge",
    ]
    assert run_app(arguments) == 0
    path = tmp_path / "it.yaml"
    path.write_text(capsys.readouterr().out)
    experiment = load(path, faults=spec_types()).experiment
    assert experiment.title == "A slow edge"
    assert experiment.faults[0].model_dump()["delay"] == 0.25
    assert not (tmp_path / "state").exists()


def test_a_file_is_never_overwritten_unless_forced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 2 with the remedy, the file as it was; `--force` writes it."""
    path = tmp_path / "it.yaml"
    path.write_text("mine")
    assert run_app(["new", str(path), "--fault", "none"]) == 2
    assert "--force" in capsys.readouterr().err
    assert path.read_text() == "mine"
    assert run_app(["new", str(path), "--fault", "none", "--force"]) == 0
    assert run_app(["validate", str(path)]) == 0


def test_whoever_gives_no_flags_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By name, by number, or by return for what is suggested; a wrong word is asked again."""
    answers(
        monkeypatch,
        "slowness",
        "bandwidth",
        "2",
        "50 KB/s",
        "rooms:hearing:ratio",
        ">= 0.8",
        "",
        "Is it heard?",
    )
    path = tmp_path / "it.yaml"
    assert run_app(["new", str(path), "--ask"]) == 0
    told = capsys.readouterr()
    assert "expected one of none, bandwidth" in told.err
    assert "media calls" not in told.out
    experiment = load(path, faults=spec_types()).experiment
    assert experiment.question == "Is it heard?"
    assert experiment.title == "Bandwidth on media-to-platform"
    assert [one.query for one in experiment.objectives] == ["rooms:hearing:ratio"]
    assert experiment.faults[0].model_dump()["rate"] == 50_000


def test_a_document_about_services_is_written_beside_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Their files count from their document's folder: elsewhere is refused, beside it is fine."""
    for path in (ROOT / "experiments" / "services").iterdir():
        if path.is_file():
            shutil.copy(path, tmp_path)
    of = ["--of", str(tmp_path / "slow-redis.yaml"), "--fault", "down", "--on", "stock-to-redis"]
    (tmp_path / "other").mkdir()
    assert run_app(["new", str(tmp_path / "other" / "it.yaml"), *of]) == 2
    assert "count from its folder" in capsys.readouterr().err
    assert run_app(["new", str(tmp_path / "it.yaml"), *of]) == 0
    assert run_app(["validate", str(tmp_path / "it.yaml")]) == 0
    assert "redis is not known to speak HTTP" in (tmp_path / "it.yaml").read_text()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["new", "--of", "kept", "--no-ask"], "standby up --world local"),
        (["new", "--of", "/no/such.yaml", "--no-ask"], "no such file"),
        (["new", "--fault", "latency", "--on", "edge", "--with", "delay"], "NAME=VALUE"),
        (["faults", "latncy"], "did you mean `latency`"),
        (["explain", str(GOOD), "--picture", "it.png"], ".svg or .html"),
        (["completion", "tcsh"], "one of bash, zsh, fish"),
    ],
)
def test_what_cannot_be_is_exit_2_with_what_can(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each with its remedy, and no traceback."""
    assert run_app(arguments) == 2
    error = capsys.readouterr().err
    assert told in error
    assert "Traceback" not in error


def test_the_rooms_show_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    """`--show`: tiers, links with both ends, metrics, and the faults that they can have."""
    assert run_app(["new", "--show"]) == 0
    told = capsys.readouterr().out
    assert "media-to-platform: media calls platform" in told
    assert "rooms:join_success:ratio" in told
    assert "latency: " in told
    assert "pod_kill" not in told


def test_explaining_touches_nothing_but_the_picture(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Words and drawing on standard output, the picture in its file, no state; several documents in a row."""
    picture = tmp_path / "it.svg"
    assert run_app(["explain", str(GOOD), "--picture", str(picture), "--set", "faults[0].delay=1s"]) == 0
    told = capsys.readouterr().out
    assert "00:30" not in told.split("What goes wrong")[0]
    assert "latency on the link media-to-platform" in told
    assert "delay 1s" in told
    assert "×× media-to-platform ××▶" in told
    assert told.endswith("nothing was touched\n")
    assert picture.read_text().startswith("<svg")
    assert run_app(["explain", str(GOOD.parent)]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"it.svg"}


def test_an_explanation_is_as_wide_as_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What does not fit goes on below what it belongs to, and nothing is lost by it."""
    told = {}
    for columns in (50, 110):
        monkeypatch.setenv("COLUMNS", str(columns))
        assert run_app(["explain", str(GOOD)]) == 0
        told[columns] = capsys.readouterr().out.splitlines()
        assert max(map(len, told[columns])) <= columns
    words = [" ".join(lines[: lines.index("Who repairs")]).split() for lines in told.values()]
    assert words[0] == words[1]
    does = next(line for line in told[50] if line.endswith("on the link"))
    below = told[50][told[50].index(does) + 1]
    assert below.index("media-to-platform") == does.index("latency")


def test_a_study_is_explained_with_the_experiment_that_it_plays(capsys: pytest.CaptureFixture[str]) -> None:
    """What is compared and how often, then the experiment itself; values are the study's own to change."""
    study = str(ROOT / "experiments" / "studies" / "headcount.yaml")
    assert run_app(["explain", study]) == 0
    told = capsys.readouterr().out
    assert "What is compared\n  as-found" in told
    assert "crew.headcount is 0, 1, 2" in told
    assert "10 more are run once, for the durations that they show: a rush" in told
    assert "Failure to launch" in told
    assert run_app(["explain", study, "--set", "seed=1"]) == 2


def test_one_fault_is_told_alone(capsys: pytest.CaptureFixture[str]) -> None:
    """`standby faults latency`: its parameters and example, no other fault's."""
    assert run_app(["faults", "latency"]) == 0
    told = capsys.readouterr().out
    assert "delay (duration, e.g. 400ms, needed)" in told
    assert "- {fault: latency, link: media-to-platform" in told
    assert "slicer" not in told


COMPLETED = {
    "bash": """
        source <(standby completion bash)
        for line in "run --world k" "faults limi" "explain {folder}/experiments/slow-b"; do
            COMP_WORDS=(standby $line); COMP_CWORD=$(( ${{#COMP_WORDS[@]}} - 1 ))
            _standby_completion standby; printf '%s\\n' "${{COMPREPLY[@]}}"
        done
    """,
    "fish": """
        standby completion fish | source
        complete -C "standby run --world k"
        complete -C "standby faults limi"
        complete -C "standby explain {folder}/experiments/slow-b"
    """,
    "zsh": """
        zmodload zsh/zpty
        zpty z zsh -f -i
        zpty -w z "autoload -Uz compinit; compinit -u -D; PS1=; source <(standby completion zsh); echo re''ady"
        while zpty -r z line; do [[ $line == *ready* ]] && break; done
        for typed found in "run --world ki" kind "faults limi" limit_data "explain {folder}/experiments/slow-b" yaml; do
            zpty -n -w z "standby $typed"$'\\t'
            zpty -r z out "*$found*" && print -r -- "$found" && print -r -- "$out"
            zpty -n -w z $'\\C-u'
        done
        print kubernetes
        zpty -d z
    """,
}


@pytest.mark.parametrize(
    "shell", [pytest.param(shell, marks=() if shell == "bash" else pytest.mark.full) for shell in COMPLETED]
)
def test_real_shells_complete_worlds_faults_and_documents(shell: str, tmp_path: Path) -> None:
    """The shell itself reads the script and is asked for words."""
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"{shell} is not here")
    command = tmp_path / "standby"
    command.write_text(
        f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(ROOT)!r})\nfrom chaos.cli import main\nmain()\n"
    )
    command.chmod(0o755)
    done = subprocess.run(
        [program, "-c", COMPLETED[shell].format(folder=ROOT)],
        env={
            **os.environ,
            "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(tmp_path),
            "TERM": "dumb",
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    for word in ("kind", "kubernetes", "limit_data", "slow-bridge.yaml"):
        assert word in done.stdout, (word, done.stdout, done.stderr)
