"""Chaos Toolkit's tolerances: what a probe's value must be, checked as Chaos Toolkit checks it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import TypeAlias

from pydantic import JsonValue

Tolerance: TypeAlias = JsonValue
KINDS = ("regex", "jsonpath", "range")
_STEP = re.compile(
    r"\.(?P<name>[A-Za-z_][\w-]*)|\.(?P<star>\*)|\[(?P<index>-?\d+|\*)\]|\[(?P<quote>['\"])(?P<key>.*?)(?P=quote)\]"
)


def trouble(tolerance: Tolerance) -> str:
    """Why this tolerance cannot be checked here; empty when it can."""
    if not isinstance(tolerance, Mapping):
        return (
            "it is null"
            if tolerance is None
            else "it is no whole number, which Chaos Toolkit refuses"
            if isinstance(tolerance, float)
            else ""
        )
    kind = tolerance.get("type")
    if kind not in KINDS:
        return (
            f"its type is {kind!r}; of those that are given as a section, {', '.join(KINDS)} can be checked"
        )
    if kind == "regex":
        return _regex_trouble(tolerance.get("pattern"))
    if kind == "jsonpath":
        path = tolerance.get("path")
        return (
            ""
            if isinstance(path, str) and steps(path) is not None
            else f"its path {path!r} is not made of names and indices alone"
        )
    limits = tolerance.get("range")
    well = (
        isinstance(limits, list) and len(limits) == 2 and all(isinstance(one, int | float) for one in limits)
    )
    return "" if well else "its range is not two numbers"


def _regex_trouble(pattern: object) -> str:
    try:
        re.compile(pattern if isinstance(pattern, str) else "(")
    except re.error as error:
        return f"its pattern is no regular expression: {error}"
    return ""


def met(tolerance: Tolerance, value: JsonValue) -> bool:
    """Whether a probe's value is within its tolerance. A value of another kind than was expected is not."""
    try:
        return _met(tolerance, value)
    except (TypeError, ValueError, KeyError, AttributeError, InvalidOperation):
        return False


def _met(tolerance: Tolerance, value: JsonValue) -> bool:
    if isinstance(tolerance, Mapping):
        return _SECTIONS[str(tolerance["type"])](tolerance, _targeted(tolerance, value))
    status = value["status"] if isinstance(value, dict) and "status" in value else value
    if isinstance(tolerance, bool | str):
        return value == tolerance
    if isinstance(tolerance, list):
        if isinstance(value, dict) and "status" in value:
            return status in tolerance
        if len(tolerance) == 2:
            return bool(tolerance[0] <= value <= tolerance[1])  # type: ignore[operator]
        return value in tolerance
    return status == tolerance


def _targeted(tolerance: Mapping[str, JsonValue], value: JsonValue) -> JsonValue:
    """The part of a value that is meant: `body` of an answer, `stdout` of a process."""
    target = tolerance.get("target")
    return value.get(str(target), value) if target and isinstance(value, dict) else value


def _regex(tolerance: Mapping[str, JsonValue], value: JsonValue) -> bool:
    return re.search(str(tolerance["pattern"]), value) is not None  # type: ignore[arg-type]


def _jsonpath(tolerance: Mapping[str, JsonValue], value: JsonValue) -> bool:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return False
    found = matches(str(tolerance["path"]), value)
    held = len(found) == tolerance["count"] if tolerance.get("count") is not None else bool(found)
    if "expect" in tolerance:
        expected = tolerance["expect"]
        held = found == (expected if isinstance(expected, list) else [expected])
    return held


def _range(tolerance: Mapping[str, JsonValue], value: JsonValue) -> bool:
    limits = tolerance["range"]
    assert isinstance(limits, list)
    low, high = (Decimal(limit) for limit in limits)  # type: ignore[arg-type]
    return low <= Decimal(value) <= high  # type: ignore[arg-type]


_SECTIONS = {"regex": _regex, "jsonpath": _jsonpath, "range": _range}


def steps(path: str) -> list[str | int] | None:
    """`$.data.result[0]["value"][*]` as its steps, `*` for every child; None for a path of another form."""
    if not path.strip().startswith("$"):
        return None
    rest, found = path.strip()[1:], list[str | int]()
    while rest:
        step = _STEP.match(rest)
        if step is None:
            return None
        if step["index"] is not None and step["index"] != "*":
            found.append(int(step["index"]))
        else:
            found.append("*" if step["star"] or step["index"] else step["name"] or step["key"])
        rest = rest[step.end() :]
    return found


def matches(path: str, value: JsonValue) -> list[JsonValue]:
    """What a path leads to, in the order of the document."""
    found = [value]
    for step in steps(path) or []:
        found = [below for one in found for below in _children(one, step)]
    return found


def _children(value: JsonValue, step: str | int) -> list[JsonValue]:
    if step == "*":
        return (
            list(value.values())
            if isinstance(value, dict)
            else list(value)
            if isinstance(value, list)
            else []
        )
    if isinstance(value, dict) and isinstance(step, str):
        return [value[step]] if step in value else []
    if isinstance(value, list) and isinstance(step, int):
        return [value[step]] if -len(value) <= step < len(value) else []
    return []
