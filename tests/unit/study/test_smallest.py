from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import chain, combinations
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.cli.app import run_app
from chaos.experiment.loading import Variants
from chaos.experiment.quantity import UnitError
from chaos.experiment.units import parse_duration
from chaos.faults.specs import spec_types
from chaos.study.simulator import simulate
from chaos.study.smallest import subset, weakest
from chaos.study.smallest.judging import Candidate, Judge, Rules, Seen
from chaos.study.smallest.oracles import Document, Simulated, not_simulated
from chaos.study.smallest.searching import fewest_faults, weakest_fault
from chaos.study.smallest.subset import Subset, minimised
from chaos.study.smallest.weakest import ladder
from chaos.study.statistics.binomial import at_least
from chaos.study.statistics.evidence import exceeds
from tests.unit.study.standin import ROOT

LAUNCH = ROOT / "experiments" / "failure-to-launch.yaml"
RULES = Rules(patience=100, most=10_000)
VALUES = tuple(range(33))


@dataclass
class Chance:
    """An oracle whose truth is known: the chance with which each candidate fails; every seed has its luck."""

    of: Callable[[Candidate], float]
    unknown: float = 0.0
    asked: int = 0

    def __call__(self, candidate: Candidate, first: int, runs: int) -> Seen:
        told = Seen()
        for seed in range(first, first + runs):
            drawn = Random(seed)
            luck, doubt = drawn.random(), drawn.random()
            if doubt < self.unknown:
                told += Seen(unknown=1)
            else:
                told += Seen(failed=1) if luck < self.of(candidate) else Seen(passed=1)
        self.asked += runs
        return told


def at(path: str = "x") -> Callable[[Candidate], int]:
    """The value of a candidate."""
    return lambda candidate: int(candidate[path])


def judge(
    of: Callable[[Candidate], float], *, seed: int = 1, rules: Rules = RULES, unknown: float = 0.0
) -> Judge:
    """A judge before an oracle of known truth."""
    return Judge(Chance(of, unknown), rules, seed)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("level", [0.05, 0.2])
def test_evidence_misleads_no_more_often_than_its_level(share: float, level: float) -> None:
    """By exact enumeration: at the share itself, any of 120 looks shows 1/level with a probability of at most level."""
    alive, misled = {0: 1.0}, 0.0
    for runs in range(1, 121):
        after: dict[int, float] = {}
        for successes, mass in alive.items():
            for more, chance in ((1, share), (0, 1 - share)):
                after[successes + more] = after.get(successes + more, 0.0) + mass * chance
        misled += sum(
            mass
            for successes, mass in after.items()
            if exceeds(successes, runs - successes, share) >= 1 / level
        )
        alive = {
            successes: mass
            for successes, mass in after.items()
            if exceeds(successes, runs - successes, share) < 1 / level
        }
    assert 0 < misled <= level


def test_certainty_shows_in_few_runs() -> None:
    """Where every run fails, seven are enough for one side of 95 %; none of either says nothing."""
    assert exceeds(7, 0, 0.5) >= 40 > exceeds(6, 0, 0.5)
    assert exceeds(0, 0, 0.5) == pytest.approx(1.0)
    assert exceeds(3, 3, 0.5) < 1
    with pytest.raises(ValueError, match="a share of 1"):
        exceeds(1, 1, 1)


@pytest.mark.parametrize("breaks", [True, False])
def test_a_claim_is_wrongly_confirmed_no_more_often_than_its_level(breaks: bool) -> None:
    """On the border itself neither claim is true: of 200 attempts at a level of 10 % about as many confirm one."""
    told = [
        judge(lambda _: 0.5, seed=1 + 1000 * number).confirmed({"x": 1}, breaks=breaks, level=0.1)
        for number in range(200)
    ]
    assert at_least(told.count(True), 200, 0.1) > 0.001
    assert at_least(told.count(False), 200, 0.1) > 0.001
    assert told.count(None) > 130


def parts_of(many: int) -> list[Subset]:
    """Every part of so many faults."""
    whole = range(many)
    return list(chain.from_iterable(combinations(whole, size) for size in range(many + 1)))


@st.composite
def outcomes(draw: st.DrawFn) -> tuple[int, Mapping[Subset, bool]]:
    """How each part of up to six faults ends, in no order whatsoever but that all of them together fail."""
    many = draw(st.integers(1, 6))
    parts = parts_of(many)
    fates = draw(st.lists(st.booleans(), min_size=len(parts), max_size=len(parts)))
    return many, {**dict(zip(parts, fates, strict=True)), tuple(range(many)): True}


@given(outcomes())
def test_delta_debugging_ends_with_a_minimal_part_that_fails(told: tuple[int, Mapping[Subset, bool]]) -> None:
    """It fails, it does not without any one of its own, and no more than n² + 3n + 1 different parts were run."""
    many, fates = told
    asked: list[Subset] = []

    def fails(part: Subset) -> bool:
        asked.append(part)
        return fates[part]

    found = minimised(tuple(range(many)), fails)
    assert fates[found]
    assert not any(fates[tuple(one for one in found if one != left)] for left in found)
    assert len(set(asked)) <= many**2 + 3 * many + 1


