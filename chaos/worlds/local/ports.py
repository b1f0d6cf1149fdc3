"""Free ports of the loopback interface, below the range from which the kernel takes ports for outgoing connections."""

from __future__ import annotations

import random
import socket
from contextlib import suppress
from pathlib import Path

from chaos.errors import WorldError

LOWEST = 15_000


class Ports:
    """Hands out ports that nobody listens on, none twice.

    A port is taken by whoever binds it, a moment later: two worlds that draw the same port in that moment collide, and
    the second fails to start, with that reason in its log. Random draws from some 17,000 ports make that rare.
    """

    def __init__(self) -> None:
        self._random = random.SystemRandom()
        self._given: set[int] = set()

    def take(self) -> int:
        """A free port. Raises WorldError when none is found in a thousand draws."""
        for _ in range(1000):
            port = self._random.randrange(LOWEST, _ephemeral())
            if port not in self._given and _free(port):
                self._given.add(port)
                return port
        raise WorldError(
            f"no free port found on 127.0.0.1 between {LOWEST} and {_ephemeral()}; what listens there?"
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
        lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split()[0])
        return max(lowest, LOWEST + 2000)
    return 32_768
