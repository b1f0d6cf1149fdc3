from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chaos.crew import core
from chaos.crew.people import ON_CALL
from chaos.experiment.people import Mechanisms
from tests.unit.crew.play import ALL_OFF, CERTAIN, Play, only

SWITCHES = st.builds(Mechanisms, **{name: st.booleans() for name in Mechanisms.model_fields})
STEPS = st.lists(
    st.tuples(
        st.floats(0.0, 900.0),
        st.sampled_from((core.FIRING, core.FIRING, core.RESOLVED, core.DONE)),
        st.integers(0, 7),
        st.booleans(),
    ),
    max_size=60,
)


def _check(play: Play, t: float) -> None:
    """What must hold in every state."""
    v, n = play.view, play.headcount
    assert core.next_timer(v)[0] >= t >= 0
    assert v.counts[core.OUT] <= core.OUTPUTS
    owners = [int(owner) for owner in v.owner[: v.counts[core.TOP]] if owner >= 0]
    assert [int(v.leads[q]) for q in range(n)] == [owners.count(q) for q in range(n)]
    assert all(v.able[q] for q in owners)
    for i in range(int(v.counts[core.TOP])):
        assert (v.owner[i] >= 0) == (v.stage[i] >= core.TRIAGE)
        assert 0 <= v.helpers[i] <= core.FULL_HANDS - 1
        assert v.helpers[i] == 0 or core.TRIAGE <= v.stage[i] <= core.ACT
        if play.mechanisms.parallel:
            assert v.helpers[i] == sum(int(v.helps[q]) == i for q in range(n))
    if play.mechanisms.parallel:
        assert len(owners) == len(set(owners))
        assert not any(v.helps[q] >= 0 and (v.leads[q] or not v.able[q]) for q in range(n))


def _drive(play: Play, steps: list[tuple[float, int, int, bool]], t: float = 0.0) -> float:
    for wait, kind, i, ok in steps:
        t += wait
        play.until(t)
        before = play.state.copy()
        kept = play.state
        if kind == core.FIRING:
            play.fire(i, t)
        elif kind == core.RESOLVED:
            play.resolve(i, t)
        else:
            play.done(i, t, ok=ok)
        assert kept.tobytes() == before.tobytes()
        _check(play, t)
    return t


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 7), st.integers(0, 2**32 - 1), SWITCHES, STEPS)
def test_whatever_happens_the_state_makes_sense(
    headcount: int, seed: int, mechanisms: Mechanisms, steps: list[tuple[float, int, int, bool]]
) -> None:
    """Under any events nobody leads two incidents (parallel on), no timer is in the past, `step` leaves its input be.

    And when every alert has ended, everybody is free and nothing is due.
    """
    play = Play(headcount, seed, mechanisms=mechanisms)
    t = _drive(play, steps)
    for i in range(8):
        play.done(i, t)
        play.resolve(i, t)
    v = play.view
    assert not v.leads.any()
    assert (v.helps == -1).all()
    assert (v.stage == core.IDLE).all()
    assert core.next_timer(v)[0] == math.inf


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 5), st.integers(0, 2**32 - 1), st.floats(0, 3000), st.booleans())
def test_an_incident_has_the_same_draws_whatever_else_happens(
    headcount: int, seed: int, offset: float, first: bool
) -> None:
    """Where incidents do not compete for people, another one changes nothing for this one, in any order of events."""
    alone = Play(headcount, seed, mechanisms=only(availability=True, coverage=True))
    beside = Play(headcount, seed, mechanisms=only(availability=True, coverage=True))
    alone_end = alone.live([(0, 1000.0)], 40_000)
    fires = [(0, 1000.0), (1, offset)] if first else [(1, offset), (0, 1000.0)]
    assert beside.live(fires, 40_000).get(0) == alone_end.get(0)
    told = [[row for row in play.told if row[2] == 0] for play in (alone, beside)]
    assert told[0] == told[1]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 50))
def test_null_one_incident_and_equal_people_make_a_flat_curve(seed: int, headcount: int) -> None:
    """One incident, all available and skilled, no helping: crews of one and more resolve it at the very same moment."""
    switches = only(parallel=True)
    one = Play(1, seed, mechanisms=switches).live([(0, 5.0)])
    many = Play(headcount, seed, mechanisms=switches).live([(0, 5.0)])
    assert one == many
    assert list(one) == [0]


