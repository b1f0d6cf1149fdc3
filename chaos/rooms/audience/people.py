"""Who comes, when, and how patient they are. Drawn before the story begins; nothing here knows what will happen."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from chaos.experiment.rooms import PlannedRoom, Shape
from chaos.rooms.audience.draws import Draws

STAY_SIGMA = 0.8  # assumption
PATIENCE_MEDIAN_S = 90.0  # story seconds of silence until one leaves (assumption)
PATIENCE_SIGMA = 0.6  # assumption
LAUNCH_STEEPNESS = 10.0  # of the logistic: the steep middle is 2.5 times the average (assumption)
BURST_MEAN = 0.1  # of the time given: a burst is over after a few tenths of it (assumption)


@dataclass(frozen=True, slots=True)
class Person:
    """One listener. Seconds are story time; `arrives` counts from the story's zero."""

    name: str
    number: int
    arrives: float
    stays: float
    patience: float


def arrival_share(shape: Shape, u: float) -> float:
    """When, as a share of the time in which all arrive, the person with the rank `u` in (0, 1) arrives."""
    if shape == "linear":
        return u
    if shape == "launch":
        low = 1 / (1 + math.exp(LAUNCH_STEEPNESS / 2))
        level = low + u * (1 - 2 * low)
        return min(1.0, max(0.0, 0.5 + math.log(level / (1 - level)) / LAUNCH_STEEPNESS))
    return min(1.0, -BURST_MEAN * math.log1p(-u * (1 - math.exp(-1 / BURST_MEAN))))


def people_of(room: PlannedRoom, scale: float, draws: Draws, shard: int = 0, shards: int = 1) -> list[Person]:
    """The room's live listeners that belong to this shard, by arrival."""
    count = max(1, round(room.listeners * scale))
    found = [
        Person(
            name=f"{room.room}-{number}",
            number=number,
            arrives=room.from_s
            + room.join_over_s * arrival_share(room.shape, draws.uniform(room.room, number, "arrives")),
            stays=draws.lognormal(room.stay_s, STAY_SIGMA, room.room, number, "stays"),
            patience=draws.lognormal(PATIENCE_MEDIAN_S, PATIENCE_SIGMA, room.room, number, "patience"),
        )
        for number in range(shard, count, shards)
    ]
    return sorted(found, key=lambda person: person.arrives)


class Schedule:
    """How many should be there, had nothing gone wrong."""

    def __init__(self, people: Sequence[Person], ends: float) -> None:
        self._arrivals = sorted(person.arrives for person in people)
        self._departures = sorted(person.arrives + person.stays for person in people)
        self._ends = ends

    def planned(self, story_now: float) -> int:
        """People who have arrived and not yet had enough, at this story second."""
        if story_now >= self._ends:
            return 0
        return bisect_right(self._arrivals, story_now) - bisect_right(self._departures, story_now)
