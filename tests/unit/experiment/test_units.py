import math
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError

from chaos.experiment.base import Model
from chaos.experiment.units import (
    DURATION_UNITS,
    LONGEST_DURATION,
    SIZE_UNITS,
    Expectation,
    Rate,
    Ratio,
    RealDuration,
    Size,
    StoryDuration,
    UnitError,
    format_duration,
    format_rate,
    format_size,
    parse_duration,
    parse_rate,
    parse_ratio,
    parse_size,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("900ms", 0.9),
        ("10s", 10.0),
        ("2m", 120.0),
        ("1h30m", 5400.0),
        ("1.5h", 5400.0),
        ("1d", 86400.0),
        ("250us", 0.00025),
        ("1m0.5s", 60.5),
        ("0s", 0.0),
        ("0", 0.0),
        (0, 0.0),
        (0.0, 0.0),
    ],
)
def test_durations_are_seconds(text: object, seconds: float) -> None:
    """A duration with units, or 0, is that many seconds."""
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("number", [5, 0.5, 120, "5", "0.5"])
def test_a_duration_without_a_unit_is_refused(number: object) -> None:
    """A bare number could be of either clock and any unit: it is not guessed."""
    with pytest.raises(UnitError, match=r"needs a unit, e\.g\. 10s") as caught:
        parse_duration(number)
    assert caught.value.suggestion == ""


@pytest.mark.parametrize(
    "value",
    ["", " ", "s", "-5s", -5, "1m1h", "1s1s", "1e3s", "5x", "1:30", "١s", True, None, [], math.nan, math.inf, 10**400,
     "9" * 60 + "s", "1s" * 1000, "400d", "5s\n5s"],
)  # fmt: skip
def test_what_is_no_duration_is_refused(value: object) -> None:
    """Negative, unordered, repeated, endless or absurd: nothing of it becomes a duration."""
    with pytest.raises(UnitError):
        parse_duration(value)


@pytest.mark.parametrize(
    ("slip", "meant"),
    [
        ("5 min", "5m"),
        ("10 sec", "10s"),
        ("2 hours", "2h"),
        ("10S", "10s"),
        ("5 s", "5s"),
        ("100 µs", "100us"),
    ],
)
def test_a_slip_in_a_duration_is_told_what_was_meant(slip: str, meant: str) -> None:
    """Words for units are refused, and the right spelling is named."""
    with pytest.raises(UnitError) as caught:
        parse_duration(slip)
    assert caught.value.suggestion == meant


@given(st.floats(min_value=1e-9, max_value=LONGEST_DURATION, allow_nan=False))
def test_a_printed_duration_reads_back_the_same(seconds: float) -> None:
    """Printing loses nothing, whatever the duration."""
    assert parse_duration(format_duration(seconds)) == seconds


@given(st.lists(st.sampled_from(list(DURATION_UNITS)), min_size=1, unique=True), st.integers(1, 9))
def test_units_in_falling_order_add_up(units: list[str], count: int) -> None:
    """Every combination of units in falling order is read as their sum."""
    ordered = [unit for unit in DURATION_UNITS if unit in units]
    expected = sum(count * DURATION_UNITS[unit] for unit in ordered)
    assert parse_duration("".join(f"{count}{unit}" for unit in ordered)) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("8KB", 8000),
        ("8kB", 8000),
        ("1KiB", 1024),
        ("1.5MB", 1_500_000),
        ("64B", 64),
        ("0", 0),
        (0, 0),
        ("1.1KB", 1100),
    ],
)
def test_sizes_are_bytes(text: object, size: int) -> None:
    """KB is 1000 bytes and KiB is 1024, without rounding."""
    assert parse_size(text) == size


@pytest.mark.parametrize(
    ("value", "meant"),
    [("8kb", "8KB"), ("8k", "8KB"), ("8Mib", "8MiB"), ("8Mbit", ""), (8, ""), ("8", ""), ("-8KB", ""), ("0.5B", ""),
     ("8KB/s", "8KB"), (True, ""), (None, ""), (math.inf, "")],
)  # fmt: skip
def test_what_is_no_size_is_refused(value: object, meant: str) -> None:
    """Bits, missing units and parts of a byte are refused; a slip in the letters' case is named."""
    with pytest.raises(UnitError) as caught:
        parse_size(value)
    assert caught.value.suggestion == meant


@given(st.integers(min_value=0, max_value=2**50))
def test_a_printed_size_reads_back_the_same(size: int) -> None:
    """Printing loses nothing, whatever the size."""
    assert parse_size(format_size(size)) == size


def test_rates_are_bytes_per_second() -> None:
    """A rate is a size per second, and a size alone is none."""
    assert parse_rate("100KB/s") == 100_000
    assert parse_rate("1.5MiB/s") == 1.5 * 2**20
    assert parse_rate(0) == 0
    for wrong, meant in (
        ("100KB", "100KB/s"),
        ("100kb/s", "100KB/s"),
        ("100KBps", "100KB/s"),
        (100, ""),
        ("-1KB/s", ""),
    ):
        with pytest.raises(UnitError) as caught:
            parse_rate(wrong)
        assert caught.value.suggestion == meant