def test_the_stages_follow_each_other_with_their_drawn_times() -> None:
    """Notice, acknowledge, triage, decide, act, the real action, verify; each as long as its draw says."""
    play = Play(1, mechanisms=ALL_OFF, people=CERTAIN)
    ends = play.live([(0, 100.0)])
    p, v, d = core.params_view(play.params), play.view, play.draws
    t = 100.0
    for stage, person in (
        (core.NOTICE, core.NOBODY),
        (core.ACKNOWLEDGE, 0),
        (core.TRIAGE, 0),
        (core.DECIDE, 0),
        (core.ACT, 0),
    ):
        assert play.entered(0, stage) == [pytest.approx(t)]
        t += core.lasts(v, p, d, 0, stage, person)
    assert play.entered(0, core.EXECUTE) == [pytest.approx(t)]
    assert play.entered(0, core.VERIFY) == [pytest.approx(t + play.repair_s)]
    assert ends == {0: pytest.approx(t + play.repair_s + 5.0)}


@pytest.mark.parametrize("headcount", [0, 3])
def test_without_anybody_available_nothing_is_ever_acknowledged(headcount: int) -> None:
    """A crew of nobody, or of people of whom none answers, leaves the incident waiting for ever."""
    play = Play(headcount, people=ON_CALL.model_copy(update={"available": 0.0}))
    assert play.live([(0, 0.0)]) == {}
    assert play.view.stage[0] == core.ACKNOWLEDGE
    assert play.view.waiting[0] == 1
    assert core.next_timer(play.view)[0] == math.inf


def test_a_page_escalates_after_5_10_15_and_every_5_minutes() -> None:
    """While nobody answers, a further person is paged 5, 10 and 15 min after the first page, then every 5 min."""
    play = Play(6, people=ON_CALL.model_copy(update={"available": 0.0}))
    play.fire(0, 0.0)
    play.until(1e6)
    begun = play.entered(0, core.ACKNOWLEDGE)[0]
    paged = [t for t, what, *_ in play.told if what == core.HANDS]
    assert paged[:5] == [pytest.approx(begun + minutes * 60) for minutes in (5, 10, 15, 20, 25)]
    assert (play.view.answer[:6] == math.inf).all()


def test_the_first_to_acknowledge_takes_it() -> None:
    """If the first person is not there, the second takes it up after the escalation and their own acknowledgement."""
    seed = next(s for s in range(1000) if Play(2, s).view.able[:2].tolist() == [0, 1])
    play = Play(2, seed)
    play.live([(0, 0.0)])
    begun, taken = play.entered(0, core.ACKNOWLEDGE)[0], play.entered(0, core.TRIAGE)[0]
    own = core.lasts(play.view, core.params_view(play.params), play.draws, 0, core.ACKNOWLEDGE, 1)
    assert taken == pytest.approx(begun + 300.0 + own)
    assert next(owner for t, _, _, stage, owner in play.told if stage == core.TRIAGE) == 1


def test_a_wrong_diagnosis_is_acted_on_and_costs_another_attempt() -> None:
    """Mis-triage: the action of an entry that it is confused with is carried out, verify fails, triage begins anew."""
    play = Play(1, mechanisms=ALL_OFF, people=CERTAIN.model_copy(update={"mistriage": 1.0}))
    play.fire(0, 0.0)
    ((begun, incident),) = play.until(core.next_timer(play.view)[0] + 1e5)[:1]
    v = play.view
    assert incident == 0
    assert int(v.diagnosis[0]) in (1, 5)
    play.done(0, begun + 20.0)
    play.until(1e6)
    assert play.view.attempt[0] == 1
    assert play.entered(0, core.VERIFY) == [begun + 20.0]
    assert len(play.entered(0, core.TRIAGE)) == 2


def test_each_attempt_is_drawn_again() -> None:
    """With an even chance of a wrong diagnosis, attempts differ, and a later one gets it right."""
    attempts = set()
    for seed in range(40):
        play = Play(1, seed, mechanisms=ALL_OFF, people=CERTAIN.model_copy(update={"mistriage": 0.5}))
        assert list(play.live([(0, 0.0)], 1e7)) == [0]
        attempts.add(len(play.entered(0, core.TRIAGE)))
    assert {1, 2, 3} <= attempts


def test_an_action_that_fails_is_not_watched() -> None:
    """DONE without success leads straight back to triage."""
    play = Play(1, mechanisms=ALL_OFF, people=CERTAIN)
    play.fire(0, 0.0)
    ((begun, _),) = play.until(1e6)
    play.done(0, begun + 5.0, ok=False)
    assert play.entered(0, core.VERIFY) == []
    assert play.entered(0, core.TRIAGE)[-1] == begun + 5.0


