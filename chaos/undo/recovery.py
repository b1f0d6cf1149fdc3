"""Recovery: undo what a run left behind, from its journal alone; twice is as good as once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from chaos.clients import processes
from chaos.errors import ApiAwayError, StandbyError, TargetBusyError, UndoError
from chaos.proof import Proof
from chaos.undo.journal import Intent, Journal, Journaled, opened, read
from chaos.undo.steps import UndoStep, bound_of, carry_out, comes_last

API_AWAY_PAUSE = 0.5
"""Real seconds between two tries while a cluster's API server is away."""
OTHERS_BOUND = 120.0
"""Real seconds that a recovery waits for another one of the same run."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Recovered:
    """What became of one journal: what was undone, and what could not be, with the reason and the remedy."""

    run: str
    undone: tuple[str, ...]
    failed: tuple[str, ...]
    folder: str = ""
    """Where the run kept its record."""


async def undo(intent: Intent, journal: Journal) -> Proof:
    """Carry out an intent's steps in reverse order; when all are seen to be gone, the journal says so.

    Answers False or None (and leaves the intent pending) when a step could not be done or not be seen.
    """
    evidence: list[str] = []
    holds: bool | None = True
    for step in reversed(intent.steps):
        proof = await bounded(step)
        evidence.append(proof.evidence)
        if not proof.holds:
            holds = proof.holds if holds else holds
    proof = Proof(holds, "; ".join(evidence) or "nothing to undo")
    if holds:
        try:
            journal.undone(intent.id, proof.evidence)
        except UndoError as error:
            # It is undone, and would be undone once more by a recovery, which does no harm.
            return Proof(True, f"{proof.evidence}; {error}")
    return proof


async def recover_journal(path: Path, say: Say) -> Recovered | None:
    """Undo what one journal still announces; None when its run is still going (that run undoes it itself)."""
    try:
        with opened(path) as journal:
            found = read(path)
            if found.closed:
                return Recovered(found.run, (), ())
            return await _recover(found, journal, say)
    except TargetBusyError:
        return None


async def recover_all(folder: Path, run: str | None, say: Say) -> Sequence[Recovered]:
    """Every journal in `folder`, or that of `run` alone. Journals in use are left to their runs, and said."""
    results = []
    for path in sorted(folder.glob("*.jsonl")):
        if run is not None and path.stem != run:
            continue
        recovered = await _recovered_or_going(path, say)
        if recovered is None:
            say(
                f"{path.stem}: still going; it undoes its own faults (stop it with `standby halt {path.stem}`)"
            )
        else:
            results.append(recovered)
    return results


async def _recovered_or_going(path: Path, say: Say) -> Recovered | None:
    """Recover a journal, waiting for whoever is at it (its guardian, another recovery); None when its run goes on."""
    until, told = time.monotonic() + OTHERS_BOUND, False
    while True:
        recovered = await recover_journal(path, say)
        if recovered is not None:
            return recovered
        found = read(path)
        if found.runner is not None and processes.alive(found.runner):
            return None
        if time.monotonic() > until:
            busy = f"whoever undoes {found.run} has not finished within {OTHERS_BOUND:g} s; run `standby recover` again"
            return Recovered(found.run, (), (busy,))
        if not told:
            say(f"{found.run}: its guardian is undoing it already; waiting")
            told = True
        await asyncio.sleep(0.1)


async def _recover(found: Journaled, journal: Journal, say: Say) -> Recovered:
    if found.runner is not None and processes.alive(found.runner):
        say(f"{found.run}: its process {found.runner.pid} still runs but has let go of its journal")
    undone: list[str] = []
    failed: list[str] = []
    for intent in reversed(found.pending):
        if failed and any(map(comes_last, intent.steps)):
            failed.append(f"{intent.what}: kept until the rest is undone")
            continue
        say(f"{found.run}: undoing {intent.what}")
        proof = await undo(intent, journal)
        (undone if proof.holds else failed).append(f"{intent.what}: {proof.evidence}")
    if not failed:
        journal.finish()
    return Recovered(found.run, tuple(undone), tuple(failed), found.folder)


async def bounded(step: UndoStep) -> Proof:
    """One step within its bound; while a cluster's API server is away it is tried again, for it comes back."""
    bound, away = bound_of(step), ""
    try:
        async with asyncio.timeout(bound):
            while True:
                try:
                    return await carry_out(step)
                except ApiAwayError as error:
                    away = f": {error}"
                    await asyncio.sleep(API_AWAY_PAUSE)
    except TimeoutError:
        return Proof(None, f"{step} did not end within {bound:g} s{away}; run `standby recover` again")
    except StandbyError as error:
        return Proof(False, f"{step} failed: {error}")
