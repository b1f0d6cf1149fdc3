"""The Grafana dashboards as they ship: made by the code in dashboards/, complete, and importable as they are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from chaos.report.annotations import TAG
from chaos.worlds.local.replay import IMAGE
from dashboards.__main__ import FOLDER, made
from dashboards.frame import TAG as TAG_IN_DASHBOARDS

ROOT = Path(__file__).parents[2]
SHIPPED = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))}
SOURCE = {"type": "prometheus", "uid": "${datasource}"}


def _panels() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, told in SHIPPED.items():
        for panel in told["panels"]:
            if panel["type"] != "row":
                yield f"{name}: {panel['title']}", panel


def test_what_ships_is_what_the_code_makes() -> None:
    """Byte for byte, and nothing else lies there: `make dashboard-files` writes them anew."""
    assert {path.name: path.read_text(encoding="utf-8") for path in FOLDER.iterdir()} == made()
    assert sorted(SHIPPED) == ["experiment.json", "headcount.json", "tiers-and-bridge.json"]
    assert files("chaos.report").joinpath("dashboards", "experiment.json").is_file()


@pytest.mark.parametrize("panel", [pytest.param(panel, id=title) for title, panel in _panels()])
def test_every_panel_has_a_unit_says_what_it_means_and_takes_its_source_from_the_variable(
    panel: dict[str, Any],
) -> None:
    """Unit, description, at least one query, and the data source by the variable alone."""
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["description"].endswith(".")
    assert panel["targets"]
    assert all(asked["datasource"] == SOURCE and asked["expr"] for asked in (panel["targets"]))
    assert panel["datasource"] == SOURCE


@pytest.mark.parametrize("name", SHIPPED)
def test_a_dashboard_can_be_imported_as_it_is(name: str) -> None:
    """No id of another Grafana, a uid of its own, panels with ids that lie on the grid and not on each other."""
    told = SHIPPED[name]
    assert told.get("id") is None
    assert len({one["uid"] for one in SHIPPED.values()}) == len(SHIPPED)
    panels = told["panels"]
    assert [panel["id"] for panel in panels] == list(range(1, len(panels) + 1))
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (place["x"] + across, place["y"] + down)
            for across in range(place["w"])
            for down in range(place["h"])
        }
        assert place["x"] + place["w"] <= 24, panel["title"]
        assert not cells & taken, panel["title"]
        taken |= cells
    variables = {one["name"]: one for one in told["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    assert variables["datasource"]["query"] == "prometheus"


def test_the_dashboards_link_to_each_other_and_to_the_report() -> None:
    """By tags that every one of them is found by; the report by the variable with its address."""
    for told in SHIPPED.values():
        links = told["links"]
        for other in SHIPPED.values():
            assert any(
                link["type"] == "dashboards" and set(link["tags"]) <= set(other["tags"]) for link in links
            )
        assert any(link.get("url") == "${report}" for link in links)
        assert any(one["name"] == "report" and one["query"] for one in told["templating"]["list"])


def test_faults_are_annotations_from_prometheus_alone_and_what_a_run_posted_is_found_by_its_tag() -> None:
    """`chaos_fault_active` needs no Grafana API; the annotations that a run posts carry the tag that is looked for."""
    assert TAG == TAG_IN_DASHBOARDS
    for name in ("experiment.json", "tiers-and-bridge.json"):
        found = {one["name"]: one for one in SHIPPED[name]["annotations"]["list"]}
        assert found["Faults in force"]["expr"] == "chaos_fault_active == 1"
        assert found["Faults in force"]["enable"] is True
        assert found["Faults in force"]["titleFormat"] == "{{fault}}"
        assert found["Told by runs"]["target"]["tags"] == [TAG]


def test_grafana_is_the_charts_own() -> None:
    """`standby dashboards` serves with the image that the chart pins."""
    values = YAML(typ="safe").load(ROOT / "charts" / "observability" / "values.yaml")
    image = values["images"]["grafana"]
    assert f"{image['repository']}:{image['tag']}" == IMAGE
