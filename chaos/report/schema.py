"""The published JSON Schema of `run.json`. `python -m chaos.report.schema` writes it anew."""

from __future__ import annotations

import json
from pathlib import Path

from chaos.report.model import RunReport

SCHEMA = Path(__file__).with_name("run.schema.json")
"""Where the schema is published."""


def schema_text() -> str:
    """The JSON Schema of `run.json`, as published in `run.schema.json`."""
    schema = RunReport.model_json_schema(mode="serialization")
    dialect = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return json.dumps(dialect | schema, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    SCHEMA.write_text(schema_text(), encoding="utf-8")
