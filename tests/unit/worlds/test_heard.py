"""What an Alertmanager tells by its webhook, and when that is worth anything."""

from __future__ import annotations

import pytest

from chaos.worlds.heard import BELIEVED, Delivery, Fires, Heard


class Clock:
    """A clock that a test sets."""

    at = 1000.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def clock() -> Clock:
    """At some moment."""
    return Clock()


def told(status: str, name: str, **labels: str) -> Delivery:
    """A delivery of one alert, with what else Alertmanager sends along."""
    one = {"status": status, "labels": {"alertname": name, **labels}, "startsAt": "2026-01-01T00:00:00Z"}
    return Delivery.model_validate({"version": "4", "receiver": "standby", "alerts": [one]})


def long_since(clock: Clock) -> Heard:
    """One that has heard the heartbeat, and runs for long enough to have heard all."""
    heard = Heard(clock)
    clock.at += BELIEVED
    heard.take(told("firing", "Watchdog", severity="none"))
    return heard


def names(heard: Heard) -> list[str]:
    """What fires by name, which must be known."""
    known = heard.known()
    assert known.unknown == ""
    return sorted(one.name for one in known.firing)


def test_an_alert_fires_from_when_it_is_told_until_it_is_resolved(clock: Clock) -> None:
    """By all of its labels: another link's is another alert."""
    heard = long_since(clock)
    heard.take(told("firing", "BridgeSlow", link="a"))
    heard.take(told("firing", "BridgeSlow", link="b"))
    assert Fires(name="BridgeSlow", labels={"link": "b"}) in heard.known().firing
    heard.take(told("resolved", "BridgeSlow", link="a"))
    assert names(heard) == ["BridgeSlow", "Watchdog"]
    heard.take(told("resolved", "BridgeSlow", link="b"))
    assert names(heard) == ["Watchdog"]


def test_silence_is_not_calm(clock: Clock) -> None:
    """Nothing was ever told, or nothing for too long: which alerts fire is not known."""
    heard = Heard(clock)
    clock.at += 10 * BELIEVED
    assert "told anything yet" in heard.known().unknown
    heard.take(told("firing", "Watchdog"))
    assert names(heard) == ["Watchdog"]
    clock.at += BELIEVED + 1
    assert f"for {BELIEVED + 1:.0f} s" in heard.known().unknown
    assert heard.known().firing == []


def test_one_that_was_just_started_does_not_know_yet(clock: Clock) -> None:
    """What fired before may not have been repeated to it."""
    heard = Heard(clock)
    heard.take(told("firing", "Watchdog"))
    assert "not over" in heard.known().unknown
    clock.at += BELIEVED
    heard.take(told("firing", "Watchdog"))
    assert names(heard) == ["Watchdog"]


def test_what_is_not_repeated_any_more_does_not_fire_any_more(clock: Clock) -> None:
    """An Alertmanager that was started anew does not say that what it has forgotten is resolved."""
    heard = long_since(clock)
    heard.take(told("firing", "RoomGone", room="townhall"))
    for _ in range(4):
        clock.at += BELIEVED / 3
        heard.take(told("firing", "Watchdog"))
    assert names(heard) == ["Watchdog"]
