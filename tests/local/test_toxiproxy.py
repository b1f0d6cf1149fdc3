"""The client against a real Toxiproxy server, its worst habits included."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, suppress

import pytest

from chaos.clients.send_queues import stuck
from chaos.clients.toxiproxy import ProxyState, Removal, Toxic, Toxiproxy
from chaos.errors import ClientError, ServerGoneError
from tests.local.faults_bench import ended, origin, toxiproxy

pytestmark = pytest.mark.local

MORE_THAN_A_KERNEL_HOLDS = 16_000_000
"""Bytes of which some are with a toxic that holds them back once they are written, whatever the kernel keeps."""

FLOOD = """
import socket, threading
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
def flood(client):
    try:
        while True:
            client.sendall(b"x" * 65536)
    except OSError:
        pass
while True:
    threading.Thread(target=flood, args=(server.accept()[0],), daemon=True).start()
"""


@pytest.fixture
def server() -> Iterator[str]:
    """A Toxiproxy server of this test's own."""
    with toxiproxy() as url:
        yield url


@pytest.fixture
def flood() -> Iterator[str]:
    """A service that sends without end to whoever connects."""
    with ended(subprocess.Popen([sys.executable, "-c", FLOOD], stdout=subprocess.PIPE, text=True)) as process:
        assert process.stdout is not None
        yield f"127.0.0.1:{int(process.stdout.readline())}"


async def until_stuck(listen: int, upstream: str, count: int) -> None:
    """All that the flood can fill between it and clients that do not read is full."""
    async with asyncio.timeout(60):
        while await stuck(listen, int(upstream.rpartition(":")[2])) != count:
            await asyncio.sleep(0.05)


@asynccontextmanager
async def sending() -> AsyncIterator[tuple[int, asyncio.Event]]:
    """A service that sends much to whoever connects: its port, and what is set each time that all is on its way."""
    sent = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer.transport), suppress(OSError):
            writer.write(b"x" * MORE_THAN_A_KERNEL_HOLDS)
            await writer.drain()
            sent.set()
            await reader.read()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as behind:
        yield behind.sockets[0].getsockname()[1], sent


async def test_everything_written_is_there(server: str) -> None:
    """Proxies, their state and their toxics are at the server as the client was told to put them there."""
    client = Toxiproxy(server)
    assert await client.version() == "2.12.0"
    made = await client.create_proxy("a b?c", "127.0.0.1:0", "127.0.0.1:9")
    assert not made.listen.endswith(":0")
    assert (await client.proxies())["a b?c"] == made
    slow = Toxic("x%y", "latency", "upstream", 0.3, {"latency": 20, "jitter": 5})
    await client.add_toxic("a b?c", slow)
    assert (await client.toxics("a b?c"))["x%y"].same(slow)
    await client.set_enabled("a b?c", False)
    assert not (await client.proxy("a b?c")).enabled
    assert await client.remove_toxic("a b?c", "x%y") == Removal(found=True)
    assert not (await client.proxy("a b?c")).enabled
    assert await client.remove_toxic("a b?c", "x%y") == Removal(found=False)
    assert await client.delete_proxy("a b?c")
    assert not await client.delete_proxy("a b?c")


async def test_many_servers_at_once(server: str) -> None:
    """Two clients in one process, on many threads, each reach their own server and only that."""
    with toxiproxy() as other:
        clients = [Toxiproxy(server), Toxiproxy(other)]

        async def fill(client: Toxiproxy, label: str) -> None:
            names = [f"{label}{number}" for number in range(8)]
            await asyncio.gather(*(client.create_proxy(name, "127.0.0.1:0", "127.0.0.1:9") for name in names))

        await asyncio.gather(fill(clients[0], "left-"), fill(clients[1], "right-"))
        assert {name[:4] for name in await clients[0].proxies()} == {"left"}
        assert {name[:4] for name in await clients[1].proxies()} == {"righ"}


async def test_a_misspelt_attribute_is_an_error(server: str) -> None:
    """The server takes a misspelt attribute as 0 without a word; the client reads back and says so."""
    client = Toxiproxy(server)
    await client.create_proxy("p", "127.0.0.1:0", "127.0.0.1:9")
    with pytest.raises(ClientError, match="holds latency"):
        await client.add_toxic("p", Toxic("t", "latency", attributes={"latncy": 20}))


async def test_a_taken_port_is_an_error(server: str) -> None:
    """A proxy that cannot listen because its port is taken is not reported as enabled."""
    client = Toxiproxy(server)
    made = await client.create_proxy("p", "127.0.0.1:0", "127.0.0.1:9", enabled=True)
    await client.set_enabled("p", False)
    host, _, port = made.listen.rpartition(":")
    with socket.create_server((host, int(port))), pytest.raises(ClientError, match="answered 500"):
        await client.set_enabled("p", True)


