"""Waiting for something to be seen in a cluster."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from chaos.errors import ClientError, WorldError

LOOK_EVERY = 0.3


async def until_seen(what: str, missing: Callable[[], Awaitable[str]], within: float) -> None:
    """Wait until nothing is missing; an API server that is away is waited for as well.

    Raises WorldError, with what is missing still, after `within` real seconds.
    """
    until = time.monotonic() + within
    while True:
        try:
            left = await missing()
        except ClientError as error:
            left = str(error)
        if not left:
            return
        if time.monotonic() > until:
            raise WorldError(f"not seen within {within:g} s that {what}: {left}")
        await asyncio.sleep(LOOK_EVERY)
