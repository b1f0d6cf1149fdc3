"""What the people of the crew are like: every figure an assumption, each with where it comes from.

The defaults were fixed before any outcome was looked at. A document replaces them one by one under `crew: people:`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Annotated, Final

from pydantic import Field

from chaos.clock import StorySeconds
from chaos.experiment.base import Many, Model
from chaos.experiment.people import CrewSection
from chaos.experiment.people import People as Replacements
from chaos.experiment.units import Ratio, StoryDuration

STAGES: Final = ("notice", "acknowledge", "triage", "decide", "act", "verify")


class StageTime(Model):
    """How long a stage takes one person: lognormal, story time."""

    median: Annotated[StoryDuration, Field(gt=0)]
    sigma: Annotated[float, Field(ge=0, le=3)]
    """The standard deviation of the logarithm."""

    @property
    def mu(self) -> float:
        """The mean of the logarithm of the story seconds."""
        return math.log(self.median)

    def __str__(self) -> str:
        return f"median {self.median / 60:.3g} min, lognormal with sigma {self.sigma:g}"


class People(Model):
    """Everything that the crew model assumes about people."""

    notice: StageTime
    """From the alert to the page (on call), or until someone who watches sees it (attending)."""
    acknowledge: StageTime
    """From the page to a person who takes it up."""
    triage: StageTime
    """From there to a diagnosis, for a person who knows this kind of incident."""
    decide: StageTime
    act: StageTime
    """Hands on, until the real action is started."""
    verify: StageTime
    """How long a person watches whether it helped."""
    escalation: Annotated[Many[StoryDuration], Field(min_length=3, max_length=3)]
    """When, after the first page, each further person is paged; later ones follow at the last distance."""
    available: Annotated[Ratio, Field(ge=0, le=1)]
    """The probability that a person answers at all; drawn once per person and run."""
    knows: Annotated[Ratio, Field(ge=0, le=1)]
    """The probability that a person knows a kind of incident and its runbook; drawn once per person, kind and run."""
    mistriage: Annotated[Ratio, Field(ge=0, le=1)]
    """The probability that a triage ends in a wrong diagnosis."""
    unskilled: Annotated[float, Field(ge=1, le=100)]
    """How many times longer the triage of a person takes who does not know the kind."""
    hands: Annotated[Many[float], Field(min_length=4, max_length=4)]
    """The factor on triage and act with one, two, three, and four or more people at the incident."""

    def stage(self, name: str) -> StageTime:
        """The times of a stage by its name."""
        found = getattr(self, name)
        if name not in STAGES or not isinstance(found, StageTime):
            raise KeyError(name)
        return found

    def replaced(self, given: Replacements) -> People:
        """These people with what a document gives in place of it."""
        return People.model_validate(
            _laid_over(self.model_dump(mode="json"), given.model_dump(mode="json", exclude_none=True))
        )


def _laid_over(below: Mapping[str, object], above: Mapping[str, object]) -> dict[str, object]:
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = _laid_over(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


ON_CALL: Final = People.model_validate(
    {
        "notice": {"median": "30s", "sigma": 0.5},
        "acknowledge": {"median": "174s", "sigma": 0.8},
        "triage": {"median": "8m", "sigma": 0.7},
        "decide": {"median": "2m", "sigma": 0.5},
        "act": {"median": "1m", "sigma": 0.5},
        "verify": {"median": "1m", "sigma": 0.3},
        "escalation": ["5m", "10m", "15m"],
        "available": 0.85,
        "knows": 0.8,
        "mistriage": 0.15,
        "unskilled": 3.0,
        "hands": [1.0, 1.0, 0.93, 0.70],
    }
)
"""People who carry a pager."""

ATTENDING: Final = People.model_validate(
    {
        "notice": {"median": "9s", "sigma": 0.5},
        "acknowledge": {"median": "12s", "sigma": 0.5},
        "triage": {"median": "90s", "sigma": 0.6},
        "decide": {"median": "24s", "sigma": 0.5},
        "act": {"median": "18s", "sigma": 0.5},
        "verify": {"median": "30s", "sigma": 0.3},
        "escalation": ["5m", "10m", "15m"],
        "available": 1.0,
        "knows": 0.9,
        "mistriage": 0.10,
        "unskilled": 3.0,
        "hands": [1.0, 1.0, 0.93, 0.70],
    }
)
"""People who sit by the room with its dashboards open ("live support")."""

_STAGE_SOURCES: Final = {
    "notice": "assumption: a pager's delivery, or a glance at an open dashboard",
    "acknowledge": "on call: a mean of 4 min is common, as a lognormal median 2.9 min, sigma 0.8; "
    "attending: assumption, sitting by the room skips most of it",
    "triage": "assumption; for one kind of fault sigma is 0.4 to 0.8 (Davidovic 2021)",
    "decide": "assumption",
    "act": "assumption: the hands-on part alone; the real action takes its own real time",
    "verify": "assumption",
}
ALL_INCIDENTS: Final = NormalDist(4.25, 1.25)
"""The logarithm of the minutes to resolve production incidents of all kinds, all stages together (Davidovic 2021)."""


@dataclass(frozen=True)
class Assumption:
    """One thing that the model takes for granted: what, the figure in words, and where it comes from."""

    what: str
    value: str
    source: str


def people_of(section: CrewSection) -> People:
    """The people that a document's `crew` asks for."""
    return (ATTENDING if section.attending else ON_CALL).replaced(section.people)


