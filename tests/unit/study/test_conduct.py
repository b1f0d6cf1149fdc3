from __future__ import annotations

import html
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from chaos.crew.people import ON_CALL, StageTime
from chaos.crew.runbook import Runbook
from chaos.experiment.model import Experiment
from chaos.experiment.people import Mechanisms
from chaos.study.answer import _about, answer
from chaos.study.closed_form import repair_delay
from chaos.study.conduct import conduct
from chaos.study.outer import determined, without_noise
from chaos.study.page import study_page
from chaos.study.result import Bounds, StudyResult, ValueBounds
from chaos.study.schema import result_schema_text
from chaos.study.simulator import Trials
from chaos.study.smallest.result import FewestFaults, WeakestFault
from chaos.study.sweep import Cell, Sweep, survived
from tests.unit.study.standin import STUDY, simulate, written


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> StudyResult:
    """The small study, played by the stand-in."""
    return conduct(written(tmp_path_factory.mktemp("study")), simulate)


def test_the_answer_is_the_stand_ins_truth(result: StudyResult) -> None:
    """As found 0.3 + 0.17 n reaches 90 % at 4 people, hardened at none: worth 4 heads."""
    as_found, hardened = result.minimum_headcount
    assert (as_found.headcount, hardened.headcount) == (4, 0)
    assert result.worth_in_heads[0].heads == 4.0
    assert as_found.monte_carlo_interval == ValueBounds(low=4, high=4)
    for place, point in enumerate(result.arms[0].points):
        truth = min(0.98, 0.3 + 0.17 * place)
        assert point.interval.low - 0.01 <= truth <= point.interval.high + 0.01


def test_the_result_fits_its_published_schema(result: StudyResult) -> None:
    """Whoever reads study.json may rely on it."""
    schema = json.loads(result_schema_text())
    told = json.loads(result.model_dump_json())
    assert not list(Draft202012Validator(schema).iter_errors(told))
    assert list(Draft202012Validator(schema).iter_errors({**told, "seed": "one"}))


def test_what_is_not_known_widens_the_answer(result: StudyResult) -> None:
    """With wrong diagnoses up to half of all, as-found may need more than was tried, and the first line says so."""
    as_found, hardened = result.minimum_headcount
    assert as_found.interval == ValueBounds(low=4, high=None)
    assert not as_found.determined
    assert hardened.interval.low == 0
    assert result.answer.startswith("Not determined by what is known")
    assert "as-found needs 4 to more than 5 people" in result.answer


def test_common_seeds_pair_the_arms(result: StudyResult) -> None:
    """With the same luck hardened never loses a room that as-found keeps: the gain is exact where both are known."""
    gain = result.arms[1].points[1].gain
    assert gain is not None
    assert gain.difference == pytest.approx(0.98 - 0.47, abs=0.03)
    assert gain.p_value < 1e-12


def test_mechanisms_and_parameters_that_do_nothing_show_nothing(result: StudyResult) -> None:
    """The stand-in knows one mechanism and one parameter; the others have no effect, and the swings are in order."""
    assert result.ablation is not None
    assert result.sensitivity is not None
    effects = {one.mechanism: one.difference for one in result.ablation.without}
    assert effects["parallel"] > 0.3
    assert effects["helping"] == effects["coverage"] == effects["availability"] == 0
    assert [one.parameter for one in result.sensitivity.swings] == ["wrong diagnoses", "time to decide"]
    assert result.sensitivity.swings[1].at_low == result.sensitivity.swings[1].at_high


def test_the_same_bytes_for_any_number_of_workers(tmp_path: Path, result: StudyResult) -> None:
    """One worker, three workers, and once more: byte for byte the same result."""
    loaded = written(tmp_path)
    assert conduct(loaded, simulate, workers=3).model_dump_json() == result.model_dump_json()


def test_a_point_may_stop_early(tmp_path: Path) -> None:
    """Where the rule is `decided`, clear points end at a look, those near the target go on; the answer is the same."""
    text = STUDY.replace(
        "trials: {simulated: 2000}", "trials: {simulated: 2000}\nstopping: {rule: decided, batch: 100}"
    )
    found = conduct(written(tmp_path, text), simulate, workers=2)
    trials = [point.trials for point in found.arms[0].points]
    assert trials[0] == 100
    assert all(count % 100 == 0 for count in trials)
    assert found.minimum_headcount[0].headcount == 4


