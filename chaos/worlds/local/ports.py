"""Ports of the loopback interface for one world, out of the way of every other world on this machine.

A world has a block of ports to itself. The block's first port is its claim: whoever listens there for as long as the
world lives keeps the whole block, the ports of spares that do not listen yet included. Blocks lie below the range from
which the kernel takes ports for outgoing connections.
"""

from __future__ import annotations

import random
import socket
from contextlib import suppress
from pathlib import Path

from chaos.errors import WorldError

LOWEST = 15_000
BLOCK = 64
"""Ports in a block."""


class Ports:
    """A block of ports; `take` hands out its free ones, the claim first, none twice.

    Between drawing a block and the first listener on its claim lies a moment in which a second world could draw the
    same block: it then fails to start, with that reason in its log.
    """

    def __init__(self) -> None:
        """Draw a block. Raises WorldError when every block is claimed."""
        blocks = list(range(LOWEST, _ephemeral() - BLOCK, BLOCK))
        random.SystemRandom().shuffle(blocks)
        for block in blocks:
            if _free(block):
                self._left = list(range(block, block + BLOCK))
                return
        raise WorldError(
            f"every block of ports from {LOWEST} to {_ephemeral()} on 127.0.0.1 is in use; "
            "end worlds that are no longer needed (`standby down --world local`, `standby recover`)"
        )

    def take(self) -> int:
        """The next free port of the block. Raises WorldError when the block is used up."""
        while self._left:
            port = self._left.pop(0)
            if _free(port):
                return port
        raise WorldError(
            f"a world needs more than the {BLOCK} ports that it has to itself; give it fewer processes"
        )


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
