"""Quantities with units, as a document writes them and as code uses them.

Every type here is an annotated number: a field declared `delay: RealDuration` reads `"900ms"` and holds `0.9`.
A bare number is refused wherever its unit would have to be guessed; only 0 needs none.
"""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, TypeAlias

from chaos.clock import RealSeconds, StorySeconds
from chaos.experiment.expectation import Expectation as Expectation
from chaos.experiment.quantity import NUMBER, Quantity, finite, is_number, plain, short_text
from chaos.experiment.quantity import UnitError as UnitError

LONGEST_DURATION = 366 * 86_400.0

DURATION_UNITS = {"d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6}
DURATION_PATTERN = (
    r"^(?=.)(?:[0-9]+(?:\.[0-9]+)?d)?(?:[0-9]+(?:\.[0-9]+)?h)?(?:[0-9]+(?:\.[0-9]+)?m)?"
    r"(?:[0-9]+(?:\.[0-9]+)?s)?(?:[0-9]+(?:\.[0-9]+)?ms)?(?:[0-9]+(?:\.[0-9]+)?us)?$|^0$"
)
DURATION_SLIPS = {
    "days": "d",
    "day": "d",
    "hours": "h",
    "hour": "h",
    "hrs": "h",
    "hr": "h",
    "minutes": "m",
    "minute": "m",
    "mins": "m",
    "min": "m",
    "seconds": "s",
    "second": "s",
    "secs": "s",
    "sec": "s",
    "milliseconds": "ms",
    "millis": "ms",
    "msec": "ms",
    "microseconds": "us",
    "µs": "us",
    "μs": "us",
}

SIZE_UNITS = {
    "B": 1,
    "kB": 10**3,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
}
SIZE_PATTERN = r"^[0-9]+(?:\.[0-9]+)? ?(?:B|kB|KB|MB|GB|TB|KiB|MiB|GiB|TiB)$|^0$"
RATE_PATTERN = r"^[0-9]+(?:\.[0-9]+)? ?(?:B|kB|KB|MB|GB|TB|KiB|MiB|GiB|TiB)/s$|^0$"
RATIO_PATTERN = r"^[0-9]+(?:\.[0-9]+)?%?$|^[0-9]+(?:\.[0-9]+)?/[0-9]+(?:\.[0-9]+)?$"


# --- durations ---------------------------------------------------------------------------------------------------

DURATION_EXPECTED = "a duration such as 900ms, 10s, 2m or 1h30m"
_DURATION = re.compile(DURATION_PATTERN)
_DURATION_PART = re.compile(rf"({NUMBER})(ms|us|d|h|m|s)")
_DURATION_WORDS = re.compile("|".join(sorted(DURATION_SLIPS, key=len, reverse=True)))


def parse_duration(value: object) -> float:
    """Seconds of `"900ms"`, `"2m"`, `"1h30m"` or 0. Raises UnitError for anything else, bare numbers included."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        if value == 0:
            return 0.0
        if not 0 < value < 1e9:
            raise UnitError("is not a duration", DURATION_EXPECTED)
        raise UnitError("needs a unit, e.g. 10s", DURATION_EXPECTED)
    return _seconds(short_text(value, DURATION_EXPECTED))


@lru_cache(maxsize=4096)
def _seconds(text: str) -> float:
    if not _DURATION.match(text):
        raise _duration_error(text)
    seconds: float = sum(float(part[1]) * DURATION_UNITS[part[2]] for part in _DURATION_PART.finditer(text))
    if finite(seconds, DURATION_EXPECTED) > LONGEST_DURATION:
        raise UnitError("is longer than a year", DURATION_EXPECTED)
    return seconds


def _duration_error(text: str) -> UnitError:
    if re.fullmatch(NUMBER, text):
        return UnitError("needs a unit, e.g. 10s", DURATION_EXPECTED)
    if text.startswith("-"):
        return UnitError("is below 0", DURATION_EXPECTED)
    guess = _DURATION_WORDS.sub(lambda found: DURATION_SLIPS[found[0]], text.lower().replace(" ", ""))
    return UnitError(
        "is not a duration", DURATION_EXPECTED, guess if _DURATION.match(guess) and guess else ""
    )


def format_duration(seconds: float) -> str:
    """The shortest exact text that reads back as `seconds`: `format_duration(5400.0) == "1h30m"`."""
    if seconds == 0:
        return "0s"
    whole = round(seconds)
    if seconds == whole and whole >= 60:
        parts: list[str] = []
        for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
            count, whole = divmod(whole, size)
            parts += [f"{count}{unit}"] if count else []
        return "".join(parts)
    for unit in ("s", "ms", "us"):
        text = f"{plain(round(seconds / DURATION_UNITS[unit], 9))}{unit}"
        if (seconds >= DURATION_UNITS[unit] or unit == "us") and parse_duration(text) == seconds:
            return text
    return f"{plain(seconds)}s"


# --- sizes and rates ---------------------------------------------------------------------------------------------

SIZE_EXPECTED = "a size such as 64B, 8KB or 1.5MiB"
RATE_EXPECTED = "a rate such as 100KB/s or 1.5MB/s"
_SIZE = re.compile(rf"({NUMBER}) ?({'|'.join(SIZE_UNITS)})")
_ANY_UNIT = re.compile(rf"({NUMBER}) ?([A-Za-z]+)")


def parse_size(value: object) -> int:
    """Bytes of `"8KB"` (8000), `"1KiB"` (1024) or 0. Raises UnitError, also where the bytes are not whole."""
    if is_number(value) and value == 0:
        return 0
    amount = _amount(value, "", SIZE_EXPECTED)
    if amount != round(amount):
        raise UnitError("is not a whole number of bytes", SIZE_EXPECTED)
    return round(amount)


def parse_rate(value: object) -> float:
    """Bytes per second of `"100KB/s"` (100000.0) or 0. Raises UnitError for anything else."""
    return 0.0 if is_number(value) and value == 0 else _amount(value, "/s", RATE_EXPECTED)


def _amount(value: object, per: str, expected: str) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise UnitError(f"needs a unit, e.g. 8KB{per}", expected)
    text = short_text(value, expected)
    if text == "0":
        return 0.0
    found = _SIZE.fullmatch(text.removesuffix(per)) if text.endswith(per) else None
    if found is None:
        raise _amount_error(text, per, expected)
    return finite(_exact(found[1], SIZE_UNITS[found[2]]), expected)


def _exact(number: str, factor: int) -> float:
    """The product without binary rounding of the decimal fraction (`"1.1KB"` is 1100, not 1100.0000000000002)."""
    return float(Decimal(number) * factor)


def _amount_error(text: str, per: str, expected: str) -> UnitError:
    if text.startswith("-"):
        return UnitError("is below 0", expected)
    if re.fullmatch(NUMBER, text):
        return UnitError(f"needs a unit, e.g. 8KB{per}", expected)
    what = "rate" if per else "size"
    bare = re.sub(r"(/s|/sec|ps)$", "", text)
    found = _ANY_UNIT.fullmatch(bare)
    if found:
        units = {unit.lower(): unit for unit in SIZE_UNITS} | {"k": "KB", "m": "MB", "g": "GB"}
        unit = units.get(found[2].lower())
        message = f"is not a {what} in bytes (B)" if found[2][-1] in "bt" else f"is not a {what}"
        return UnitError(message, expected, f"{found[1]}{unit}{per}" if unit else "")
    return UnitError(f"is not a {what}", expected)


def format_size(size: float) -> str:
    """The shortest exact text that reads back as `size` bytes: `format_size(8000) == "8KB"`."""
    for unit in ("TB", "GB", "MB", "KB"):
        if size and size % SIZE_UNITS[unit] == 0:
            return f"{round(size) // SIZE_UNITS[unit]}{unit}"
    return f"{plain(size)}B"


def format_rate(rate: float) -> str:
    """The shortest exact text that reads back as `rate` bytes per second."""
    return f"{format_size(rate)}/s"


# --- ratios ------------------------------------------------------------------------------------------------------

RATIO_EXPECTED = "a ratio such as 40%, 1/1000 or 0.4"
_RATIO = re.compile(RATIO_PATTERN)


def parse_ratio(value: object) -> float:
    """The ratio of `"40%"`, `"1/1000"`, `"0.4"` or `0.4`; its bounds are the field's. Raises UnitError."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return finite(_to_float(value, RATIO_EXPECTED), RATIO_EXPECTED)
    text = short_text(value, RATIO_EXPECTED)
    if not _RATIO.match(text):
        raise UnitError("is not a ratio", RATIO_EXPECTED)
    if text.endswith("%"):
        return finite(float(text[:-1]) / 100, RATIO_EXPECTED)
    above, _, below = text.partition("/")
    if below and float(below) == 0:
        raise UnitError("divides by 0", RATIO_EXPECTED)
    return finite(float(above) / (float(below) if below else 1.0), RATIO_EXPECTED)


def _to_float(value: float, expected: str) -> float:
    try:
        return float(value)
    except OverflowError:
        raise UnitError("is far too large", expected) from None


_DURATION_UNIT = Quantity(parse_duration, format_duration, DURATION_PATTERN, DURATION_EXPECTED)

StoryDuration: TypeAlias = Annotated[StorySeconds, _DURATION_UNIT]
"""Seconds of story time, never below 0: `"2m"` holds 120.0."""

RealDuration: TypeAlias = Annotated[RealSeconds, _DURATION_UNIT]
"""Seconds of real time, never below 0: `"900ms"` holds 0.9."""

Ratio: TypeAlias = Annotated[float, Quantity(parse_ratio, float, RATIO_PATTERN, RATIO_EXPECTED, number=True)]
"""A share: `"40%"`, `"1/1000"` and `0.4`. Never below 0 as a text; give the field its bounds (`Field(ge=0, le=1)`)."""

Size: TypeAlias = Annotated[int, Quantity(parse_size, format_size, SIZE_PATTERN, SIZE_EXPECTED)]
"""Whole bytes: `"8KB"` holds 8000, `"1KiB"` 1024."""

Rate: TypeAlias = Annotated[float, Quantity(parse_rate, format_rate, RATE_PATTERN, RATE_EXPECTED)]
"""Bytes per second: `"100KB/s"` holds 100000.0."""
