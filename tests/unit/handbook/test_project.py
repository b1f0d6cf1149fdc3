from __future__ import annotations

import re

from ruamel.yaml import YAML

import chaos
from tests.unit.handbook.blocks import ROOT


def test_the_citation_file_says_what_is_there() -> None:
    """What the Citation File Format asks for, and the version, licence and title of this package."""
    cited = YAML(typ="safe", pure=True).load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= set(cited)
    assert re.fullmatch(r"1\.2\.0", cited["cff-version"])
    assert cited["version"] == chaos.__version__
    assert cited["license"] == "Apache-2.0"
    assert cited["authors"] == [{"name": "The Standby authors"}]
    assert "Apache License" in (ROOT / "LICENSE").read_text(encoding="utf-8")


def test_the_changelog_knows_what_is_not_released() -> None:
    """Whoever changes something finds the place to say so."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(r"^## Unreleased$", text, re.MULTILINE)


def test_the_figures_about_people_are_those_of_the_model() -> None:
    """The table of the explanation, stage by stage and chance by chance, for both kinds of people."""
    from chaos.crew.people import ATTENDING, ON_CALL, STAGES, assumptions

    page = (ROOT / "docs/explanation/crew.md").read_text(encoding="utf-8")
    rows = {line.split(" | ")[0].removeprefix("| "): line.split(" | ") for line in page.splitlines()}
    for stage in STAGES:
        for column, people in ((1, ON_CALL), (2, ATTENDING)):
            length, unit, sigma = re.fullmatch(r"([\d.]+) (s|min), ([\d.]+)", rows[stage][column]).groups()  # type: ignore[union-attr]
            assert float(length) * {"s": 1, "min": 60}[unit] == people.stage(stage).median
            assert float(sigma) == people.stage(stage).sigma
    for row, name in (
        ("is there at all", "available"),
        ("knows this kind of incident", "knows"),
        ("wrong diagnosis", "mistriage"),
    ):
        for column, people in ((1, ON_CALL), (2, ATTENDING)):
            assert rows[row][column] == f"{getattr(people, name):.0%}".replace("%", " %")
    check = next(one for one in assumptions(ON_CALL, attending=False) if "never an input" in one.what)
    minutes, share = re.findall(r"([\d.]+) min|(\d+)%", check.value)
    assert f"{minutes[0]} minutes on call" in page
    assert f"{share[1]} % are" in page.replace("\n", " ")
