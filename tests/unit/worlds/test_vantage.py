"""Probes from this machine, against a real socket."""

from __future__ import annotations

import socket
import threading
import time
from itertools import pairwise

from chaos.clients.probe import Question
from chaos.worlds.vantage import probe

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
LETS_WAIT = 5
"""What Python's and many other small servers ask of the kernel, which lets one more wait."""
TRIED_AGAIN_AFTER = 1.0
"""Real seconds after which a kernel tries a connection again that was dropped."""


async def test_probes_leave_room_in_the_queue_of_who_answers_slowly() -> None:
    """A service that takes a connection every 20 ms drops none that probes it: none comes long after the rest."""
    taken: list[float] = []
    with socket.create_server(("127.0.0.1", 0), backlog=LETS_WAIT) as server:
        threading.Thread(target=_serve, args=(server, taken), daemon=True).start()
        answers = await probe(f"127.0.0.1:{server.getsockname()[1]}", Question("/", within=5.0), 20)
        server.shutdown(socket.SHUT_RDWR)
    assert [answer.end for answer in answers] == ["answered"] * 20
    assert max(later - one for one, later in pairwise(taken)) < TRIED_AGAIN_AFTER / 2


def _serve(server: socket.socket, taken: list[float]) -> None:
    while True:
        try:
            client, _ = server.accept()
        except OSError:
            return
        with client:
            taken.append(time.monotonic())
            client.recv(1000)
            time.sleep(0.02)
            client.sendall(ANSWER)
