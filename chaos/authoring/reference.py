"""The faults as their author needs them: parameters with their units, and an example that is valid."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from chaos.experiment.fault import FaultSpec, LinkFaultSpec, NodeFaultSpec, ProcessFaultSpec
from chaos.experiment.schema import schema

SHARED = ("fault", *(name for name in FaultSpec.model_fields if name != "fault"))
"""What every fault has."""
CASES = {
    "Duration": ("duration, e.g. 400ms", "400ms"),
    "Size": ("size, e.g. 1 KB", "1 KB"),
    "Rate": ("rate, e.g. 20 KB/s", "20 KB/s"),
    "Ratio": ("ratio, e.g. 30% or 0.3", "30%"),
    "Expectation": ("expectation, e.g. >= 0.9", '">= 0.9"'),
}
"""How the published schema's quantities are told, and a value of each."""
_TARGETS: Mapping[type[FaultSpec], str] = {
    LinkFaultSpec: "link: media-to-platform",
    NodeFaultSpec: "tier: media",
    ProcessFaultSpec: "tier: media",
}


@dataclass(frozen=True)
class Parameter:
    """One parameter of a fault. `kind` tells its unit or its words, `sample` is a value."""

    name: str
    kind: str
    needed: bool
    text: str
    sample: str


@dataclass(frozen=True)
class Entry:
    """One fault: what it does, what it takes, and an example to be put below `faults:`."""

    name: str
    does: str
    parameters: tuple[Parameter, ...]
    example: str


def shared_parameters(faults: Mapping[str, type[FaultSpec]]) -> tuple[Parameter, ...]:
    """What may stand with every fault."""
    defined, spec = _defined(tuple(faults.values())), next(iter(faults.values()))
    return tuple(one for one in _parameters(defined, spec.__name__) if one.name in SHARED[1:])


def entries(faults: Mapping[str, type[FaultSpec]]) -> list[Entry]:
    """Each fault by name, a user's own included."""
    defined = _defined(tuple(faults.values()))
    found = []
    for name, spec in sorted(faults.items()):
        own = tuple(one for one in _parameters(defined, spec.__name__) if one.name not in SHARED)
        does = " ".join((spec.__doc__ or "").split("\n\n")[0].split())
        own = tuple(sorted(own, key=lambda one: not one.needed))
        found.append(Entry(name, does, own, example(name, spec, own)))
    return found


def example(name: str, spec: type[FaultSpec], own: tuple[Parameter, ...]) -> str:
    """The shortest whole fault: its target, what it must be given, and when."""
    target = next((text for kind, text in _TARGETS.items() if issubclass(spec, kind)), "")
    given = [f"{one.name}: {one.sample}" for one in own if one.needed and one.name != "link"]
    return f"{{{', '.join(filter(None, [f'fault: {name}', target, *given, 'at: 30s', 'lasts: 2m']))}}}"


@lru_cache(maxsize=4)
def _defined(specs: tuple[type[FaultSpec], ...]) -> Mapping[str, Any]:
    """The published schema's definitions, the parameters of each of these faults among them."""
    defined: Mapping[str, Any] = schema({str(spec.model_fields["fault"].default): spec for spec in specs})[
        "$defs"
    ]
    return defined


def _parameters(defined: Mapping[str, Any], model: str) -> Iterator[Parameter]:
    made = defined[model]
    for name, field in made["properties"].items():
        kind, sample = _kind(field, defined)
        text = " ".join(str(field.get("description", "")).split())
        yield Parameter(name, kind, name in made["required"], text, sample)


def _kind(field: Mapping[str, Any], defined: Mapping[str, Any]) -> tuple[str, str]:
    """What a value is, and one of them, from its JSON Schema."""
    several = [one for one in field.get("anyOf", ()) if one.get("type") != "null"]
    if several:  # a quantity may also be a plain number; its text tells more
        return _kind(next((one for one in several if "$ref" in one), several[0]), defined)
    if "$ref" in field:
        name = field["$ref"].rsplit("/", 1)[-1]
        return CASES[name] if name in CASES else _section(name, defined)
    if "enum" in field:
        return f"one of {', '.join(map(str, field['enum']))}", str(field["enum"][0])
    if "const" in field:
        return f"`{field['const']}`", str(field["const"])
    return {
        "integer": ("whole number", "1"),
        "number": ("number", "1"),
        "boolean": ("true or false", "true"),
        "string": ("text", "name"),
        "array": ("list", "[]"),
    }.get(field.get("type", ""), ("see the schema", "{}"))


def _section(name: str, defined: Mapping[str, Any]) -> tuple[str, str]:
    below = defined.get(name, {})
    if "properties" not in below:
        return _kind(below, defined)
    return f"section with {', '.join(below['properties'])}", "{}"
