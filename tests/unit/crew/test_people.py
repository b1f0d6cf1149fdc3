from __future__ import annotations

import math

import numpy as np
import pytest

from chaos.crew import core
from chaos.crew.parameters import STAGE_NAMES, parameters
from chaos.crew.people import ATTENDING, ON_CALL, STAGES, assumptions, describe, people_of
from chaos.errors import UsageError
from chaos.experiment.people import (
    MEDIAN_ACKNOWLEDGEMENT,
    MEDIAN_ACKNOWLEDGEMENT_ATTENDING,
    CrewSection,
    Mechanisms,
)
from tests.unit.crew.play import RUNBOOK


def test_the_defaults_are_what_was_fixed_beforehand() -> None:
    """The medians (story minutes) and chances of both kinds of crew, pinned: nobody tunes them to an outcome."""
    medians = {people: [people.stage(name).median / 60 for name in STAGES] for people in (ON_CALL, ATTENDING)}
    assert medians[ON_CALL] == pytest.approx([0.5, 2.9, 8, 2, 1, 1])
    assert medians[ATTENDING] == pytest.approx([0.15, 0.2, 1.5, 0.4, 0.3, 0.5])
    assert [ON_CALL.stage(name).sigma for name in STAGES] == [0.5, 0.8, 0.7, 0.5, 0.5, 0.3]
    assert [ATTENDING.stage(name).sigma for name in STAGES] == [0.5, 0.5, 0.6, 0.5, 0.5, 0.3]
    chances = [(each.available, each.knows, each.mistriage, each.unskilled) for each in (ON_CALL, ATTENDING)]
    assert chances == [(0.85, 0.8, 0.15, 3.0), (1.0, 0.9, 0.10, 3.0)]


def test_acknowledgement_has_a_mean_of_about_four_minutes() -> None:
    """The lognormal of acknowledge agrees with the mean that it was made from."""
    stage = ON_CALL.acknowledge
    assert math.exp(stage.mu + stage.sigma**2 / 2) / 60 == pytest.approx(4.0, abs=0.05)


def test_the_document_warns_about_the_same_acknowledgement() -> None:
    """The medians that validation uses for its warning about detection are those of the crew."""
    assert pytest.approx(ON_CALL.acknowledge.median) == MEDIAN_ACKNOWLEDGEMENT
    assert pytest.approx(ATTENDING.acknowledge.median) == MEDIAN_ACKNOWLEDGEMENT_ATTENDING


def test_a_document_replaces_single_figures() -> None:
    """What `crew: people:` gives replaces that figure alone, and the assumptions say that it is not the default."""
    section = CrewSection.model_validate(
        {"headcount": 2, "runbooks": "r.yaml", "people": {"triage": {"median": "20m"}, "knows": 0.5}}
    )
    people = people_of(section)
    assert people.triage.median == 1200.0
    assert people.triage.sigma == ON_CALL.triage.sigma
    assert people.knows == 0.5
    assert people.decide == ON_CALL.decide
    sources = {each.what: each.source for each in assumptions(people, attending=False)}
    assert sources["time to triage"].startswith("the document (the default is median 8 min")
    assert not sources["time to decide"].startswith("the document")
    assert sources["a person knows a kind of incident"].startswith("the document (the default is 0.8")


def test_an_attending_crew_has_its_own_defaults() -> None:
    """`attending: true` starts from the people who sit by the room."""
    section = CrewSection.model_validate({"headcount": 2, "runbooks": "r.yaml", "attending": True})
    assert people_of(section) == ATTENDING


@pytest.mark.parametrize("attending", [False, True])
def test_every_assumption_has_a_figure_and_a_source(attending: bool) -> None:
    """Each parameter stands in the list with its figure and where it comes from; the check on the sum is there."""
    listed = assumptions(ATTENDING if attending else ON_CALL, attending=attending)
    assert all(each.what and each.value and each.source for each in listed)
    assert {f"time to {name}" for name in STAGES} <= {each.what for each in listed}
    assert any("never an input" in each.what for each in listed)
    assert set(describe(ON_CALL)) == set(type(ON_CALL).model_fields)


@pytest.mark.parametrize("headcount", [-1, 51])
def test_a_crew_that_does_not_fit_is_refused(headcount: int) -> None:
    """Compiled code checks no bounds: whoever fills the buffer does."""
    with pytest.raises(UsageError, match="0 to 50"):
        parameters(ON_CALL, headcount, Mechanisms(), RUNBOOK)


def test_the_buffer_holds_what_people_and_runbook_say() -> None:
    """Times, chances, switches and confusions arrive where the core reads them."""
    p = core.params_view(parameters(ON_CALL, 3, Mechanisms(helping=False), RUNBOOK))
    assert p.headcount[0] == 3
    for number, name in STAGE_NAMES.items():
        if name in STAGES:
            assert np.exp(p.mu[number]) == pytest.approx(ON_CALL.stage(name).median)
    assert p.switch.tolist() == [1, 1, 1, 0]
    assert p.escalation.tolist() == [300.0, 600.0, 900.0]
    assert p.confused[2 * core.CONFUSIONS : 2 * core.CONFUSIONS + 2].tolist() == [3, 7]
