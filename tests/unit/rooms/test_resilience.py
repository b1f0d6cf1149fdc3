"""The circuit breaker, the retry budget and the pauses."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chaos.rooms.resilience import (
    BREAKER_REST,
    BREAKER_WINDOW,
    BUDGET_MOST,
    BUDGET_TRIES,
    NAIVE_PAUSE,
    Breaker,
    RetryBudget,
    State,
    pause_before_retry,
)


def _call(breaker: Breaker, ok: bool, now: float) -> bool:
    """Whether the call could go; if so, how it went is recorded."""
    ticket = breaker.allow(now)
    if ticket is not None:
        breaker.record(ticket, ok, now)
    return ticket is not None


def _state(breaker: Breaker) -> State:
    return breaker.state


def test_opens_above_half_and_not_at_half() -> None:
    """10 failures of 20 leave it closed, 11 open it."""
    breaker = Breaker()
    for number in range(BREAKER_WINDOW):
        assert _call(breaker, number % 2 == 0, 0.0)
    assert _state(breaker) is State.CLOSED
    _call(breaker, False, 0.0)
    _call(breaker, False, 0.0)
    assert _state(breaker) is State.OPEN


def test_one_probe_after_the_rest_decides() -> None:
    """Open, it lets nothing through for 2 s, then one call; that call's end opens or closes it."""
    for ok, after in ((True, State.CLOSED), (False, State.OPEN)):
        breaker = Breaker()
        for _ in range(BREAKER_WINDOW):
            _call(breaker, False, 10.0)
        assert _state(breaker) is State.OPEN
        assert breaker.allow(10.0 + BREAKER_REST - 0.01) is None
        probe = breaker.allow(10.0 + BREAKER_REST)
        assert probe is not None
        assert breaker.allow(10.0 + BREAKER_REST) is None
        breaker.record(probe, ok, 13.0)
        assert _state(breaker) is after
        assert (breaker.allow(13.0) is not None) is ok


@given(st.lists(st.tuples(st.floats(0.0, 1.0), st.booleans(), st.integers(0, 3)), max_size=200))
def test_half_open_is_one_call_at_a_time(steps: list[tuple[float, bool, int]]) -> None:
    """Whatever the order of calls and ends: closed admits all, and each half-open spell admits exactly one."""
    breaker, now = Breaker(), 0.0
    under_way: list[int] = []
    probes: list[int] = []
    for gap, ok, end in steps:
        now += gap
        before = _state(breaker)
        ticket = breaker.allow(now)
        if ticket is None:
            assert _state(breaker) is not State.CLOSED
        else:
            under_way.append(ticket)
            if before is not State.CLOSED:
                probes.append(ticket)
        if end < len(under_way):
            breaker.record(under_way.pop(end), ok, now)
    assert len(probes) == len(set(probes))


def test_late_ends_of_calls_made_before_it_opened_say_nothing() -> None:
    """A call that was under way when the breaker opened does not close it when it succeeds."""
    breaker = Breaker()
    early = breaker.allow(0.0)
    assert early is not None
    for _ in range(BREAKER_WINDOW):
        _call(breaker, False, 0.0)
    breaker.record(early, True, 1.0)
    assert _state(breaker) is State.OPEN


@given(st.integers(0, 2_000), st.integers(0, 5))
def test_the_budget_bounds_retries_to_a_tenth_of_the_calls(calls: int, wanted: int) -> None:
    """However many retries are wanted, at most what was saved plus a tenth of the calls are made."""
    budget, retries = RetryBudget(), 0
    for _ in range(calls):
        budget.pay_in()
        for _ in range(wanted):
            retries += budget.take()
    assert retries <= BUDGET_MOST + calls * 0.1 + 1e-6


def test_the_policies_differ_as_told() -> None:
    """None never retries; unbounded always does, without jitter; a budget backs off, with jitter, and ends."""
    full = RetryBudget()
    assert pause_before_retry("none", 1, full, 0.5) is None
    assert pause_before_retry("unbounded", 1, full, 0.5) == 0.0
    assert {pause_before_retry("unbounded", 999, full, draw) for draw in (0.0, 0.9)} == {NAIVE_PAUSE}
    first, second = (pause_before_retry("budget", tries, full, 0.9) for tries in (1, 2))
    assert first is not None
    assert second is not None
    assert 0.0 < first < second
    assert pause_before_retry("budget", 1, full, 0.0) == 0.0
    assert pause_before_retry("budget", BUDGET_TRIES, full, 0.9) is None
    assert pause_before_retry("budget", 1, RetryBudget(saved=0.5), 0.9) is None
