"""The guardian of one run: a small detached process that undoes what its run no longer can.

    python -m chaos.guardian JOURNAL
    python -m chaos.guardian --namespace NAMESPACE [--context CONTEXT]

The second form watches, for ever, the journals that runs keep in a namespace of a cluster: it undoes those whose run
has lost its hold on the target, with its machine, its disk and its own guardian.

It watches the run's journal and heartbeat. A run that is gone is recovered; one that stands still, or that has
outlived a lease, is ended first (it must not wake up and go on), then recovered. What cannot be undone at once is tried
again, for a bounded time. It ends when nothing of the run is left.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import os
import signal
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import chaos.runner  # noqa: F401 - it brings in whoever knows how to undo
from chaos.aftermath import close_record
from chaos.clients import processes
from chaos.clients.processes import Identity
from chaos.errors import ApiAwayError, StandbyError
from chaos.faults.registry import registry
from chaos.undo.guard import LOOK_EVERY, badge
from chaos.undo.journal import Journaled, read
from chaos.undo.recovery import recover_journal
from chaos.undo.watch import Decision, Sight, Watch
from chaos.worlds.cluster.living import Holds
from chaos.worlds.cluster.recovering import recover_target
from chaos.worlds.cluster.target import Target, target_of

TRIED_FOR = 900.0
"""Real seconds for which an undo that does not succeed is tried again."""
LOOK_AT_TARGET_EVERY = 3.0
"""Real seconds between two looks at a namespace."""
LONGEST_PAUSE = 15.0
"""Real seconds between two tries, at the most."""


@dataclass
class Guardian:
    """Watches one journal until nothing of its run is left."""

    path: Path
    watch: Watch = field(default_factory=Watch)

    async def guard(self) -> int:
        """0 when nothing is left; 1 when something could not be undone in all that time."""
        while True:
            found = read(self.path)
            decision = self.watch.look(_sight(self.path, found), monotonic=time.monotonic(), unix=time.time())
            if decision is Decision.LEAVE:
                return 0
            if decision is not Decision.WAIT:
                _say(f"{found.run}: {self.watch.because}")
                if decision is Decision.END and found.runner is not None:
                    await processes.end(found.runner, grace=0)
                return await self._recover()
            await asyncio.sleep(LOOK_EVERY)

    async def _recover(self) -> int:
        until, pause = time.monotonic() + TRIED_FOR, LOOK_EVERY
        while True:
            try:
                recovered = await recover_journal(self.path, _say)
            except StandbyError as error:
                _say(str(error))
            else:
                if recovered is not None and not recovered.failed:
                    close_record(recovered, f"its guardian undid everything, for {self.watch.because}")
                    return 0
                for text in recovered.failed if recovered is not None else ():
                    _say(f"could not be undone yet: {text}")
            if time.monotonic() > until:
                _say("given up; mend what is named above and run `standby recover`")
                return 1
            await asyncio.sleep(pause)
            pause = min(LONGEST_PAUSE, 2 * pause)


def _sight(path: Path, found: Journaled) -> Sight:
    return Sight(
        alive=found.runner is None or processes.alive(found.runner),
        beat=path.stat().st_mtime_ns,
        closed=found.closed,
        leases=[intent.lease for intent in found.pending],
        endable=found.endable,
    )


def _say(text: str) -> None:
    stamp = datetime.now(UTC).isoformat(timespec="milliseconds")
    sys.stdout.write(f"{stamp} {text}\n")
    sys.stdout.flush()


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


def _say_once(text: str, told: dict[str, float]) -> None:
    """The same words are said again only after a minute."""
    now = time.monotonic()
    if now - told.get(text, -math.inf) > 60:
        told[text] = now
        _say(text)


def main() -> None:
    """Guard what the command line names."""
    registry()
    parser = argparse.ArgumentParser(prog="python -m chaos.guardian", description=__doc__)
    parser.add_argument("journal", type=Path, nargs="?")
    parser.add_argument("--context")
    parser.add_argument("--namespace")
    asked = parser.parse_args()
    if asked.journal is None:
        target = target_of("kubernetes", asked.context, asked.namespace)
        assert target is not None
        # As the first process of a container it would not be ended by a signal that it does not handle.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        asyncio.run(guard_target(target))
        return
    path = asked.journal
    # A Ctrl-C or a closing terminal is for the run; the guardian ends with it, when it has undone everything.
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    own = processes.identify(os.getpid())
    assert isinstance(own, Identity)
    badge(path).write_text(f"{own.pid} {own.started} {own.boot_id}\n", encoding="ascii")
    try:
        sys.exit(asyncio.run(Guardian(path).guard()))
    finally:
        badge(path).unlink(missing_ok=True)


if __name__ == "__main__":
    main()
