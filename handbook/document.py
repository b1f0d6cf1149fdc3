"""The reference of experiment and study documents, from their models."""

from __future__ import annotations

import json

from chaos.experiment.fault import FaultSpec
from chaos.experiment.model import experiment_model
from chaos.experiment.schema import UNITS, schema
from chaos.faults.specs import spec_types
from chaos.study.document import Study
from chaos.study.schema import schema_text
from handbook.models import QUANTITIES, models_in, section
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
    told = schema(known)
    model = experiment_model(tuple(known[word] for word in sorted(known)))
    parts = [
        "# Experiments\n",
        EXPERIMENT,
        _quantities(),
        section(model, told, "The document"),
    ]
    for one in list(models_in(model))[1:]:
        if not issubclass(one, FaultSpec):
            parts.append(section(one, told, one.__name__))
    return "\n".join(parts).replace(_FAULTS_OF_THE_LIST, "[faults](faults.md)")


def study_page() -> str:
    """Every section of a study document."""
    told = json.loads(schema_text())
    parts = [
        "# Studies\n",
        STUDY,
        section(Study, told, "The document"),
    ]
    parts += [section(one, told, one.__name__) for one in list(models_in(Study))[1:]]
    return "\n".join(parts)


def _quantities() -> str:
    rows = [[word, UNITS[name]["description"].replace("|", r"\|")] for name, word in QUANTITIES.items()]
    return "## Quantities\n\n" + table(["value", "how it is written"], rows)


_FAULTS_OF_THE_LIST = " or ".join(
    f"[{spec.__name__}](#{spec.__name__.lower()})" for _, spec in sorted(spec_types().items())
)
