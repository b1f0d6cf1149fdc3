"""The rooms of one instance: the host's frames in, the newest segment kept, pushed listeners fed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from chaos.rooms.audio import FRAME_BYTES, FRESH, Segmenter
from chaos.rooms.media.egress import FRAME_COST, Egress

PUSHED_FULL_SCALE = 100  # the legacy tier pushed to about the first hundred listeners of a room
LEAST_PUSHED = 3
LARGEST_PUSH_BUFFER = 500 * FRAME_BYTES  # ten seconds of sound; a reader slower than that misses what follows
MESSAGE_HEAD = bytes((0x82, FRAME_BYTES))  # a whole binary message of one frame (RFC 6455, 5.2)


def push_slots(scale: float) -> int:
    """How many listeners of a room are pushed to."""
    return max(LEAST_PUSHED, min(PUSHED_FULL_SCALE, round(PUSHED_FULL_SCALE * scale)))


@dataclass(eq=False)
class Push:
    """One pushed listener's way out: whole WebSocket messages, written as they are.

    A server's messages are neither masked nor compressed here, so one message serves all listeners.
    """

    transport: asyncio.WriteTransport
    over: str = ""
    """Why the push is over; "" while it is not."""
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def send(self, message: bytes) -> None:
        """Send the message, unless the reader is too far behind."""
        if not self.transport.is_closing() and self.transport.get_write_buffer_size() < LARGEST_PUSH_BUFFER:
            self.transport.write(message)

    def stop(self, reason: str) -> None:
        """Have the listener's socket closed."""
        self.over = reason
        self.ended.set()


@dataclass
class Room:
    """One room here: as its origin (the host sends here) or as a relay of the origin's segments."""

    name: str
    host: str
    generation: int
    origin: str = ""
    """The instance that this one relays from; "" where this one is the origin."""
    number: int = 0
    """Counts segments; 0 while there is none."""
    segment: bytes = b""
    closed_at: float = 0.0
    pushes: dict[str, Push] = field(default_factory=dict)
    slots: set[str] = field(default_factory=set)
    """Numbers of the sessions that hold a push slot."""
    finished: asyncio.Event = field(default_factory=asyncio.Event)
    """Set, and replaced, whenever a segment is finished: relays wait for it."""
    heard: int = 0
    """The number of the host's last frame."""
    _segmenter: Segmenter = field(default_factory=Segmenter)

    def hear(self, data: bytes, egress: Egress, now: float) -> None:
        """A frame of the host's: to the pushed listeners at once, to the others when its segment is whole."""
        if self.pushes:
            cost = FRAME_COST * len(self.pushes)
            wait = egress.reserve(now, cost)
            if wait > 0.0:
                asyncio.get_running_loop().call_later(wait, self._push, MESSAGE_HEAD + data, egress, cost)
            else:
                self._push(MESSAGE_HEAD + data, egress, cost)
        segment = self._segmenter.add(data, now)
        if segment is not None:
            self.take(segment, self.number + 1, now)

    def _push(self, message: bytes, egress: Egress, cost: float) -> None:
        for push in self.pushes.values():
            push.send(message)
        egress.went(cost)

    def take(self, segment: bytes, number: int, now: float) -> None:
        """A whole segment is the newest now."""
        self.segment, self.number, self.closed_at = segment, number, now
        finished, self.finished = self.finished, asyncio.Event()
        finished.set()

    def live(self, now: float) -> bool:
        """Whether the newest segment is not too old to be anybody's live sound."""
        return self.number > 0 and now - self.closed_at < FRESH

    def stop(self, reason: str) -> None:
        for push in self.pushes.values():
            push.stop(reason)
