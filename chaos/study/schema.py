"""The published JSON Schema of a study document, for editors."""

from __future__ import annotations

from pathlib import Path

from chaos.experiment.schema import published_text
from chaos.study.document import Study

SCHEMA_FILE = Path(__file__).with_name("schema.json")


def schema_text() -> str:
    """The schema as it stands in the file."""
    return published_text(Study, "Standby study")
