from __future__ import annotations

from pathlib import Path

import pytest

from chaos.crew.runbook import Runbook
from chaos.errors import DocumentError
from chaos.experiment.model import Experiment
from chaos.faults.specs import spec_types
from chaos.study.answer import notes
from chaos.study.conduct import conduct
from chaos.study.durations import Durations
from chaos.study.evenings import Ended, Evenings, LiveTrial
from chaos.study.loading import LoadedStudy, load_study
from chaos.study.replay import Replayed
from chaos.study.result import Difference
from chaos.study.validation import validate
from tests.unit.study.standin import STUDY, simulate, written

LIVE = STUDY.replace("arms:\n", "live: {trials: 6, set: {rooms.scale: 1/1000, time_scale: 8}}\narms:\n", 1)
KEPT = LIVE.replace("trials: 6,", "trials: 6, kept: kept.json,")
STEP = {"notice": 20.0, "acknowledge": 60.0, "triage": 200.0, "decide": 90.0, "act": 40.0}


def entered(begin: float) -> dict[str, float]:
    """The moments of an incident's stages."""
    found: dict[str, float] = {}
    for stage, lasts in STEP.items():
        found[stage] = begin
        begin += lasts
    return found


def trial(seed: int, *, later: float = 0.0, survived: bool | None = False, restart: float = 2.4) -> LiveTrial:
    """A live trial that is lost at 900 s, whose incident begins at 100 s; `later`: everything is."""
    return LiveTrial(
        arm="as-found",
        value=2,
        seed=seed,
        overrides=("time_scale=8", "crew.headcount=2"),
        ended=Ended(
            survived=survived,
            lost_at_s=None if survived is not False else 900.0 + later,
            observed={"restart": (restart, restart + 0.2, restart + 0.4)},
            incidents={"tokens-overloaded": entered(100.0 + later)},
        ),
    )


class Again:
    """A simulator that is the live world itself; it remembers the durations that it was given."""

    def __init__(self) -> None:
        self.durations: set[Durations] = set()

    def __call__(
        self, experiment: Experiment, *, seed: int, runbook: Runbook | None, durations: Durations
    ) -> Replayed:
        assert experiment.time_scale == 8
        assert runbook is not None
        self.durations.add(durations)
        return Replayed(850.0, 900.0, {"tokens-overloaded": entered(100.0)})


@pytest.fixture
def loaded(tmp_path: Path) -> LoadedStudy:
    """The small study with live trials; its first seed is 7."""
    return written(tmp_path, LIVE)


def found(several: list[Difference], what: str) -> Difference:
    """The difference of that name."""
    return next(one for one in several if one.what == what)


def test_half_of_the_seeds_is_fitted_on_and_the_other_judged(loaded: LoadedStudy) -> None:
    """The first seed and every second after it; the median of their restarts is what everything is played with."""
    again = Again()
    trials = [trial(seed, restart=2.4 if seed % 2 else 7.0) for seed in range(7, 13)]
    valid = validate(loaded, trials, again)
    assert {half.half: half.trials for half in valid.calibration.halves} == {"fitted": 3, "judged": 3}
    assert valid.durations.restart == 2.6
    assert again.durations == {valid.durations}
    restart = next(one for one in valid.calibration.durations if one.name == "restart")
    assert restart.measured
    assert restart.fitted is not None
    assert restart.judged is not None
    assert (restart.fitted.n, restart.fitted.median, restart.judged.median) == (9, 2.6, 7.2)
    assert [(seen.seed, seen.half) for seen in restart.seen][:2] == [(7, "fitted"), (8, "judged")]
    assert any(
        "2.6 real s on the evenings it was fitted on, 7.2" in one for one in valid.calibration.findings
    )


def test_too_few_observations_leave_the_default(loaded: LoadedStudy) -> None:
    """Three of one trial are not enough."""
    valid = validate(loaded, [trial(7)], Again())
    assert valid.durations == Durations()
    assert not any(one.measured for one in valid.calibration.durations)


