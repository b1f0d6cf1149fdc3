"""Chaos Toolkit's configuration and secrets: what `${name}` stands for in a probe or an action."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import JsonValue

_NAME = re.compile(r"\$\{(\w+)\}")
_ENV_NAME = re.compile(r"[A-Za-z_]\w*")


class UnknownValueError(Exception):
    """A `${name}` that stands for nothing that a document may hold; the message says why."""


@dataclass
class Values:
    """What is known. `known` are values, or `${ENV}` for what the environment says when the experiment runs."""

    known: dict[str, JsonValue] = field(default_factory=dict)
    unknown: dict[str, str] = field(default_factory=dict)
    """Why the others are not."""
    secrets: dict[str, dict[str, JsonValue]] = field(default_factory=dict)
    """The secrets of each target, as `${ENV}`."""
    configuration: dict[str, JsonValue] = field(default_factory=dict)
    """The configuration alone, for functions that take it as a whole."""

    def filled(self, value: JsonValue) -> JsonValue:
        """With what is known in the place of every `${name}`. Raises UnknownValueError."""
        if isinstance(value, Mapping):
            return {key: self.filled(below) for key, below in value.items()}
        if isinstance(value, list):
            return [self.filled(below) for below in value]
        if not isinstance(value, str):
            return value
        whole = _NAME.fullmatch(value)
        if whole:
            return self._one(whole[1])
        return _NAME.sub(lambda found: str(self._one(found[1])), value)

    def _one(self, name: str) -> JsonValue:
        if name not in self.known:
            why = self.unknown.get(name, "neither configuration nor secrets have it")
            raise UnknownValueError(f"it needs ${{{name}}}: {why}")
        return self.known[name]


def of_environment(value: JsonValue) -> bool:
    """Whether something in it is known only when the experiment runs."""
    if isinstance(value, Mapping):
        return any(of_environment(below) for below in value.values())
    if isinstance(value, list):
        return any(of_environment(below) for below in value)
    return isinstance(value, str) and "${" in value


def configured(entry: JsonValue) -> JsonValue:
    """What one entry of the configuration stands for. Raises UnknownValueError."""
    if not isinstance(entry, Mapping) or "type" not in entry:
        if of_environment(entry):
            raise UnknownValueError("it refers to another value")
        return entry
    if entry["type"] != "env":
        raise UnknownValueError(f"values of the type {entry['type']!r} are found out when Chaos Toolkit runs")
    if entry.get("env_var_type") not in (None, "str", "string"):
        raise UnknownValueError("a variable of the environment is a text here, and cannot be made a number")
    return _variable(entry)


def secret(entry: JsonValue) -> JsonValue:
    """What one secret stands for: a variable of the environment. Raises UnknownValueError for any other."""
    if isinstance(entry, Mapping) and entry.get("type") == "env":
        return _variable({"key": entry.get("key")})
    if isinstance(entry, Mapping) and "type" in entry:
        raise UnknownValueError(
            f"secrets of the type {entry['type']!r} cannot be had; put it into the environment"
        )
    raise UnknownValueError("no secret is copied into a document; put it into the environment")


def _variable(entry: Mapping[str, JsonValue]) -> str:
    name, otherwise = entry.get("key"), entry.get("default")
    if not isinstance(name, str) or not _ENV_NAME.fullmatch(name):
        raise UnknownValueError("it names no variable of the environment")
    if otherwise is None:
        return f"${{{name}}}"
    if re.search(r"[{}$]", str(otherwise)):
        raise UnknownValueError("its default has braces or a dollar sign in it")
    return f"${{{name}:-{otherwise}}}"
