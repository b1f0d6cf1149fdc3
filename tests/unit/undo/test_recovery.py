from __future__ import annotations

import os
import secrets
from pathlib import Path

from chaos.clients.processes import identify
from chaos.errors import UndoError
from chaos.proof import Proof
from chaos.undo.journal import Journal, opened, read
from chaos.undo.recovery import recover_all, recover_journal
from chaos.undo.steps import Args, UndoStep, undoes


class Tried:
    """A kind of undo step whose outcome a test decides."""

    def __init__(self, outcome: Proof | UndoError) -> None:
        self.outcome = outcome
        self.order: list[str] = []
        self.kind = f"tried-{secrets.token_hex(4)}"
        undoes(self.kind)(self.handle)

    async def handle(self, args: Args) -> Proof:
        self.order.append(str(args["which"]))
        if isinstance(self.outcome, UndoError):
            raise self.outcome
        return self.outcome

    def step(self, which: str) -> UndoStep:
        return UndoStep(self.kind, {"which": which})


def announced(path: Path, tried: Tried) -> None:
    """A journal with two acts that are not undone."""
    with opened(path) as journal:
        me = identify(os.getpid())
        assert me is not None
        journal.begin(path.stem, me, "", owned=False)
        journal.intend("f1", "one", [tried.step("a"), tried.step("b")], lease=0)
        journal.intend("f2", "two", [tried.step("c")], lease=0)


async def test_recovery_undoes_in_reverse_order_and_closes(tmp_path: Path) -> None:
    """The last act is undone first, its last step first; afterwards nothing is pending."""
    tried = Tried(Proof(True, "gone"))
    announced(tmp_path / "r1.jsonl", tried)
    result = await recover_journal(tmp_path / "r1.jsonl", lambda _: None)
    assert result is not None
    assert tried.order == ["c", "b", "a"]
    assert len(result.undone) == 2
    assert read(tmp_path / "r1.jsonl").closed


async def test_recovery_twice_is_as_good_as_once(tmp_path: Path) -> None:
    """A second recovery finds nothing to do and touches nothing."""
    tried = Tried(Proof(True, "gone"))
    announced(tmp_path / "r1.jsonl", tried)
    await recover_all(tmp_path, None, lambda _: None)
    again = await recover_all(tmp_path, None, lambda _: None)
    assert len(tried.order) == 3
    assert [result.undone for result in again] == [()]


async def test_what_cannot_be_seen_to_be_gone_stays_pending(tmp_path: Path) -> None:
    """Unknown is not undone: the intent stays in the journal and the next recovery tries again."""
    tried = Tried(Proof(None, "the server does not answer"))
    announced(tmp_path / "r1.jsonl", tried)
    result = await recover_journal(tmp_path / "r1.jsonl", lambda _: None)
    assert result is not None
    assert len(result.failed) == 2
    assert "does not answer" in result.failed[0]
    assert len(read(tmp_path / "r1.jsonl").pending) == 2
    tried.outcome = Proof(True, "gone")
    await recover_journal(tmp_path / "r1.jsonl", lambda _: None)
    assert read(tmp_path / "r1.jsonl").closed


async def test_an_undo_that_raises_does_not_keep_the_others(tmp_path: Path) -> None:
    """One failing step is told; the rest is undone all the same."""
    bad, good = Tried(UndoError("no")), Tried(Proof(True, "gone"))
    path = tmp_path / "r1.jsonl"
    with opened(path) as journal:
        journal.intend("f1", "one", [good.step("a")], lease=0)
        journal.intend("f2", "two", [bad.step("b")], lease=0)
    result = await recover_journal(path, lambda _: None)
    assert result is not None
    assert (good.order, len(result.failed), len(result.undone)) == (["a"], 1, 1)


async def test_a_journal_in_use_is_left_to_its_run(tmp_path: Path) -> None:
    """While a run holds its journal, a recovery touches nothing of it and says so."""
    tried = Tried(Proof(True, "gone"))
    announced(tmp_path / "r1.jsonl", tried)
    said: list[str] = []
    holder = Journal(tmp_path / "r1.jsonl")
    try:
        assert await recover_all(tmp_path, None, said.append) == []
    finally:
        holder.close()
    assert tried.order == []
    assert "still going" in said[0]


async def test_an_unknown_kind_of_step_is_said_and_kept(tmp_path: Path) -> None:
    """A step that nobody here can undo stays pending, with the remedy."""
    with opened(tmp_path / "r1.jsonl") as journal:
        journal.intend("f1", "one", [UndoStep("of-a-plugin", {})], lease=0)
    result = await recover_journal(tmp_path / "r1.jsonl", lambda _: None)
    assert result is not None
    assert "install the package" in result.failed[0]