@given(st.integers(1, 64), st.data())
def test_one_culprit_is_found_in_logarithmic_time(many: int, data: st.DataObject) -> None:
    """Where one fault alone is to blame, about two runs for each halving find it."""
    culprit = data.draw(st.integers(0, many - 1))
    asked: set[Subset] = set()

    def fails(part: Subset) -> bool:
        asked.add(part)
        return culprit in part

    assert minimised(tuple(range(many)), fails) == (culprit,)
    assert len(asked) <= 2 * math.ceil(math.log2(many)) + 2 if many > 1 else 2


def left_of(part: Subset) -> Candidate:
    """A candidate that the oracles here understand: the places of its faults."""
    return {"faults": " ".join(map(str, part))}


def both_needed(candidate: Candidate) -> float:
    """Faults 1 and 3 break it together, most of the time; anything less does so now and then."""
    return 0.9 if {"1", "3"} <= set(str(candidate["faults"]).split()) else 0.1


def test_the_fewest_faults_are_confirmed_and_each_is_needed() -> None:
    """Of five, the two that only break it together, though a tenth of all runs ends the other way round."""
    found = subset.search(judge(both_needed), tuple(range(5)), left_of)
    assert found.faults == (1, 3)
    assert found.determined


def test_wrong_fewest_faults_are_no_more_frequent_than_stated() -> None:
    """Over 120 searches with noise, answers that say they are sure are wrong in no more than 5 % of the cases."""
    told = [
        subset.search(judge(both_needed, seed=1 + 100_000 * n), tuple(range(4)), left_of) for n in range(120)
    ]
    sure = [one for one in told if one.determined]
    wrong = sum(one.faults != (1, 3) for one in sure)
    assert len(sure) > 100
    assert at_least(wrong, len(sure), 0.05) > 0.001


def test_what_fails_without_any_fault_needs_none() -> None:
    """Load alone may be the cause: the empty part is run first."""
    found = fewest_faults(judge(lambda _: 1.0), "live", document(), TITLES)
    assert (found.fail, found.needed, found.determined) == ((), (), True)
    assert found.says.startswith("It fails without any of its faults, with 95% confidence")


def test_what_passes_as_written_has_no_failure_to_make_smaller() -> None:
    """That is confirmed, and told as an answer."""
    found = fewest_faults(judge(lambda _: 0.0), "live", document(), TITLES)
    assert (found.fail, found.determined) == (None, True)
    assert found.says.startswith("It does not fail with all of its 3 faults")


def step(threshold: float) -> Callable[[Candidate], float]:
    """Every run at the threshold or beyond fails, every other passes."""
    return lambda candidate: float(int(candidate["x"]) >= threshold)


@given(st.integers(1, 32), st.integers(0, 1_000_000))
def test_a_sharp_threshold_is_found_between_neighbours(threshold: int, seed: int) -> None:
    """The strongest that holds and the weakest that breaks are neighbours; about 25 runs are enough for 95 %."""
    one = judge(step(threshold), seed=seed)
    found = weakest.search(one, "x", VALUES)
    assert (found.holds, found.breaks, found.against) == (threshold - 1, threshold, ())
    assert found.determined
    assert one.runs <= 2 + 5 + 2 * 8 + 2


def test_the_border_lies_where_it_is_said_to_lie() -> None:
    """Over 80 searches on a slope of noise, the true border is between the two at least as often as stated."""

    def slope(candidate: Candidate) -> float:
        return 1 / (1 + math.exp(-(int(candidate["x"]) - 14.3) / 1.5))

    told = [weakest.search(judge(slope, seed=1 + 10_000 * n), "x", VALUES) for n in range(80)]
    both = [one for one in told if one.holds is not None and one.breaks is not None]
    wrong = sum(not (one.holds or 0) < 14.3 < (one.breaks or 0) for one in both)
    assert len(both) > 72
    assert at_least(wrong, len(both), 0.05) > 0.001
    assert np.median([(one.breaks or 0) - (one.holds or 0) for one in both]) <= 8


def test_a_stronger_fault_that_is_better_is_told() -> None:
    """Broken from 9 on but for the places around 20: no border is claimed."""
    rules = replace(RULES, checks=3)
    one = judge(
        lambda candidate: float(at()(candidate) >= 9 and not 18 <= at()(candidate) <= 22), rules=rules
    )
    found = weakest_fault(one, "simulated", "x", VALUES)
    assert found.against
    assert not found.determined
    assert found.says.startswith("Not determined: a stronger fault is not always worse. At 2")


@pytest.mark.parametrize(
    ("threshold", "told"),
    [(99, "Nothing up to the strongest, x 32, breaks it"), (0, "Even the weakest, x 0, breaks it")],
)
def test_a_border_beyond_the_ladder_is_told(threshold: int, told: str) -> None:
    """Confirmed at that end, with nothing said of what is beyond it."""
    found = weakest_fault(judge(step(threshold)), "live", "x", VALUES)
    assert found.says.startswith(told)
    assert found.determined


