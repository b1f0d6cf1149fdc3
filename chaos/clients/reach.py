"""Addresses: what to connect to for an address to listen on, and whether anybody takes a connection there."""

from __future__ import annotations

import asyncio


def reachable(address: str) -> tuple[str, int]:
    """Host and port to connect to for an address to listen on: `:80` and `0.0.0.0:80` are reached at the loopback."""
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    return {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), int(port)  # noqa: S104


async def connects(address: str, *, within: float) -> bool:
    """Whether `host:port` takes a connection within `within` real seconds."""
    try:
        async with asyncio.timeout(within):
            _, writer = await asyncio.open_connection(*reachable(address))
    except (OSError, TimeoutError):
        return False
    writer.transport.abort()
    return True
