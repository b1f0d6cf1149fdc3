from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from chaos.clients import send_queues
from chaos.clients.send_queues import LOOKS, stuck

PROXY, UPSTREAM = 18080, 18081
HEADER = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
LISTENS = (
    f"   0: 0100007F:{PROXY:04X} 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1\n"
)


def row(queue: int, timer: str, client: int = 40_000) -> str:
    """A connection from a client to the proxy with so much in the queue towards the client."""
    return (
        f"   1: 0100007F:{PROXY:04X} 0100007F:{client:04X} 01 {queue:08X}:00000000 {timer}:00000014 00000000"
        "     0        0 2 1\n"
    )


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The kernel's table, as this test writes it, looked at without a pause."""
    path = tmp_path / "tcp"
    monkeypatch.setattr(send_queues, "_TABLES", (path,))
    monkeypatch.setattr(send_queues, "PAUSE", 0)
    return path


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (row(180, "01"), 0),
        (row(4095, "01"), 0),
        (row(4096, "01"), 1),
        (row(20, "04"), 1),
        (row(0, "00"), 0),
        (row(180, "01") + row(90_000, "04", client=40_001), 1),
        ("", 0),
    ],
    ids=["late acknowledgement", "little", "much", "window closed", "nothing", "one of two", "no connection"],
)
async def test_only_much_or_a_closed_window_is_somebody_who_does_not_read(
    table: Path, rows: str, expected: int
) -> None:
    """A small answer whose acknowledgement is late is no reason to shut a proxy, however often it is seen."""
    table.write_text(HEADER + LISTENS + rows)
    assert await stuck(PROXY, UPSTREAM) == expected


async def test_a_queue_that_shrinks_once_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be full again later: somebody took something."""
    sizes = iter([90_000, 95_000, 80_000, *[90_000] * LOOKS])
    monkeypatch.setattr(
        send_queues, "_rows",
        lambda: iter([
            (f"0:{PROXY:04X}", "0:0", "0A", 0, "00"),
            (f"0:{PROXY:04X}", "0:9C40", "01", next(sizes), "01"),
        ]),
    )  # fmt: skip
    assert await stuck(PROXY, UPSTREAM) == 0


async def test_a_proxy_that_is_not_here_cannot_be_seen(table: Path) -> None:
    """Nobody listens at its port on this machine: unknown, not `everybody reads`."""
    table.write_text(HEADER + row(90_000, "04"))
    assert await stuck(PROXY, UPSTREAM) is None


@contextmanager
def connected() -> Iterator[tuple[int, socket.socket, socket.socket]]:
    """The port of a real listener, its end of a connection and the client's, which takes little at a time."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(server.getsockname())
        ours, _ = server.accept()
        with client, ours:
            ours.setblocking(False)
            yield server.getsockname()[1], ours, client


async def test_the_kernel_shows_who_does_not_read() -> None:
    """Real sockets: one that is written to until nothing more is taken is stuck, and is not once it was read."""
    with connected() as (port, ours, client):
        assert await stuck(port, 0) == 0
        sent = 0
        try:
            while True:
                sent += ours.send(bytes(65_536))
        except BlockingIOError:
            pass
        await until_stuck(port, 1)
        while sent:
            sent -= len(client.recv(65_536))
        await until_stuck(port, 0)


async def until_stuck(port: int, count: int) -> None:
    """The kernel still moves bytes for a moment after a burst."""
    async with asyncio.timeout(30):
        while await stuck(port, 0) != count:
            pass
