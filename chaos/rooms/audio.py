"""Sound on the wire: frames of 20 ms that carry when the host sent them, and segments made of frames.

A listener trusts nothing but the bytes: a frame counts as the host's only with the room's own mark in it.
"""

from __future__ import annotations

import struct
import zlib

from chaos.clock import RealSeconds

FRAME_SECONDS = RealSeconds(0.02)
FRAME_BYTES = 80  # 20 ms at 32 kbit/s
SEGMENT_FRAMES = 100
SEGMENT_SECONDS = RealSeconds(2.0)
SEGMENT_BYTES = FRAME_BYTES * SEGMENT_FRAMES  # 8,000: about what the legacy tier's segments weigh
FRESH = RealSeconds(6.0)  # sound that the host sent longer ago than this is not live any more

_MAGIC = b"SBA1"
_STAMP = struct.Struct(">Qd")  # number, sending moment; stands behind the mark
_MARK_BYTES = 8
_PAYLOAD = bytes(range(FRAME_BYTES - _MARK_BYTES - _STAMP.size))


def mark(room: str) -> bytes:
    """The eight bytes that every frame of this room begins with."""
    return _MAGIC + zlib.crc32(room.encode()).to_bytes(4, "big")


def frame(room_mark: bytes, number: int, sent_at: float) -> bytes:
    """The host's frame `number`, sent at the monotonic moment `sent_at`."""
    return room_mark + _STAMP.pack(number, sent_at) + _PAYLOAD


def read_frame(
    room_mark: bytes, data: bytes | bytearray | memoryview, offset: int = 0
) -> tuple[int, float] | None:
    """Number and sending moment of the whole frame at `offset`; None where it is not this room's."""
    if len(data) - offset < FRAME_BYTES or bytes(data[offset : offset + _MARK_BYTES]) != room_mark:
        return None
    number, sent_at = _STAMP.unpack_from(data, offset + _MARK_BYTES)
    return int(number), float(sent_at)


def newest_in(room_mark: bytes, segment: bytes | bytearray | memoryview) -> tuple[int, float] | None:
    """Number and sending moment of a whole segment's last frame; None where it is not this room's sound."""
    size = len(segment)
    if size < FRAME_BYTES or size % FRAME_BYTES:
        return None
    return read_frame(room_mark, segment, size - FRAME_BYTES)


class Segmenter:
    """Collects the host's frames into segments of two seconds; a thin stream still closes one every 2.2 s."""

    LATEST_CLOSE = SEGMENT_SECONDS * 1.1

    def __init__(self) -> None:
        self._frames: list[bytes] = []
        self._begun = 0.0

    def add(self, data: bytes, now: float) -> bytes | None:
        """The finished segment, when this frame finishes one."""
        if not self._frames:
            self._begun = now
        self._frames.append(data)
        if len(self._frames) < SEGMENT_FRAMES and now - self._begun < self.LATEST_CLOSE:
            return None
        segment = b"".join(self._frames)
        self._frames.clear()
        return segment
