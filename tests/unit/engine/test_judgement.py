from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from chaos.engine.judgement import Judgement, Limits, Sample, Verdict, Window, judge, worst_of
from chaos.engine.judging import badness
from chaos.experiment.units import Expectation

AT_LEAST_HALF = Expectation.parse(">= 0.5")
WINDOW = Window(100.0, 160.0)


def judged(values: dict[float, float], limits: Limits | None = None) -> Judgement:
    """Judge values by their second in a window of a minute."""
    samples = [(100.0 + moment, value) for moment, value in values.items()]
    return judge(samples, WINDOW, 1.0, AT_LEAST_HALF.holds, badness(AT_LEAST_HALF), limits or Limits())


def steady(value: float = 0.9) -> dict[float, float]:
    """The same value in every second."""
    return {float(second): value for second in range(61)}


def test_what_holds_throughout_passes() -> None:
    """A sample in every second, all as expected: pass, with the worst one named."""
    result = judged(steady() | {30.0: 0.6})
    assert (result.verdict, result.worst, result.samples) == (Verdict.PASS, 0.6, 61)


def test_no_data_is_never_a_pass() -> None:
    """A query that matches nothing is inconclusive, as is one that only ever gave NaN."""
    assert judged({}).verdict is Verdict.INCONCLUSIVE
    assert judged(dict.fromkeys(steady(), math.nan)).verdict is Verdict.INCONCLUSIVE


def test_a_gap_longer_than_allowed_is_inconclusive() -> None:
    """Twelve seconds without samples, five allowed: inconclusive although every sample holds."""
    values = {moment: value for moment, value in steady().items() if not 20 < moment < 32}
    assert judged(values).verdict is Verdict.INCONCLUSIVE
    assert judged(values, Limits(max_gap=15)).verdict is Verdict.PASS


def test_a_gap_at_either_end_counts() -> None:
    """Data that begins late or ends early leaves a part of the window unseen."""
    assert judged({m: v for m, v in steady().items() if m > 10}).verdict is Verdict.INCONCLUSIVE
    assert judged({m: v for m, v in steady().items() if m < 50}).verdict is Verdict.INCONCLUSIVE


def test_a_break_is_measured_to_the_next_good_sample() -> None:
    """Bad from second 10 to 14, good again at 15: a break of five seconds, allowed or not."""
    values = steady() | {float(second): 0.1 for second in range(10, 15)}
    assert judged(values).verdict is Verdict.FAIL
    assert judged(values, Limits(may_break_for=5, may_break_in_all=None)).verdict is Verdict.PASS
    assert judged(values, Limits(may_break_for=4.9, may_break_in_all=None)).longest_break == 5.0
    assert judged(values, Limits(may_break_for=4.9, may_break_in_all=None)).verdict is Verdict.FAIL


def test_the_sum_of_breaks_is_bounded_too() -> None:
    """Three breaks of two seconds: each allowed, their sum not."""
    values = steady() | {float(second): 0.1 for second in (10, 11, 20, 21, 30, 31)}
    assert judged(values, Limits(may_break_for=3, may_break_in_all=None)).verdict is Verdict.PASS
    result = judged(values, Limits(may_break_for=3, may_break_in_all=5))
    assert (result.verdict, result.broken, len(result.breaks)) == (Verdict.FAIL, 6.0, 3)


def test_a_break_in_the_last_sample_lasts_a_step() -> None:
    """A window that ends broken is broken, even when only its last sample is."""
    result = judged(steady() | {60.0: 0.1})
    assert (result.verdict, result.broken) == (Verdict.FAIL, 1.0)


def test_a_fail_that_was_seen_outweighs_a_gap() -> None:
    """A break longer than allowed is a fail although other data is missing."""
    values = {m: v for m, v in steady(0.1).items() if not 40 < m < 55}
    assert judged(values).verdict is Verdict.FAIL


def test_of_several_series_the_worst_decides() -> None:
    """Every series must hold: fail before inconclusive before pass."""
    good, none, bad = judged(steady()), judged({}), judged(steady(0.1))
    assert worst_of([good, none]).verdict is Verdict.INCONCLUSIVE
    assert worst_of([none, bad, good]).verdict is Verdict.FAIL


def obvious(values: list[float | None], may_break_for: int, max_gap: int) -> Verdict:
    """The slow reference: second by second, on whole seconds only."""
    if all(value is None for value in values):
        return Verdict.INCONCLUSIVE
    bad_run = longest = 0
    state = True
    last_seen = max(index for index, value in enumerate(values) if value is not None)
    for index, value in enumerate(values):
        if value is not None:
            state = value >= 0.5
        if index > last_seen or (index == len(values) - 1 and bad_run):
            break
        bad_run = 0 if state else bad_run + 1
        longest = max(longest, bad_run)
    gap, missing = 0, 0
    for value in values:
        missing = missing + 1 if value is None else 0
        gap = max(gap, missing)
    if longest > may_break_for:
        return Verdict.FAIL
    return Verdict.INCONCLUSIVE if gap + 1 > max_gap and gap > 0 else Verdict.PASS


@given(
    st.lists(st.sampled_from([None, 0.1, 0.9]), min_size=3, max_size=40),
    st.integers(0, 6),
    st.integers(2, 8),
)
def test_judgement_agrees_with_a_slow_reference(
    values: list[float | None], allowed: int, max_gap: int
) -> None:
    """On whole seconds, with both ends seen, the judgement is that of a second-by-second count."""
    values = [0.9, *values, 0.9]
    samples: list[Sample] = [(float(index), value) for index, value in enumerate(values) if value is not None]
    result = judge(
        samples,
        Window(0.0, len(values) - 1.0),
        1.0,
        AT_LEAST_HALF.holds,
        badness(AT_LEAST_HALF),
        Limits(allowed, None, max_gap),
    )
    assert result.verdict is obvious(values, allowed, max_gap)


@given(st.lists(st.tuples(st.floats(0, 60), st.floats(allow_nan=True)), max_size=50))
def test_removing_samples_never_makes_a_pass(samples: list[tuple[float, float]]) -> None:
    """What is inconclusive or fails with some samples cannot come to pass for the want of them, all of them removed."""
    result = judge([], Window(0, 60), 1.0, AT_LEAST_HALF.holds, badness(AT_LEAST_HALF), Limits(max_gap=1000))
    assert result.verdict is Verdict.INCONCLUSIVE
    whole = judge(samples, Window(0, 60), 1.0, AT_LEAST_HALF.holds, badness(AT_LEAST_HALF), Limits())
    assert whole.verdict is not Verdict.PASS or len([v for _, v in samples if math.isfinite(v)]) >= 12
