"""Each of the four switches changes what it should, and only that."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chaos.crew import core
from chaos.crew.people import ON_CALL
from chaos.experiment.people import Mechanisms
from tests.unit.crew.play import CERTAIN, Play, only

SEEDS = st.integers(0, 2**32 - 1)
SWITCHES = st.builds(Mechanisms, **{name: st.booleans() for name in Mechanisms.model_fields})


def _triage(play: Play, i: int = 0) -> float:
    return play.entered(i, core.DECIDE)[0] - play.entered(i, core.TRIAGE)[0]


def test_parallel_makes_incidents_wait_for_people() -> None:
    """One person, three incidents: with the switch one after the other, without all at once."""
    fires = [(i, 0.0) for i in range(3)]
    queued, free = (Play(1, mechanisms=only(parallel=on), people=CERTAIN) for on in (True, False))
    one_by_one, at_once = queued.live(fires), free.live(fires)
    begins = sorted(queued.entered(i, core.TRIAGE)[0] for i in range(3))
    assert begins[1:] == sorted(one_by_one.values())[:2]
    assert max(at_once.values()) < max(one_by_one.values())
    for i in range(3):
        alone = Play(1, mechanisms=only(parallel=True), people=CERTAIN).live([(i, 0.0)])
        assert at_once[i] == alone[i]


@settings(max_examples=60, deadline=None)
@given(SEEDS, st.integers(0, 6), SWITCHES)
def test_parallel_changes_nothing_for_one_incident(seed: int, headcount: int, others: Mechanisms) -> None:
    """A single incident never waits for people, whatever the other switches say."""
    on, off = (
        Play(headcount, seed, mechanisms=others.model_copy(update={"parallel": switch}))
        for switch in (True, False)
    )
    assert on.live([(0, 0.0)], 40_000) == pytest.approx(off.live([(0, 0.0)], 40_000))


@settings(max_examples=40, deadline=None)
@given(SEEDS, st.lists(st.floats(0, 600), min_size=2, max_size=4))
def test_with_people_enough_no_incident_waits_for_hands(seed: int, moments: list[float]) -> None:
    """With 50 people every incident is resolved, and none is ever without somebody to answer it."""
    fires = list(enumerate(moments))
    one, many = (
        Play(headcount, seed, mechanisms=only(parallel=True), people=CERTAIN) for headcount in (1, 50)
    )
    assert set(one.live(fires)) == set(many.live(fires)) == set(range(len(moments)))
    assert not many.waited


def test_availability_takes_people_away() -> None:
    """With the switch, nobody of a crew that is never there answers; without, the same crew resolves the incident."""
    people = ON_CALL.model_copy(update={"available": 0.0})
    assert Play(3, mechanisms=only(availability=True), people=people).live([(0, 0.0)]) == {}
    assert list(Play(3, mechanisms=only(), people=people).live([(0, 0.0)])) == [0]


def test_availability_has_its_probability_and_holds_for_the_whole_run() -> None:
    """About the given share of people is there; each is there or not for all incidents of a run."""
    able = [int(q) for trial in range(400) for q in Play(5, 3, trial).view.able[:5]]
    assert sum(able) / len(able) == pytest.approx(0.85, abs=0.03)


def test_coverage_makes_triage_longer_for_those_who_do_not_know() -> None:
    """Nobody knows anything: triage takes exactly three times as long. Everybody knows everything: as without it."""
    base = Play(1, mechanisms=only(), people=CERTAIN)
    none = Play(1, mechanisms=only(coverage=True), people=CERTAIN.model_copy(update={"knows": 0.0}))
    every = Play(1, mechanisms=only(coverage=True), people=CERTAIN)
    ends = [play.live([(0, 0.0)])[0] for play in (base, none, every)]
    assert _triage(none) == pytest.approx(3 * _triage(base))
    assert ends[1] - ends[0] == pytest.approx(2 * _triage(base))
    assert ends[2] == ends[0]


def test_coverage_has_its_probability() -> None:
    """About the given share of (person, kind) pairs is known."""
    known = []
    for trial in range(100):
        play = Play(4, 3, trial)
        p = core.params_view(play.params)
        known += [core.knows(p, play.draws, q, kind) for q in range(4) for kind in range(12)]
    assert sum(known) / len(known) == pytest.approx(0.8, abs=0.03)


@pytest.mark.parametrize(("headcount", "factor"), [(1, 1.0), (2, 1.0), (3, 0.93), (4, 0.70), (9, 0.70)])
def test_helping_speeds_triage_and_act_up(headcount: int, factor: float) -> None:
    """Triage and act take the factor of the crew's size, decide is left alone, and so is all without the switch."""
    base, helped = (
        Play(headcount, mechanisms=only(parallel=True, helping=on), people=CERTAIN) for on in (False, True)
    )
    base.live([(0, 0.0)])
    helped.live([(0, 0.0)])
    assert _triage(helped) == pytest.approx(factor * _triage(base))
    decide, act = (
        [play.entered(0, stage)[0] - play.entered(0, before)[0] for play in (base, helped)]
        for before, stage in ((core.DECIDE, core.ACT), (core.ACT, core.EXECUTE))
    )
    assert decide[1] == pytest.approx(decide[0])
    assert act[1] == pytest.approx(factor * act[0])
    assert helped.entered(0, core.TRIAGE) == base.entered(0, core.TRIAGE)


def test_helpers_must_be_available() -> None:
    """People who are not there do not help."""
    seed = next(s for s in range(1000) if Play(4, s).view.able[:4].sum() == 1)
    alone = Play(4, seed, mechanisms=only(parallel=True, availability=True))
    helped = Play(4, seed, mechanisms=only(parallel=True, availability=True, helping=True))
    assert alone.live([(0, 0.0)]) == helped.live([(0, 0.0)])
