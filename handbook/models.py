"""Pydantic models as tables: each key, what may stand there, what stands there unless given, and what it means."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic.json_schema import JsonSchemaValue

from chaos.experiment.docstrings import attribute_docstrings
from handbook.text import cell, code, first_sentence, prose, table

QUANTITIES = {
    "Duration": "duration",
    "Size": "size",
    "Rate": "rate",
    "Ratio": "ratio",
    "Expectation": "comparison",
}


def models_in(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """A model and all that its fields are made of, each once, in the order in which they are met."""
    seen: dict[type[BaseModel], None] = {}
    _meet(model, seen)
    return iter(seen)


def _meet(annotation: object, seen: dict[type[BaseModel], None]) -> None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if annotation in seen:
            return
        seen[annotation] = None
        for field in annotation.model_fields.values():
            _meet(field.annotation, seen)
    for part in get_args(annotation):
        _meet(part, seen)


def fields_table(
    model: type[BaseModel], schema: JsonSchemaValue, *, without: frozenset[str] = frozenset()
) -> str:
    """The fields of a model as a table. `schema` is the one that defines it among others."""
    told = schema["$defs"].get(model.__name__, schema).get("properties", {})
    meanings = attribute_docstrings(model)
    rows = [
        [
            f"`{key}`" + (" **required**" if field.is_required() else ""),
            kind(told.get(key, {})),
            default(field, told.get(key, {})),
            cell(meanings.get(name, "") or field.description or _of_its_model(field)),
        ]
        for name, field in model.model_fields.items()
        if (key := field.alias or name) not in without
    ]
    return table(["key", "value", "unless given", "meaning"], rows)


def _of_its_model(field: FieldInfo) -> str:
    """What the section is that stands there, for a field that says no more."""
    seen: dict[type[BaseModel], None] = {}
    _meet(field.annotation, seen)
    return first_sentence(next(iter(seen)).__doc__) if seen else ""


def section(model: type[BaseModel], schema: JsonSchemaValue, heading: str) -> str:
    """A model under a heading: what it is, and its fields."""
    return f"## {heading}\n\n{prose(model.__doc__)}\n{fields_table(model, schema)}\n"


def kind(told: Mapping[str, object]) -> str:
    """What may stand there, in a few words; a section is a link to it."""
    match told:
        case {"anyOf": [*ways]} | {"oneOf": [*ways]}:
            words = [kind(way) for way in ways if isinstance(way, Mapping) and way.get("type") != "null"]
            return " or ".join(dict.fromkeys(word for word in words if word))
        case {"$ref": str(place)}:
            name = place.rsplit("/", 1)[-1]
            return QUANTITIES.get(name) or f"[{name}](#{name.lower()})"
        case {"const": value}:
            return code(str(value))
        case {"enum": [*values]}:
            return ", ".join(code(str(value)) for value in values)
        case {"type": "array", "items": Mapping() as items}:
            return f"list of {kind(items) or 'values'}"
        case {"type": "object", "additionalProperties": Mapping() as values}:
            return f"names with {kind(values) or 'values'}"
        case {"type": str(name)}:
            return {"string": "text", "integer": "whole number", "boolean": "true or false"}.get(name, name)
    return ""


def default(field: FieldInfo, told: Mapping[str, object]) -> str:
    """What stands there unless given, as it would be written."""
    if field.is_required():
        return ""
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is None or isinstance(value, BaseModel) or value in ((), [], {}, ""):
        return ""
    if kind(told) == "duration" and isinstance(value, int | float):
        return code(f"{value / 60:g}m" if value and value % 60 == 0 else f"{value:g}s")
    if isinstance(value, bool):
        return code(str(value).lower())
    if isinstance(value, tuple | list):
        return code(", ".join(str(one) for one in value))
    return code(f"{value:g}" if isinstance(value, float) else str(value))
