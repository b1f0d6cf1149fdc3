"""The front answers as aiohttp would: the same bytes to a server with the front and to one without."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from chaos.rooms.quick import LARGEST_BODY, LARGEST_HEAD, Asked, Fronts, Reply

WITHIN = 20.0
"""Real seconds that anything here may take."""
LAST = b"GET /cold HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


def _echo(asked: Asked) -> Reply:
    return Reply(200, repr(asked).encode(), "text/plain")


async def _later(asked: Asked) -> Reply:
    await asyncio.sleep(0.001)
    return Reply(503, b'{"reason": "later"}') if b"no" in asked.body else _echo(asked)


def _nothing(asked: Asked) -> Reply:
    return Reply(204 if asked.room else 500)


async def _cold(request: web.Request) -> web.Response:
    return web.json_response({"cold": (await request.read()).decode()})


def _tier() -> tuple[web.Application, Fronts]:
    app, fronts = web.Application(), Fronts()
    fronts.add(app, "POST", "/rooms/{room}/join", _later)
    fronts.add(app, "GET", "/rooms/{room}/segments/latest", _echo)
    fronts.add(app, "POST", "/rooms/{room}/leave", _nothing)
    fronts.add(app, "POST", "/tokens", _echo)
    app.router.add_route("*", "/cold", _cold)
    return app, fronts


@asynccontextmanager
async def _served(*, front: bool) -> AsyncIterator[tuple[int, Fronts]]:
    app, fronts = _tier()
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    assert runner.server is not None
    factory = fronts.protocol(runner.server) if front else runner.server
    server = await asyncio.get_running_loop().create_server(factory, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], fronts
    finally:
        server.close()
        await fronts.close(0.1)
        await runner.cleanup()


async def _told(port: int, sent: bytes, cuts: list[int]) -> bytes:
    """What comes back on one connection for these bytes, sent in pieces, until the other side hangs up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    at = 0
    try:
        for cut in (*cuts, len(sent)):
            writer.write(sent[at:cut])
            await writer.drain()
            await asyncio.sleep(0)
            at = cut
        async with asyncio.timeout(WITHIN):
            found = await reader.read()
    except ConnectionError:
        found = b"reset"
    finally:
        writer.close()
    return re.sub(rb"\r\nDate: [^\r]*", b"", found)


async def _both(sent: bytes, cuts: list[int]) -> tuple[bytes, bytes]:
    async with _served(front=True) as (quick, _), _served(front=False) as (plain, _):
        return await _told(quick, sent, cuts), await _told(plain, sent, cuts)


def _post(path: str, body: bytes, more: str = "") -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: media\r\n{more}Content-Length: {len(body)}\r\n\r\n".encode() + body


HOT = [
    _post("/rooms/townhall/join", b'{"listener":"a","again":false}', "Content-Type: application/json\r\n"),
    _post("/rooms/townhall/join", b"no", "content-type:application/json\r\nX-Deadline: 1764.250\r\n"),
    _post("/rooms/a-2/leave?s=0123456789abcdef", b""),
    _post("/tokens", b"{}", "Authorization: Bearer x\r\nConnection: keep-alive\r\n"),
    b"GET /rooms/townhall/segments/latest?s=00ff HTTP/1.1\r\nHost: media\r\n\r\n",
    b"GET /rooms/townhall/segments/latest HTTP/1.1\r\nHost:  media \r\nAccept: */*\r\n\r\n",
]
COLD = [
    b"GET /cold HTTP/1.1\r\nHost: x\r\n\r\n",
    _post("/cold", b"some"),
    b"HEAD /rooms/townhall/segments/latest HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /rooms/townhall/segments/latest?s=xyz%20&t=1 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /rooms/town%2Dhall/segments/latest HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n",
    b"DELETE /tokens HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /tokens HTTP/1.1\r\nHost: x\r\n\r\n",
    b"POST /tokens HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    b"POST /tokens HTTP/1.1\r\nHost: x\r\nX-Unknown: 1\r\nContent-Length: 2\r\n\r\nhi",
    _post("/tokens", b"x" * 20_000),
]
ENDING = [
    b"POST /tokens HTTP/1.0\r\nContent-Length: 2\r\n\r\nhi",
    b"POST /tokens HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi",
]
BROKEN = [
    b"POST /tokens HTTP/1.1\r\nHost: x\r\nContent-Length: nonsense\r\n\r\n",
    b"POST /tokens HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi!",
    b"nonsense\r\n\r\n",
]


@settings(max_examples=60)
@given(
    st.lists(st.sampled_from(HOT * 2 + COLD), max_size=8),
    st.sampled_from([LAST, *ENDING]),
    st.lists(st.integers(0, 600), max_size=6),
)
def test_whatever_is_asked_is_answered_as_aiohttp_answers(
    requests: list[bytes], last: bytes, places: list[int]
) -> None:
    """Any mixture of requests, pipelined and cut anywhere, brings the same answers in the same order."""
    sent = b"".join(requests) + last
    quick, plain = asyncio.run(_both(sent, sorted(min(place, len(sent)) for place in places)))
    assert quick == plain


