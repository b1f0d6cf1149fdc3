"""What a guardian does for a run that is gone: undo what it left, again and again until nothing is left.

Importing this brings in whoever knows how to undo anything.
"""

from __future__ import annotations

import asyncio
import math
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import chaos.runner  # noqa: F401 - it brings in whoever knows how to undo
from chaos.aftermath import close_record
from chaos.errors import ApiAwayError, StandbyError
from chaos.faults.registry import registry
from chaos.undo.guard import LOOK_EVERY
from chaos.undo.recovery import recover_journal
from chaos.worlds.cluster.living import Holds
from chaos.worlds.cluster.recovering import recover_target
from chaos.worlds.cluster.target import Target

TRIED_FOR = 900.0
"""Real seconds for which an undo that does not succeed is tried again."""
LONGEST_PAUSE = 15.0
"""Real seconds between two tries, at the most."""
LOOK_AT_TARGET_EVERY = 3.0
"""Real seconds between two looks at a namespace."""

registry()


async def recover_run(path: Path, because: str) -> int:
    """Undo what a journal announces; 0 when nothing is left, 1 when something could not be undone in all that time.

    `because` says what became of the run.
    """
    until, pause = time.monotonic() + TRIED_FOR, LOOK_EVERY
    while True:
        try:
            recovered = await recover_journal(path, say)
        except StandbyError as error:
            say(str(error))
        else:
            if recovered is not None and not recovered.failed:
                close_record(recovered, f"its guardian undid everything, for {because}")
                return 0
            for text in recovered.failed if recovered is not None else ():
                say(f"could not be undone yet: {text}")
        if time.monotonic() > until:
            say("given up; mend what is named above and run `standby recover`")
            return 1
        await asyncio.sleep(pause)
        pause = min(LONGEST_PAUSE, 2 * pause)


async def guard_target(target: Target) -> None:
    """Undo whatever dead runs leave in a namespace, until cancelled."""
    told: dict[str, float] = {}
    holds = Holds()
    while True:
        try:
            await recover_target(target, None, lambda text: _say_once(text, told), holds)
        except StandbyError as error:
            if isinstance(error, ApiAwayError):
                holds.forget()
            _say_once(str(error), told)
        await asyncio.sleep(LOOK_AT_TARGET_EVERY)


def say(text: str) -> None:
    """Tell the guardian's log."""
    stamp = datetime.now(UTC).isoformat(timespec="milliseconds")
    sys.stdout.write(f"{stamp} {text}\n")
    sys.stdout.flush()


def _say_once(text: str, told: dict[str, float]) -> None:
    """The same words are said again only after a minute."""
    now = time.monotonic()
    if now - told.get(text, -math.inf) > 60:
        told[text] = now
        say(text)
