"""How it is noted that a run has let go of its world."""

from __future__ import annotations

from chaos.errors import UndoError
from chaos.proof import Proof
from chaos.record import Record
from chaos.undo.journal import Journal


def note_end(proof: Proof, record: Record, journal: Journal) -> None:
    """In the record, and, where the end is proven, in the journal; one that cannot be written is told in the record."""
    record.event("world_ended", gone=bool(proof.holds), evidence=proof.evidence)
    if proof.holds:
        try:
            journal.undone("world", proof.evidence)
        except UndoError as error:
            record.event("journal_not_closed", why=str(error))
