"""Sound on the wire."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chaos.rooms.audio import (
    FRAME_BYTES,
    SEGMENT_BYTES,
    SEGMENT_FRAMES,
    Segmenter,
    frame,
    mark,
    newest_in,
    read_frame,
)

ROOM, OTHER = mark("townhall"), mark("other")


@given(st.integers(0, 2**63), st.floats(0.0, 1e9))
def test_a_frame_says_what_it_was_made_of(number: int, sent_at: float) -> None:
    """Number and sending moment come back exactly; the frame has its size."""
    data = frame(ROOM, number, sent_at)
    assert len(data) == FRAME_BYTES
    assert read_frame(ROOM, data) == (number, sent_at)


@given(st.binary(max_size=300))
def test_bytes_that_are_not_this_rooms_sound_are_no_sound(data: bytes) -> None:
    """No body counts as the host's sound unless its last frame carries the room's mark."""
    assert newest_in(ROOM, data) is None


def test_half_a_segment_and_anothers_segment_are_no_sound() -> None:
    """A torn segment, and a whole one of another room, do not count."""
    segment = b"".join(frame(ROOM, number, 1.0) for number in range(5))
    assert newest_in(ROOM, segment) == (4, 1.0)
    assert newest_in(ROOM, segment[:-1]) is None
    assert newest_in(OTHER, segment) is None


def test_a_segment_is_two_seconds_of_frames() -> None:
    """100 frames in two seconds make one segment of about 8 KB that ends with the newest."""
    segmenter, found = Segmenter(), []
    for number in range(3 * SEGMENT_FRAMES):
        segment = segmenter.add(frame(ROOM, number, number * 0.02), number * 0.02)
        if segment is not None:
            found.append(segment)
    assert [len(one) for one in found] == [SEGMENT_BYTES] * 3
    assert [newest_in(ROOM, one) for one in found] == [(99, 1.98), (199, 3.98), (299, 5.98)]


def test_a_thin_stream_still_makes_segments() -> None:
    """One frame a second does not hold a segment back for a hundred seconds."""
    segmenter = Segmenter()
    made = [segmenter.add(frame(ROOM, number, float(number)), float(number)) for number in range(9)]
    assert sum(one is not None for one in made) == 2
