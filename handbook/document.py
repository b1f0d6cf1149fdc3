"""The reference of experiment and study documents, from their models."""

from __future__ import annotations

import json

from chaos.experiment.fault import FaultSpec
from chaos.experiment.model import experiment_model
from chaos.experiment.schema import UNITS, schema
from chaos.faults.specs import spec_types
from chaos.study.document import Study
from chaos.study.schema import schema_text
from handbook.models import QUANTITIES, sections
from handbook.text import table

STUDY = """
Every key of a study document. `standby schema study` prints the same as a JSON Schema; what the sections are for
is in [the guide](../studies.md).
"""

EXPERIMENT = """
Every key of an experiment document, made from the models that check it. `standby schema` prints the same as a JSON
Schema for your editor. An unknown key, one that stands twice, or a wrong unit is refused with its line and column.
"""


def experiment_page() -> str:
    """Every section of an experiment document; the faults have a page of their own."""
    known = spec_types()
    model = experiment_model(tuple(known[word] for word in sorted(known)))
    told = sections(model, schema(known), without=FaultSpec)
    faults = " or ".join(f"[{spec.__name__}](#{spec.__name__.lower()})" for _, spec in sorted(known.items()))
    return "\n".join(
        ["# Experiments\n", EXPERIMENT, _quantities(), told.replace(faults, "[faults](faults.md)")]
    )


def study_page() -> str:
    """Every section of a study document."""
    return "\n".join(["# Studies\n", STUDY, sections(Study, json.loads(schema_text()))])


def _quantities() -> str:
    rows = [[word, UNITS[name]["description"].replace("|", r"\|")] for name, word in QUANTITIES.items()]
    return "## Quantities\n\n" + table(["value", "how it is written"], rows)
