"""Acts of a run that are no faults (settings, repairs, load): journaled before they happen, put back together."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from chaos.record import Record
from chaos.undo.journal import Intent, Journal
from chaos.undo.recovery import undo
from chaos.undo.steps import UndoStep

LEASE = 3600.0
"""Real seconds after which anyone may put an act back."""


@dataclass
class Acts:
    """What a run did beside its faults, oldest first."""

    journal: Journal
    record: Record
    _intents: list[Intent] = field(default_factory=list)

    def intend(self, what: str, *steps: UndoStep) -> None:
        """Announce an act; only when this returns may it begin. Raises UndoError when it cannot be journaled."""
        intent = Intent(f"s{len(self._intents) + 1}-{time.monotonic_ns()}", what, steps, time.time() + LEASE)
        self.journal.intend(intent.id, intent.what, intent.steps, lease=intent.lease)
        self._intents.append(intent)

    async def restore(self) -> Sequence[str]:
        """Put everything back, newest first; what could not be, with the reason."""
        left = []
        for intent in reversed(self._intents):
            proof = await undo(intent, self.journal)
            self.record.event(
                "settings_restored", what=intent.what, holds=proof.holds, evidence=proof.evidence
            )
            if not proof.holds:
                left.append(f"{intent.what}: {proof.evidence}")
        self._intents = []
        return left
