"""The history of runs: whole lines whoever writes, and drift beyond noise found in it."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from chaos.cli.app import app
from chaos.errors import UsageError
from chaos.review import history
from chaos.review.history import Entry, Measured
from chaos.review.sides import Run
from chaos.testing.events import example_run


def _entry(mean: float, number: int = 0) -> Entry:
    return Entry(
        at=f"2026-11-{1 + number % 28:02d}T03:00:00Z",
        run=f"r{number}",
        experiment="A slow bridge",
        world="local",
        verdict="pass",
        exit_code=0,
        objectives={"joins succeed": Measured(verdict="pass", expect=">= 0.9", mean=mean)},
    )


def _history(shift: float, runs: int = 30, recent: int = 5) -> list[Entry]:
    draws = random.Random(11)
    return [
        _entry(0.95 + draws.gauss(0, 0.01) + (shift if number >= runs - recent else 0.0), number)
        for number in range(runs)
    ]


def test_a_run_leaves_what_became_of_it(tmp_path: Path) -> None:
    """Verdict, seed, fate, and each objective with its mean: read again as it was written."""
    entry = history.entry_of(Run.of(tmp_path, example_run()))
    history.append(tmp_path / "deep" / "history.jsonl", entry)
    assert history.read(tmp_path / "deep" / "history.jsonl") == [entry]
    assert (entry.verdict, entry.survived, entry.seed) == ("fail", False, 7)
    plays = entry.objectives["the room plays on"]
    assert plays.mean is not None
    assert 0 < plays.mean < 1


def test_many_writers_leave_whole_lines(tmp_path: Path) -> None:
    """Jobs of one pipeline share a file; a line that was cut off before does not swallow the next."""
    path = tmp_path / "history.jsonl"
    with ThreadPoolExecutor(8) as together:
        list(together.map(lambda number: history.append(path, _entry(0.9, number)), range(64)))
    assert sorted(entry.run for entry in history.read(path)) == sorted(f"r{number}" for number in range(64))
    with path.open("a", encoding="utf-8") as file:
        file.write('{"version": 1, "at"')
    history.append(path, _entry(0.9, 99))
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) == 66
    with pytest.raises(UsageError, match=r"history\.jsonl:65: "):
        history.read(path)


def test_drift_beyond_noise_is_found_and_noise_is_none() -> None:
    """Five newest runs that lost 0.05 stand out of a spread of 0.01; without the loss nothing drifts."""
    drifted = history.drifts(_history(-0.05))[0]
    assert [one.name for one in drifted.moved if one.beyond] == ["joins succeed"]
    assert "joins succeed drifted" in history.sentences(drifted)[0]
    assert "worse, beyond noise" in history.sentences(drifted)[0]
    calm = history.drifts(_history(0.0))[0]
    assert history.sentences(calm) == ["no drift: the newest 5 runs are as those before them, within noise"]
    assert calm.verdicts == ["pass"] * history.SHOWN


def test_too_short_a_history_says_so() -> None:
    """Nothing before the newest runs, or too little, is no statement that nothing drifted."""
    assert "nothing before the newest" in history.sentences(history.drifts(_history(0.0, runs=3))[0])[0]
    assert "could" in history.sentences(history.drifts(_history(0.0, runs=6))[0])[0]


def test_experiments_and_worlds_are_kept_apart() -> None:
    """The same experiment on a cluster is another system."""
    both = [*_history(0.0), *(one.model_copy(update={"world": "kind"}) for one in _history(-0.05))]
    found = {one.world: one for one in history.drifts(both)}
    assert not any(one.beyond for one in found["local"].moved)
    assert any(one.beyond for one in found["kind"].moved)


def test_the_command_shows_it_for_people_and_for_a_summary(tmp_path: Path) -> None:
    """As text, as Markdown, and with the place of a line that is none."""
    path = tmp_path / "history.jsonl"
    for entry in _history(-0.05):
        history.append(path, entry)
    shown = CliRunner().invoke(app, ["history", str(path)])
    assert shown.exit_code == 0
    assert "joins succeed drifted" in shown.output
    summary = CliRunner().invoke(app, ["history", str(path), "--markdown"])
    assert summary.output.startswith("### Drift\n")
    assert CliRunner().invoke(app, ["history", str(tmp_path / "none.jsonl")]).exception is not None


@settings(max_examples=50)
@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=20), st.integers(1, 8))
def test_any_history_can_be_shown(runs: list[tuple[float, bool]], recent: int) -> None:
    """However short, and with runs that measured nothing."""
    entries = [
        _entry(mean, number) if there else _entry(mean, number).model_copy(update={"objectives": {}})
        for number, (mean, there) in enumerate(runs)
    ]
    found = history.drifts(entries, recent)
    assert len(found) == bool(runs)
    assert history.markdown(found).count("**") == 2 * len(found)
    assert history.text(found).count("\n") >= len(found)