async def test_removal_keeps_connections_that_are_read(server: str) -> None:
    """A connection lives on through the adding and the removal of a latency toxic."""
    with origin() as behind:
        client = Toxiproxy(server)
        made = await client.create_proxy("p", "127.0.0.1:0", behind.address)
        host, _, port = made.listen.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        await client.add_toxic("p", Toxic("t", "latency", attributes={"latency": 10}))
        removal = await client.remove_toxic("p", "t")
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
        writer.close()
        await writer.wait_closed()
    assert str(removal) == "removed, connections kept"


async def test_removal_keeps_connections_though_somebody_has_left(server: str) -> None:
    """A plain removal waits 5 s for every piece that a toxic still holds for somebody who has left. Ours does not.

    The other connection lives on, with what was under way on it.
    """
    async with sending() as (port, sent):
        client = Toxiproxy(server)
        made = await client.create_proxy("p", "127.0.0.1:0", f"127.0.0.1:{port}")
        host, _, listens = made.listen.rpartition(":")
        await client.add_toxic("p", Toxic("t", "latency", attributes={"latency": 30_000}))
        answer, stays = await asyncio.open_connection(host, int(listens))
        reading = asyncio.create_task(answer.readexactly(MORE_THAN_A_KERNEL_HOLDS))
        async with asyncio.timeout(20):
            await sent.wait()
            sent.clear()
            _, leaves = await asyncio.open_connection(host, int(listens))
            await sent.wait()
            leaves.transport.abort()
            removal = await client.remove_toxic("p", "t")
            await reading
        for one in (stays, leaves):
            one.close()
            with suppress(OSError):
                await one.wait_closed()
    assert str(removal) == "removed, connections kept"


async def test_a_removal_from_a_shut_proxy_waits_until_nothing_is_held_back(server: str) -> None:
    """What a toxic still holds for connections that the shutting has dropped would hang the removal for 5 s a piece."""

    async def somebody(_state: ProxyState) -> int:
        await asyncio.sleep(0)
        return 1

    async with sending() as (port, sent):
        client = Toxiproxy(server, unread=somebody)
        made = await client.create_proxy("p", "127.0.0.1:0", f"127.0.0.1:{port}")
        host, _, listens = made.listen.rpartition(":")
        await Toxiproxy(server).add_toxic("p", Toxic("t", "latency", attributes={"latency": 1000}))
        with socket.create_connection((host, int(listens))):
            async with asyncio.timeout(20):
                await sent.wait()
                removal = await client.remove_toxic("p", "t")
    assert removal == Removal(found=True, dropped="1 of them not being read")
    assert (await client.proxy("p")).enabled


@pytest.mark.parametrize("toxic", [Toxic("t", "latency", attributes={"latency": 10}), Toxic("t", "timeout")])
async def test_removal_survives_who_does_not_read(server: str, flood: str, toxic: Toxic) -> None:
    """Clients that do not read make a plain removal hang for good; ours removes the toxic and the API still answers."""
    client = Toxiproxy(server)
    made = await client.create_proxy("p", "127.0.0.1:0", flood)
    host, _, port = made.listen.rpartition(":")
    deaf = [socket.create_connection((host, int(port))) for _ in range(3)]
    await until_stuck(int(port), flood, 3)
    await client.add_toxic("p", toxic)
    removal = await client.remove_toxic("p", "t")
    for one in deaf:
        one.close()
    assert removal.found
    assert await client.toxics("p") == {}
    assert (await client.proxy("p")).enabled


async def test_a_way_out_of_a_hanging_api(server: str, flood: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody saw that somebody does not read, the removal hangs, and then makes the proxy anew in a bound."""

    async def sees_nothing(_listen: int, _upstream: int) -> int:
        return 0

    client = Toxiproxy(server, timeout=1.0)
    made = await client.create_proxy("p", "127.0.0.1:0", flood)
    await client.add_toxic("p", Toxic("t", "latency", attributes={"latency": 10}))
    await client.add_toxic("p", Toxic("other", "bandwidth", "upstream", attributes={"rate": 100}))
    host, _, port = made.listen.rpartition(":")
    with socket.create_connection((host, int(port))):
        await until_stuck(int(port), flood, 1)
        monkeypatch.setattr("chaos.clients.toxiproxy.stuck", sees_nothing)
        removal = await client.remove_toxic("p", "t")
    assert "made again" in removal.dropped
    assert set(await client.toxics("p")) == {"other"}
    assert await client.proxy("p") == made


async def test_a_server_that_is_gone() -> None:
    """A server that is not there is told apart from one that fails."""
    with toxiproxy() as url:
        client = Toxiproxy(url)
        await client.version()
    with pytest.raises(ServerGoneError, match="nothing listens there"):
        await client.proxies()