def assumptions(people: People, *, attending: bool) -> tuple[Assumption, ...]:
    """Everything assumed about the crew, for the report; a figure that is not the default says so."""
    default = ATTENDING if attending else ON_CALL
    return (
        *_times(people, default),
        *_chances(people, default),
        *_structure(people),
        _check_on_the_sum(people),
    )


def _source(given: object, default: object, source: str) -> str:
    return source if given == default else f"the document (the default is {default}; {source})"


def _times(people: People, default: People) -> Iterable[Assumption]:
    for name in STAGES:
        given, usual = people.stage(name), default.stage(name)
        yield Assumption(f"time to {name}", str(given), _source(given, usual, _STAGE_SOURCES[name]))


def _chances(people: People, default: People) -> Iterable[Assumption]:
    yield Assumption(
        "a person is available",
        f"probability {people.available:g}, once per run",
        _source(people.available, default.available, "assumption"),
    )
    yield Assumption(
        "a person knows a kind of incident",
        f"probability {people.knows:g} for each person and kind, once per run",
        _source(people.knows, default.knows, "assumption"),
    )
    yield Assumption(
        "a wrong diagnosis",
        f"probability {people.mistriage:g} per triage; its action is really carried out",
        _source(people.mistriage, default.mistriage, "assumption; the literature has 4 to 92 % of cases"),
    )
    yield Assumption(
        "triage without knowing the kind",
        f"{people.unskilled:g} times as long",
        _source(people.unskilled, default.unskilled, "about three times slower without a runbook (SRE book)"),
    )


def _structure(people: People) -> Iterable[Assumption]:
    further = ", ".join(f"{moment / 60:g}" for moment in people.escalation)
    yield Assumption(
        "escalation",
        f"a further person is paged {further} min after the first page; the first to acknowledge takes it",
        "common paging practice; an assumption here",
    )
    yield Assumption(
        "the rota",
        "the page goes to the first person who is not at another incident; whoever is busy takes it up when free",
        "assumption",
    )
    yield Assumption(
        "helpers",
        "triage and act take "
        + ", ".join(f"{factor:g}" for factor in people.hands)
        + " of the time with 1, 2, 3, 4 or more people",
        "crews of 2, 3 and 4 at one physical task took 1.43, 1.33 and 1.0 (NIST fire crews), here relative to two; "
        "that one person is as fast as two is an assumption",
    )
    yield Assumption("an alert that ends", "whoever is at it stands down at once", "assumption")


def _check_on_the_sum(people: People) -> Assumption:
    minutes = sum(people.stage(name).median for name in STAGES) / 60
    share = ALL_INCIDENTS.cdf(math.log(minutes))
    return Assumption(
        "all stages together (a check, never an input)",
        f"the medians add up to {minutes:.3g} min; of production incidents of all kinds {share:.0%} are over by then",
        "lognormal(4.25, 1.25) in minutes, median 70 (Davidovic 2021): incidents with a runbook are the quick ones",
    )


def describe(people: People) -> dict[str, str]:
    """The parameters as texts, for the record."""
    texts = {name: str(people.stage(name)) for name in STAGES}
    texts["escalation"] = ", ".join(f"{StorySeconds(moment) / 60:g} min" for moment in people.escalation)
    texts |= {name: f"{getattr(people, name):g}" for name in ("available", "knows", "mistriage", "unskilled")}
    texts["hands"] = ", ".join(f"{factor:g}" for factor in people.hands)
    return texts
