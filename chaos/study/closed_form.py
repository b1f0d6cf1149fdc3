"""The probability that one incident, alone, is repaired in time: from the people's parameters, without any trial.

What the simulator adds to it is the system: incidents that compete for people, overload that outlasts its cause, and
repairs that undo each other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chaos.crew.people import People, StageTime
from chaos.experiment.people import Mechanisms

STEP = 2.0
"""Story seconds between two places of the grid on which the stages are summed."""
TRIES = 4
"""How many diagnoses in a row may be wrong but the last."""
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class RepairDelay:
    """How long one incident takes a crew that has nothing else to do, from the moment at which it is seen.

    `within[k]` is the probability that it is over after k·STEP story seconds; the rest takes longer or for ever.
    """

    within: Floats

    def before(self, moments: Floats) -> Floats:
        """The probability of being over by each moment; nothing is before 0, everything before infinity."""
        grid = np.arange(len(self.within), dtype=np.float64) * STEP
        found = np.interp(moments, grid, self.within, left=0.0)
        return np.where(np.isposinf(moments), 1.0, found)


def repair_delay(people: People, mechanisms: Mechanisms, headcount: int, longest: float) -> RepairDelay:
    """The distribution of notice, acknowledge, triage, decide and act in a row, up to `longest` story seconds.

    Acknowledged by whoever of those paged so far is first, as the escalation goes; triage by somebody who knows the
    kind, or slower by somebody who does not; a wrong diagnosis costs another round.
    """
    places = max(2, math.ceil(longest / STEP) + 1)
    if headcount == 0:
        return RepairDelay(np.zeros(places))
    grid: Floats = np.arange(places, dtype=np.float64) * STEP
    hands = people.hands[min(headcount, len(people.hands)) - 1] if mechanisms.helping else people.hands[0]
    knows = people.knows if mechanisms.coverage else 1.0
    triage = knows * _mass(people.triage, grid, hands) + (1 - knows) * _mass(
        people.triage, grid, hands * people.unskilled
    )
    work = _sum(triage, _mass(people.decide, grid), _mass(people.act, grid, hands))
    again = _sum(_mass(people.verify, grid), work)
    first = _sum(_mass(people.notice, grid), _answer(people, mechanisms, headcount, grid), work)
    over, wrong, mass = (1 - people.mistriage) * first, people.mistriage, first
    for _ in range(TRIES - 1):
        mass = _sum(mass, again)
        over = over + wrong * (1 - people.mistriage) * mass
        wrong *= people.mistriage
    return RepairDelay(np.minimum(1.0, np.cumsum(over)))


def _answer(people: People, mechanisms: Mechanisms, headcount: int, grid: Floats) -> Floats:
    """How likely the page is acknowledged at each place of the grid."""
    available = people.available if mechanisms.availability else 1.0
    waits = [0.0, *(float(wait) for wait in people.escalation)]
    unheard = np.ones(len(grid))
    for person in range(headcount):
        late = max(0, person - len(waits) + 1)
        paged = waits[min(person, len(waits) - 1)] + late * (waits[-1] - waits[-2])
        unheard = unheard * (1 - available * _within(people.acknowledge, grid - paged))
    return np.diff(1 - unheard, prepend=0.0)


def _mass(stage: StageTime, grid: Floats, factor: float = 1.0) -> Floats:
    """How likely a stage that takes `factor` times as long ends at each place, rounded to the nearest."""
    return np.diff(_within(stage, (grid + STEP / 2) / factor), prepend=0.0)


def _within(stage: StageTime, moments: Floats) -> Floats:
    """The distribution of a stage's time; a sigma of 0 is a step."""
    with np.errstate(divide="ignore"):
        logs = np.log(np.maximum(moments, 0.0)) - stage.mu
    if stage.sigma == 0:
        return (logs >= 0).astype(float)
    return np.array([0.5 * math.erfc(-one / stage.sigma / math.sqrt(2)) for one in logs])


def _sum(*masses: Floats) -> Floats:
    """The mass of a sum, as far as the grid goes."""
    total = masses[0]
    for mass in masses[1:]:
        total = np.convolve(total, mass)[: len(mass)]
    return total
