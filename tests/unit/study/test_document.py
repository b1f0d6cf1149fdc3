from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from chaos.errors import DocumentError
from chaos.experiment.quantity import UnitError
from chaos.experiment.units import parse_duration
from chaos.faults.specs import spec_types
from chaos.study.changes import Between, draw, overrides
from chaos.study.document import Range, Study
from chaos.study.history.incidents import COLUMNS
from chaos.study.loading import load_study
from chaos.study.plan import at_most, plan
from chaos.study.schema import RESULT_SCHEMA_FILE, SCHEMA_FILE, result_schema_text, schema_text
from tests.unit.study.standin import ROOT, SHIPPED, STUDY, written


def test_the_shipped_study_is_sound() -> None:
    """It loads; its arms' curves are what it promises: at 11 headcounts, 10,000 trials each, at scale 1."""
    loaded = load_study(SHIPPED, faults=spec_types())
    cells = plan(loaded.study, loaded.experiment().experiment.time_scale)
    assert loaded.experiment().experiment.time_scale == 1
    assert {len(arm) for arm in cells.arms} == {11}
    assert [arm.name for arm in loaded.study.arms][:2] == ["as-found", "hardened"]
    assert {cell.trials for arm in cells.arms for cell in arm} == {10_000}
    assert set(cells.scales) == {10, 60}
    assert len(cells.attribution) == 16
    assert cells.trials < 700_000


