"""The published JSON Schema of a document, for editors and for other people's tools."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from pydantic.json_schema import JsonSchemaValue

from chaos.experiment.base import Model
from chaos.experiment.expectation import EXPECTATION_EXPECTED, EXPECTATION_PATTERN
from chaos.experiment.fault import FaultSpec
from chaos.experiment.model import experiment_model
from chaos.experiment.units import (
    DURATION_EXPECTED,
    DURATION_PATTERN,
    RATE_EXPECTED,
    RATE_PATTERN,
    RATIO_EXPECTED,
    RATIO_PATTERN,
    SIZE_EXPECTED,
    SIZE_PATTERN,
)

SCHEMA_FILE = Path(__file__).with_name("schema.json")
DIALECT = "https://json-schema.org/draft/2020-12/schema"
UNITS: dict[str, JsonSchemaValue] = {
    name: {"type": "string", "pattern": pattern, "description": expected}
    for name, pattern, expected in (
        ("Duration", DURATION_PATTERN, DURATION_EXPECTED),
        ("Size", SIZE_PATTERN, SIZE_EXPECTED),
        ("Rate", RATE_PATTERN, RATE_EXPECTED),
        ("Ratio", RATIO_PATTERN, RATIO_EXPECTED),
        ("Expectation", EXPECTATION_PATTERN, EXPECTATION_EXPECTED),
    )
}
"""Quantities, which pydantic spells out wherever they are used."""


def schema(faults: Mapping[str, type[FaultSpec]]) -> JsonSchemaValue:
    """The JSON Schema (2020-12) of documents that may name these faults."""
    model = experiment_model(tuple(faults[word] for word in sorted(faults)))
    made = _tidy(model.model_json_schema(by_alias=True, mode="validation"))
    made = made if isinstance(made, dict) else {}
    for name in (spec.__name__ for spec in faults.values()):
        definition = made.get("$defs", {}).get(name, {})
        definition["required"] = ["fault", *(key for key in definition.get("required", []) if key != "fault")]
    return {
        "$schema": DIALECT,
        **made,
        "title": "Standby experiment",
        "$defs": {**made.get("$defs", {}), **UNITS},
    }


def schema_text(faults: Mapping[str, type[FaultSpec]]) -> str:
    """The schema as it stands in the file."""
    return json.dumps(schema(faults), indent=2, ensure_ascii=False) + "\n"


def published_text(model: type[Model], title: str) -> str:
    """The schema of another kind of document, as it stands in its file."""
    made = _tidy(model.model_json_schema(by_alias=True, mode="validation"))
    made = made if isinstance(made, dict) else {}
    whole = {"$schema": DIALECT, **made, "title": title}
    used = json.dumps(whole)
    units = {name: unit for name, unit in UNITS.items() if f'"#/$defs/{name}"' in used}
    whole["$defs"] = {**made.get("$defs", {}), **units}
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


def _tidy(value: object, *, names: bool = False) -> object:
    """Without the defaults and titles that pydantic derives: they repeat the names, or are in another unit."""
    if isinstance(value, list):
        return [_tidy(item) for item in value]
    if not isinstance(value, dict):
        return value
    for name, unit in UNITS.items():
        if value.get("pattern") == unit["pattern"]:
            return {"$ref": f"#/$defs/{name}"}
    dropped = () if names else ("title", "default")
    return {
        key: _tidy(below, names=key in ("properties", "$defs", "mapping"))
        for key, below in value.items()
        if key not in dropped
    }
