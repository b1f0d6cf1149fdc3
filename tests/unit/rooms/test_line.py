"""A listener's line: whole answers and whole messages, however the bytes arrive."""

from __future__ import annotations

import asyncio
import struct
from itertools import pairwise
from typing import cast

from hypothesis import given
from hypothesis import strategies as st

from chaos.rooms.line import Line


class Heard:
    """An owner that notes what it hears."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, bytes]] = []
        self.messages: list[bytes] = []
        self.lost_with: list[int] = []
        self.connections = 0

    def connected(self, line: Line) -> None:
        self.connections += 1

    def answered(self, line: Line, status: int, body: bytes) -> None:
        self.answers.append((status, body))

    def pushed(self, line: Line, data: bytes) -> None:
        self.messages.append(data)

    def lost(self, line: Line, code: int) -> None:
        self.lost_with.append(code)


class Wire:
    """A transport that notes what is written and can be hung up."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self.written = b""
        self.aborted = False
        self.closed = False

    def write(self, data: bytes) -> None:
        self.written += data

    def abort(self) -> None:
        if not self.aborted:
            self.aborted = True
            self._line.connection_lost(None)

    def close(self) -> None:
        self.closed = True


def _line() -> tuple[Line, Heard, Wire]:
    heard = Heard()
    line = Line(heard)
    wire = Wire(line)
    line.connection_made(cast("asyncio.BaseTransport", wire))
    return line, heard, wire


def _answer(status: int, body: bytes) -> bytes:
    return b"HTTP/1.1 %d Some Reason\r\nContent-Length: %d\r\nServer: x\r\n\r\n%b" % (status, len(body), body)


def _message(kind: int, data: bytes) -> bytes:
    head = (
        bytes((0x80 | kind, len(data)))
        if len(data) < 126
        else struct.pack(">BBH", 0x80 | kind, 126, len(data))
    )
    return head + data


def _feed(line: Line, data: bytes, cuts: list[int]) -> None:
    edges = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    for start, end in pairwise(edges):
        line.data_received(data[start:end])


@given(
    st.lists(
        st.tuples(st.sampled_from([200, 403, 404, 503]), st.binary(max_size=9_000)), min_size=1, max_size=4
    ),
    st.lists(st.integers(0, 40_000), max_size=8),
)
def test_answers_come_whole_however_the_bytes_are_cut(
    answers: list[tuple[int, bytes]], cuts: list[int]
) -> None:
    """Torn segments of TCP change nothing: the same answers, in order, each exactly once."""
    line, heard, _ = _line()
    _feed(line, b"".join(_answer(status, body) for status, body in answers), cuts)
    assert heard.answers == answers


@given(st.binary(min_size=1, max_size=500), st.integers(1, 500))
def test_an_answer_that_breaks_off_never_counts(body: bytes, missing: int) -> None:
    """With even one byte missing, a segment was not heard."""
    line, heard, _ = _line()
    line.data_received(_answer(200, body)[: -min(missing, len(body))])
    line.connection_lost(None)
    assert heard.answers == []
    assert heard.lost_with == [0]


@given(
    st.lists(st.binary(max_size=300), min_size=1, max_size=10), st.lists(st.integers(0, 4_000), max_size=8)
)
def test_pushed_messages_come_whole_after_the_switch(messages: list[bytes], cuts: list[int]) -> None:
    """After 101 the same line carries messages, cut anywhere, the switch itself included."""
    line, heard, _ = _line()
    switch = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"
    _feed(line, switch + b"".join(_message(2, one) for one in messages), cuts)
    assert heard.answers == [(101, b"")]
    assert heard.messages == messages


def test_a_push_that_is_closed_tells_why() -> None:
    """The code of the close reaches the owner, once."""
    line, heard, wire = _line()
    line.data_received(b"HTTP/1.1 101 S\r\n\r\n" + _message(8, struct.pack(">H", 4403)))
    assert wire.aborted
    assert heard.lost_with == [4403]


def test_a_ping_is_answered() -> None:
    """A pong with the ping's content goes back, masked as a client must."""
    line, _, wire = _line()
    line.data_received(b"HTTP/1.1 101 S\r\n\r\n" + _message(9, b"hi"))
    assert wire.written == b"\x8a\x82\0\0\0\0hi"


def test_what_is_no_http_breaks_the_line() -> None:
    """Garbage in place of an answer is not waited for."""
    for garbage in (b"SSH-2.0-x\r\n\r\n", b"x" * 20_000):
        line, heard, wire = _line()
        line.data_received(garbage)
        assert wire.aborted
        assert heard.answers == []


def test_a_dropped_line_says_nothing_more() -> None:
    """After a drop neither answers nor the loss are heard, and a connection that comes late is cut."""
    line, heard, wire = _line()
    line.drop()
    line.data_received(_answer(200, b"late"))
    assert wire.aborted
    assert (heard.answers, heard.lost_with) == ([], [])
    late = Line(heard)
    late.drop()
    cut = Wire(late)
    late.connection_made(cast("asyncio.BaseTransport", cut))
    assert cut.aborted
    assert heard.connections == 1


def test_a_farewell_is_sent_before_the_line_closes() -> None:
    """Who leaves says so; the transport flushes before it closes."""
    line, _, wire = _line()
    line.drop(b"bye")
    assert wire.written == b"bye"
    assert wire.closed
    assert not wire.aborted
