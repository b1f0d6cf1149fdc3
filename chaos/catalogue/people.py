"""The crew: who is there, what each incident goes through, and the repairs that were really carried out."""

from __future__ import annotations

from chaos.catalogue.told import Outside, Told


class CrewBegun(Told):
    """The crew is on call from here on."""

    headcount: int
    attending: bool
    """Whether they sit by the room."""
    seed: int
    available: list[int]
    """The numbers of those who answer at all in this draw."""
    knows: Outside
    """By kind of incident, the numbers of those who know it."""


class CrewStage(Told):
    """An incident came into a stage."""

    incident: str
    kind: str
    """The runbook's entry."""
    stage: str
    """`notice`, `acknowledge`, `waiting`, `triage`, `decide`, `act`, `verify` or `resolved`."""
    person: int | None
    """Who is at it; none while nobody is."""
    attempt: int
    """From 1."""
    helpers: int
    begins: float
    """Story seconds since the start of warm-up."""
    due: float | None
    """When it will be over, in the same seconds; none where that depends on something else."""
    diagnosis: str | None
    right: bool | None
    """Whether the diagnosis is."""


class CrewOverwhelmed(Told):
    """There were more incidents than the model has room for; this one is left out."""

    incident: str
    most: int


class RepairStarted(Told):
    """A repair begins, right or wrong."""

    action: str
    target: str
    incident: str
    person: int | None
    right: bool
    """Whether it fits the incident's true cause."""
    noop: bool
    """Whether nothing is really done, as a control."""


class RepairFinished(Told):
    """A repair ended."""

    action: str
    target: str
    incident: str
    ok: bool
    seconds: float
    """Real seconds that it took."""
    detail: str


EVENTS = (CrewBegun, CrewStage, CrewOverwhelmed, RepairStarted, RepairFinished)
