"""The guardian of one run: a small detached process that undoes what its run no longer can.

    python -m chaos.guardian JOURNAL
    python -m chaos.guardian --namespace NAMESPACE [--context CONTEXT]

The second form watches, for ever, the journals that runs keep in a namespace of a cluster: it undoes those whose run
has lost its hold on the target, with its machine, its disk and its own guardian.

It watches the run's journal and heartbeat. A run that is gone is recovered; one that stands still, or that has
outlived a lease, is ended first (it must not wake up and go on), then recovered. What cannot be undone at once is tried
again, for a bounded time. It ends when nothing of the run is left.

The watch begins within a moment, for a run waits for it; whoever knows how to undo (`chaos.rescue`, ten times as much
to load) is brought in a moment later, or at once when the run is gone.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from chaos.clients import processes
from chaos.clients.processes import Identity
from chaos.undo.guard import LOOK_EVERY, badge
from chaos.undo.journal import Journaled, read
from chaos.undo.watch import Decision, Sight, Watch

READY_TO_UNDO_AFTER = 0.5
"""Real seconds of watching after which it brings in whoever knows how to undo."""


@dataclass
class Guardian:
    """Watches one journal until nothing of its run is left."""

    path: Path
    watch: Watch = field(default_factory=Watch)

    async def guard(self) -> int:
        """0 when nothing is left; 1 when something could not be undone in all that time."""
        begun = time.monotonic()
        while True:
            found = read(self.path)
            decision = self.watch.look(_sight(self.path, found), monotonic=time.monotonic(), unix=time.time())
            if decision is Decision.LEAVE:
                return 0
            if decision is not Decision.WAIT:
                return await self._rescue(found, end=decision is Decision.END)
            if time.monotonic() - begun > READY_TO_UNDO_AFTER:
                import chaos.rescue  # noqa: F401
            await asyncio.sleep(LOOK_EVERY)

    async def _rescue(self, found: Journaled, *, end: bool) -> int:
        from chaos import rescue

        rescue.say(f"{found.run}: {self.watch.because}")
        if end and found.runner is not None:
            await processes.end(found.runner, grace=0)
        return await rescue.recover_run(self.path, self.watch.because)


def _sight(path: Path, found: Journaled) -> Sight:
    return Sight(
        alive=found.runner is None or processes.alive(found.runner),
        beat=path.stat().st_mtime_ns,
        closed=found.closed,
        leases=[intent.lease for intent in found.pending],
        endable=found.endable,
    )


def main() -> None:
    """Guard what the command line names."""
    parser = argparse.ArgumentParser(prog="python -m chaos.guardian", description=__doc__)
    parser.add_argument("journal", type=Path, nargs="?")
    parser.add_argument("--context")
    parser.add_argument("--namespace")
    asked = parser.parse_args()
    if asked.journal is None:
        _guard_namespace(asked.context, asked.namespace)
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


def _guard_namespace(context: str | None, namespace: str | None) -> None:
    from chaos.rescue import guard_target
    from chaos.worlds.cluster.target import target_of

    target = target_of("kubernetes", context, namespace)
    assert target is not None
    # As the first process of a container it would not be ended by a signal that it does not handle.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    asyncio.run(guard_target(target))


if __name__ == "__main__":
    main()
