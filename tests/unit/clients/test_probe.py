"""The probe's reading of HTTP, however the stream is cut, and of every way to end."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.clients.probe import Question, _Replies, ask, healthy

LONG = 30.0
"""Real seconds; what ought not to time out."""
LENGTH = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n3;x=y\r\nyou\r\n0\r\n\r\n"
EMPTY = b"HTTP/1.1 204 No Content\r\n\r\n"
EARLY = b"HTTP/1.1 100 Continue\r\n\r\n"
NOTHING = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"


@given(
    st.lists(st.sampled_from([LENGTH, CHUNKED, EMPTY, EARLY + LENGTH, NOTHING]), min_size=1, max_size=8),
    st.lists(st.integers(1, 40)),
)
def test_replies_are_counted_however_they_are_cut(replies: list[bytes], cuts: list[int]) -> None:
    """The number of complete replies does not depend on where the stream is cut."""
    stream, reader = b"".join(replies), _Replies()
    for cut in cuts:
        reader.feed(stream[:cut])
        stream = stream[cut:]
    reader.feed(stream)
    assert reader.complete == len(replies)


@given(st.sampled_from([LENGTH, CHUNKED]), st.data())
def test_a_torn_reply_does_not_count(reply: bytes, data: st.DataObject) -> None:
    """A reply that lacks its end is not complete."""
    torn = reply[: data.draw(st.integers(0, len(reply) - 3))]
    reader = _Replies()
    reader.feed(torn)
    assert reader.complete == 0


@given(st.binary(max_size=300))
def test_garbage_never_raises(garbage: bytes) -> None:
    """Whatever a server sends, the reader takes it."""
    _Replies().feed(garbage)
    chunked = _Replies()
    chunked.feed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + garbage)


Behave = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def server(behave: Behave) -> AsyncIterator[str]:
    """A server that does so with every connection; its address."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await behave(reader, writer)
        writer.close()

    found = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with found:
        yield f"127.0.0.1:{found.sockets[0].getsockname()[1]}"


@contextmanager
def bound() -> Iterator[str]:
    """An address that is somebody's, who does not listen there."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{held.getsockname()[1]}"


async def test_every_end_is_seen_as_what_it_is() -> None:
    """An answer, a FIN before it, a RST before it, silence and a refusal are told apart."""

    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(LENGTH)
        await writer.drain()

    async def close(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")

    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        linger = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)

    async def keep_silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    for behave, end in ((answer, "answered"), (close, "closed"), (reset, "reset"), (keep_silent, "silent")):
        async with server(behave) as address:
            seen = await ask(address, Question("/healthz", within=0.3 if end == "silent" else LONG))
        assert seen.end == end
    with bound() as gone:
        assert (await ask(gone, Question("/healthz", within=LONG))).end == "refused"


@pytest.mark.parametrize(("status", "expected"), [(200, True), (500, False)])
async def test_only_200_is_healthy(status: int, expected: bool) -> None:
    """A health URL that answers anything but 200 is not healthy."""

    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n".encode())
        await writer.drain()

    async with server(answer) as address:
        assert await healthy(f"http://{address}/healthz", LONG) is expected
    with bound() as gone:
        assert not await healthy(f"http://{gone}/healthz", LONG)
