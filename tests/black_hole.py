"""An address to which nobody can connect, as that of a node that died."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager


@contextmanager
def black_hole() -> Iterator[tuple[str, ExitStack]]:
    """An address that swallows whoever connects, as a dead node does; and what, when closed, has it refuse them."""
    with ExitStack() as held:
        server = held.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        while True:  # until the line in front of it is full
            dialled = held.enter_context(socket.socket())
            dialled.settimeout(0.3)
            try:
                dialled.connect(server.getsockname())
            except TimeoutError:
                break
        host, port = server.getsockname()
        yield f"{host}:{port}", held
