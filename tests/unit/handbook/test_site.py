from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from mkdocs.commands.build import build
from mkdocs.config import load_config

from handbook.commands import commands, root
from handbook.document import experiment_page, study_page
from handbook.faults import faults_page
from handbook.hooks import in_site
from handbook.metrics import families
from tests.unit.handbook.blocks import ROOT


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The documentation, built as `make docs` builds it: strictly, so that a dead link or anchor fails."""
    folder = tmp_path_factory.mktemp("site")
    config = load_config(str(ROOT / "mkdocs.yml"), site_dir=str(folder))
    assert config.strict
    config.plugins.on_startup(command="build", dirty=False)
    build(config)
    return folder


def page(site: Path, name: str) -> str:
    """A page of the site."""
    return (site / name).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("uri", "link", "leads_to"),
    [
        ("studies.md", "simulation.md", "simulation.md"),
        ("explanation/crew.md", "../studies.md", "../studies.md"),
        ("cluster.md", "../experiments/slow-bridge.yaml", "files/experiments/slow-bridge.yaml"),
        ("explanation/crew.md", "../../SECURITY.md", "../security.md"),
        ("security.md", "docs/failures.md", "failures.md"),
        ("readme.md", "chaos/faults/base.py", "files/chaos/faults/base.py"),
        ("cluster.md", "../.gitignore", "files/gitignore"),
        ("cluster.md", "../no-such-file", "../no-such-file"),
    ],
)
def test_links_out_of_the_pages_lead_to_their_copies(uri: str, link: str, leads_to: str) -> None:
    """Pages of the project are pages of the site, files lie beside them, and what is not there is not hidden."""
    assert in_site(uri, link) == leads_to


def test_the_site_loads_nothing_from_elsewhere(site: Path) -> None:
    """It is read without a network: scripts, styles, fonts and pictures all lie beside the pages."""
    pages = list(site.rglob("*.html"))
    assert len(pages) > 20
    for one in pages:
        text = one.read_text(encoding="utf-8")
        for tag in re.findall(r"<(?:script|link|img|iframe)\b[^>]*>", text):
            for address in re.findall(r"(?:src|href)=\"?([^\"\s>]+)", tag):
                assert not re.match(r"(?:https?:)?//", address), f"{one.relative_to(site)} loads {address}"


def test_no_list_has_run_into_the_text_before_it(site: Path) -> None:
    """A list needs an empty line before it, or it is a paragraph with dashes."""
    for one in site.rglob("*.html"):
        paragraphs = re.findall(r"<p>(.*?)</p>", one.read_text(encoding="utf-8"), re.DOTALL)
        assert [text for text in paragraphs if re.search(r"\n(?:[-*]|\d+\.) ", text)] == [], one.name


def test_the_site_has_no_page_that_needs_to_know_its_address(site: Path) -> None:
    """Every page finds its styles beside it, wherever the site lies."""
    for one in site.rglob("*.html"):
        assert not re.search(r"""(?:src|href)=["']?/""", one.read_text(encoding="utf-8")), one.name


def test_every_page_can_be_found(site: Path) -> None:
    """Every page of docs/ stands in the navigation of the front page."""
    front = page(site, "index.html")
    for one in (ROOT / "docs").rglob("*.md"):
        place = one.relative_to(ROOT / "docs").with_suffix(".html").as_posix()
        assert f'href="{place}"' in front or place == "index.html", place


def test_the_reference_has_every_command_fault_metric_and_event(site: Path) -> None:
    """By name; it is made from the code, so this guards the making."""
    from chaos.catalogue import EVENTS
    from chaos.faults.specs import spec_types

    for words, command in commands(root()):
        text = page(site, "reference/commands.html")
        assert words in text
        for option in command.params:
            assert all(name in text for name in option.opts if name.startswith("--"))
    for name in spec_types():
        assert f'id="{name}"' in page(site, "reference/faults.html")
    for event in EVENTS:
        assert f'id="{event}"' in page(site, "reference/events.html")
    for group in families().values():
        for family in group:
            assert family.name in page(site, "reference/metrics.html")


@pytest.mark.parametrize("make", [experiment_page, study_page, faults_page])
def test_every_key_of_a_document_says_what_it_means(make: Callable[[], str]) -> None:
    """No row of the reference ends with an empty cell."""
    assert [line for line in make().splitlines() if line.startswith("| `") and line.endswith("|  |")] == []


def test_every_metric_that_a_rule_asks_for_is_in_the_reference() -> None:
    """A name that no process exports, and no rule records, would be a query that matches nothing."""
    known = {family.name for group in families().values() for family in group}
    text = "".join(
        path.read_text(encoding="utf-8")
        for path in (ROOT / "chaos/rooms/rules/recording.yaml", ROOT / "chaos/rooms/rules/alerts.yaml")
    )
    asked = set(re.findall(r"\b(?:rooms|media|platform|crew|chaos)_[a-z0-9_]+", text))
    for name in asked:
        assert re.sub(r"_(bucket|sum|count)$", "", name) in known, name
