import math

import pytest
from pydantic import ValidationError

from chaos.clock import StorySeconds
from chaos.experiment.model import Experiment
from chaos.experiment.objective import Objective
from chaos.experiment.people import CrewSection
from chaos.experiment.system import link_variable
from chaos.experiment.units import Expectation
from tests.unit.experiment.documents import DOCUMENT, loaded


def test_the_timeline_counts_from_the_start_of_warm_up() -> None:
    """Phases follow each other, and `start` adds up what lies before."""
    timeline = loaded(DOCUMENT).experiment.timeline
    assert timeline.total == 23 * 60.0
    starts = [timeline.start(phase) for phase in ("warm_up", "baseline", "faults", "recovery", "after")]
    assert starts == [0.0, 120.0, 240.0, 960.0, 1200.0]
    assert timeline.length("after") == 180.0


def test_a_fault_ends_with_its_phase_at_the_latest() -> None:
    """`lasts`, `at_most` and neither of them: each has an end, none after the phase."""
    slow, kill = loaded(DOCUMENT).experiment.faults
    assert slow.ends(StorySeconds(720.0)) == 660.0
    assert kill.ends(StorySeconds(720.0)) == 480.0
    assert kill.model_copy(update={"lasts": None}).ends(StorySeconds(720.0)) == 720.0
    assert slow.title == "slow"
    assert kill.title == "process_kill"


@pytest.mark.parametrize(
    ("given", "longest", "in_all"),
    [
        ({}, 0, 0),
        ({"may_break_for": "2m"}, 120, math.inf),
        ({"may_break_in_all": "3m"}, 180, 180),
        ({"may_break_for": "2m", "may_break_in_all": "3m"}, 120, 180),
        ({"may_break_for": 0, "may_break_in_all": 0}, 0, 0),
    ],
)
def test_breaks_are_forgiven_as_the_document_says(
    given: dict[str, object], longest: float, in_all: float
) -> None:
    """Nothing is forgiven by default; `may_break_for` alone limits each break, `may_break_in_all` alone their sum."""
    objective = Objective.model_validate({"name": "x", "query": "up", "expect": "== 1", **given})
    assert (objective.longest_break, objective.sum_of_breaks) == (longest, in_all)


def test_an_objective_without_an_expectation_must_be_1() -> None:
    """Sources that answer yes or no need no `expect`."""
    objective = Objective.model_validate({"name": "x", "python": "a.b:c"})
    assert objective.expectation == Expectation("==", 1.0)
    assert objective.source == "python"


def test_acknowledgement_follows_who_is_on_call() -> None:
    """People by the room answer in seconds; a document's own figure wins."""
    crew = CrewSection(headcount=1, runbooks="x")
    assert crew.median_acknowledgement == pytest.approx(174)
    assert CrewSection(headcount=1, runbooks="x", attending=True).median_acknowledgement == pytest.approx(12)
    own = CrewSection.model_validate(
        {"headcount": 1, "runbooks": "x", "attending": True, "people": {"acknowledge": {"median": "5m"}}}
    )
    assert own.median_acknowledgement == 300.0


def test_an_experiment_made_in_code_is_checked_like_a_document() -> None:
    """Contradictions are refused without the loader, too."""
    experiment = loaded(DOCUMENT).experiment
    model, plain = type(experiment), experiment.plain()
    assert model.model_validate(plain) == experiment
    with pytest.raises(ValidationError, match="nobody is there to repair it"):
        model.model_validate({**plain, "crew": None})
    with pytest.raises(ValidationError, match="is no room of the audience"):
        model.model_validate({**plain, "objectives": [{"name": "x", "survives": "barn"}]})


def test_an_experiment_does_not_change() -> None:
    """Nobody alters a loaded document."""
    experiment = loaded(DOCUMENT).experiment
    assert isinstance(experiment, Experiment)
    with pytest.raises(ValidationError, match="frozen"):
        experiment.title = "x"  # type: ignore[misc]


def test_a_link_names_an_environment_variable() -> None:
    """The caller finds the link's address under a name made of the link's."""
    assert link_variable("api-to-db") == "LINK_API_TO_DB"
