"""Typed, forgiving readers of an event's fields.

A record may be cut off, come from another version, or hold hostile text. A field that is missing or of another type
reads as None (or as empty), never as an exception; text loses the characters that XML, terminals and UTF-8 refuse.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Protocol

from chaos.record import Json

_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufffe\uffff]")
_SURROGATES = re.compile("[\ud800-\udfff]")

Series = tuple[tuple[float, float | None], ...]
"""Samples in order of time: (t, value), with None where there was no value."""


class Fields(Protocol):
    """Whatever has fields to be read: an event, or a mapping within one."""

    def get(self, key: str, /) -> Json:
        """The field, or None."""


def clean(value: str) -> str:
    """Text without control characters, bidirectional overrides and broken code points; newlines and tabs stay."""
    return _SURROGATES.sub("\ufffd", _UNPRINTABLE.sub("", value))


def one_line(value: str) -> str:
    """Text with every run of white space as one blank."""
    return " ".join(value.split())


def as_text(value: Json) -> str:
    """A plain value as text; empty for None and for anything that is not plain."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return f"{value:g}" if isinstance(value, float) else str(value)
    return ""


def as_number(value: Json) -> float | None:
    """A finite number, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def text(fields: Fields, key: str, default: str = "") -> str:
    """The field as text, `default` when it is not there."""
    return as_text(fields.get(key)) or default


def number(fields: Fields, key: str) -> float | None:
    """The field as a finite number."""
    return as_number(fields.get(key))


def integer(fields: Fields, key: str) -> int | None:
    """The field as a whole number."""
    value = fields.get(key)
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    found = as_number(value)
    return int(found) if found is not None else None


def flag(fields: Fields, key: str) -> bool | None:
    """The field as a truth value; None when it is not known."""
    value = fields.get(key)
    return value if isinstance(value, bool) else None


def items(value: Json) -> Sequence[Json]:
    """The field's list, or an empty one."""
    return value if isinstance(value, Sequence) and not isinstance(value, str) else ()


def texts(fields: Fields, key: str) -> tuple[str, ...]:
    """The field as a list of texts."""
    return tuple(found for found in (as_text(item) for item in items(fields.get(key))) if found)


def mapping(fields: Fields, key: str) -> Mapping[str, Json]:
    """The field as a mapping, empty when it is not one."""
    value = fields.get(key)
    return value if isinstance(value, Mapping) else {}


def labels(fields: Fields, key: str) -> dict[str, str]:
    """The field as a mapping from text to text, nested values written out as `key=value`."""
    return {clean(name): _spelt(value) for name, value in mapping(fields, key).items()}


def rows(fields: Fields, key: str) -> tuple[Mapping[str, Json], ...]:
    """The field as a list of mappings."""
    return tuple(item for item in items(fields.get(key)) if isinstance(item, Mapping))


def spans(fields: Fields, key: str) -> tuple[tuple[float, float], ...]:
    """The field as a list of intervals `[begin, end]`, those that are whole and not reversed."""
    found: list[tuple[float, float]] = []
    for item in items(fields.get(key)):
        pair = items(item)
        if len(pair) == 2:
            begin, end = as_number(pair[0]), as_number(pair[1])
            if begin is not None and end is not None and end >= begin:
                found.append((begin, end))
    return tuple(found)


def series(fields: Fields, key: str) -> Series:
    """The field as samples `[t, value]` in order of time; NaN and missing values are None."""
    found: list[tuple[float, float | None]] = []
    for item in items(fields.get(key)):
        pair = items(item)
        if len(pair) == 2:
            moment = as_number(pair[0])
            if moment is not None:
                found.append((moment, as_number(pair[1])))
    return tuple(sorted(found, key=lambda sample: sample[0]))


def said(fields: Fields, key: str) -> str:
    """The field as text, whatever its form; of a mapping (labels) the values, which tell the things themselves."""
    value = fields.get(key)
    if isinstance(value, Mapping):
        return ", ".join(filter(None, map(_spelt, value.values())))
    return _spelt(value)


def _spelt(value: Json) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{clean(key)}={_spelt(item)}" for key, item in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(_spelt(item) for item in value)
    return as_text(value)
