"""A front before aiohttp: what a tier is asked thousands of times a second is answered from the bytes.

A connection begins at a `Front`. Requests in the plain form that listeners and tiers send are answered by the hot
routes' handlers. With the first request in any other form, or for any other path, the connection is aiohttp's for good,
which knows the hot routes too: what is answered does not depend on who answers.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
from typing import NamedTuple, cast

from aiohttp import web
from aiohttp.http import SERVER_SOFTWARE

from chaos.rooms.contract import DEADLINE_HEADER

JSON_TYPE = "application/json; charset=utf-8"
KEPT_IDLE = 75.0  # real seconds after its last answer that a connection may stay idle
LARGEST_HEAD = 4 * 1024  # bytes; what is larger is aiohttp's to judge
LARGEST_BODY = 16 * 1024  # bytes, likewise
MOST_HEADS = 64  # blocks of header lines remembered; most callers always send the same
SWEEP = 15.0  # real seconds between looks for idle connections

_END = b"\r\n\r\n"
_LINE = re.compile(
    rb"(GET|POST) (/(?:rooms/([a-z0-9][a-z0-9-]{0,63})/)?[a-z/]+)(?:\?s=([0-9a-f]*))? HTTP/1\.1\r\n"
)
_HEADER = re.compile(rb"([A-Za-z-]+):[ \t]*([\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?|)[ \t]*")
_MEANINGLESS = frozenset(
    (
        b"host",
        b"user-agent",
        b"accept",
        b"accept-encoding",
        b"accept-language",
        b"content-type",
        b"authorization",
    )
)
"""Headers that change nothing about a hot route's answer."""
_DEADLINE = DEADLINE_HEADER.lower().encode()


class Asked(NamedTuple):
    """A request for a hot route: the `{room}` of its path, the `s` of its query, its deadline header, its body."""

    room: str
    session: str
    deadline: str
    body: bytes


class Reply(NamedTuple):
    """What a hot route answers."""

    status: int
    body: bytes = b""
    kind: str = JSON_TYPE


Handler = Callable[[Asked], Reply | Coroutine[object, object, Reply]]
"""Answers at once, or later by a coroutine."""


class _Headers(NamedTuple):
    """What a block of header lines says."""

    length: int = 0
    deadline: str = ""


