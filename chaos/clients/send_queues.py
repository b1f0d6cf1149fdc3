"""Whether somebody at the end of a connection has stopped reading, seen in the kernel's send queues
(Linux).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

LOOKS = 8
"""How often the queues are looked at while there is a suspicion."""
PAUSE = 0.04
"""Real seconds between two looks; all looks together outlast the longest delay of an acknowledgement (0.2 s)."""
MUCH = 4096
"""Bytes that wait for more than a late acknowledgement."""

_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_LISTENING = "0A"
_WINDOW_CLOSED = "04"
"""The kernel's timer that probes a window of no bytes, as the table of connections shows it."""


async def stuck(listen: int, upstream: int) -> int | None:
    """How many sockets of a proxy hold bytes that nobody takes.

    `listen` and `upstream` are the ports of the proxy. Whoever does not read has closed its window, or leaves much in
    the queue of whoever sends; and that does not shrink from look to look. A small answer whose acknowledgement is
    late, as under load, is neither. None when this machine cannot see the proxy: another kernel, another machine,
    another namespace.
    """
    suspects: dict[str, int] | None = None
    for number in range(LOOKS):
        if number:
            await asyncio.sleep(PAUSE)
        queues = await asyncio.to_thread(_queues, listen, upstream)
        if queues is None:
            return None
        if suspects is not None:
            queues = {
                socket: size
                for socket, size in queues.items()
                if socket in suspects and size >= suspects[socket]
            }
        if not queues:
            return 0
        suspects = queues
    return len(suspects or ())


def _queues(listen: int, upstream: int) -> dict[str, int] | None:
    """Bytes waiting per socket (its two addresses), for those that may be stuck; None when no one here listens
    there.
    """
    heard = False
    waiting: dict[str, int] = {}
    for local, remote, state, queue, timer in _rows():
        unread = queue >= MUCH or (queue > 0 and timer == _WINDOW_CLOSED)
        if state == _LISTENING:
            heard = heard or _port(local) == listen
        elif unread and (_port(local) == listen or _port(remote) == upstream):
            waiting[f"{local} {remote}"] = queue
    return waiting if heard else None


def _rows() -> Iterator[tuple[str, str, str, int, str]]:
    for table in _TABLES:
        try:
            lines = table.read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            _, local, remote, state, queues, timer, *_ = line.split(maxsplit=6)
            yield local, remote, state, int(queues.partition(":")[0], 16), timer.partition(":")[0]


def _port(address: str) -> int:
    return int(address.rpartition(":")[2], 16)
