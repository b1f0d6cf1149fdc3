"""The least of HTTP/1.1 and of WebSocket that a listener or a tier needs as a client: one bare asyncio protocol each.

No client library: thousands of these live in one process.
"""

from __future__ import annotations

import asyncio
from functools import lru_cache
from typing import Protocol, cast

SWITCHING = 101
_END = b"\r\n\r\n"
_LENGTH = b"content-length:"
_BINARY, _CLOSE, _PING = 2, 8, 9
LARGEST_HEAD = 16 * 1024


class Owner(Protocol):
    """Who holds the line."""

    def connected(self, line: Line) -> None:
        """The line is up."""

    def answered(self, line: Line, status: int, body: bytes) -> None:
        """A whole answer came; half ones never count."""

    def pushed(self, line: Line, data: bytes) -> None:
        """A whole pushed message came."""

    def lost(self, line: Line, code: int) -> None:
        """The line is down; `code` is why, where the other side closed a push, else 0."""


class Line(asyncio.Protocol):
    """One connection: asks, answers one at a time, then perhaps pushed messages."""

    __slots__ = ("_buffer", "_code", "_needed", "_owner", "_pushing", "_status", "_transport")

    def __init__(self, owner: Owner) -> None:
        self._owner: Owner | None = owner
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._needed = -1
        self._status = 0
        self._pushing = False
        self._code = 0

    def ask(self, request: bytes) -> None:
        """Send a whole request; the line must be up."""
        if self._transport is not None:
            self._transport.write(request)

    def drop(self, farewell: bytes = b"") -> None:
        """Hang up, and hear nothing more of it."""
        self._owner = None
        if self._transport is not None:
            if farewell and not self._pushing:
                self._transport.write(farewell)
                self._transport.close()
            else:
                self._transport.abort()

    @property
    def dropped(self) -> bool:
        return self._owner is None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own class, with the same methods
        if self._owner is None:
            self._transport.abort()
        else:
            self._owner.connected(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        owner, self._owner = self._owner, None
        if owner is not None:
            owner.lost(self, self._code)

    def data_received(self, data: bytes) -> None:
        if not (self._buffer or self._pushing or self._needed >= 0) and self._whole_answer(data):
            return
        self._buffer += data
        while self._owner is not None and (self._read_message() if self._pushing else self._read_answer()):
            pass

    def _whole_answer(self, data: bytes) -> bool:
        """Take the usual case as it comes: one whole answer and nothing else; whether it was that."""
        end = data.find(_END)
        told = _told_by(data[:end]) if 0 < end <= LARGEST_HEAD else None
        if told is None or told[0] == SWITCHING or len(data) != end + len(_END) + told[1]:
            return False
        self._status = told[0]
        if self._owner is not None:
            self._owner.answered(self, told[0], data[end + len(_END) :])
        return True

    def _read_answer(self) -> bool:
        """Take one whole answer from the buffer, if it is there."""
        buffer = self._buffer
        if self._needed < 0:
            end = buffer.find(_END)
            if end < 0:
                if len(buffer) > LARGEST_HEAD:
                    self._break_off()
                return False
            told = _told_by(bytes(buffer[:end]))
            if told is None:
                self._break_off()
                return False
            del buffer[: end + len(_END)]
            self._status, self._needed = told
        if len(buffer) < self._needed:
            return False
        body = bytes(buffer[: self._needed])
        del buffer[: self._needed]
        self._needed = -1
        self._pushing = self._status == SWITCHING
        if self._owner is not None:
            self._owner.answered(self, self._status, body)
        return bool(buffer)

    def _read_message(self) -> bool:
        """Take one whole message of the other side from the buffer, if it is there."""
        buffer = self._buffer
        if len(buffer) < 2:
            return False
        start, size = 2, buffer[1] & 0x7F
        if size == 126:
            if len(buffer) < 4:
                return False
            start, size = 4, int.from_bytes(buffer[2:4], "big")
        elif size == 127:
            self._break_off()
            return False
        if len(buffer) < start + size:
            return False
        kind, data = buffer[0] & 0x0F, bytes(buffer[start : start + size])
        del buffer[: start + size]
        if kind == _BINARY:
            if self._owner is not None:
                self._owner.pushed(self, data)
        elif kind == _CLOSE:
            self._code = int.from_bytes(data[:2], "big") if size >= 2 else 0
            self._break_off()
            return False
        elif kind == _PING and self._transport is not None:
            self._transport.write(bytes((0x8A, 0x80 | size)) + b"\0\0\0\0" + data)
        return bool(buffer)

    def _break_off(self) -> None:
        if self._transport is not None:
            self._transport.abort()


@lru_cache(maxsize=256)  # most answers of one second have one of a few heads
def _told_by(head: bytes) -> tuple[int, int] | None:
    """Status and length of the body; None where the head is no answer's."""
    lowered = head.lower()
    if not lowered.startswith(b"http/1.1 ") or not lowered[9:12].isdigit():
        return None
    at = lowered.find(_LENGTH)
    length = 0 if at < 0 else int(lowered[at + len(_LENGTH) :].split(b"\r\n", 1)[0])
    return int(lowered[9:12]), length
