"""Calls from tier to tier, against real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from chaos.rooms.calls import Calls, Place
from tests.black_hole import black_hole

Served = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
LONG = 20.0
"""Real seconds; what ought not to time out."""


@asynccontextmanager
async def _server(serve: Served) -> AsyncIterator[Place]:
    """A server whose every connection is handled by `serve`; where it is."""
    tasks: set[asyncio.Task[object]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    try:
        yield Place(host, port, "/api")
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _request(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"Content-Length:"))
    return head, await reader.readexactly(length)


def _ok(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


async def test_a_call_is_a_whole_request_and_its_answer_comes_back() -> None:
    """Method, prefix and path, headers and body arrive as they were given."""
    heads: list[bytes] = []

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head, body = await _request(reader)
            heads.append(head)
            writer.write(_ok(body[::-1]))

    async with _server(echo) as place:
        calls = Calls()
        assert await calls.ask(place, "POST", "/tokens", "X-One: 1\r\n", b"abc", LONG) == (200, b"cba")
        assert heads[0].startswith(b"POST /api/tokens HTTP/1.1\r\n")
        assert b"\r\nX-One: 1\r\n" in heads[0]
        assert b"Host: 127.0.0.1:%d\r\n" % place.port in heads[0]
        calls.close()


async def test_connections_are_kept_and_calls_at_once_have_one_each() -> None:
    """Ten calls at once take ten connections, ten more take the same; every answer finds its own call."""
    connections = 0
    together = asyncio.Barrier(10)

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        while True:
            _, body = await _request(reader)
            await together.wait()
            writer.write(_ok(body))

    async with _server(echo) as place:
        calls = Calls()
        for _ in range(2):
            bodies = [str(number).encode() for number in range(10)]
            asked = [calls.ask(place, "POST", "/", "", body, LONG) for body in bodies]
            assert await asyncio.gather(*asked) == [(200, body) for body in bodies]
        assert connections == 10
        calls.close()


async def test_a_late_answer_is_nobodys() -> None:
    """A call that timed out is never answered with its connection's next answer, nor is another call."""
    release = asyncio.Event()

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            _, body = await _request(reader)
            if body == b"slow":
                await release.wait()
            writer.write(_ok(body))

    async with _server(slow) as place:
        calls = Calls()
        assert await calls.ask(place, "POST", "/", "", b"first", LONG) == (200, b"first")
        with pytest.raises(TimeoutError):
            await calls.ask(place, "POST", "/", "", b"slow", 0.05)
        release.set()
        for number in range(5):
            body = str(number).encode()
            assert await calls.ask(place, "POST", "/", "", body, LONG) == (200, body)
        calls.close()


async def test_a_cancelled_call_leaves_no_answer_behind() -> None:
    """Its connection goes with it."""
    asked, release = asyncio.Event(), asyncio.Event()

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            _, body = await _request(reader)
            if body == b"slow":
                asked.set()
                await release.wait()
            writer.write(_ok(body))

    async with _server(slow) as place:
        calls = Calls()
        call = asyncio.create_task(calls.ask(place, "POST", "/", "", b"slow", LONG))
        await asked.wait()
        call.cancel()
        release.set()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert await calls.ask(place, "POST", "/", "", b"next", LONG) == (200, b"next")
        calls.close()


async def test_lost_refused_and_broken_connections_are_errors_at_once() -> None:
    """Nobody waits for the time-out where the other side is gone or does not speak HTTP; the next call dials anew."""
    answers = iter([b"", b"nonsense\r\n\r\n", _ok(b"back")])

    async def odd(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _request(reader)
        writer.write(next(answers))
        await writer.drain()

    async with _server(odd) as place:
        calls = Calls()
        for _ in range(2):
            with pytest.raises(OSError, match="lost") as caught:
                await calls.ask(place, "POST", "/", "", b"", LONG)
            assert not isinstance(caught.value, TimeoutError)
        assert await calls.ask(place, "POST", "/", "", b"", LONG) == (200, b"back")
    with pytest.raises(ConnectionRefusedError):
        await calls.ask(place, "POST", "/", "", b"", LONG)
    calls.close()


async def test_closing_fails_the_calls_under_way() -> None:
    """A process that goes down waits for no answer."""
    asked = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _request(reader)
        asked.set()
        await writer.wait_closed()

    async with _server(silent) as place:
        calls = Calls()
        call = asyncio.create_task(calls.ask(place, "POST", "/", "", b"", LONG))
        await asked.wait()
        calls.close()
        with pytest.raises(ConnectionAbortedError):
            await call
        assert calls.closed


@pytest.mark.parametrize("base", ["https://a:1", "a:1", "http://", "http://a?b=c", "http://a#b"])
def test_a_place_is_plain_http(base: str) -> None:
    """What cannot be spoken to is refused when the tier starts, not at the first call."""
    with pytest.raises(ValueError, match="is not a base URL"):
        Place.at(base)


def test_a_place_has_a_port_and_a_prefix() -> None:
    """Port 80 unless told; the path is what every call's path begins with."""
    assert Place.at("http://platform/base/") == Place("platform", 80, "/base")
    assert Place.at("http://127.0.0.1:8000") == Place("127.0.0.1", 8000, "")


async def test_who_hangs_up_dials_no_more() -> None:
    """A call whose connection cannot be made, as to a node that died, is given up with the others, and at once."""
    calls = Calls()
    with black_hole() as (nowhere, _):
        place = Place.at(f"http://{nowhere}")
        asking = asyncio.create_task(calls.ask(place, "GET", "/", "", b"", 10 * LONG))
        await asyncio.sleep(0)
        calls.close()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(asking), LONG)
        assert asking.done()
