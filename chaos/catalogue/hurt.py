"""Faults, from their schedule to the proof that they are gone. `id` is the fault's in this run."""

from __future__ import annotations

from chaos.catalogue.told import Told


class FaultScheduled(Told):
    """A fault of the document, before anything is injected."""

    id: str
    name: str
    fault: str
    on: str
    """What the document names as its target."""
    at: float
    """Story seconds since the start of *faults*."""
    lasts: float
    """Story seconds, at most."""
    until_repaired: bool
    parameters: dict[str, str]


class CanaryApplied(Told):
    """A small, harmless hurt by which a path shows that could not be seen otherwise."""

    id: str
    targets: list[str]


class CanaryUndone(Told):
    """The small hurt was taken away."""

    id: str
    gone: bool | None
    evidence: str


class FaultPath(Told):
    """Whether what is to be hurt depends on what the fault touches."""

    id: str
    proven: bool | None
    evidence: str


class FaultApplied(Told):
    """A fault was applied."""

    id: str
    name: str
    fault: str
    targets: list[str]
    due: float
    """When it was due, in real seconds since the run began."""
    applied: float
    """When the act began, in real seconds since the run began."""
    lateness_s: float
    """Real seconds between the two."""


class FaultFailed(Told):
    """A fault could not be applied."""

    id: str
    why: str


class FaultObserved(Told):
    """Whether a fault is in force, seen from outside."""

    id: str
    in_force: bool | None
    """None: could not be seen."""
    evidence: str
    when: str = ""
    """After the act, before the undo."""


class FaultUndone(Told):
    """The steps that undo a fault were carried out."""

    id: str
    by: str
    """`schedule`, `repair` or `recovery`."""


class FaultGone(Told):
    """Whether nothing is left of a fault, seen from outside."""

    id: str
    gone: bool | None
    evidence: str


EVENTS = (
    FaultScheduled,
    FaultPath,
    CanaryApplied,
    CanaryUndone,
    FaultApplied,
    FaultFailed,
    FaultObserved,
    FaultUndone,
    FaultGone,
)
