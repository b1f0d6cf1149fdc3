"""Whether a document of Standby can hold a part, and why not."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import JsonValue, TypeAdapter, ValidationError

from chaos.experiment.fault import FaultSpec
from chaos.experiment.objective import Objective, StopCondition
from chaos.experiment.source import parse
from chaos.experiment.tree import data
from chaos.interchange.layout import as_yaml


def unreadable(section: Mapping[str, JsonValue]) -> str:
    """Why a document cannot hold this (a control character, a key that YAML takes for something else); else empty."""
    root, problems = parse(as_yaml(section), "")
    if problems:
        return problems[0].message
    return "" if data(root) == section else "it does not read back as it is"


def invalid(model: type[Objective | FaultSpec | StopCondition], value: Mapping[str, JsonValue]) -> str:
    """Why this is none of that kind; empty when it is one."""
    try:
        TypeAdapter(model).validate_python(value)
    except ValidationError as error:
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return ""
