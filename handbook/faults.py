"""The reference of the faults, from their registry."""

from __future__ import annotations

import json
import re

from pydantic.json_schema import JsonSchemaValue

from chaos.authoring.reference import entries
from chaos.experiment.fault import FaultSpec, LinkFaultSpec, NodeFaultSpec, ProcessFaultSpec
from chaos.experiment.schema import published_text, schema
from chaos.faults.specs import spec_types
from handbook.models import fields_table
from handbook.text import prose

FAMILIES: tuple[tuple[type[FaultSpec], str], ...] = (
    (LinkFaultSpec, "Links"),
    (ProcessFaultSpec, "Processes, pods and deployments"),
    (NodeFaultSpec, "Nodes"),
)

INTRODUCTION = """
What can go wrong, from the registry that runs use. Each fault is proven in force and proven gone. Moments (`at`,
`lasts`, `at_most`) are story time; parameters of a fault are real time and are never compressed.
"""


def faults_page() -> str:
    """Each fault with its parameters and an example; what all have in common once."""
    known = spec_types()
    told = schema(known)
    examples = {entry.name: entry.example for entry in entries(known)}
    shared = frozenset(FaultSpec.model_fields)
    parts = [
        "# Faults\n",
        INTRODUCTION,
        f"## What every fault takes\n\n{fields_table(FaultSpec, _alone(FaultSpec), without=frozenset({'fault'}))}",
    ]
    for family, heading in FAMILIES:
        common = frozenset(family.model_fields) - shared
        parts.append(f"## {heading}\n\n{prose(family.__doc__)}")
        parts.append(fields_table(family, _alone(family), without=shared))
        for name, spec in sorted(known.items()):
            if not issubclass(spec, family):
                continue
            parts.append(f"### {name}\n\n{prose(spec.__doc__)}")
            if set(spec.model_fields) - shared - common:
                parts.append(fields_table(spec, told, without=shared | common))
            parts.append(f"```yaml\nfaults:\n  - {examples[name]}\n```\n")
    page = "\n".join(parts)
    return re.sub(r"\(#(select|proof)\)", r"(document.md#\1)", page)


def _alone(family: type[FaultSpec]) -> JsonSchemaValue:
    """The schema of what faults of a family share."""
    made: JsonSchemaValue = json.loads(published_text(family, family.__name__))
    return made