def test_arms_and_values_meet_the_same_seeds() -> None:
    """All cells but those of the parameters' draws begin with the same seed; each draw has seeds of its own."""
    loaded = load_study(SHIPPED, faults=spec_types())
    cells = plan(loaded.study, 1.0)
    shared = [*cells.arms, *cells.others, *cells.ablation.values(), cells.attribution, cells.sensitivity]
    assert {cell.first for several in shared for cell in several} == {loaded.study.seed}
    firsts = [{cell.first for arm in arms for cell in arm} for arms in cells.parameters]
    assert all(len(first) == 1 for first in firsts)
    assert len(set().union(*firsts)) == len(firsts)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("seed: 7", "sede: 7", "study.yaml:5:1: sede: unknown key"),
        ("survival: 90%", "survival: 140%", "study.yaml:8:20: target.survival: is out of bounds"),
        (
            "rooms.profile: hardened}",
            "rooms.profile: hardend}",
            "study.yaml:12:43: arms[1].set.rooms.profile: the",
        ),
        ("{time_scale: 1}", "{time_scael: 1}", "study.yaml:6:19: set.time_scael: the experiment refuses it"),
        ("[0, 1, 2, 3, 4, 5]", "[0, 1, -2]", "study.yaml:7:25: varies.values[2]: the experiment refuses it"),
        ("[0, 1, 2, 3, 4, 5]", "[0, 1, 1]", "study.yaml:7:25: varies.values[2]: is there twice"),
        (
            "{name: hardened,",
            "{name: as-found,",
            "study.yaml:12:12: arms[1].name: is the name of another arm too",
        ),
        ("arm: as-found, value", "arm: as-fund, value", "did you mean `as-found`?"),
        ("value: 4}", "value: 9}", "sensitivity.at.value: is no value of `varies` (got 9)"),
        ("low: 4%, high", "low: 60%, high", "parameters.ranges[0].low: is not below the high end"),
        ("path: crew.people.mistriage", "path: crew.people.mistraige", "the experiment refuses it"),
        ("source: books", "source: books, arms: [as-fund]", "did you mean `as-found`?"),
        (
            "path: crew.people.mistriage, low: 4%, high: 50%",
            "path: crew.people.decide.median, low: 4s, high: 9s",
            "parameters.ranges[1].path: has another range already",
        ),
        ("high: 50%", "high: 500%", "parameters.ranges[0].high: the experiment refuses it"),
        (
            "from: {crew.headcount: 1}",
            "from: {crew.headcunt: 1}",
            "attribution.factors[0].from.crew.headcunt: the",
        ),
        (
            "arms:\n",
            "live: {trials: 1, set: {time_scale: 0}}\narms:\n",
            "live.set.time_scale: the experiment refuses",
        ),
        (
            "arms:\n",
            "live: {trials: 1, measure: [{name: lost, value: 5, trials: 2, set: {time_scale: 0}}]}\narms:\n",
            "live.measure[0].set.time_scale: the experiment refuses",
        ),
        (
            "arms:\n",
            "live: {trials: 1, measure: [{name: hardened, value: 5, trials: 2}]}\narms:\n",
            "live.measure[0].name: is the name of another arm too",
        ),
        (
            "arms:\n",
            "live: {trials: 1, measure: [{name: lost, value: 9, trials: 2}]}\narms:\n",
            "live.measure[0].value: is no value of `varies` (got 9)",
        ),
        (
            "arms:\n",
            "smallest: [{at: {arm: hardend, value: 2}}]\narms:\n",
            'smallest[0].at.arm: no arm has this name (got "hardend")',
        ),
        (
            "arms:\n",
            "smallest: [{at: {arm: hardened, value: 7}}]\narms:\n",
            "smallest[0].at.value: is no value of `varies`",
        ),
        (
            "arms:\n",
            'smallest: [{at: {arm: hardened, value: 2}, path: "faults[0].delay", from: 1s}]\narms:\n',
            "smallest[0].path: goes with the other two",
        ),
        (
            "arms:\n",
            'smallest: [{at: {arm: hardened, value: 2}, path: "faults[0].delay", from: 1s, to: 1s}]\narms:\n',
            "smallest[0].from: is not below the high end",
        ),
        (
            "arms:\n",
            'smallest: [{at: {arm: hardened, value: 2}, path: "faults[0].dely", from: 1s, to: 2s}]\narms:\n',
            "smallest[0].from: the experiment refuses it",
        ),
        ("failure-to-launch.yaml", "no-such.yaml", "experiment: no such file"),
    ],
)
def test_a_wrong_study_is_refused_where_it_is_wrong(tmp_path: Path, old: str, new: str, told: str) -> None:
    """With file, line and column of the study, whether the study or the changed experiment is wrong."""
    assert old in STUDY
    with pytest.raises(DocumentError) as refused:
        written(tmp_path, STUDY.replace(old, new, 1))
    assert told in str(refused.value)


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    """Two arms and a range that the experiment refuses are three problems, in the order of the document."""
    text = STUDY.replace("profile: hardened}\n", "profile: hard}\n").replace(
        "attending: true", "attending: 3"
    )
    text = text.replace("high: 50%", "high: 500%").replace(
        "{rooms.profile: hardened}", "{rooms.profile: hard}", 1
    )
    with pytest.raises(DocumentError) as refused:
        written(tmp_path, text)
    problems = refused.value.problems
    assert len(problems) >= 3
    assert [one.line for one in problems] == sorted(one.line for one in problems)


def test_the_committed_schema_is_current() -> None:
    """What editors read is what the loader enforces (`make schema`), and study.json has one too
    (`python -m chaos.study.schema`).
    """
    assert SCHEMA_FILE.read_text(encoding="utf-8") == schema_text()
    assert RESULT_SCHEMA_FILE.read_text(encoding="utf-8") == result_schema_text()


def test_the_shipped_study_fits_the_schema() -> None:
    """And a misspelt key does not."""
    validator = Draft202012Validator(json.loads(schema_text()))
    plain = YAML(typ="safe", pure=True).load(SHIPPED.read_text(encoding="utf-8"))
    assert not list(validator.iter_errors(plain))
    assert list(validator.iter_errors({**plain, "sede": 1}))


def test_of_two_changes_to_one_path_the_last_holds() -> None:
    """So that an arm may change what the study changed; values are written as a document has them."""
    made = overrides({"a.b": 1, "c": True}, {"d": "2m"}, {"a.b": 0.5})
    assert made == ("c=true", "d=2m", "a.b=0.5")


