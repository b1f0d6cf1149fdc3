from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.clients import processes
from chaos.clients.processes import Identity
from chaos.errors import UsageError
from chaos.record import Tail, read
from chaos.testing.events import example_run, write_events
from chaos.undo.journal import Journal
from chaos.watch.follow import Follower
from chaos.watch.runs import going, named

EVENTS = example_run()
GONE = Identity(2**22 + 1, 1, "another boot")
"""A process that is not there."""


def begin(state: Path, name: str, *, runner: Identity | None = None, events: int = 100) -> Journal:
    """A run's journal and the first events of its record; by default this process runs it."""
    folder = state / "runs" / name
    write_events(EVENTS[:events], folder)
    journal = Journal(state / "journal" / f"{name}.jsonl")
    me = processes.identify(os.getpid())
    assert me is not None
    journal.begin(name, runner or me, "", owned=True, folder=str(folder))
    return journal


def shown(follower: Follower) -> tuple[str, str]:
    """The run that is followed, and how it stands."""
    followed = follower.look()
    assert followed is not None
    return followed.run.name, followed.standing


def test_only_runs_that_go_on_are_going(state: Path) -> None:
    """A journal that is closed, one whose process is gone, one without a record's folder and a damaged one are not."""
    begin(state, "20260101-000001-aaaa")
    begin(state, "20260101-000002-bbbb")
    begin(state, "20260101-000003-cccc").finish()
    begin(state, "20260101-000004-dddd", runner=GONE)
    (state / "journal" / "20260101-000005-eeee.jsonl").write_text("no journal\n")
    assert [run.name for run in going()] == ["20260101-000002-bbbb", "20260101-000001-aaaa"]


def test_a_run_is_found_by_its_name_and_by_its_folder(state: Path, tmp_path: Path) -> None:
    """Also one that is over, whose journal is gone; what is neither is refused with what there is."""
    begin(state, "20260101-000001-aaaa")
    write_events(EVENTS, tmp_path / "out")
    assert named("20260101-000001-aaaa").alive
    assert named(str(state / "runs" / "20260101-000001-aaaa")).alive
    assert named(str(tmp_path / "out")).folder == tmp_path / "out"
    with pytest.raises(UsageError, match=r"no run is called `nothing`.*20260101-000001-aaaa"):
        named("nothing")


def test_whoever_follows_nothing_goes_on_to_the_next_run(state: Path) -> None:
    """It waits while there is none, stays with a run to its end, then takes the one that began after it, never back."""
    follower = Follower(None)
    assert follower.look() is None
    journal = begin(state, "20260101-000002-bbbb")
    assert shown(follower) == ("20260101-000002-bbbb", "going")
    begin(state, "20260101-000001-aaaa")
    begin(state, "20260101-000003-cccc")
    assert shown(follower) == ("20260101-000002-bbbb", "going")
    assert follower.others == ("20260101-000003-cccc", "20260101-000001-aaaa")
    write_events(EVENTS, state / "runs" / "20260101-000002-bbbb")
    journal.finish()
    assert shown(follower) == ("20260101-000002-bbbb", "ended")
    assert shown(follower) == ("20260101-000003-cccc", "going")


def test_a_run_whose_process_is_gone_is_dead_and_not_judged(state: Path) -> None:
    """And it comes to an end when whoever undid it has said so in its record."""
    begin(state, "20260101-000001-aaaa", runner=GONE)
    follower = Follower("20260101-000001-aaaa")
    assert shown(follower) == ("20260101-000001-aaaa", "dead")
    write_events(EVENTS, state / "runs" / "20260101-000001-aaaa")
    assert shown(follower) == ("20260101-000001-aaaa", "ended")


@given(st.lists(st.integers(0, 4000), max_size=8))
def test_a_record_is_the_same_in_whatever_pieces_it_comes(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int]
) -> None:
    """Cut anywhere, in the middle of a line or of a letter, what has come in the end is what `read` reads."""
    folder = tmp_path_factory.mktemp("record")
    whole = write_events(EVENTS[:12], folder)
    content = whole.read_bytes()
    growing = folder / "growing.jsonl"
    tail = Tail(growing)
    found = tail.more()
    for cut in sorted(cuts):
        growing.write_bytes(content[:cut])
        found += tail.more()
    growing.write_bytes(content)
    found += tail.more()
    assert found == list(read(whole))
    assert tail.more() == []


def test_a_line_that_was_cut_off_and_gone_on_behind_is_passed_over(tmp_path: Path) -> None:
    """The events around it are there."""
    path = write_events(EVENTS[:3], tmp_path)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text(lines[0] + lines[1][:40] + lines[2] + lines[2])
    assert [event.name for event in Tail(path).more()] == [EVENTS[0].name, EVENTS[2].name]
