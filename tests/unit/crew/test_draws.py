from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.crew import core
from tests.unit.crew.play import Play

WORDS = st.integers(0, core.M32)


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [
        ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((core.M32,) * 4, (core.M32,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_philox_gives_the_published_vectors(
    counter: tuple[int, int, int, int], key: tuple[int, int], expected: tuple[int, ...]
) -> None:
    """Philox 4x32-10 answers Random123's known-answer vectors."""
    assert core.philox(*counter, *key) == expected


@given(st.floats(min_value=1e-300, max_value=1.0, exclude_max=True))
def test_normal_is_the_inverse_of_the_normal_distribution(u: float) -> None:
    """AS 241 agrees with the standard library's quantile to the last bits, in the far tails too."""
    assert core.normal(u) == pytest.approx(NormalDist().inv_cdf(u), rel=1e-13, abs=1e-13)


@given(WORDS, WORDS)
def test_uniform_never_touches_its_ends(a: int, b: int) -> None:
    """No random bits give 0 or 1, whose quantiles are infinite."""
    assert 0.0 < core.uniform(a, b) < 1.0


def test_uniform_at_the_extremes_is_finite_in_the_quantile() -> None:
    """The largest and smallest draws still give finite durations."""
    for u in (core.uniform(0, 0), core.uniform(core.M32, core.M32)):
        assert math.isfinite(core.normal(u))


def test_lognormal_durations_have_their_median_and_sigma() -> None:
    """Over many keys a stage's times have the median and the sigma of the parameters."""
    play = Play()
    play.fire(0, 0.0)
    view, params = core.view(play.state), core.params_view(play.params)
    logs = []
    for trial in range(4000):
        lasts = core.lasts(view, params, core.Draws(7, trial), 0, core.TRIAGE, 0)
        logs.append(math.log(lasts / (8 * 60)))
    assert float(np.mean(logs)) == pytest.approx(0.0, abs=0.04)
    assert float(np.std(logs)) == pytest.approx(0.7, abs=0.03)


@given(st.integers(0, 49), st.integers(0, 2**32 - 1), st.integers(0, 2**20))
def test_a_person_is_the_same_in_a_larger_crew(headcount: int, seed: int, trial: int) -> None:
    """Person k has the same availability, knowledge and times in crews of n and of n + 1 (common random numbers)."""
    small, large = Play(headcount, seed, trial), Play(headcount + 1, seed, trial)
    small.fire(3, 10.0)
    large.fire(3, 10.0)
    assert small.view.able[:headcount].tolist() == large.view.able[:headcount].tolist()
    for person in range(headcount):
        for kind in range(3):
            assert core.knows(core.params_view(small.params), small.draws, person, kind) == core.knows(
                core.params_view(large.params), large.draws, person, kind
            )
        times = [
            core.lasts(play.view, core.params_view(play.params), play.draws, 3, core.ACKNOWLEDGE, person)
            for play in (small, large)
        ]
        assert times[0] == times[1]


def test_no_two_keys_share_a_draw() -> None:
    """Stage, attempt, person, cause, occurrence, seed and trial each change the draw."""
    base = {"what": 3, "person": 1, "cause": 77, "occurrence": 0, "attempt": 0}
    seen = {core.drawn(core.Draws(1, 1), **base)}
    for key, value in base.items():
        seen.add(core.drawn(core.Draws(1, 1), **{**base, key: value + 1}))
    seen.add(core.drawn(core.Draws(2, 1), **base))
    seen.add(core.drawn(core.Draws(1, 2), **base))
    assert len(seen) == 8
