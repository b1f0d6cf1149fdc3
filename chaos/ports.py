"""Ports of the loopback interface for one world, out of the way of every other world on this machine.

A world has a block of ports to itself. Whoever draws a block binds its last port, which nobody is ever given, for as
long as they hold the `Ports`: of two who draw at the same moment one gets the block. The block's first port is its
claim: whoever listens there keeps the whole block from then on, the ports of spares that do not listen yet included.
Blocks lie below the range from which the kernel takes ports for outgoing connections.
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
    """A block of ports; `take` hands out its free ones, the claim first, none twice.

    The block is nobody else's for as long as this object lives, or somebody listens on the claim.
    """

    def __init__(self) -> None:
        """Draw a block. Raises WorldError when every block is claimed."""
        blocks = list(range(LOWEST, _ephemeral() - BLOCK, BLOCK))
        random.SystemRandom().shuffle(blocks)
        for block in blocks:
            hold = _bound(block + BLOCK - 1)
            if hold is None:
                continue
            if _free(block):
                weakref.finalize(self, hold.close)
                self._left = list(range(block, block + BLOCK - 1))
                return
            hold.close()
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
            f"a world needs more than the {BLOCK - 1} ports that it has to itself; give it fewer processes"
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
