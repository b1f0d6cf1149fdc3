"""Media's memory of its listeners."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.rooms.media.sessions import GONE_AFTER, Sessions

VALID, GRACE = 300.0, 30.0


def _sessions() -> Sessions:
    return Sessions(VALID, GRACE)


def test_first_renewals_are_spread_over_the_whole_validity() -> None:
    """A crowd that came in one moment renews evenly over five minutes, not in one moment."""
    sessions = _sessions()
    for number in range(300):
        sessions.admit(f"s{number}", f"l{number}", "townhall", 0.0, number / 300)
    per_minute = [len(list(sessions.due(minute * 60.0))) for minute in range(1, 6)]
    assert sum(per_minute) == pytest.approx(300, abs=2)
    assert max(per_minute) <= 62


@given(st.floats(0.0, 0.999))
def test_a_renewed_listener_stays_and_one_that_is_not_is_overdue_after_the_grace(draw: float) -> None:
    """Renewal moves the end; without it the session is overdue at expiry plus grace, not before."""
    sessions = _sessions()
    renewed = sessions.admit("a", "ann", "townhall", 0.0, draw)
    left = sessions.admit("b", "bob", "townhall", 0.0, draw)
    assert {one.number for one in sessions.due(VALID)} == {"a", "b"}
    sessions.renew(renewed, VALID, draw)
    assert list(sessions.overdue(VALID + GRACE - 0.1)) == []
    assert list(sessions.overdue(VALID + GRACE)) == [left]
    sessions.end(left)
    assert list(sessions.overdue(2 * VALID + GRACE - 0.1)) == []
    assert list(sessions.overdue(2 * VALID + GRACE)) == [renewed]


def test_a_renewal_that_was_given_up_is_tried_again_while_time_is_left() -> None:
    """Half-way to being thrown out there is another try; at the end there is none."""
    sessions = _sessions()
    session = sessions.admit("a", "ann", "townhall", 0.0, 0.0)
    assert list(sessions.due(VALID)) == [session]
    sessions.try_again(session, VALID)
    assert list(sessions.due(VALID + GRACE / 2)) == [session]
    sessions.try_again(session, VALID + GRACE - 0.1)
    assert list(sessions.due(VALID + GRACE)) == []


def test_a_kept_session_is_not_overdue_and_will_ask_again() -> None:
    """The token cache keeps a listener on the old token; the next try comes within one validity."""
    sessions = _sessions()
    session = sessions.admit("a", "ann", "townhall", 0.0, 0.0)
    list(sessions.due(VALID))
    sessions.keep(session, VALID, 0.5)
    assert list(sessions.overdue(VALID + GRACE)) == []
    assert list(sessions.due(2 * VALID)) == [session]


def test_joining_again_replaces_the_former_session() -> None:
    """One listener has one session in a room, and counts once."""
    sessions = _sessions()
    sessions.admit("a", "ann", "townhall", 0.0, 0.5)
    sessions.admit("b", "ann", "townhall", 1.0, 0.5)
    assert set(sessions.by_number) == {"b"}
    assert sessions.counts == {"townhall": 1}


def test_the_cache_remembers_a_grant_until_it_ends() -> None:
    """A listener who left holds a grant for the token's validity, and no longer."""
    sessions = _sessions()
    sessions.end(sessions.admit("a", "ann", "townhall", 0.0, 0.5))
    assert sessions.holds_grant("ann", VALID - 1)
    assert not sessions.holds_grant("ann", VALID)
    assert not sessions.holds_grant("bob", 0.0)
    sessions.forget_grants(VALID)
    assert sessions.grants == {}


def test_who_gives_no_sign_of_life_is_silent_unless_pushed_to() -> None:
    """A session nobody fetches with is forgotten after a while; an open push is a sign of life."""
    sessions = _sessions()
    fetching = sessions.admit("a", "ann", "townhall", 0.0, 0.5)
    listening = sessions.admit("b", "bob", "townhall", 0.0, 0.5)
    listening.listening = True
    assert sessions.silent(GONE_AFTER) == []
    assert sessions.silent(GONE_AFTER + 0.1) == [fetching]


def test_a_room_that_closes_ends_its_sessions_only() -> None:
    """Other rooms on the instance go on."""
    sessions = _sessions()
    sessions.admit("a", "ann", "townhall", 0.0, 0.5)
    kept = sessions.admit("b", "bob", "other", 0.0, 0.5)
    sessions.end_all("townhall")
    assert list(sessions.by_number.values()) == [kept]
    assert sessions.counts == {"other": 1}
