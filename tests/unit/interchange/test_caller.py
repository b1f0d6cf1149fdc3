from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from chaos.interchange.assembly import CALLER

pytestmark = pytest.mark.timeout(60)


@contextmanager
def listening() -> Iterator[socket.socket]:
    """What a link leads to."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(30)
        yield server


@contextmanager
def calling(**links: socket.socket) -> Iterator[subprocess.Popen[bytes]]:
    """The stand-in for a caller over links, with their addresses as a load has them."""
    env = {f"LINK_{name}": "{}:{}".format(*server.getsockname()) for name, server in links.items()}
    caller = subprocess.Popen([sys.executable, "-c", CALLER], env={**os.environ, **env})
    try:
        yield caller
    finally:
        caller.kill()
        caller.wait()


def test_the_stand_in_holds_one_connection_on_each_link_and_opens_it_again() -> None:
    """Whether the other side closes it or resets it; what is said to it changes nothing."""
    with listening() as one, listening() as other, calling(ONE=one, OTHER=other), other.accept()[0] as held:
        held.sendall(b"hello")
        one.accept()[0].close()
        with one.accept()[0] as again:
            again.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")  # it is reset
        one.accept()[0].close()
        other.settimeout(0)
        with pytest.raises(BlockingIOError):
            other.accept()


def test_the_stand_in_waits_for_a_link_that_is_not_there_yet() -> None:
    """A link that takes no connection at first gets one as soon as it does, and holds up no other."""
    with socket.socket() as late, listening() as there:
        late.bind(("127.0.0.1", 0))
        with calling(LATE=late, THERE=there) as caller:
            there.accept()[0].close()
            assert caller.poll() is None
            late.listen()
            late.settimeout(30)
            late.accept()[0].close()
