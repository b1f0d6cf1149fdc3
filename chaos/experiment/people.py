"""Who answers: the `crew` of a document. Every link from headcount to outcome is a model assumption."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from chaos.clock import RealSeconds, StorySeconds
from chaos.experiment.base import Many, Model
from chaos.experiment.units import Ratio, StoryDuration

MEDIAN_ACKNOWLEDGEMENT = StorySeconds(2.9 * 60)  # a mean of 4 min, lognormal with sigma 0.8
MEDIAN_ACKNOWLEDGEMENT_ATTENDING = StorySeconds(0.2 * 60)
DETECTION = RealSeconds(
    2.0
)  # one scrape and one rule evaluation, a second each, as the worlds' Prometheus has them
LARGEST_SHARE_OF_DETECTION = 0.2


class StageTimes(Model):
    """How long a stage takes: lognormal, in story time."""

    median: Annotated[StoryDuration, Field(gt=0)] | None = None
    """Half of the times are shorter."""
    sigma: Annotated[float, Field(ge=0, le=3)] | None = None
    """The standard deviation of the logarithm."""


class People(Model):
    """Other people than the crew model's own: whatever is given here replaces that assumption."""

    notice: StageTimes = StageTimes()
    acknowledge: StageTimes = StageTimes()
    triage: StageTimes = StageTimes()
    decide: StageTimes = StageTimes()
    act: StageTimes = StageTimes()
    verify: StageTimes = StageTimes()
    escalation: Annotated[Many[StoryDuration], Field(min_length=3, max_length=3)] | None = None
    """When, after the first page, each further person is paged."""
    available: Annotated[Ratio, Field(ge=0, le=1)] | None = None
    """The probability that a person on call is there."""
    knows: Annotated[Ratio, Field(ge=0, le=1)] | None = None
    """The probability that a person knows how to handle one kind of incident."""
    mistriage: Annotated[Ratio, Field(ge=0, le=1)] | None = None
    """The probability of a wrong diagnosis, which really carries out the wrong action."""
    unskilled: Annotated[float, Field(ge=1, le=100)] | None = None
    """How many times longer a person without the skill or a runbook takes."""
    hands: Annotated[Many[Annotated[float, Field(gt=0, le=10)]], Field(min_length=4, max_length=4)] | None = (
        None
    )
    """The factor on triage and act with one, two, three, and four or more people at the incident."""

    def over(self, below: People) -> People:
        """`below` with whatever is given here in its place, figure by figure."""
        merged = {
            name: getattr(below, name).model_copy(update=value.model_dump(exclude_none=True))
            if isinstance(value, StageTimes)
            else value
            for name in type(self).model_fields
            if (value := getattr(self, name)) is not None
        }
        return below.model_copy(update=merged)


class CrewFile(Model):
    """People as a team's own history shows them (`standby crew fit` writes it), or as anyone knows them."""

    version: Literal[1]
    """The version of this format."""
    source: Annotated[str, Field(min_length=1, max_length=500)]
    """Where the figures come from."""
    people: People
    """Whatever is given here replaces the crew model's own assumption."""


class Mechanisms(Model):
    """The ways in which headcount acts; each can be switched off to see what it is worth."""

    parallel: bool = True
    """One person leads one incident at a time. Off: one leads any number at once."""
    availability: bool = True
    """Some people on call are not there. Off: all are."""
    coverage: bool = True
    """Not everybody knows everything. Off: all do."""
    helping: bool = True
    """Idle people help with what goes on. Off: each incident has one pair of hands."""


class CrewSection(Model):
    """The modelled people on call for this integration. A run with a crew is one draw."""

    headcount: Annotated[int, Field(ge=0, le=50)]
    """How many people are on call."""
    runbooks: Annotated[str, Field(min_length=1)]
    """The file that says which alert leads to which diagnosis and action, from the document's folder."""
    alerts: Literal["prometheus", "webhook"] = "prometheus"
    """Where they are called from: the Prometheus of the run, or the webhook of an Alertmanager, which the outpost of a
    cluster hears."""
    attending: bool = False
    """People sit by the room: they skip most of noticing and acknowledging."""
    mechanisms: Mechanisms = Mechanisms()
    people_file: Annotated[str, Field(min_length=1)] | None = None
    """A file with people of one's own, from the document's folder; what stands under `people` goes before it."""
    people: People = People()
    repairs: bool = True
    """False makes every repair's act do nothing: a control."""

    @property
    def median_acknowledgement(self) -> StorySeconds:
        """How long half of the acknowledgements take at most."""
        own = self.people.acknowledge.median
        if own is not None:
            return own
        return MEDIAN_ACKNOWLEDGEMENT_ATTENDING if self.attending else MEDIAN_ACKNOWLEDGEMENT
