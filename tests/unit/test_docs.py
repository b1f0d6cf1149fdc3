from __future__ import annotations

import re
from pathlib import Path

from chaos.experiment import load
from chaos.faults.specs import spec_types

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


def test_every_experiment_of_a_cluster_asks_one_question_and_stands_in_the_guide() -> None:
    """Each is valid, needs a cluster, and says what it expects and why; the guide says the same."""
    guide = (DOCS / "cluster.md").read_text(encoding="utf-8")
    found = [
        path
        for path in sorted((DOCS.parent / "experiments" / "cluster").glob("*.yaml"))
        if "question:" in path.read_text(encoding="utf-8")
    ]
    assert len(found) >= 5
    for path in found:
        experiment = load(path, faults=spec_types()).experiment
        assert experiment.world != "local", path
        assert experiment.question.count("?") == 1, path
        assert experiment.expected is not None, path
        row = f"{experiment.question} | **{experiment.expected.verdict}**: {experiment.expected.because} |"
        assert f"| [`{path.stem}`](../experiments/cluster/{path.name}) | {row}" in guide
