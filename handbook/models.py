"""Pydantic models as tables: each key, what may stand there, what stands there unless given, and what it means."""

from __future__ import annotations

from collections.abc import Mapping
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


def models_in(model: type[BaseModel]) -> dict[type[BaseModel], str]:
    """All models that the fields of a model are made of, each with the path at which it is first met."""
    seen: dict[type[BaseModel], str] = {model: ""}
    _meet_fields(model, "", seen)
    del seen[model]
    return seen


def _meet_fields(model: type[BaseModel], path: str, seen: dict[type[BaseModel], str]) -> None:
    for name, field in model.model_fields.items():
        _meet(field.annotation, f"{path}.{field.alias or name}".lstrip("."), seen)


def _meet(annotation: object, path: str, seen: dict[type[BaseModel], str]) -> None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel) and annotation not in seen:
        seen[annotation] = path
        _meet_fields(annotation, path, seen)
    for part in get_args(annotation):
        _meet(part, path, seen)


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
    seen: dict[type[BaseModel], str] = {}
    _meet(field.annotation, "", seen)
    return first_sentence(next(iter(seen)).__doc__) if seen else ""


def sections(
    model: type[BaseModel], schema: JsonSchemaValue, *, without: type[BaseModel] | None = None
) -> str:
    """A model and all that it is made of, each under its path; those derived from `without` stand elsewhere."""
    found = {
        one: path for one, path in models_in(model).items() if without is None or not issubclass(one, without)
    }
    parts = [f"## The document\n\n{prose(model.__doc__)}\n{fields_table(model, schema)}"]
    for one, path in found.items():
        parts.append(
            f"## {path} {{#{one.__name__.lower()}}}\n\n{prose(one.__doc__)}\n{fields_table(one, schema)}"
        )
    text = "\n".join(parts)
    for one, path in found.items():
        text = text.replace(f"[{one.__name__}](#", f"[{path}](#")
    return text


def kind(told: Mapping[str, object]) -> str:
    """What may stand there, in a few words; a section is a link to it."""
    match told:
        case {"anyOf": [*ways]} | {"oneOf": [*ways]}:
            words = [kind(way) for way in ways if isinstance(way, Mapping) and way.get("type") != "null"]
            return " or ".join(dict.fromkeys(word for word in words if word))
        case {"$ref": str(place)}:
            name = place.rsplit("/", 1)[-1]
            return (
                "any value" if name == "JsonValue" else QUANTITIES.get(name) or f"[{name}](#{name.lower()})"
            )
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
    if kind(told).startswith("duration") and isinstance(value, int | float) and value:
        return code(f"{value / 60:g}m" if value % 60 == 0 else f"{value:g}s")
    if isinstance(value, bool):
        return code(str(value).lower())
    if isinstance(value, tuple | list):
        return code(", ".join(str(one) for one in value))
    return code(f"{value:g}" if isinstance(value, float) else str(value))
