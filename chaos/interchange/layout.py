"""Parts of a document as YAML, laid out as a person would."""

from __future__ import annotations

import io
from collections.abc import Mapping

from pydantic import JsonValue
from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import LiteralScalarString


def as_yaml(section: Mapping[str, JsonValue]) -> str:
    """Keys and values in block style; texts of several lines as they are read."""
    yaml = YAML()
    yaml.width = 110
    yaml.indent(mapping=2, sequence=4, offset=2)
    out = io.StringIO()
    yaml.dump({key: _laid_out(value) for key, value in section.items()}, out)
    return out.getvalue()


def _laid_out(value: JsonValue) -> object:
    if isinstance(value, dict):
        return {key: _laid_out(below) for key, below in value.items()}
    if isinstance(value, list):
        return [_laid_out(below) for below in value]
    return (
        LiteralScalarString(value)
        if isinstance(value, str) and value.endswith("\n") and value.strip()
        else value
    )
