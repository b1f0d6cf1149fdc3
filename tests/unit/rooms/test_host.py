"""The host's patience."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chaos.rooms.audience.host import HostPatience

LIMIT = 25.0


def _broken_for(patience: HostPatience, seconds: float, start: float = 0.0, **how: object) -> bool:
    told = {"on_air": True, "admitted": 100, "hearing": 10, "anybody_yet": True, **how}
    gave_up, now = False, start
    while now <= start + seconds:
        gave_up = patience.gives_up(
            now,
            on_air=bool(told["on_air"]),
            admitted=int(str(told["admitted"])),
            hearing=int(str(told["hearing"])),
            anybody_yet=bool(told["anybody_yet"]),
        )
        now += 0.5
    return gave_up


def test_gives_up_after_its_patience_and_not_before() -> None:
    """Less than half hear: the host bears it exactly as long as its patience."""
    assert not _broken_for(HostPatience(LIMIT), LIMIT)
    assert _broken_for(HostPatience(LIMIT), LIMIT + 0.5)


def test_half_of_the_admitted_is_enough() -> None:
    """At 50 % the room is not broken; one fewer and it is."""
    assert not _broken_for(HostPatience(LIMIT), 1_000.0, hearing=50)
    assert _broken_for(HostPatience(LIMIT), 1_000.0, hearing=49)


def test_not_being_able_to_send_breaks_the_room_too() -> None:
    """A host off the air gives up even when everybody still hears what is left."""
    assert _broken_for(HostPatience(LIMIT), LIMIT + 0.5, on_air=False, hearing=100)


def test_an_empty_room_is_broken_only_after_somebody_was_there() -> None:
    """Nobody yet is waited for; nobody left is nobody who hears."""
    assert not _broken_for(HostPatience(LIMIT), 1_000.0, admitted=0, hearing=0, anybody_yet=False)
    assert _broken_for(HostPatience(LIMIT), LIMIT + 0.5, admitted=0, hearing=0, anybody_yet=True)


@given(st.lists(st.tuples(st.floats(0.1, 20.0), st.booleans()), min_size=1, max_size=40))
def test_every_good_moment_starts_the_patience_anew(spells: list[tuple[float, bool]]) -> None:
    """It gives up if and only if one unbroken bad spell lasted longer than the patience."""
    patience, now, bad_since, longest = HostPatience(LIMIT), 0.0, None, 0.0
    for seconds, good in spells:
        gave_up = patience.gives_up(now, on_air=True, admitted=10, hearing=10 * good, anybody_yet=True)
        bad_since = None if good else (now if bad_since is None else bad_since)
        longest = 0.0 if bad_since is None else now - bad_since
        assert gave_up is (longest > LIMIT)
        now += seconds
