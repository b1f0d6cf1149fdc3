"""Waiting, within bounds, until something that others decide holds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

LOOK_EVERY = 0.02


def wait_until(holds: Callable[[], object], timeout: float, what: str) -> None:
    """Wait until something that other processes decide holds; fails after `timeout` seconds."""
    until = time.monotonic() + timeout
    while not holds():
        assert time.monotonic() < until, f"waited {timeout:g} s for {what}"
        time.sleep(LOOK_EVERY)


async def until(holds: Callable[[], object]) -> None:
    """Wait, a minute at the most, until something holds."""
    async with asyncio.timeout(60):
        while not holds():
            await asyncio.sleep(LOOK_EVERY)
