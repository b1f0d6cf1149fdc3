"""How figures are written."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chaos.report import words


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "00:00"),
        (59.4, "00:59"),
        (59.6, "01:00"),
        (-12, "-00:12"),
        (-0.2, "00:00"),
        (5999, "99:59"),
        (6000, "1:40:00"),
    ],
)
def test_moments(seconds: float, text: str) -> None:
    """mm:ss, hours from 100 minutes on, rounded, with a sign only where it means something."""
    assert words.clock(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.012, "12 ms"),
        (1.0, "1 s"),
        (4.25, "4.2 s"),
        (59.97, "1 min"),
        (1010, "16 min 50 s"),
        (3900, "1 h 5 min"),
    ],
)
def test_lengths(seconds: float, text: str) -> None:
    """The unit fits the length."""
    assert words.length(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0.0, "0"),
        (0.857, "0.857"),
        (0.03, "0.03"),
        (1234.5, "1,234"),
        (100.0, "100"),
        (1e15, "1.00e+15"),
        (12.5, "12.5"),
    ],
)
def test_figures(value: float | None, text: str) -> None:
    """Three significant digits; zeros that say nothing are left out, those that count are not."""
    assert words.figure(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (950, "950"),
        (214_000, "214,000"),
        (999_949, "999,949"),
        (1_000_000, "1 million"),
        (6_310_000, "6.3 million"),
        (2.5e9, "2.5 billion"),
    ],
)
def test_counts(value: float, text: str) -> None:
    """Large counts in words."""
    assert words.count(value) == text


@pytest.mark.parametrize(("value", "text"), [(0.001, "1/1000"), (1 / 3, "1/3"), (0.3, "0.3"), (1.0, "1")])
def test_scales(value: float, text: str) -> None:
    """A scale is a fraction of one where it is one."""
    assert words.ratio(value) == text


@pytest.mark.parametrize(
    ("expect", "found"),
    [
        (">= 0.9", (">=", 0.9)),
        ("<5", ("<", 5.0)),
        (">= 90%", (">=", 0.9)),
        ("== 1", ("==", 1.0)),
        ("between 1 and 3", None),
        ("", None),
    ],
)
def test_limits(expect: str, found: tuple[str, float] | None) -> None:
    """The figure of a comparison is drawn as a limit; a range has none."""
    assert words.limit(expect) == found


@example(5e-324)
@example(1.7e308)
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_figure_can_be_written(value: float) -> None:
    """No finite value is too large, too small or too negative."""
    for write in (words.clock, words.length, words.figure, words.count, words.ratio):
        assert write(value)
