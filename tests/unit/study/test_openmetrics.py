from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.cli import studying
from chaos.errors import ReportError
from chaos.study import openmetrics
from chaos.study.conduct import conduct
from chaos.study.openmetrics import HELP, Point
from chaos.study.result import StudyResult
from tests.unit.study.standin import STUDY, simulate, written

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=20)
POINTS = st.builds(
    Point,
    st.sampled_from(sorted(HELP)),
    st.dictionaries(st.sampled_from(["study", "arm", "headcount"]), TEXT, min_size=1).map(
        lambda labels: tuple(sorted(labels.items()))
    ),
    st.integers(1, 4_000_000_000_000).map(lambda milliseconds: milliseconds / 1000),
    st.floats(allow_nan=False),
)


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> StudyResult:
    """A small study."""
    text = STUDY.replace("{simulated: 2000}", "{simulated: 200}")
    return conduct(written(tmp_path_factory.mktemp("study"), text), simulate)


@given(st.lists(POINTS, max_size=30))
def test_what_is_written_is_read_again(told: list[Point]) -> None:
    """Any labels, any values, any order: the same points, of two for one moment of a series the later one."""
    newest = {(one.metric, one.labels, one.at): one for one in told}
    assert sorted(openmetrics.read(openmetrics.text_of(told))) == sorted(newest.values())


def test_a_study_tells_its_curve_its_minimum_and_its_target(result: StudyResult) -> None:
    """A value for each arm and headcount; no number that is enough is +Inf, not a gap."""
    found = openmetrics.points(result, 1_763_733_600.0)
    curve = {
        (dict(one.labels)["arm"], dict(one.labels)["headcount"]): one.value
        for one in found
        if one.metric == "chaos_study_survival_ratio"
    }
    assert curve == {(arm.arm, str(one.value)): one.probability for arm in result.arms for one in arm.points}
    minima = [one.value for one in found if one.metric == "chaos_study_minimum_headcount"]
    assert minima == [
        math.inf if one.headcount is None else float(one.headcount) for one in result.minimum_headcount
    ]
    assert {one.metric for one in found} == set(HELP)
    assert openmetrics.points(result.model_copy(update={"varies": "rooms.capacity.media"}), 1.0) == []


def test_each_study_is_laid_beside_those_before_it(result: StudyResult, tmp_path: Path) -> None:
    """Two studies in one folder: both moments are there, so that what moved between them can be asked."""
    for at in (1_763_733_600.0, 1_763_820_000.0):
        studying.write(tmp_path, result, "standby study s.yaml", at)
    told = openmetrics.read((tmp_path / "study.openmetrics").read_text(encoding="utf-8"))
    assert {one.at for one in told} == {1_763_733_600.0, 1_763_820_000.0}
    assert len(told) == 2 * len(openmetrics.points(result, 1.0))


def test_a_file_that_is_none_is_not_overwritten(result: StudyResult, tmp_path: Path) -> None:
    """The studies before this one are not lost to a file that cannot be read."""
    path = tmp_path / "study.openmetrics"
    path.write_text("not openmetrics at all {{{\n", encoding="utf-8")
    with pytest.raises(ReportError, match="move it away"):
        studying.write(tmp_path, result, "standby study s.yaml", 1.0)
    assert path.read_text(encoding="utf-8") == "not openmetrics at all {{{\n"