@pytest.mark.parametrize(
    "stage", [core.NOTICE, core.ACKNOWLEDGE, core.TRIAGE, core.DECIDE, core.ACT, core.VERIFY]
)
def test_an_alert_that_ends_frees_the_person_at_once(stage: int) -> None:
    """RESOLVED in any stage ends the incident; its person is free and no timer is left."""
    play = Play(1, mechanisms=only(parallel=True), people=CERTAIN)
    play.fire(0, 0.0)
    t = 0.0
    while play.view.stage[0] != stage:
        if play.view.stage[0] == core.EXECUTE:
            play.done(0, t)
            continue
        t = core.next_timer(play.view)[0]
        play.until(t)
    play.resolve(0, t + 0.5)
    assert play.view.stage[0] == core.IDLE
    assert not play.view.leads.any()
    assert core.next_timer(play.view)[0] == math.inf


def test_an_alert_that_ends_while_the_action_runs_waits_for_it() -> None:
    """RESOLVED during the real action: the person stays until it ends, then is free without verifying."""
    play = Play(1, mechanisms=only(parallel=True), people=CERTAIN)
    play.fire(0, 0.0)
    ((begun, _),) = play.until(1e6)
    play.resolve(0, begun + 1.0)
    assert play.view.leads[0] == 1
    play.done(0, begun + 9.0)
    assert play.view.leads[0] == 0
    assert play.entered(0, core.VERIFY) == []


def test_a_second_firing_is_a_new_occurrence_with_its_own_draws() -> None:
    """After it was over, the same incident again takes other times; while it goes on, FIRING changes nothing."""
    play = Play(1, mechanisms=ALL_OFF, people=CERTAIN)
    play.live([(0, 0.0)])
    first = play.entered(0, core.ACKNOWLEDGE)[0]
    play.fire(0, 1e5)
    state = play.state
    play.fire(0, 1e5)
    assert play.view.occurrence[0] == 1
    assert core.next_timer(play.view)[0] == core.next_timer(core.view(state))[0]
    play.until(1e6)
    assert play.entered(0, core.ACKNOWLEDGE)[1] - 1e5 != pytest.approx(first)


def test_a_busy_person_takes_the_next_incident_up_when_free() -> None:
    """One person and two incidents: the second, paged meanwhile, is taken up the moment the first is over."""
    play = Play(1, mechanisms=only(parallel=True), people=CERTAIN)
    ends = play.live([(0, 0.0), (1, 1.0)])
    first, second = sorted(ends, key=lambda i: ends[i])
    assert play.entered(second, core.TRIAGE) == [ends[first]]


def test_a_page_goes_past_people_who_are_at_work() -> None:
    """A second incident pages the second person at once when the first is busy, and does not wait for an escalation."""
    play = Play(2, mechanisms=only(parallel=True), people=CERTAIN)
    play.fire(0, 0.0)
    while play.view.stage[0] != core.TRIAGE:
        play.until(core.next_timer(play.view)[0])
    t = float(play.view.begins[0]) + 1.0
    play.fire(1, t)
    while play.view.stage[1] == core.NOTICE:
        play.until(core.next_timer(play.view)[0])
    assert play.view.rung[1] == 1


def test_helpers_leave_for_a_new_incident() -> None:
    """A helper who acknowledges another incident leaves; what is left of the first takes as long as with one less."""
    slow = CERTAIN.triage.model_copy(update={"median": 1e6})
    people = CERTAIN.model_copy(update={"hands": (1.0, 0.5, 0.5, 0.5), "triage": slow})
    play = Play(2, mechanisms=Mechanisms(), people=people)
    play.fire(0, 0.0)
    while play.view.stage[0] != core.TRIAGE:
        play.until(core.next_timer(play.view)[0])
    assert play.view.helpers[0] == 1
    helped = float(play.view.due[0])
    t = float(play.view.begins[0])
    play.fire(1, t)
    while play.view.stage[1] != core.TRIAGE:
        t = float(core.next_timer(play.view)[0])
        play.until(t)
    assert t < helped
    assert play.view.helpers[0] == 0
    assert float(play.view.due[0]) == pytest.approx(t + (helped - t) * 2)


def test_whoever_verifies_allows_for_the_monitoring() -> None:
    """Verifying lasts its draw and the time that the monitoring needs to show the end of an alert."""
    ends = []
    for clearing in (0.0, 120.0):
        play = Play(1, mechanisms=ALL_OFF, people=CERTAIN)
        play.params["scalar"][core.CLEARING] = clearing
        play.fire(0, 0.0)
        ((begun, _),) = play.until(1e6)
        play.done(0, begun)
        ends.append(float(play.view.due[0]))
    assert ends[1] - ends[0] == pytest.approx(120.0)
