"""A probe: HTTP spoken on a bare socket, so that resets, torn answers and silence can be seen as what they
are.
"""

from __future__ import annotations

import asyncio
import re
import socket
import struct
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal, TypeAlias
from urllib.parse import urlsplit

from chaos.clients.reach import connects, reachable

End: TypeAlias = Literal["answered", "refused", "reset", "closed", "silent"]
"""How it ended: all answers are there; no connection; RST; FIN too early; nothing more within the bound."""

FILL = 4000
"""Bytes of the header by which a request is made larger; servers take at least 8 KB of headers."""


@dataclass(frozen=True)
class Answer:
    """What one connection brought.

    `first` and `last` are real seconds from sending until the first byte and until the end; `first` is infinite when
    there was none. `pieces` is in how many TCP segments the `received` bytes came (where the kernel does not tell: in
    how many reads).
    """

    end: End
    first: float
    last: float
    received: int
    pieces: int
    status: int = 0


@dataclass(frozen=True)
class Question:
    """What is sent on one connection: `count` requests for `path` at once, each larger by `fill` bytes of
    header.
    """

    path: str
    within: float
    """Real seconds until a missing answer is called silence."""
    count: int = 1
    fill: int = 0

    def to_bytes(self, host: str) -> bytes:
        """The requests as they go over the wire."""
        fill = f"X-Standby-Fill: {'x' * self.fill}\r\n" if self.fill else ""
        text = f"GET {self.path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: standby-probe\r\nAccept: */*\r\n{fill}\r\n"
        return text.encode("ascii") * self.count


async def ask(address: str, question: Question) -> Answer:
    """Ask on a connection of its own to `host:port`. Never raises for what the other side does."""
    loop = asyncio.get_running_loop()
    host, port = reachable(address)
    conversation = _Conversation(question, question.to_bytes(address))
    begun = loop.time()
    try:
        async with asyncio.timeout(question.within):
            transport, _ = await loop.create_connection(lambda: conversation, host, port)
    except (ConnectionRefusedError, ConnectionResetError, ConnectionAbortedError):
        return Answer("refused", float("inf"), loop.time() - begun, 0, 0)
    except (TimeoutError, OSError):
        return Answer("silent", float("inf"), loop.time() - begun, 0, 0)
    try:
        async with asyncio.timeout(question.within):
            return await asyncio.shield(conversation.outcome)
    except TimeoutError:
        return conversation.answer("silent")
    finally:
        transport.abort()


async def healthy(url: str, within: float) -> bool:
    """Whether a health URL answers 200 within `within` real seconds; `tcp://` asks for a connection only."""
    parts = urlsplit(url)
    if parts.scheme == "tcp":
        return await connects(parts.netloc, within=within)
    path = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
    answer = await ask(f"{parts.hostname}:{parts.port or 80}", Question(path, within))
    return answer.end == "answered" and answer.status == 200


class _Conversation(asyncio.Protocol):
    """Sends once and counts what comes back."""

    def __init__(self, question: Question, data: bytes) -> None:
        self._loop = asyncio.get_running_loop()
        self._wanted = question.count
        self._data = data
        self._replies = _Replies()
        self._begun = self._loop.time()
        self._first = self._last = float("inf")
        self._received = self._reads = 0
        self._socket: socket.socket | None = None
        self.outcome: asyncio.Future[Answer] = self._loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._socket = transport.get_extra_info("socket")
        self._begun = self._loop.time()
        transport.write(self._data)

    def data_received(self, data: bytes) -> None:
        now = self._loop.time() - self._begun
        self._first = min(self._first, now)
        self._last = now
        self._received += len(data)
        self._reads += 1
        self._replies.feed(data)
        if self._replies.complete >= self._wanted:
            self._settle("answered")

    def connection_lost(self, exc: Exception | None) -> None:
        if self._replies.ends_with_connection and exc is None:
            self._settle("answered")
            return
        self._last = self._loop.time() - self._begun
        self._settle("reset" if isinstance(exc, ConnectionError) else "closed")

    def answer(self, end: End) -> Answer:
        """What there was until now."""
        last = self._last if end == "answered" else self._loop.time() - self._begun
        return Answer(end, self._first, last, self._received, self._pieces(), self._replies.status)

    def _pieces(self) -> int:
        """The segments with data that this connection has received; `tcp_info` says it at byte 152 since Linux 4.6."""
        if sys.platform != "linux" or self._socket is None:
            return self._reads
        with suppress(OSError, struct.error):
            info = self._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 160)
            return max(self._reads, int(struct.unpack_from("=I", info, 152)[0]))
        return self._reads

    def _settle(self, end: End) -> None:
        if not self.outcome.done():
            self.outcome.set_result(self.answer(end))


class _Replies:
    """Counts complete HTTP/1.1 replies in a stream, however it is cut."""

    def __init__(self) -> None:
        self.complete = 0
        self.status = 0
        self.ends_with_connection = False
        self._head = b""
        self._left = 0
        self._chunked = False

    def feed(self, data: bytes) -> None:
        while data and not self.ends_with_connection:
            if self._left:
                taken = min(self._left, len(data))
                self._left -= taken
                data = data[taken:]
                if not self._left and not self._chunked:
                    self.complete += 1
                continue
            self._head += data
            data = self._line() if self._chunked else self._start()

    def _start(self) -> bytes:
        head, end, rest = self._head.lstrip(b"\r\n").partition(b"\r\n\r\n")
        if not end:
            return b""
        self._head = b""
        headers = _headers(head)
        self.status = _status(head)
        if 100 <= self.status < 200:
            return rest
        length = headers.get("content-length", "")
        if self.status in {204, 304} or length == "0":
            self.complete += 1
        elif length.isdigit():
            self._left = int(length)
        elif headers.get("transfer-encoding", "").lower() == "chunked":
            self._chunked = True
        else:
            self.ends_with_connection = True
        return rest

    def _line(self) -> bytes:
        """The line before a chunk: its size, or nothing where it ends the chunk before."""
        line, end, rest = self._head.partition(b"\r\n")
        if not end:
            return b""
        self._head = b""
        size = _hexadecimal(line)
        if size is None:
            self.ends_with_connection = bool(line)
        elif size:
            self._left = size
        else:
            self._chunked = False
            self.complete += 1
        return rest


def _status(head: bytes) -> int:
    found = re.match(rb"HTTP/1\.[01] (\d{3})\b", head)
    return int(found[1]) if found else 0


def _headers(head: bytes) -> dict[str, str]:
    lines = head.decode("latin-1").split("\r\n")[1:]
    return {key.strip().lower(): value.strip() for key, _, value in (line.partition(":") for line in lines)}


def _hexadecimal(line: bytes) -> int | None:
    found = re.match(rb"[0-9a-fA-F]+", line)
    return int(found[0], 16) if found else None
