"""Where the parts of a Chaos Toolkit experiment are: values, activities and the references between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from pydantic import JsonValue

Activity: TypeAlias = Mapping[str, JsonValue]
_ACTIVITY_KEYS = {"name", "type", "provider", "tolerance", "pauses", "background", "controls", "ref"}
_LONGEST_PAUSE = 3600.0
"""Seconds; a longer pause is taken for a mistake."""


def leaves(place: str, several: JsonValue) -> Iterator[tuple[str, str, JsonValue]]:
    """Each named value of a section with its place; a section that is none is one value."""
    if isinstance(several, Mapping):
        for name, entry in several.items():
            yield f"{place}.{name}", str(name), entry
    elif several is not None:
        yield place, "", several


def hypothesis_probes(source: Mapping[str, JsonValue]) -> JsonValue:
    """The probes of the steady-state hypothesis, if it is one."""
    hypothesis = source.get("steady-state-hypothesis")
    return hypothesis.get("probes") if isinstance(hypothesis, Mapping) else hypothesis


def referred(source: Mapping[str, JsonValue], name: JsonValue) -> Activity | None:
    """The activity of that name, wherever the source has it."""
    lists = (hypothesis_probes(source), source.get("method"), source.get("rollbacks"))
    several = [each for found in lists if isinstance(found, list) for each in found]
    named = (one for one in several if isinstance(one, Mapping) and "ref" not in one)
    return next((one for one in named if one.get("name") == name), None)


def pauses(activity: Activity) -> tuple[float, float]:
    """Seconds before and after an activity."""
    given = activity.get("pauses")
    known = given if isinstance(given, Mapping) else {}

    def seconds(value: JsonValue) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LONGEST_PAUSE:
            return 0.0
        return float(value)

    return seconds(known.get("before")), seconds(known.get("after"))


def unknown_keys(activity: Activity) -> list[str]:
    """A note on each key that no activity has."""
    return [f"its key `{key}` was left out" for key in activity if key not in _ACTIVITY_KEYS]