@pytest.mark.parametrize("request_", [*HOT, *COLD])
def test_each_request_is_answered_alike_whole_and_byte_by_byte(request_: bytes) -> None:
    """One request in its two extreme deliveries."""
    sent = request_[:600] if len(request_) > 2_000 else request_
    rest = request_[len(sent) :] + LAST
    for cuts in ([], list(range(1, len(sent)))):
        quick, plain = asyncio.run(_both(sent + rest, cuts))
        assert quick == plain
        assert quick.count(b"HTTP/1.1 ") == 2


@pytest.mark.parametrize("broken", BROKEN)
def test_what_is_no_request_is_refused_alike(broken: bytes) -> None:
    """Alone on its connection; of what was pipelined before it, aiohttp may answer nothing, and the front all."""
    quick, plain = asyncio.run(_both(broken, []))
    assert quick == plain
    assert b" 400 " in quick


async def test_hot_requests_never_reach_aiohttp_and_others_do() -> None:
    """What this is for: the plain forms are the front's own; one other request, and the connection is aiohttp's."""
    async with _served(front=True) as (port, fronts):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for request in HOT:
            writer.write(request)
            await reader.readuntil(b"\r\n\r\n")
            assert len(fronts.open) == 1
        writer.write(COLD[0])
        async with asyncio.timeout(WITHIN):
            while b'"cold"' not in await reader.readline():
                if reader.at_eof():
                    pytest.fail("the connection was closed instead of handed over")
                if not fronts.open:
                    break
        assert not fronts.open
        writer.close()


@pytest.mark.parametrize(
    "begun", [b"GET /" + b"x" * (LARGEST_HEAD + 1), b"PUT", b"GET /cold?x=1 HTTP/1.1\r\n", b"\x16\x03"]
)
async def test_what_cannot_become_hot_is_handed_over_before_it_is_whole(begun: bytes) -> None:
    """Oversized and foreign beginnings are judged by aiohttp as soon as they would be without a front."""
    async with _served(front=True) as (port, fronts):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /tok")
        async with asyncio.timeout(WITHIN):
            while not fronts.open:
                await asyncio.sleep(0.005)
        _, other = await asyncio.open_connection("127.0.0.1", port)
        other.write(begun)
        async with asyncio.timeout(WITHIN):
            while len(fronts.open) != 1:
                await asyncio.sleep(0.005)
        writer.close()
        other.close()


async def test_a_caller_who_asks_and_asks_without_waiting_is_held_back() -> None:
    """Far more than fits is pipelined behind a slow answer; memory stays bounded and every answer comes."""
    async with _served(front=True) as (port, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        many = 2 * (LARGEST_HEAD + LARGEST_BODY) // len(HOT[0])
        writer.write(HOT[0] * many + LAST)
        async with asyncio.timeout(WITHIN):
            found = await reader.read()
        assert found.count(b"HTTP/1.1 200 OK") == many + 1
        writer.close()


async def test_closing_lets_an_answer_under_way_be_given_and_waits_for_no_other() -> None:
    """Idle callers are hung up on at once, one who waits is answered first, and then hung up on as well."""
    async with _served(front=True) as (port, fronts):
        idle, idle_writer = await asyncio.open_connection("127.0.0.1", port)
        idle_writer.write(HOT[4])
        await idle.readuntil(b"\r\n\r\n")
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(HOT[0])
        async with asyncio.timeout(WITHIN):
            while all(front.answering is None for front in fronts.open):
                await asyncio.sleep(0)
            await fronts.close(WITHIN)
            assert b"200 OK" in await reader.read()
            await idle.read()
        idle_writer.close()
        writer.close()


async def test_an_idle_connection_is_closed_and_a_fresh_one_is_not() -> None:
    """As with aiohttp, the time counts from the last answer; who has asked nothing yet may take their time."""
    async with _served(front=True) as (port, fronts):
        asked, asked_writer = await asyncio.open_connection("127.0.0.1", port)
        asked_writer.write(HOT[4])
        await asked.readuntil(b"\r\n\r\n")
        _, fresh_writer = await asyncio.open_connection("127.0.0.1", port)
        async with asyncio.timeout(WITHIN):
            while len(fronts.open) < 2:
                await asyncio.sleep(0.005)
            long_after = asyncio.get_running_loop().time() + 100.0
            for front in list(fronts.open):
                front.close_if_idle(long_after)
            while len(fronts.open) > 1:
                await asyncio.sleep(0.005)
        asked_writer.close()
        fresh_writer.close()