@given(st.floats(min_value=1e-3, max_value=1e12), st.sampled_from(list(SIZE_UNITS)))
def test_a_printed_rate_reads_back_the_same(rate: float, unit: str) -> None:
    """Printing loses nothing, whatever the rate."""
    assert parse_rate(format_rate(rate)) == rate
    assert parse_rate(f"3{unit}/s") == 3 * SIZE_UNITS[unit]


@pytest.mark.parametrize(
    ("value", "ratio"),
    [("40%", 0.4), ("1/1000", 0.001), ("0.4", 0.4), (0.4, 0.4), (1, 1.0), ("12.5%", 0.125)],
)
def test_ratios_come_in_three_spellings(value: object, ratio: float) -> None:
    """Per cent, a fraction and a plain number mean the same."""
    assert parse_ratio(value) == ratio


@pytest.mark.parametrize(
    "value", ["1/0", "a half", "40 %", "-10%", "1/2/3", True, None, math.nan, math.inf, 10**400, ""]
)
def test_what_is_no_ratio_is_refused(value: object) -> None:
    """Words, a division by 0 and endless numbers are refused."""
    with pytest.raises(UnitError):
        parse_ratio(value)


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        (">= 0.9", [0.9, 1], [0.89]),
        ("> 5", [5.1], [5]),
        ("<= 2", [2, -1], [2.1]),
        ("<2", [1.9], [2]),
        ("== 1", [1], [0.999]),
        ("!= 0", [1], [0]),
        ("between 1 and 3", [1, 2, 3], [0.9, 3.1]),
        ("in [0, 1]", [0, 0.5, 1], [-0.1, 1.1]),
        (">= 90%", [0.9], [0.89]),
        (">= -1e-3", [0], [-1]),
    ],
)
def test_an_expectation_holds_for_what_it_says(text: str, inside: list[float], outside: list[float]) -> None:
    """Each operator holds on its own side of the limit, ends included where it says so, and never for NaN."""
    expectation = Expectation.parse(text)
    assert all(expectation.holds(value) for value in inside)
    assert not any(expectation.holds(value) for value in outside)
    assert not expectation.holds(math.nan)


@given(
    st.sampled_from([">=", ">", "<=", "<", "==", "!=", "between"]),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
    st.floats(min_value=0, max_value=1e6, width=32),
)
def test_a_printed_expectation_reads_back_the_same(op: str, limit: float, more: float) -> None:
    """Printing loses nothing, whatever the operator and the limits."""
    upper = f" and {limit + more!r}" if op == "between" else ""
    expectation = Expectation.parse(f"{op} {limit!r}{upper}")
    assert Expectation.parse(str(expectation)) == expectation
    assert expectation.limit == limit
    assert expectation.op == op


@pytest.mark.parametrize(
    ("value", "meant"),
    [(1, "== 1"), (True, "== 1"), ("0.9", "== 0.9"), ("=> 0.9", ">= 0.9"), ("= 1", "== 1"), ("≥ 1", ">= 1"),
     ("between 3 and 1", ""), ("> nan", ""), (">= 1e999", ""), (None, ""), ("> " + "9" * 100, "")],
)  # fmt: skip
def test_what_is_no_expectation_is_refused(value: object, meant: str) -> None:
    """A value alone says nothing about how to compare; what was likely meant is named."""
    with pytest.raises(UnitError) as caught:
        Expectation.parse(value)
    assert caught.value.suggestion == meant


class Quantities(Model):
    """One field of each kind."""

    story: StoryDuration
    real: RealDuration
    size: Size
    rate: Rate
    ratio: Annotated[Ratio, Field(ge=0, le=1)]
    expect: Expectation


def test_fields_of_a_model_read_and_print_units() -> None:
    """A model holds plain numbers, prints units, and reads what it printed."""
    model = Quantities.model_validate(
        {"story": "2m", "real": "900ms", "size": "8KB", "rate": "1MB/s", "ratio": "40%", "expect": "< 2"}
    )
    assert (model.story, model.real, model.size, model.rate, model.ratio) == (120.0, 0.9, 8000, 1e6, 0.4)
    printed = model.model_dump(mode="json")
    assert printed == {
        "story": "2m", "real": "900ms", "size": "8KB", "rate": "1MB/s", "ratio": 0.4, "expect": "< 2"
    }  # fmt: skip
    assert Quantities.model_validate(printed) == model


def test_the_bounds_of_a_field_hold_for_quantities() -> None:
    """A ratio of 140 % passes the units and fails the field."""
    wrong = {"story": 0, "real": 0, "size": 0, "rate": 0, "ratio": "140%", "expect": "< 2"}
    with pytest.raises(ValidationError) as caught:
        Quantities.model_validate(wrong)
    assert [error["type"] for error in caught.value.errors()] == ["less_than_equal"]


@given(st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.integers())))
def test_units_refuse_rather_than_break(value: object) -> None:
    """Whatever stands in a document, a unit is read or refused; nothing else is raised."""
    for parse in (parse_duration, parse_size, parse_rate, parse_ratio, Expectation.parse):
        complaint: UnitError | None = None
        try:
            read = parse(value)
        except UnitError as error:
            complaint = error
        else:
            assert isinstance(read, Expectation) or math.isfinite(read)
        assert complaint is None or (complaint.message and complaint.expected)
