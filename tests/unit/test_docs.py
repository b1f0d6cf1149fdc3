from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def test_every_row_of_the_table_of_failures_names_a_test_that_is_there() -> None:
    """The files exist, and hold a test with the words that the row gives."""
    rows = [
        line
        for line in (DOCS / "failures.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("| ")
    ]
    links = 0
    for row in rows:
        cell = row.rsplit("|", 2)[1]
        found = re.findall(r"\[`[^`]+`\]\(([^)]+)\)(?: `([a-z0-9_]+)`)?", cell)
        assert found or cell.strip() == "test", row
        for path, words in found:
            text = (DOCS / path).resolve().read_text(encoding="utf-8")
            assert not words or re.search(rf"def test_\w*{words}", text), f"{path} has no test {words!r}"
            links += 1
    assert links > 30
