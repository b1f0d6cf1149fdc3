"""The published JSON Schema of a line of `events.jsonl`."""

from __future__ import annotations

import json

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaValue, models_json_schema

from chaos.catalogue import EVENTS
from chaos.catalogue.told import Line
from chaos.experiment.docstrings import attribute_docstrings

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema() -> JsonSchemaValue:
    """One line: what all lines have, and what the event that it names has besides."""
    models: list[type[BaseModel]] = [Line, *EVENTS.values()]
    _, made = models_json_schema([(one, "validation") for one in models])
    definitions: dict[str, JsonSchemaValue] = made["$defs"]
    shared = definitions.pop(Line.__name__)
    events = {}
    for name, model in EVENTS.items():
        own = definitions.pop(model.__name__)
        events[name] = {
            "type": "object",
            "description": own.get("description", ""),
            "properties": {
                "event": {"const": name},
                **_described(Line, shared["properties"], without=("event",)),
                **_described(model, own.get("properties", {})),
            },
            "required": [*shared["required"], *own.get("required", [])],
            "additionalProperties": False,
        }
    return {
        "$schema": DIALECT,
        "title": "A line of Standby's events.jsonl",
        "type": "object",
        "required": ["event"],
        "oneOf": [{"$ref": f"#/$defs/{name}"} for name in events],
        "$defs": {**definitions, **events},
    }


def schema_text() -> str:
    """The schema as it is printed."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def _described(
    model: type, properties: JsonSchemaValue, *, without: tuple[str, ...] = ()
) -> dict[str, JsonSchemaValue]:
    told = attribute_docstrings(model)
    found: dict[str, JsonSchemaValue] = {}
    for name, value in properties.items():
        if name not in without:
            plain = {key: part for key, part in value.items() if key not in ("title", "default")}
            found[name] = {**plain, **({"description": told[name]} if told.get(name) else {})}
    return found