SMALLEST = """
smallest:
  - {at: {arm: as-found, value: 4}, path: crew.people.mistriage, from: 4%, to: 76%, steps: 9}
  - {at: {arm: as-found, value: 0}}
  - {at: {arm: hardened, value: 3}, breaks_at: 10%}
"""


def test_a_study_asks_for_the_smallest_failures(tmp_path: Path) -> None:
    """The stand-in loses most rooms of four people from 47 % wrong diagnoses on, and 70 % of those of nobody whatever
    goes wrong; of the hardened ones it loses 2 %. The same for any number of workers, in the result and on the page.
    """
    loaded = written(tmp_path, STUDY[: STUDY.index("others:")] + SMALLEST)
    found = conduct(loaded, simulate, workers=2)
    weakest, fewest, none = (one.found for one in found.smallest)
    assert isinstance(weakest, WeakestFault)
    assert (weakest.holds, weakest.breaks, weakest.determined) == (0.44, 0.52, True)
    assert isinstance(fewest, FewestFaults)
    assert (fewest.fail, fewest.determined) == ((), True)
    assert isinstance(none, FewestFaults)
    assert (none.fail, none.determined) == (None, True)
    assert conduct(loaded, simulate, workers=1).model_dump_json() == found.model_dump_json()
    told = json.loads(found.model_dump_json())
    assert not list(Draft202012Validator(json.loads(result_schema_text())).iter_errors(told))
    page = study_page(found, "standby study small.yaml")
    for one in found.smallest:
        assert one.found.says in html.unescape(page)


def test_results_come_in_the_order_of_the_cells(tmp_path: Path) -> None:
    """Whoever finishes first: the second cell waits for the first."""
    loaded = written(tmp_path)
    cells = [Cell(({"crew.headcount": people},), 1, 50 - 10 * people) for people in range(4)]
    played = list(Sweep(loaded, simulate, workers=4).play(cells))
    assert [len(one.lost_at) for one in played] == [50, 40, 30, 20]


def test_a_simulator_that_fails_ends_the_study(tmp_path: Path) -> None:
    """Its error is told, not swallowed by a thread."""

    def broken(*_: object, **__: object) -> Trials:
        raise ZeroDivisionError("the model is wrong")

    with pytest.raises(ZeroDivisionError, match="the model is wrong"):
        conduct(written(tmp_path), broken, workers=2)


def test_trials_without_a_verdict_take_the_headline(tmp_path: Path) -> None:
    """Above one in twenty the point has no probability, and is never declared enough."""

    def doubtful(experiment: Experiment, *, first: int, trials: int, runbook: Runbook | None) -> Trials:
        told = simulate(experiment, first=first, trials=trials, runbook=runbook)
        return replace(told, lost_at=np.where(np.arange(trials) % 10 == 0, np.nan, told.lost_at))

    found = conduct(written(tmp_path), doubtful)
    point = found.arms[0].points[5]
    assert point.probability is None
    assert point.if_all_lost < point.if_all_survived
    assert found.minimum_headcount[0].headcount is None
    assert any("came to no verdict" in note for note in found.notes)


def test_no_verdict_is_no_survival() -> None:
    """Infinity survived, a number did not, and neither did what is no number."""
    told = Trials(np.array([np.inf, 5.0, np.nan]), np.zeros(3), np.zeros(3), np.zeros(3), 0)
    assert survived(told).tolist() == [True, False, False]


def test_compression_that_changes_the_answer_comes_first(tmp_path: Path) -> None:
    """A room that needs more people at time scale 10 than at 1 is told before anything else."""

    def compressed(experiment: Experiment, *, first: int, trials: int, runbook: Runbook | None) -> Trials:
        told = simulate(experiment, first=first, trials=trials, runbook=runbook)
        worse = experiment.time_scale > 1
        return replace(told, lost_at=np.full(trials, 500.0)) if worse else told

    found = conduct(written(tmp_path), compressed)
    assert found.answer.startswith(
        "Compressed time changes the answer (as-found: 4 people at time scale 1, more than 5"
    )


