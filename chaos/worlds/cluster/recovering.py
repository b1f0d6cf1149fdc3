"""Recovery from the journals that runs keep in their target's namespace: no file of the run's machine is needed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from chaos import state
from chaos.clients import routes
from chaos.clients.cluster import Cluster
from chaos.undo.recovery import Recovered, recover_all
from chaos.worlds.cluster import lease, mirror
from chaos.worlds.cluster.living import Holds
from chaos.worlds.cluster.target import Target

LOOK_EVERY = 0.5
"""Real seconds between two looks at a hold."""

Say = Callable[[str], None]


async def recover_target(
    target: Target, run: str | None, say: Say, holds: Holds | None = None
) -> Sequence[Recovered]:
    """Undo what dead runs left in a namespace; a run that still renews its hold is left to itself, and said.

    Whether a run lives is waited for, unless `holds` is given, what was seen so far: then what is not known yet is left
    to the next call. A journal that this machine has as well is recovered from here, for it knows more.
    """
    results: list[Recovered] = []
    async with routes.kept(), Cluster(target.context) as cluster:
        for found in await mirror.mirrored(cluster, target):
            if run is not None and found.run != run:
                continue
            path = state.journals() / f"{found.run}.jsonl"
            if not path.exists():
                lives = await _lives(cluster, target, found.run, say, holds)
                if lives:
                    say(f"{found.run}: still going; it undoes its own faults")
                if lives is not False:
                    continue
                text = await mirror.text_of(cluster, target, found.run)
                if text is None:
                    say(f"{found.run}: somebody else has undone it meanwhile")
                    continue
                path = _copy(target, found.run, text)
            recovered = await recover_all(path.parent, found.run, say)
            if recovered and not any(one.failed for one in recovered):
                await mirror.remove(cluster, target, found.run)
            results += recovered
    return results


async def _lives(cluster: Cluster, target: Target, run: str, say: Say, holds: Holds | None) -> bool | None:
    """Whether a run lives; None where that is not known yet and is not to be waited for."""
    watched, told = holds or Holds(), False
    while True:
        lives = watched.lives(run, await lease.held(cluster, target))
        if lives is not None or holds is not None:
            return lives
        if not told:
            say(f"{run}: waiting for it to renew its hold on {target}; after {lease.LASTS} s it is over")
            told = True
        await asyncio.sleep(LOOK_EVERY)


def _copy(target: Target, run: str, text: str) -> Path:
    """The journal of another machine on this one, made anew each time: what is in the namespace is the newest."""
    path = state.journals() / "elsewhere" / f"{run}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    whole = path.with_suffix(".new")
    whole.write_text(mirror.seen_from(target.context, text), encoding="utf-8")
    return whole.replace(path)
