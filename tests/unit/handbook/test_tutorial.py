from __future__ import annotations

import re

from tests.unit.handbook.blocks import ROOT, blocks


def test_the_tutorial_and_the_readme_begin_with_the_same_service_and_experiment() -> None:
    """Who comes from the README finds the files that are there already."""
    readme = blocks(ROOT / "README.md")
    saved = [block for block in blocks(ROOT / "docs" / "tutorial.md") if re.match("save as", block.note)]
    assert [block.note for block in saved[:2]] == ["save as counter.py", "save as slow-redis.yaml"]
    for block in saved[:2]:
        assert block.text in [other.text for other in readme], block.note