@given(st.integers(8, 60), st.integers(0, 1000))
def test_a_latin_hypercube_meets_each_slice_once(draws: int, seed: int) -> None:
    """Every range is cut into as many slices as there are draws; durations read back as durations."""
    ranges = (
        Range(name="a", path="a", low=0.0, high=1.0, source="x"),
        Range(name="b", path="b", low="1m", high="10m", shape="log-uniform", source="x"),
    )
    made = draw(ranges, draws, seed)
    slices = sorted(int(float(first) * draws * (1 - 1e-9)) for first, _ in made)
    assert slices == list(range(draws))
    assert all(60.0 <= parse_duration(second) <= 600.0 for _, second in made)
    assert made == draw(ranges, draws, seed)


@pytest.mark.parametrize(("low", "high"), [("1m", 5), (True, 2), ("4%", "4%"), ("x", "y")])
def test_ends_that_are_no_ends_are_refused(low: object, high: object) -> None:
    """Two kinds of quantity, truths, no distance, no quantity."""
    given_ = Range.model_validate({"name": "a", "path": "a", "low": low, "high": high, "source": "x"})
    with pytest.raises(UnitError):
        Between.of(given_)


def test_fewer_trials_are_fewer_everywhere(tmp_path: Path) -> None:
    """`--simulated 50` bounds every section, and enlarges none."""
    study = at_most(written(tmp_path).study, 50)
    cells = plan(study, 1.0)
    everything = [*cells.arms, *cells.others, *cells.ablation.values(), cells.attribution, cells.sensitivity]
    assert {cell.trials for several in everything for cell in several} == {50}


GUIDE = (ROOT / "docs" / "studies.md").read_text(encoding="utf-8")


def test_the_study_of_the_guide_is_valid(tmp_path: Path) -> None:
    """Whoever copies it gets no error."""
    block, smallest = re.findall(r"```yaml\n(.*?)```", GUIDE, flags=re.DOTALL)[:2]
    found = written(
        tmp_path,
        (block + smallest).replace("../failure-to-launch.yaml", f"{ROOT}/experiments/failure-to-launch.yaml"),
    )
    assert [arm.name for arm in found.study.arms] == ["as-found", "hardened"]
    assert len(found.study.smallest) == 2


def test_the_guide_names_every_section_and_every_column() -> None:
    """Nothing that a study or a history may say is left for the reader to find."""
    for section in set(Study.model_fields) - {"question", "seed"}:
        assert re.search(rf"^{section}:|\| `{section}` \|", GUIDE, flags=re.MULTILINE), section
    for column in COLUMNS:
        assert f"`{column}`" in GUIDE
    for exported in ("created_on", "seconds_to_first_ack", "seconds_to_resolve", "resolved_by_user_name"):
        assert exported in GUIDE
        assert any(exported in words for words in COLUMNS.values())


def test_a_range_may_be_about_some_arms_alone(tmp_path: Path) -> None:
    """Two ranges of one path, each for an arm of its own: every arm is drawn from its own."""
    one = next(line.removeprefix("    - ") for line in STUDY.splitlines() if "name: time to decide" in line)
    text = STUDY.replace(
        one,
        "{name: a, path: crew.people.decide.median, low: 10s, high: 20s, source: x, arms: [as-found, by the room]}\n"
        "    - {name: b, path: crew.people.decide.median, low: 30s, high: 40s, source: x, arms: [hardened]}",
    )
    cells = plan(written(tmp_path, text).study, 1.0)
    for as_found, hardened in cells.parameters:
        for several, low, high in ((as_found, 10, 20), (hardened, 30, 40)):
            for cell in several:
                drawn = next(one["crew.people.decide.median"] for one in cell.changes if len(one) == 2)
                assert low <= parse_duration(drawn) <= high
    assert len(cells.sensitivity) == 1 + 2 * 2
