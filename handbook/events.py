"""The reference of the events of a record, from their catalogue."""

from __future__ import annotations

from collections.abc import Mapping

from chaos.catalogue import GROUPS
from chaos.catalogue.schema import schema
from chaos.catalogue.told import Line
from chaos.experiment.docstrings import attribute_docstrings
from handbook.models import kind
from handbook.text import cell, prose, table

INTRODUCTION = """
Everything that happens in a run is a line of `events.jsonl`, written as it happens. Reports, JUnit, metrics and
the live page are made of it alone. `standby schema events` prints the JSON Schema of a line. Values of secrets are
replaced by `[redacted]`.
"""


def events_page() -> str:
    """Each event with its fields."""
    told: Mapping[str, Mapping[str, Mapping[str, Mapping[str, object]]]] = schema()["$defs"]
    shared = attribute_docstrings(Line)
    parts = [
        "# Events\n",
        INTRODUCTION,
        "Every line has:\n",
        table(
            ["field", "meaning"], [[f"`{name}`", cell(shared.get(name, ""))] for name in Line.model_fields]
        ),
    ]
    for heading, events in GROUPS.items():
        parts.append(f"## {heading}\n")
        for event in events:
            name = event.event_name()
            meanings = attribute_docstrings(event)
            rows = [
                [f"`{field}`", kind(told[name]["properties"][field]), cell(meanings.get(field, ""))]
                for field in event.model_fields
            ]
            parts.append(f"### {name}\n\n{prose(event.__doc__)}")
            if rows:
                parts.append(table(["field", "value", "meaning"], rows))
    return "\n".join(parts)
