from __future__ import annotations

import re
from pathlib import Path

from chaos.experiment import load, loads
from chaos.faults.specs import spec_types

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_example_of_the_readme_is_a_valid_experiment() -> None:
    """Whoever copies the document gets no error."""
    blocks = re.findall(r"```yaml\n(.*?)```", README, flags=re.DOTALL)
    titles = [loads(block, faults=spec_types()).experiment.title for block in blocks]
    assert titles == ["A slow bridge", "A slow Redis"]


def test_every_shipped_experiment_stands_in_the_readme_with_its_question_and_expectation() -> None:
    """The table says what the documents say."""
    for path in sorted((ROOT / "experiments").glob("*.yaml")):
        experiment = load(path, faults=spec_types()).experiment
        assert experiment.expected is not None
        row = f"| {experiment.question} | **{experiment.expected.verdict}**: {experiment.expected.because} |"
        assert f"[`{path.stem}`](experiments/{path.name}) {row}" in README


def test_every_file_and_make_target_that_the_readme_names_is_there() -> None:
    """No dead link, and no command that make does not know."""
    for link in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / link).exists(), link
    targets = set(
        re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    )
    for target in re.findall(r"`?make ([a-z0-9-]+)", README):
        assert target in targets, target
