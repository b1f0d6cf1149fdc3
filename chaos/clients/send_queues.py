"""Whether somebody at the end of a connection has stopped reading, seen in the kernel's send queues
(Linux).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

LOOKS = 4
"""How often the queues are looked at."""
PAUSE = 0.04
"""Real seconds between two looks."""

_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_LISTENING = "0A"


async def stuck(listen: int, upstream: int) -> int | None:
    """How many sockets of a proxy hold bytes that nobody takes.

    `listen` and `upstream` are the ports of the proxy. A send queue that is not empty and does not shrink
    from look to look is stuck. None when this machine cannot see the proxy: another kernel, another machine,
    another namespace.
    """
    looks: list[dict[str, int]] = []
    for number in range(LOOKS):
        if number:
            await asyncio.sleep(PAUSE)
        queues = await asyncio.to_thread(_queues, listen, upstream)
        if queues is None:
            return None
        if not queues:
            return 0
        looks.append(queues)
    return sum(1 for socket in looks[0] if _never_shrinks([look.get(socket, 0) for look in looks]))


def _never_shrinks(sizes: list[int]) -> bool:
    return all(0 < before <= after for before, after in pairwise(sizes))


def _queues(listen: int, upstream: int) -> dict[str, int] | None:
    """Bytes waiting per socket (its two addresses), for those where any wait; None when no one here listens
    there.
    """
    heard = False
    waiting: dict[str, int] = {}
    for local, remote, state, queue in _rows():
        if state == _LISTENING:
            heard = heard or _port(local) == listen
        elif queue and (_port(local) == listen or _port(remote) == upstream):
            waiting[f"{local} {remote}"] = queue
    return waiting if heard else None


def _rows() -> Iterator[tuple[str, str, str, int]]:
    for table in _TABLES:
        try:
            lines = table.read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            _, local, remote, state, queues, *_ = line.split(maxsplit=5)
            yield local, remote, state, int(queues.partition(":")[0], 16)


def _port(address: str) -> int:
    return int(address.rpartition(":")[2], 16)