@dataclass
class Fronts:
    """The hot routes of one tier and the connections at its front."""

    routes: dict[tuple[bytes, bytes], Handler] = field(default_factory=dict)
    """By method and path, with `{room}` in place of the room's name."""
    open: set[Front] = field(default_factory=set)
    _headers: dict[bytes, _Headers] = field(default_factory=dict)
    _heads: dict[tuple[int, str], tuple[bytes, bytes]] = field(default_factory=dict)
    _date: int = 0

    def add(self, app: web.Application, method: str, path: str, handler: Handler) -> None:
        """A hot route; aiohttp gets it too, for requests in other forms."""
        self.routes[method.encode(), path.encode()] = handler

        async def answer(request: web.Request) -> web.Response:
            asked = Asked(
                request.match_info.get("room", ""),
                request.query.get("s", ""),
                request.headers.get(DEADLINE_HEADER, ""),
                await request.read(),
            )
            found = handler(asked)
            reply = found if isinstance(found, Reply) else await found
            if not reply.body:
                return web.Response(status=reply.status)
            return web.Response(status=reply.status, body=reply.body, headers={"Content-Type": reply.kind})

        app.router.add_route(method, path, answer)

    def headers(self, block: bytes) -> _Headers | None:
        """What the header lines say; None where one of them is not in the plain form or means something else."""
        found = self._headers.get(block)
        if found is None:
            found = _read_headers(block)
            if found is not None and not found.deadline:
                if len(self._headers) >= MOST_HEADS:
                    self._headers.clear()
                self._headers[block] = found
        return found

    def written(self, reply: Reply) -> bytes:
        """The whole answer as bytes, with the header lines that aiohttp writes."""
        now = int(time.time())
        if now != self._date:
            self._heads.clear()
            self._date = now
        kind = reply.kind if reply.body else ""
        begin, end = self._heads.get((reply.status, kind)) or self._head(reply.status, kind)
        return b"%b%d%b%b" % (begin, len(reply.body), end, reply.body) if kind else begin + end

    def _head(self, status: int, kind: str) -> tuple[bytes, bytes]:
        """What stands before the length of the body, and after it; for this second."""
        begin = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n"
        if kind:
            begin += f"Content-Type: {kind}\r\nContent-Length: "
        elif status != 204:
            begin += "Content-Length: 0"
        end = f"Date: {formatdate(self._date, usegmt=True)}\r\nServer: {SERVER_SOFTWARE}\r\n\r\n"
        if kind or status != 204:
            end = "\r\n" + end
        self._heads[status, kind] = begin.encode(), end.encode()
        return self._heads[status, kind]

    def protocol(self, rest: Callable[[], asyncio.Protocol]) -> Callable[[], Front]:
        """Makes the protocol of each new connection; `rest` makes aiohttp's."""
        return lambda: Front(self, rest)

    async def sweep(self) -> None:
        """Close the connections that were idle for too long, for ever."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(SWEEP)
            for front in list(self.open):
                front.close_if_idle(loop.time())

    async def close(self, grace: float) -> None:
        """Hang up on everybody; those who wait for an answer get it first, within `grace` real seconds."""
        answers = [front.answering for front in self.open if front.answering is not None]
        for front in list(self.open):
            front.take_no_more()
        if answers:
            await asyncio.wait(answers, timeout=grace)
        for answer in answers:
            answer.cancel()
        await asyncio.gather(*answers, return_exceptions=True)
        for front in list(self.open):
            front.hang_up()


class Front(asyncio.Protocol):
    """One connection, until it is aiohttp's: one request at a time, in the order of their coming."""

    __slots__ = ("_buffer", "_fronts", "_idle_since", "_rest", "_stuck", "_transport", "answering")

    def __init__(self, fronts: Fronts, rest: Callable[[], asyncio.Protocol]) -> None:
        self._fronts = fronts
        self._rest = rest
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._stuck = False
        """Whether the other side takes no more for now."""
        self._idle_since = 0.0
        """When the last answer was given; 0 before the first, which may take its time, and while one is due."""
        self.answering: asyncio.Task[Reply] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own class, with the same methods
        self._fronts.open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """The caller is gone; what it asked for goes on, as it does with aiohttp."""
        self._transport = None
        self._fronts.open.discard(self)

    def pause_writing(self) -> None:
        self._stuck = True

    def resume_writing(self) -> None:
        self._stuck = False
        self._go_on()

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        if not self._stuck and self.answering is None:
            self._go_on()
        elif len(self._buffer) > LARGEST_HEAD + LARGEST_BODY and self._transport is not None:
            self._transport.pause_reading()

    def close_if_idle(self, now: float) -> None:
        if self._transport is not None and self._idle_since and now - self._idle_since > KEPT_IDLE:
            self._transport.close()

    def take_no_more(self) -> None:
        """Hang up, unless an answer is under way."""
        self._buffer = b""
        if self.answering is None:
            self.hang_up()

    def hang_up(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def _go_on(self) -> None:
        """Answer what has come whole, until something must be waited for."""
        while (
            self._buffer and self.answering is None and not self._stuck and self._transport is not None
        ) and self._take(self._buffer):
            pass

    def _take(self, data: bytes) -> bool:
        """Take one request; whether there was a whole one that is this front's."""
        end = data.find(_END)
        if end < 0:
            return False if _may_be_hot(data) else self._hand_over()
        line = _LINE.match(data)
        if line is None:
            return self._hand_over()
        method, path, room, session = line.groups()
        route = path if room is None else b"/rooms/{room}/" + path[8 + len(room) :]
        handler = self._fronts.routes.get((method, route))
        headers = (
            self._fronts.headers(data[line.end() : end]) if handler is not None and end > line.end() else None
        )
        if handler is None or headers is None:
            return self._hand_over()
        begin = end + len(_END)
        size = begin + headers.length
        if len(data) < size:
            return False
        self._buffer = data[size:]
        self._idle_since = 0.0
        asked = Asked(
            "" if room is None else room.decode(),
            "" if session is None else session.decode(),
            headers.deadline,
            data[begin:size],
        )
        found = handler(asked)
        if isinstance(found, Reply):
            self._give(found)
        else:
            self.answering = asyncio.get_running_loop().create_task(found)
            self.answering.add_done_callback(self._answered)
        return True

    def _hand_over(self) -> bool:
        """From here on the connection is aiohttp's."""
        transport, data = self._transport, self._buffer
        assert transport is not None
        self._transport, self._buffer = None, b""
        self._fronts.open.discard(self)
        rest = self._rest()
        transport.set_protocol(rest)
        rest.connection_made(transport)
        rest.data_received(data)
        return False

    def _give(self, reply: Reply) -> None:
        if self._transport is not None:
            self._idle_since = asyncio.get_running_loop().time()
            self._transport.write(self._fronts.written(reply))

    def _answered(self, answer: asyncio.Task[Reply]) -> None:
        self.answering = None
        if answer.cancelled():
            self.hang_up()
            return
        error = answer.exception()
        if error is not None:
            asyncio.get_running_loop().call_exception_handler(
                {"message": "a request could not be answered", "exception": error, "task": answer}
            )
            self._give(Reply(500, b'{"reason": "internal"}'))
            self.hang_up()
            return
        self._give(answer.result())
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()
            self._go_on()


def _may_be_hot(begun: bytes) -> bool:
    """Whether a head that begins so may still be the front's; aiohttp must judge any other as soon as it would."""
    if len(begun) > LARGEST_HEAD:
        return False
    if b"\r\n" in begun:
        return _LINE.match(begun) is not None
    return any(begun.startswith(start[: len(begun)]) for start in (b"GET /", b"POST /"))


def _read_headers(block: bytes) -> _Headers | None:
    length, deadline, known = 0, "", set()
    for line in block.split(b"\r\n"):
        found = _HEADER.fullmatch(line)
        if found is None:
            return None
        name, value = found[1].lower(), found[2]
        if name in known:
            return None
        known.add(name)
        if name == b"content-length":
            if not value.isdigit() or len(value) > 6 or int(value) > LARGEST_BODY:
                return None
            length = int(value)
        elif name == _DEADLINE:
            deadline = value.decode()
        elif name == b"connection":
            if value.lower() != b"keep-alive":
                return None
        elif name not in _MEANINGLESS:
            return None
    return _Headers(length, deadline)
