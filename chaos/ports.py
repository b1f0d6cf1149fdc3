"""Ports of the loopback interface for one world, out of the way of every other world on this machine.

A world has a block of ports to itself. Whoever draws a block binds its last port, which nobody is ever given, for as
long as they hold the `Ports`: of two who draw at the same moment one gets the block. From then on whoever listens on
any of its ports keeps the whole block, the ports of spares that do not listen yet included. Blocks lie below the range
from which the kernel takes ports for outgoing connections.
"""

from __future__ import annotations

import random
import socket
import weakref
from contextlib import suppress
from pathlib import Path

from chaos.errors import WorldError

LOWEST = 15_000
BLOCK = 64
"""Ports in a block, the one that is bound by whoever draws it included."""


class Ports:
    """A block of ports; `take` hands out its free ones in order, none twice.

    The block is nobody else's for as long as this object lives, or anybody listens in it.
    """

    def __init__(self) -> None:
        self._left: list[int] | None = None

    def take(self) -> int:
        """The next free port of the block, which is drawn with the first.

        Raises WorldError when the block is used up, or when somebody listens in every block.
        """
        if self._left is None:
            self._left = self._draw()
        while self._left:
            port = self._left.pop(0)
            if _free(port):
                return port
        raise WorldError(
            f"a world needs more than the {BLOCK - 1} ports that it has to itself; give it fewer processes"
        )

    def _draw(self) -> list[int]:
        blocks = list(range(LOWEST, _ephemeral() - BLOCK, BLOCK))
        random.SystemRandom().shuffle(blocks)
        for block in blocks:
            hold = _bound(block + BLOCK - 1)
            if hold is None:
                continue
            ports = range(block, block + BLOCK - 1)
            if all(_free(port) for port in ports):
                weakref.finalize(self, hold.close)
                return list(ports)
            hold.close()
        raise WorldError(
            f"every block of ports from {LOWEST} to {_ephemeral()} on 127.0.0.1 is in use; "
            "end worlds that are no longer needed (`standby down --world local`, `standby recover`)"
        )


def _bound(port: int) -> socket.socket | None:
    """A socket that has the port to itself without listening there; None when somebody else has it."""
    hold = socket.socket()
    try:
        hold.bind(("127.0.0.1", port))
    except OSError:
        hold.close()
        return None
    return hold


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return True
    return False


def _ephemeral() -> int:
    with suppress(OSError, ValueError):
        text = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii")
        return max(int(text.split()[0]), LOWEST + 10 * BLOCK)
    return 32_768
