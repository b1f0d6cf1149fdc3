"""The published JSON Schemas of a study document, for editors, and of study.json, for whoever reads it."""

from __future__ import annotations

from pathlib import Path

from chaos.experiment.schema import published_text
from chaos.study.document import Study
from chaos.study.result import StudyResult

SCHEMA_FILE = Path(__file__).with_name("schema.json")
RESULT_SCHEMA_FILE = Path(__file__).with_name("study.schema.json")


def schema_text() -> str:
    """The schema as it stands in the file."""
    return published_text(Study, "Standby study")


def result_schema_text() -> str:
    """The schema of study.json as it stands in its file; `python -m chaos.study.schema` writes it anew."""
    return published_text(StudyResult, "Standby study result")


if __name__ == "__main__":
    RESULT_SCHEMA_FILE.write_text(result_schema_text(), encoding="utf-8")
