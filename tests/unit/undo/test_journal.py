from __future__ import annotations

import json
import os
import resource
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.clients.processes import identify
from chaos.errors import TargetBusyError, UndoError
from chaos.undo.journal import Journal, opened, read
from chaos.undo.steps import UndoStep

STEP = UndoStep("toxic", {"server": "http://127.0.0.1:1", "proxy": "p"})


def begun(path: Path) -> Journal:
    """A journal of this very process."""
    journal = Journal(path)
    me = identify(os.getpid())
    assert me is not None
    journal.begin("r1", me, "/w", owned=True)
    return journal


def test_what_is_announced_is_pending_until_it_is_undone(tmp_path: Path) -> None:
    """An intent is on disk at once, survives `applied`, and goes only with `undone`."""
    journal = begun(tmp_path / "r1.jsonl")
    journal.intend("f1", "latency", [STEP], lease=1.0)
    journal.intend("f2", "down", [STEP, STEP], lease=2.0)
    assert [intent.id for intent in read(journal.path).pending] == ["f1", "f2"]
    journal.applied("f1")
    journal.undone("f1", "seen to be gone")
    found = read(journal.path)
    assert [intent.id for intent in found.pending] == ["f2"]
    assert found.pending[0].steps == (STEP, STEP)
    assert (found.run, found.world, found.owned, found.closed) == ("r1", "/w", True, False)
    journal.finish()
    assert read(journal.path).closed
    journal.close()


def test_an_act_waits_until_its_intent_is_on_disk_and_nothing_else_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When `intend` returns, every byte of the journal so far has been flushed; the end of an act costs no flush."""
    flushed: list[int] = []
    flush = os.fsync

    def counted(handle: int) -> None:
        flush(handle)
        flushed.append(os.fstat(handle).st_size)

    journal = begun(tmp_path / "r1.jsonl")
    monkeypatch.setattr(os, "fsync", counted)
    for number in (1, 2):
        journal.intend(f"f{number}", "latency", [STEP], lease=1.0)
        assert flushed.pop() == journal.path.stat().st_size
        journal.applied(f"f{number}")
        journal.undone(f"f{number}", "seen to be gone")
    journal.finish()
    assert not flushed
    journal.close()


def test_a_line_that_was_cut_announces_nothing(tmp_path: Path) -> None:
    """A crash in the middle of a line leaves everything before it; opening again mends the end."""
    path = tmp_path / "r1.jsonl"
    with opened(path) as journal:
        journal.intend("f1", "latency", [STEP], lease=1.0)
    with path.open("ab") as file:
        file.write(b'{"entry": "intent", "id": "f2", "wh')
    assert [intent.id for intent in read(path).pending] == ["f1"]
    with opened(path) as journal:
        journal.intend("f3", "down", [STEP], lease=1.0)
    assert [intent.id for intent in read(path).pending] == ["f1", "f3"]


def test_damage_in_the_middle_is_loud(tmp_path: Path) -> None:
    """A line that cannot be read anywhere but at the end names its place; nothing is guessed."""
    path = tmp_path / "r1.jsonl"
    with opened(path) as journal:
        journal.intend("f1", "latency", [STEP], lease=1.0)
    path.write_bytes(b"garbage\n" + path.read_bytes())
    with pytest.raises(UndoError, match=r"r1\.jsonl:1"):
        read(path)


def test_two_cannot_hold_one_journal(tmp_path: Path) -> None:
    """Whoever comes second, a run or a recovery, is refused."""
    with opened(tmp_path / "r1.jsonl"), pytest.raises(TargetBusyError):
        Journal(tmp_path / "r1.jsonl")


def test_a_full_disk_refuses_the_act_and_leaves_no_half_line(tmp_path: Path) -> None:
    """When the journal cannot be written the caller learns it before the act, and the file stays readable."""
    path = tmp_path / "r1.jsonl"
    with opened(path) as journal:
        journal.intend("f1", "latency", [STEP], lease=1.0)
        size = path.stat().st_size
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 10, hard))
        try:
            with pytest.raises(UndoError, match="could not be written"):
                journal.intend("f2", "down", [STEP], lease=1.0)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.stat().st_size == size
    assert [intent.id for intent in read(path).pending] == ["f1"]


def test_the_journal_is_the_user_s_alone(tmp_path: Path) -> None:
    """Nobody else may read what a run touches."""
    with opened(tmp_path / "r1.jsonl") as journal:
        assert journal.path.stat().st_mode & 0o077 == 0


@given(cut=st.integers(0, 400), done=st.sets(st.integers(0, 4)))
def test_any_prefix_of_a_journal_names_no_more_than_was_announced(
    tmp_path_factory: pytest.TempPathFactory, cut: int, done: set[int]
) -> None:
    """Cut anywhere, a journal pends exactly the whole intents before the cut whose whole `undone` is not before it."""
    path = tmp_path_factory.mktemp("journal") / "r.jsonl"
    with opened(path) as journal:
        for number in range(5):
            journal.intend(f"f{number}", "x", [STEP], lease=1.0)
            if number in done:
                journal.undone(f"f{number}", "gone")
    content = path.read_bytes()[: cut * 3]
    path.write_bytes(content)
    expected: list[str] = []
    for line in content.split(b"\n")[:-1]:
        row = json.loads(line)
        if row["entry"] == "intent":
            expected.append(row["id"])
        else:
            expected.remove(row["id"])
    assert [intent.id for intent in read(path).pending] == expected
