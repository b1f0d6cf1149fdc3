"""`standby watch`: the live page, until Ctrl-C."""

from __future__ import annotations

import asyncio

from chaos.cli.running import stop_on_signals
from chaos.watch.follow import Follower
from chaos.watch.server import served


def watch(run: str | None) -> int:
    """Serve the page until a signal ends it. Raises UsageError when no run is called that."""
    asyncio.run(_serve(Follower(run)))
    return 0


async def _serve(follower: Follower) -> None:
    with stop_on_signals(1) as (stop,):
        async with served(follower) as address:
            print(f"{address}\nOpen it in a browser of this machine; Ctrl-C ends it.", flush=True)
            await stop
