"""The journal against a dictionary: whatever is announced, undone, cut off and opened again."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from chaos.clients import processes
from chaos.undo.journal import Journal, read
from chaos.undo.steps import UndoStep

NAMES = st.text(min_size=1, max_size=8)


class JournalMachine(RuleBasedStateMachine):
    """`pending` is what must still be undone, `announced` every line that was on disk before its act."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="standby-journal-"))
        self.path = self.folder / "run.jsonl"
        self.journal: Journal | None = None
        self.pending: dict[str, str] = {}
        self.closed = False
        self.count = 0

    @initialize()
    def begin(self) -> None:
        """A run opens its journal."""
        me = processes.identify(os.getpid())
        assert me is not None
        self.journal = Journal(self.path)
        self.journal.begin("run", me, "world", owned=True)

    @precondition(lambda self: self.journal is not None and not self.closed)
    @rule(what=NAMES, steps=st.lists(st.dictionaries(NAMES, NAMES, max_size=2), max_size=3))
    def intend(self, what: str, steps: list[dict[str, str]]) -> None:
        """An act is announced."""
        assert self.journal is not None
        self.count += 1
        id = f"f{self.count}"
        self.journal.intend(id, what, [UndoStep("kind", step) for step in steps], lease=1.0)
        self.pending[id] = what

    @precondition(lambda self: self.journal is not None and self.pending)
    @rule(data=st.data())
    def undo(self, data: st.DataObject) -> None:
        """One of the acts is undone."""
        assert self.journal is not None
        id = data.draw(st.sampled_from(sorted(self.pending)))
        self.journal.undone(id, "evidence")
        del self.pending[id]

    @precondition(lambda self: self.journal is not None)
    @rule(cut=st.integers(1, 40))
    def die_in_the_middle_of_a_line(self, cut: int) -> None:
        """The process dies while it announces an act, which therefore never begins; another opens the journal."""
        assert self.journal is not None
        self.journal.close()
        line = b'{"entry": "intent", "id": "never", "what": "x", "steps": [], "lease": 1}'[:cut]
        with self.path.open("ab") as file:
            file.write(line)
        self.journal = Journal(self.path)

    @precondition(lambda self: self.journal is not None and not self.pending)
    @rule()
    def finish(self) -> None:
        """Nothing is left."""
        assert self.journal is not None
        self.journal.finish()
        self.closed = True

    @invariant()
    def says_what_is_pending(self) -> None:
        """What is read is exactly what must be undone, oldest first, in whoever's hands the journal is."""
        if self.journal is None:
            return
        found = read(self.path)
        assert {intent.id: intent.what for intent in found.pending} == self.pending
        assert [intent.id for intent in found.pending] == list(self.pending)
        assert found.closed == self.closed

    def teardown(self) -> None:
        """Leave no file behind."""
        if self.journal is not None:
            self.journal.close()
        shutil.rmtree(self.folder)


JournalMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)
TestJournal = JournalMachine.TestCase
