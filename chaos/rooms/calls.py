"""Calls from tier to tier: HTTP/1.1 over kept connections, one call at a time on each."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import NamedTuple
from urllib.parse import urlsplit

from chaos.rooms.line import Line

KEPT_IDLE = (
    60.0  # real seconds after its last answer that a connection may be used again; servers keep it longer
)


class Place(NamedTuple):
    """Where a tier is: host, port, and what its paths begin with."""

    host: str
    port: int
    prefix: str

    @classmethod
    def at(cls, base: str) -> Place:
        """The place with this base URL. Raises ValueError for one that is not plain HTTP."""
        parts = urlsplit(base)
        if parts.scheme != "http" or not parts.hostname or parts.query or parts.fragment:
            raise ValueError(f"{base!r} is not a base URL such as http://127.0.0.1:8000")
        return cls(parts.hostname, parts.port or 80, parts.path.rstrip("/"))


class Calls:
    """Connections to other tiers, made when there is none to spare, used in turn."""

    def __init__(self) -> None:
        self.closed = False
        self._loop = asyncio.get_running_loop()
        self._kept: dict[tuple[str, int], deque[_Talk]] = {}
        self._talks: set[_Talk] = set()
        self._dialling: set[asyncio.Timeout] = set()

    async def ask(
        self, place: Place, method: str, path: str, headers: str, body: bytes, seconds: float
    ) -> tuple[int, bytes]:
        """The status and the body of one answer; `headers` are whole lines.

        Raises TimeoutError when there is none within `seconds`, OSError when the connection is refused or lost.
        """
        where = place.host, place.port
        request = (
            f"{method} {place.prefix}{path} HTTP/1.1\r\nHost: {place.host}:{place.port}\r\n{headers}"
            f"Content-Length: {len(body)}\r\n\r\n"
        ).encode() + body
        kept = self._kept.setdefault(where, deque())
        while kept:
            talk = kept.popleft()
            if talk.usable(self._loop.time()):
                return await talk.ask(request, seconds)
        async with asyncio.timeout(seconds) as bound:
            talk = _Talk(kept, self._talks)
            self._dialling.add(bound)
            try:
                await self._loop.create_connection(lambda: talk.line, *where)
            except BaseException:
                talk.line.drop()
                raise
            finally:
                self._dialling.discard(bound)
            return await talk.ask(request, seconds)

    def close(self) -> None:
        """Hang up everywhere; calls under way fail."""
        self.closed = True
        for talk in list(self._talks):
            talk.give_up(ConnectionAbortedError("the caller is going down"))
        for bound in self._dialling:
            if not bound.expired():
                bound.reschedule(self._loop.time())


class _Talk:
    """One connection, whose line it owns; in `kept` between two calls."""

    __slots__ = ("_answer", "_idle_since", "_kept", "_loop", "_talks", "line")

    def __init__(self, kept: deque[_Talk], talks: set[_Talk]) -> None:
        self.line = Line(self)
        self._kept = kept
        self._talks = talks
        self._loop = asyncio.get_running_loop()
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._idle_since = 0.0

    async def ask(self, request: bytes, seconds: float) -> tuple[int, bytes]:
        """One call; the connection has no other until it is answered."""
        if self.line.dropped:
            raise ConnectionResetError("the connection was lost")
        answer: asyncio.Future[tuple[int, bytes]] = self._loop.create_future()
        self._answer = answer
        timer = self._loop.call_later(seconds, self.give_up, TimeoutError())
        try:
            self.line.ask(request)
            return await answer
        finally:
            timer.cancel()
            if self._answer is answer:  # nobody waits for it any more
                self.give_up(ConnectionAbortedError())

    def usable(self, now: float) -> bool:
        """Whether the connection can be used again; hangs up where it was idle for too long."""
        if self.line.dropped:
            return False
        if now - self._idle_since > KEPT_IDLE:
            self.give_up(TimeoutError())
            return False
        return True

    def give_up(self, error: OSError) -> None:
        """Hang up; a call under way fails with `error`."""
        self._talks.discard(self)
        answer, self._answer = self._answer, None
        if answer is not None and not answer.done():
            answer.set_exception(error)
        self.line.drop()

    def connected(self, line: Line) -> None:
        self._talks.add(self)

    def answered(self, line: Line, status: int, body: bytes) -> None:
        answer, self._answer = self._answer, None
        if answer is None or answer.done():  # nobody asked: what comes next could not be told from an answer
            self.give_up(ConnectionResetError())
            return
        self._idle_since = self._loop.time()
        self._kept.append(self)
        answer.set_result((status, body))

    def pushed(self, line: Line, data: bytes) -> None:
        self.give_up(ConnectionResetError("a tier does not push"))

    def lost(self, line: Line, code: int) -> None:
        self.give_up(ConnectionResetError("the connection was lost"))
