"""Platform's workers, as a pure model."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chaos.rooms.platform.workers import LONGEST_STEP, UNIT_COST, Done, Workers

STEPS = st.lists(
    st.tuples(
        st.floats(0.001, 0.2),
        st.integers(0, 5),
        st.floats(0.0, 3_000.0),
    ),
    min_size=1,
    max_size=60,
)


def _run(workers: Workers[int], until: float, step: float = 0.1, start: float = 0.0) -> list[Done[int]]:
    done: list[Done[int]] = []
    now = start
    while now < until - 1e-9:
        now = min(until, now + step)
        done += workers.advance(now)
    return done


@given(rate=st.floats(1.0, 200.0), bulkhead=st.booleans(), steps=STEPS)
def test_work_is_neither_invented_nor_lost(
    rate: float, bulkhead: bool, steps: list[tuple[float, int, float]]
) -> None:
    """Every token asked for comes out once, in order, and no more work is done than the rate allows."""
    workers: Workers[int] = Workers(rate, bulkhead)
    workers.advance(0.0)
    now, asked, announced = 0.0, 0, 0.0
    done: list[Done[int]] = []
    for gap, tokens, units in steps:
        now += gap
        for _ in range(tokens):
            done += workers.ask(asked, None, now)
            asked += 1
        done += workers.announce(units, now)
        announced += units
        worked = len(done) + (announced - workers.backlog) * UNIT_COST
        assert worked <= rate * now + 1.0 + 1e-6
    done += _run(workers, now + (asked + announced * UNIT_COST) / rate * 6 + 1.0, start=now)
    assert [one.item for one in done] == list(range(asked))
    assert all(one.served for one in done)
    assert workers.backlog == pytest.approx(0.0, abs=1e-3)
    assert workers.sent == pytest.approx(announced, rel=1e-6, abs=1e-3)


@given(
    rate=st.floats(1.0, 100.0),
    bulkhead=st.booleans(),
    tokens=st.integers(1, 60),
    units=st.floats(0.0, 60_000.0),
)
@settings(max_examples=60)
def test_the_wait_foretold_is_the_wait(rate: float, bulkhead: bool, tokens: int, units: float) -> None:
    """`wait` is how long the token asked for next really stands in the line before its turn comes."""
    workers: Workers[int] = Workers(rate, bulkhead)
    workers.advance(0.0)
    workers.announce(units, 0.0)
    for number in range(tokens):
        workers.ask(number, None, 0.0)
    foretold, now = workers.wait(), 0.0
    while workers.line:
        now += 0.01
        workers.advance(now)
    assert now == pytest.approx(foretold, abs=0.02)


def test_announcements_take_half_of_the_workers_from_tokens() -> None:
    """Without a bulkhead a fan-out halves what is left for tokens; with one it takes a fifth."""
    served = {}
    for bulkhead in (False, True):
        workers: Workers[int] = Workers(10.0, bulkhead)
        workers.advance(0.0)
        workers.announce(1e9, 0.0)
        for number in range(100):
            workers.ask(number, None, 0.0)
        served[bulkhead] = len(_run(workers, 5.05))
    assert served == {False: 25, True: 40}


def test_a_follower_costs_a_two_thousandth_of_a_token() -> None:
    """140 million followers are as much work as 70,000 tokens."""
    workers: Workers[int] = Workers(6_000.0)
    workers.announce(140e6, 0.0)
    assert workers.backlog_seconds() == pytest.approx(70_000 / 6_000)


def test_a_process_that_stood_still_did_no_work_meanwhile() -> None:
    """Ten seconds without a look are at most a quarter of a second of work."""
    workers: Workers[int] = Workers(100.0)
    workers.advance(0.0)
    for number in range(500):
        workers.ask(number, None, 0.0)
    assert len(workers.advance(10.0)) <= 100.0 * LONGEST_STEP + 1


def test_a_token_whose_caller_has_gone_is_dropped_without_work() -> None:
    """A passed deadline costs no worker's time; a naive caller's token is served for nobody."""
    workers: Workers[int] = Workers(1.0)
    workers.advance(0.0)
    workers.ask(0, None, 0.0)
    for number in range(1, 9):
        workers.ask(number, 0.5, 0.0)
    workers.ask(9, None, 0.0)
    done = _run(workers, 2.1)
    assert [(one.item, one.served) for one in done] == [
        (0, True),
        *((n, False) for n in range(1, 9)),
        (9, True),
    ]


def test_what_is_abandoned_is_dropped_and_leaves_nothing_to_do() -> None:
    """Everybody in the line hears of it, in its order, and whoever comes next waits for nobody."""
    workers: Workers[int] = Workers(1.0)
    workers.advance(0.0)
    workers.announce(5_000.0, 0.0)
    for item in range(3):
        workers.ask(item, None, 0.0)
    workers.advance(0.2)
    assert workers.abandon() == [Done(item, served=False) for item in range(3)]
    assert workers.next_moment(0.2) is None
    assert workers.wait() == 0.0
    workers.ask(7, None, 0.2)
    assert _run(workers, 1.3, start=0.2) == [Done(7, served=True)]


def test_nothing_to_do_needs_no_timer() -> None:
    """An idle service sleeps; one with work wakes in time for the next token."""
    workers: Workers[int] = Workers(10.0)
    workers.advance(0.0)
    assert workers.next_moment(0.0) is None
    workers.ask(1, None, 0.0)
    assert workers.next_moment(0.0) == pytest.approx(0.1)