def test_no_verdict_is_no_answer() -> None:
    """Runs without a verdict count as neither; three in a row end the search, and it is said why."""
    found = weakest_fault(judge(step(9), unknown=1.0), "live", "x", VALUES)
    assert (found.holds, found.breaks, found.determined, found.runs) == (None, None, False, 3)
    assert "run after run came to no verdict" in found.says
    some = weakest_fault(judge(step(9), unknown=0.3), "live", "x", VALUES)
    assert (some.holds, some.breaks) == (8, 9)
    assert all(one.unknown + one.failed + one.passed > 0 for one in some.tried)


@given(st.integers(1, 40), st.integers(1, 32))
def test_no_more_is_run_than_may_be(most: int, threshold: int) -> None:
    """Out of runs is told, with what was confirmed until then; nothing is claimed that was not."""
    one = judge(step(threshold), rules=replace(RULES, most=most))
    found = weakest_fault(one, "live", "x", VALUES)
    assert found.runs == one.runs <= most
    assert found.breaks in (None, threshold)
    if most < 14:
        assert not found.determined
        assert f"all {most} runs are used up" in found.says


def test_a_ladder_has_the_kind_of_its_ends() -> None:
    """Durations stay durations, whole numbers whole, and the way down is one too."""
    assert ladder("0s", "1s", 4) == ("0s", "250ms", "500ms", "750ms", "1s")
    assert ladder(1, 3, 32) == (1, 2, 3)
    assert ladder(3, 1, 32) == (3, 2, 1)
    assert ladder("10%", 0.2, 2) == (0.1, 0.15, 0.2)
    for low, high in (("1s", "1s"), ("fast", "slow"), (True, False)):
        with pytest.raises(UnitError):
            ladder(low, high, 4)


def document(*changes: str) -> Document:
    """The launch experiment."""
    text = LAUNCH.read_text()
    return Document(Variants(text, faults=spec_types(), name=str(LAUNCH), folder=LAUNCH.parent), changes)


TITLES = [spec.title for spec in document().changed({}).experiment.faults]


@pytest.mark.parametrize("part", parts_of(3))
def test_a_part_of_the_faults_is_a_document_like_any_other(part: Subset) -> None:
    """As `--set` would make it: these faults in their order, word for word, and nothing else is another."""
    launch = document("faults[1].delay=2s", "crew.headcount=3")
    whole = launch.changed({}).experiment
    left = launch.changed(launch.with_faults(part)).experiment
    assert left.faults == tuple(whole.faults[place] for place in part)
    assert left.model_copy(update={"faults": ()}) == whole.model_copy(update={"faults": ()})


BLACK_HOLE = """faults=[{fault: latency, name: no harm, link: platform-to-media, delay: 50ms, at: 1m, lasts: 8m},
{fault: timeout, name: black hole, link: media-to-platform, after: 0, at: 1m, lasts: 8m}]"""
SURVIVAL = ("--set", "objectives=[{name: the room survives, survives: townhall}]")


def asked(folder: Path, *words: str) -> dict[str, Any]:
    """What `standby smallest` finds out about the black-holed bridge, if all that counts is the room."""
    document = str(ROOT / "experiments" / "black-holed-bridge.yaml")
    assert run_app(["smallest", document, *SURVIVAL, *words, "--out", str(folder)]) == 0
    found = json.loads((folder / "smallest.json").read_text())
    assert isinstance(found, dict)
    return found


@pytest.mark.usefixtures("compiled")
def test_the_simulator_finds_how_long_a_black_hole_may_last(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Silence of more than a minute or two loses the room. The same bytes twice; the first line is the answer."""
    ends = ("--path", "faults[0].lasts", "--from", "10s", "--to", "8m")
    found = asked(tmp_path / "one", *ends)
    assert found["by"] == "simulated"
    assert found["determined"]
    assert 60 <= parse_duration(found["holds"]) < parse_duration(found["breaks"]) <= 120
    assert capsys.readouterr().out.splitlines()[0] == found["says"]
    asked(tmp_path / "two", *ends)
    one, two = ((tmp_path / name / "smallest.json").read_bytes() for name in ("one", "two"))
    assert one == two


@pytest.mark.usefixtures("compiled")
def test_the_simulator_finds_the_one_fault_that_it_takes(tmp_path: Path) -> None:
    """Of a delay that nobody notices and a black hole, the second alone loses the room."""
    found = asked(tmp_path, "--set", BLACK_HOLE)
    assert (found["fail"], found["needed"], found["determined"]) == ([2], [True], True)
    assert found["says"].startswith(
        "Fault 2 (black hole) of 2 still breaks it by itself, with 95% confidence"
    )


def test_what_the_simulator_does_not_judge_is_run_for_real() -> None:
    """Survival alone is simulated: an experiment with another objective, or without rooms, is not."""
    text = (ROOT / "experiments" / "slow-bridge.yaml").read_text()
    slow = Document(Variants(text, faults=spec_types(), folder=ROOT / "experiments"))
    assert "the verdict rests on `joins succeed`, `the room is heard` too" in not_simulated(
        Simulated(slow, simulate, None)
    )
