"""One live trial of a study in a cluster, in a namespace of its own: a pod of an Indexed Job.

    python -m chaos.trial ORDER RESULTS        # the index is in $JOB_COMPLETION_INDEX

ORDER is a file with all trials (`chaos.study.order`), RESULTS the namespace that takes their results. The pod of an
index may be another one's successor, who was killed at any moment: if there is a result, nothing is run; otherwise
whatever the other one left is undone, and the trial begins anew, on rooms that were started anew. The result is handed
in once; then the trial's namespace is deleted with all that is in it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from chaos import state
from chaos.cli import evenings
from chaos.clients.cluster import Cluster, NotInClusterError
from chaos.clients.routes import IN_CLUSTER
from chaos.codes import TERMINATED, USAGE
from chaos.errors import ApiAwayError, StandbyError, TargetBusyError, UsageError
from chaos.rescue import say
from chaos.study.evenings import Ended
from chaos.study.handing_in import hand_in, is_handed_in
from chaos.study.order import Order, Trial
from chaos.worlds.cluster import lease, mirror
from chaos.worlds.cluster.recovering import recover_target
from chaos.worlds.cluster.resting import put_to_rest, wake
from chaos.worlds.cluster.target import Target

T = TypeVar("T")
FAILED = 1
"""The exit code of a pod whose trial has no result yet: another one may try."""
LOOK_EVERY = 0.5
AWAY_FOR = 300.0
"""Real seconds for which an API server may be away before a trial that needs it is left to another pod."""
HELD_FOR = 2.0 * lease.LASTS
"""Real seconds after which a hold that has not ended by itself is that of a run which lives."""


async def attempt(order: Order, index: int, results: str, context: str = IN_CLUSTER) -> int:
    """See to it that the trial of an index has its one result and leaves nothing; 0 when that is so.

    Raises StandbyError where it cannot be done now.
    """
    trial = order.trials[index]
    name = order.name(trial)
    target = Target("kubernetes", context, name)
    async with Cluster(context) as cluster:
        if await answered(lambda: is_handed_in(cluster, results, name)):
            say(f"{name} has its result already; its namespace goes")
        else:
            say(f"{name}: {trial.arm}, {trial.value}, seed {trial.seed}")
            code = await _run(cluster, order, trial, target, results)
            if code:
                return code
        await answered(lambda: _delete(cluster, name))
    return 0


async def answered(ask: Callable[[], Awaitable[T]]) -> T:
    """What the API server answers, which may be away for a while. Raises ClientError."""
    until = time.monotonic() + AWAY_FOR
    while True:
        try:
            return await ask()
        except ApiAwayError as error:
            if time.monotonic() > until:
                raise
            say(f"{error}; it is asked again")
            await asyncio.sleep(LOOK_EVERY)


async def _run(cluster: Cluster, order: Order, trial: Trial, target: Target, results: str) -> int:
    """Run a trial and hand in its result; the exit code of a run that was interrupted."""
    await answered(lambda: clean(cluster, target))
    await wake(cluster, target.namespace)
    say("the rooms are there")
    with tempfile.TemporaryDirectory() as documents, evenings.side_by_side() as stop:
        loaded = order.loaded(trial, Path(documents))
        folder = state.runs() / target.namespace
        ended = await evenings.ended(stop, loaded, trial.seed, folder, target.namespace)
    if not isinstance(ended, Ended):
        say(f"interrupted ({ended}); everything is undone, and the trial has no result yet")
        return ended
    told, events = trial.ended(ended), folder / "events.jsonl"
    first = await answered(lambda: hand_in(cluster, results, target.namespace, told, events))
    say("its result is handed in" if first else "there is a result already; this one does not count")
    return 0


async def clean(cluster: Cluster, target: Target) -> None:
    """Undo what a predecessor left, and end what runs. Raises TargetBusyError where that one still lives."""
    await recover_target(target, None, say)
    if left := await mirror.mirrored(cluster, target):
        raise TargetBusyError(f"something of the run {left[0].run} is still in {target.namespace}")
    until = time.monotonic() + HELD_FOR
    while (hold := await lease.held(cluster, target)) is not None and not hold.expired:
        if time.monotonic() > until:
            raise TargetBusyError(f"the run {hold.holder} still goes on in {target.namespace}")
        await asyncio.sleep(LOOK_EVERY)
    await put_to_rest(cluster, target.namespace)


async def _delete(cluster: Cluster, namespace: str) -> None:
    try:
        await cluster.ask("DELETE", f"/api/v1/namespaces/{namespace}", f"delete the namespace {namespace}")
    except NotInClusterError:
        return


def main() -> int:
    """The trial of the index in the environment; 2 where its documents are wrong, 1 where it may be tried again."""
    parser = argparse.ArgumentParser(prog="python -m chaos.trial", description=__doc__)
    parser.add_argument("order", type=Path)
    parser.add_argument("results")
    asked = parser.parse_args()
    # As the first process of a container it would not be ended by a signal that it does not handle.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    try:
        order = Order.read(asked.order.read_text(encoding="utf-8"))
        return asyncio.run(attempt(order, int(os.environ["JOB_COMPLETION_INDEX"]), asked.results))
    except UsageError as error:
        say(str(error))
        return USAGE
    except StandbyError as error:
        say(str(error))
        return FAILED


if __name__ == "__main__":
    sys.exit(main())