def test_the_answer_without_ranges_is_the_trials_own(tmp_path: Path) -> None:
    """Where a study has no ranges, the interval is the Monte Carlo one."""
    head, _, tail = STUDY.partition("parameters:")
    text = head + tail[tail.index("attribution:") :]
    found = conduct(written(tmp_path, text), simulate)
    assert found.minimum_headcount[0].interval == found.minimum_headcount[0].monte_carlo_interval
    assert found.answer == (
        "For a room that lives with a probability of 90 %, as-found needs 4 people and hardened needs nobody."
    )
    assert answer(written(tmp_path, text).study, found.minimum_headcount) == found.answer


@pytest.mark.parametrize(
    ("low", "high", "known"),
    [(2, 2, True), (0, 3, True), (0, 4, False), (9, None, False), (None, None, True)],
)
def test_an_answer_spans_at_most_three_more(low: int | None, high: int | None, known: bool) -> None:
    """An interval that leaves what was tried has no end, and is none."""
    assert determined(ValueBounds(low=low, high=high), tuple(range(11))) is known


def test_noise_is_taken_out_of_the_outer_level() -> None:
    """Draws that differ by chance alone come out alike; draws that differ in truth keep their spread."""
    generator = np.random.default_rng(5)
    alike = generator.binomial(100, 0.5, size=(400, 1)) / 100
    assert without_noise(alike, 100).std() < 0.25 * alike.std()
    truth = generator.uniform(0.2, 0.8, size=(400, 1))
    seen = generator.binomial(100, truth) / 100
    assert without_noise(seen, 100).std() == pytest.approx(truth.std(), rel=0.03)


def test_the_closed_form_is_what_draws_say() -> None:
    """Against 40,000 drawn repairs by a crew of three: acknowledged by the first of those paged, triage with or without
    the skill, a wrong diagnosis costs another round.
    """
    generator = np.random.default_rng(6)
    people, count = ON_CALL, 40_000

    def drawn(stage: StageTime) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        return np.exp(stage.mu + stage.sigma * generator.standard_normal(count))

    answers = [
        np.where(generator.random(count) < people.available, wait + drawn(people.acknowledge), np.inf)
        for wait in (0.0, *(float(one) for one in people.escalation[:2]))
    ]
    hands = people.hands[2]

    def work() -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        slower = np.where(generator.random(count) < people.knows, 1.0, people.unskilled)
        return drawn(people.triage) * slower * hands + drawn(people.decide) + drawn(people.act) * hands

    total = drawn(people.notice) + np.min(answers, axis=0) + work()
    wrong = generator.random(count) < people.mistriage
    while wrong.any():
        total = total + np.where(wrong, drawn(people.verify) + work(), 0.0)
        wrong &= generator.random(count) < people.mistriage
    found = repair_delay(people, Mechanisms(), 3, 1800.0)
    for minutes in (5, 10, 15, 20, 30):
        share = float((total < minutes * 60).mean())
        assert found.before(np.array([minutes * 60.0]))[0] == pytest.approx(share, abs=0.01)


def test_nobody_repairs_nothing() -> None:
    """Without people only a room that is never lost is safe."""
    found = repair_delay(ON_CALL, Mechanisms(), 0, 600.0)
    assert found.before(np.array([600.0, np.inf])).tolist() == [0.0, 1.0]


def test_causes_that_make_it_worse_are_told(result: StudyResult) -> None:
    """The best combination is named, and a factor whose whole interval is below 0 is said to make it worse."""
    assert result.attribution is not None
    assert any("Of the 4 combinations of the causes" in note for note in result.notes)
    parts = tuple(
        one.model_copy(update={"part": -0.2, "interval": Bounds(low=-0.3, high=-0.1), "share": None})
        for one in result.attribution.factors
    )
    worse = result.attribution.model_copy(update={"factors": parts, "cells": (0.9, 0.5, 0.4, 0.1)})
    told = list(_about(worse))
    assert told[0] == "Of the 4 combinations of the causes, everything as it was keeps most rooms: 90.0%."
    assert "The profile makes it worse: -20.0 points on average over the combinations." in told


def test_arms_for_which_nothing_is_enough_share_a_sentence(tmp_path: Path) -> None:
    """A target that neither arm reaches: the answer is determined, and is that no number is enough."""
    text = STUDY.replace("survival: 90%", "survival: 99.5%")
    found = conduct(written(tmp_path, text), simulate)
    assert found.answer == (
        "For a room that lives with a probability of 99.5 %, no number of people up to 5 is enough, "
        "as-found or hardened."
    )
