"""Whether a run lives, by its renewals; every claim is about what was seen, at which moment of this machine's clock."""

from __future__ import annotations

import pytest

from chaos.worlds.cluster.lease import LASTS, Hold
from chaos.worlds.cluster.living import Holds


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.at = 100.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def clock() -> Clock:
    """At some moment."""
    return Clock()


def hold(renewed: str, *, expired: bool = False, holder: str = "run") -> Hold:
    """A hold as it is read from the cluster."""
    return Hold(holder, expired, renewed)


def test_whoever_renews_lives(clock: Clock) -> None:
    """Unknown at first, alive at the first renewal, and from then on."""
    holds = Holds(clock)
    assert holds.lives("run", hold("1")) is None
    clock.at += 4
    assert holds.lives("run", hold("2")) is True
    clock.at += LASTS - 1
    assert holds.lives("run", hold("2")) is True


def test_whoever_is_silent_for_as_long_as_a_hold_lasts_is_gone(clock: Clock) -> None:
    """Not a moment earlier, whether or not it was seen to live before."""
    holds = Holds(clock)
    for before in ("1", "2"):
        holds.lives("run", hold(before))
        clock.at += LASTS - 0.1
        assert holds.lives("run", hold(before)) is not False
        clock.at += 0.1
        assert holds.lives("run", hold(before)) is False


@pytest.mark.parametrize("other", [None, hold("1", holder="other")])
def test_a_run_without_a_hold_is_gone_at_once(clock: Clock, other: Hold | None) -> None:
    """Nobody has the target, or somebody else."""
    assert Holds(clock).lives("run", other) is False


def test_another_machines_clock_decides_nothing(clock: Clock) -> None:
    """A hold that has ended by the clock on the wall, after an outage or where clocks differ, is renewed: it lives."""
    holds = Holds(clock)
    assert holds.lives("run", hold("1", expired=True)) is None
    clock.at += 4
    assert holds.lives("run", hold("2", expired=True)) is True


def test_a_silence_while_the_api_server_was_away_does_not_count(clock: Clock) -> None:
    """The whole time is given anew."""
    holds = Holds(clock)
    holds.lives("run", hold("1"))
    clock.at += LASTS + 5
    holds.forget()
    assert holds.lives("run", hold("1")) is None
    clock.at += LASTS
    assert holds.lives("run", hold("1")) is False
