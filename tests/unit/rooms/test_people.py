"""Who comes, when, and how patient they are."""

from __future__ import annotations

from statistics import mean, median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.experiment.rooms import STAY_MEDIAN_S, PlannedRoom, Shape
from chaos.rooms.audience.app import RELAUNCH_SHARE, returning
from chaos.rooms.audience.draws import Draws
from chaos.rooms.audience.people import (
    PATIENCE_MEDIAN_S,
    Schedule,
    arrival_share,
    people_of,
)

ROOM = PlannedRoom(
    room="townhall", listeners=600_000, from_s=60.0, join_over_s=1_200.0, planned_end_s=2_000.0
)
SHAPES: tuple[Shape, ...] = ("launch", "linear", "burst")


@given(st.integers(0, 2**63), st.lists(st.integers(0, 999), max_size=5))
def test_draws_depend_on_seed_and_key_only(seed: int, others: list[int]) -> None:
    """Whatever else is drawn before, the same key gives the same number; another seed gives another."""
    plain, busy = Draws(seed), Draws(seed)
    for other in others:
        busy.uniform("other", other)
    found = busy.uniform("townhall", 7, "arrives")
    assert found == plain.uniform("townhall", 7, "arrives")
    assert 0.0 < found < 1.0
    assert found != Draws(seed + 1).uniform("townhall", 7, "arrives")


def test_key_parts_do_not_run_together() -> None:
    """("a", 11) and ("a1", 1) are different draws."""
    draws = Draws(1)
    assert draws.uniform("a", 11) != draws.uniform("a1", 1)


@pytest.mark.parametrize("shape", SHAPES)
def test_arrivals_rise_from_first_to_last(shape: Shape) -> None:
    """Every shape is a monotonic way through [0, 1] that uses nearly all of it."""
    shares = [arrival_share(shape, u / 1_000) for u in range(1, 1_000)]
    assert shares == sorted(shares)
    assert 0.0 <= shares[0] < 0.05
    assert 0.5 < shares[-1] <= 1.0


def test_the_shapes_are_what_they_are_called() -> None:
    """A launch has half of its people in a steep middle; a burst has most of them at once; linear is even."""
    quarter = {shape: [arrival_share(shape, u) for u in (0.25, 0.5, 0.75)] for shape in SHAPES}
    assert quarter["linear"] == [0.25, 0.5, 0.75]
    assert quarter["launch"][2] - quarter["launch"][0] < 0.25
    assert quarter["launch"][1] == pytest.approx(0.5)
    assert quarter["burst"][2] < 0.2


def test_the_same_people_come_in_every_arm() -> None:
    """Other settings, other rooms, another order: the same seed brings the same people; another seed others."""
    people = people_of(ROOM, 1 / 1000, Draws(7))
    assert people == people_of(ROOM, 1 / 1000, Draws(7))
    assert people != people_of(ROOM, 1 / 1000, Draws(8))
    assert len(people) == 600
    assert people == sorted(people, key=lambda person: person.arrives)
    assert all(60.0 <= person.arrives <= 1_260.0 for person in people)


def test_shards_split_the_people_and_lose_none() -> None:
    """Three processes carry together exactly whom one would carry."""
    whole = {person.name for person in people_of(ROOM, 1 / 1000, Draws(7))}
    shares = [{person.name for person in people_of(ROOM, 1 / 1000, Draws(7), shard, 3)} for shard in range(3)]
    assert set().union(*shares) == whole
    assert sum(len(share) for share in shares) == len(whole)


def test_stays_and_patience_have_their_medians() -> None:
    """Half stay longer than 26 story minutes, half bear more than 90 story seconds of silence."""
    people = people_of(ROOM, 1 / 100, Draws(3))
    assert median(person.stays for person in people) == pytest.approx(STAY_MEDIAN_S, rel=0.05)
    assert median(person.patience for person in people) == pytest.approx(PATIENCE_MEDIAN_S, rel=0.05)


def test_the_schedule_counts_who_should_be_there() -> None:
    """Nobody before the first, everybody who came and has not had enough, nobody after the planned end."""
    people = people_of(ROOM, 1 / 1000, Draws(7))
    schedule = Schedule(people, ROOM.planned_end_s)
    assert schedule.planned(0.0) == 0
    for moment in (300.0, 900.0, 1_900.0):
        there = [one for one in people if one.arrives <= moment < one.arrives + one.stays]
        assert schedule.planned(moment) == len(there)
    assert schedule.planned(ROOM.planned_end_s) == 0


def test_a_share_of_those_who_lost_the_room_comes_back() -> None:
    """About 45 % come to the relaunched room, as the same listeners, none before word has reached them."""
    people = people_of(ROOM, 1 / 100, Draws(7))
    back = returning(people, 900.0, Draws(7))
    assert len(back) / len(people) == pytest.approx(RELAUNCH_SHARE, abs=0.02)
    assert {one.name for one in back} < {one.name for one in people}
    came = {one.name: one.arrives for one in people}
    assert all(one.arrives > max(900.0, came[one.name]) for one in back)
    assert 200.0 < mean(one.arrives - max(900.0, came[one.name]) for one in back) < 500.0
