from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from chaos.authoring.explanation import explained
from chaos.authoring.outline import Outline, outline
from chaos.authoring.picture import NARROW, WIDE, html, svg
from chaos.authoring.terminal import NARROWEST, drawn
from chaos.experiment import load, loads
from chaos.faults.specs import spec_types
from chaos.pytest_plugin.collecting import is_experiment
from chaos.report.words import clock

EXPERIMENTS = Path(__file__).parents[3] / "experiments"
SHIPPED = sorted(path for path in EXPERIMENTS.rglob("*.yaml") if is_experiment(path))
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module", params=SHIPPED, ids=lambda path: path.stem)
def plan(request: pytest.FixtureRequest) -> Outline:
    """Each shipped experiment."""
    return outline(load(request.param, faults=spec_types()))


def test_everything_that_decides_is_told(plan: Outline) -> None:
    """The question, each phase with its moments, each fault with target and values, each objective, who repairs."""
    told = "\n".join(explained(plan))
    assert plan.experiment.question in told
    for phase in plan.phases:
        assert phase.name in told
    for fault in plan.faults:
        assert f"on {fault.target}" in told
        for name, value in fault.settings:
            assert f"{name} {value}" in told
    for one in plan.experiment.objectives:
        assert f"{one.name}: " in told
    assert ("nobody" in told) == (plan.experiment.crew is None)


def test_what_is_hurt_and_what_is_spared_are_all_there_is(plan: Outline) -> None:
    """No tier and no link is forgotten, and none is on both sides."""
    spared = set(plan.spared)
    links = {f"the link {way.name}" for way in plan.links}
    tiers = {f"the tier {name}" for name in plan.tiers}
    hurt = {f"the link {name}" for name in plan.hurt_links} | {f"the tier {name}" for name in plan.hurt_tiers}
    assert spared | hurt == links | tiers
    assert not spared & hurt


def test_the_drawing_fits_the_terminal_and_shows_each_fault_at_its_time(plan: Outline) -> None:
    """No line is too long at any width, no phase's name is cut, and the moments of *faults* are never left out; a
    fault's bar begins and ends where its moments lie on the phases' row."""
    names = {phase.name for phase in plan.phases}
    faults = next(phase for phase in plan.phases if phase.name == "faults")
    for width in (1, NARROWEST, 80, 200):
        lines = drawn(plan, width)
        assert all(len(line) <= max(NARROWEST, width) for line in lines)
        axis, phases = next(
            (lines[at - 1], line) for at, line in enumerate(lines) if line.startswith("phase")
        )
        assert set(phases.partition("|")[2].replace("·", "|").split("|")) - {""} <= names
        assert clock(faults.begins) in axis.split()
        assert clock(faults.ends) in axis.split()
    lines = drawn(plan, 100)
    phases = next(line for line in lines if line.startswith("phase"))
    begin = phases.index("|")
    room = len(phases) - begin - 1
    bars = [line for line in lines if line.rstrip().endswith(("█", "▒"))]
    assert len(bars) == len(plan.faults)
    for line, fault in zip(bars, plan.faults, strict=True):
        at = min(line.find(mark) for mark in "█▒" if mark in line)
        assert abs((at - begin) / room - fault.span.begins / plan.ends) < 0.02
        assert abs((len(line) - begin) / room - fault.span.ends / plan.ends) < 0.03


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_the_picture_is_a_drawing_within_its_width(plan: Outline, width: int) -> None:
    """Well-formed SVG; as many bars as faults, as many hurt ways as hurt links; nothing lies outside, no name and no
    moment of a fault is cut off."""
    root = ET.fromstring(svg(plan, width))  # noqa: S314  our own text
    kinds = [element.get("class", "") for element in root.iter()]
    assert sum(kind.startswith("bar") for kind in kinds) == len(plan.faults)
    assert kinds.count("way hurt") == len(plan.hurt_links)
    texts = [text for text in root.itertext() if text.strip()]
    assert not [text for text in texts if "…" in text]
    faults = next(phase for phase in plan.phases if phase.name == "faults")
    assert {clock(faults.begins), clock(faults.ends)} <= set(texts)
    for element in root.iter(f"{SVG}rect"):
        left = float(element.get("x", "0"))
        assert left >= 0
        assert left + float(element.get("width", "0")) <= width
    assert plan.experiment.title.replace(" ", "") in "".join(root.itertext()).replace(" ", "")


def test_the_page_needs_no_network_and_no_script(plan: Outline) -> None:
    """One file for a desk and a phone."""
    page = html(plan)
    assert page.count("<svg") == 2
    assert "<script" not in page
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "").replace(plan.experiment.question, "")


def test_what_an_author_writes_does_not_become_markup() -> None:
    """Titles and names are text in the picture."""
    document = (
        "version: 1\ntitle: <script>x</script>\ntimeline: {baseline: 1s, faults: 1s}\n"
        "objectives: [{name: a, command: ['x']}]\n"
    )
    assert "<script" not in html(outline(loads(document, faults=spec_types())))