def test_what_is_alike_is_told_as_alike(loaded: LoadedStudy) -> None:
    """Two seconds of the story to and fro are less than what scrapes leave open."""
    trials = [trial(seed, later=2.0 * (-1) ** (seed // 2)) for seed in range(7, 19)]
    calibration = validate(loaded, trials, Again()).calibration
    judged = calibration.halves[0]
    assert judged.half == "judged"
    notice = found(list(judged.differences), "notice")
    assert (notice.found, notice.margin_s, notice.trials, notice.pairs) == ("alike", 12.0, 6, 6)
    assert calibration.findings == ()
    assert "nor a shift of stages by less than" in calibration.says
    assert "not the model of the people" in calibration.says


def test_a_difference_is_a_finding_and_comes_first(loaded: LoadedStudy) -> None:
    """Live, everything is about a minute later, on the judged half too."""
    trials = [trial(seed, later=60.0 + seed) for seed in range(7, 19)]
    calibration = validate(loaded, trials, Again()).calibration
    triage = found(list(calibration.halves[0].differences), "triage")
    assert triage.found == "differs"
    assert triage.later_s == pytest.approx(-73.0)
    assert triage.smallest_s is not None
    assert 0 < triage.smallest_s < 10
    told = "Stages begin at other moments simulated than live (6 evenings that the durations were not fitted on), "
    assert calibration.findings[0].startswith(
        f"{told}story time: notice 73 s earlier (69 to 77), acknowledge 73 s"
    )
    assert calibration.findings[1].startswith(
        "Simulated, rooms are lost 73 s earlier (69 to 77), story time (6 "
    )
    assert next(iter(notes(loaded.study, [], [], None, calibration))) == calibration.findings[0]


def test_one_evening_shows_no_spread(loaded: LoadedStudy) -> None:
    """So no interval, and nothing is called alike or different."""
    calibration = validate(loaded, [trial(8)], Again()).calibration
    assert {one.found for one in calibration.halves[0].differences} == {"not known"}
    assert {one.interval for one in calibration.halves[0].differences} == {None}


def test_disagreeing_ends_are_told(loaded: LoadedStudy) -> None:
    """One of the judged was kept live, and is lost simulated; one without a verdict agrees with nothing."""
    trials = [
        trial(seed, survived=True if seed == 8 else None if seed == 10 else False) for seed in range(7, 13)
    ]
    calibration = validate(loaded, trials, Again()).calibration
    assert (calibration.live_trials, calibration.conclusive, calibration.agreed) == (6, 5, 4)
    assert calibration.findings[0] == (
        "Live and simulated end differently: on 1 of 2 live evenings that the durations were not fitted on."
    )
    assert calibration.points[0].inconclusive == 1


def test_points_stand_in_the_documents_order(loaded: LoadedStudy) -> None:
    """However the evenings came; what the document does not name comes last."""
    came = [("gone", 0), ("by the room", 5), ("as-found", 4), ("by the room", 0), ("as-found", 2)]
    trials = [trial(7).model_copy(update={"arm": arm, "value": value}) for arm, value in came]
    points = validate(loaded, trials, Again()).calibration.points
    assert [(one.arm, one.value) for one in points] == [
        ("as-found", 2), ("as-found", 4), ("by the room", 0), ("by the room", 5), ("gone", 0),
    ]  # fmt: skip


def test_trials_that_measure_are_judged_apart(tmp_path: Path) -> None:
    """They give durations, and how they end is told by itself: it says nothing of the evenings in doubt."""
    loaded = written(
        tmp_path, LIVE.replace("trials: 6,", "trials: 6, measure: [{name: a move, value: 2, trials: 4}],")
    )
    moves = [trial(seed, survived=seed != 8).model_copy(update={"arm": "a move"}) for seed in range(7, 11)]
    calibration = validate(loaded, [trial(7), trial(8), *moves], Again()).calibration
    assert (calibration.live_trials, calibration.conclusive, calibration.agreed) == (6, 2, 2)
    told = [(half.measuring, half.half, half.agreed, half.conclusive) for half in calibration.halves]
    assert told == [
        (False, "judged", 1, 1),
        (False, "fitted", 1, 1),
        (True, "judged", 1, 2),
        (True, "fitted", 0, 2),
    ]
    assert "Of 2 live evenings with a verdict, 2 end" in calibration.says
    assert "Of 4 more that were run to measure durations, 1 do." in calibration.says
    assert calibration.findings[0] == (
        "Live and simulated end differently: on 1 of 2 live evenings that measure durations, which were not fitted on "
        "them."
    )
    restart = next(one for one in calibration.durations if one.name == "restart")
    assert restart.fitted is not None
    assert restart.fitted.n == 9


def test_incidents_of_one_side_alone_are_counted(loaded: LoadedStudy) -> None:
    """What only the live crew was told of."""
    alone = trial(8)
    incidents = {**alone.ended.incidents, "room-gone launch": entered(500.0)}
    alone = alone.model_copy(update={"ended": alone.ended.model_copy(update={"incidents": incidents})})
    half = validate(loaded, [alone], Again()).calibration.halves[0]
    assert (half.incidents_both, half.incidents_live_alone, half.incidents_simulated_alone) == (1, 1, 0)


def test_a_study_rests_on_the_trials_that_it_keeps(tmp_path: Path) -> None:
    """Then they alone are fitted on, whatever is run besides; one that is among those too counts once."""
    kept = [trial(7), trial(8), trial(9)]
    (tmp_path / "kept.json").write_text(Evenings(trials=tuple(kept)).text())
    loaded = written(tmp_path, KEPT)
    assert list(loaded.kept) == kept
    alone, more = (
        validate(loaded, own, Again()) for own in ([], [trial(7), *(trial(s, restart=9.0) for s in (11, 13))])
    )
    assert alone.durations == more.durations
    assert alone.durations.restart == 2.6
    assert [one.calibration.live_trials for one in (alone, more)] == [3, 5]
    assert {half.half: half.trials for half in more.calibration.halves} == {"judged": 3, "fitted": 2}
    told = conduct(loaded, simulate, calibration=alone.calibration, durations=alone.durations)
    sources = {one.what: one.source for one in told.assumptions}
    assert "the median of 6, quartiles 2.45 to 2.75" in sources["a process is ended, started and ready"]


def test_a_study_may_keep_more_trials_than_a_document_has_values(tmp_path: Path) -> None:
    """Five hundred of them, each with forty observations."""
    one = trial(7)
    seen = {"restart": tuple(2.0 + n / 100 for n in range(40))}
    several = [
        one.model_copy(update={"seed": seed, "ended": one.ended.model_copy(update={"observed": seen})})
        for seed in range(7, 507)
    ]
    (tmp_path / "kept.json").write_text(Evenings(trials=tuple(several)).text())
    assert list(written(tmp_path, KEPT).kept) == several


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"version": 1, "trials": [\n{"arm": 1}]}', r"kept\.json:2:9: trials\[0\]\.arm: .*expected a text"),
        ('{"version": 1,\n"trails": []}', r"kept\.json:2:1: trails: .*did you mean `trials`"),
        (
            Evenings(trials=(trial(7),)).text().replace("headcount=2", "headcuont=2"),
            r"kept\.json: trials: .*headcuont",
        ),
    ],
)
def test_a_wrong_file_of_kept_trials_is_refused_with_its_place(
    tmp_path: Path, text: str, message: str
) -> None:
    """What is none, what is misspelt, and what its experiment does not take (any more)."""
    (tmp_path / "kept.json").write_text(text)
    with pytest.raises(DocumentError, match=message):
        written(tmp_path, KEPT)


def test_a_file_that_is_not_there_is_told_where_it_is_named(tmp_path: Path) -> None:
    """With line and column of the study."""
    path = tmp_path / "study.yaml"
    path.write_text(KEPT)
    with pytest.raises(DocumentError, match=r"study\.yaml:\d+:\d+: live\.kept: no such file"):
        load_study(path, faults=spec_types())
