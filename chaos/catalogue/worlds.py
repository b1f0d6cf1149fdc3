"""Worlds: their processes, settings and guardians, and what a cluster was seen to do."""

from __future__ import annotations

from chaos.catalogue.told import Outside, Told


class GuardianStarted(Told):
    """A guardian watches the run."""

    pid: int


class GuardianLost(Told):
    """The guardian is gone; another is started."""

    pid: int


class WorldReady(Told):
    """The world is up."""

    folder: str = ""
    """Of its state; in the local world."""
    target: str = ""
    """Context and namespace; in a cluster."""
    nodes: Outside = None
    """The nodes of the target with their tiers; in a cluster."""
    node_grace: str = ""
    """How long the control plane waits for a sign of life of a node."""


class WorldEnded(Told):
    """The world was taken down, or let go."""

    gone: bool | None
    evidence: str


class ProcessStarted(Told):
    """A process was started."""

    process: str
    tier: str
    node: str
    """The modelled node on which it runs."""
    pid: int


class ProcessEnded(Told):
    """A process ended."""

    process: str
    pid: int
    by: str
    """`run`, or `itself`."""
    code: int | None = None
    """Its exit code, where nobody here ended it."""


class SettingsApplied(Told):
    """A tier took settings."""

    target: str
    settings: Outside
    why: str


class SettingsRestored(Told):
    """Settings or repairs were put back."""

    what: str
    holds: bool | None
    evidence: str


class ControlFailed(Told):
    """A tier did not take an order; it is tried again."""

    target: str
    what: str
    why: str


class InstanceSettled(Told):
    """An instance that appeared during the run has the run's settings."""

    target: str
    url: str


class SeriesKept(Told):
    """What the run's Prometheus measured was kept beside the record."""

    name: str
    """The file or folder."""
    bytes: int


class SeriesNotKept(Told):
    """What the run's Prometheus measured was not kept; it changes no verdict."""

    failed: bool
    """Whether it should have been."""
    why: str


class JournalNotClosed(Told):
    """Everything is gone, only that could not be noted in the journal."""

    why: str


class PodsSpread(Told):
    """Pods of one tier that shared a node were moved apart."""

    pods: list[str]


class NodeChanged(Told):
    """A node of the cluster changed."""

    node: str
    ready: bool | None
    unschedulable: bool
    since: float | None
    """By Kubernetes' own clock, in seconds since 1970."""


class PodLeaves(Told):
    """A pod is being ended."""

    pod: str
    uid: str
    process: str
    node: str
    since: float | None
    """By Kubernetes' own clock, in seconds since 1970."""


class PodReady(Told):
    """A pod is ready."""

    pod: str
    uid: str
    process: str
    node: str


class PodGone(Told):
    """A pod is gone."""

    pod: str
    uid: str
    process: str
    node: str


class ClusterUnseen(Told):
    """The cluster does not answer."""

    why: str


class ClusterSeenAgain(Told):
    """The cluster answers again."""


EVENTS = (
    GuardianStarted,
    GuardianLost,
    WorldReady,
    ProcessStarted,
    ProcessEnded,
    SettingsApplied,
    InstanceSettled,
    ControlFailed,
    SettingsRestored,
    WorldEnded,
    SeriesKept,
    SeriesNotKept,
    JournalNotClosed,
    PodsSpread,
    NodeChanged,
    PodLeaves,
    PodReady,
    PodGone,
    ClusterUnseen,
    ClusterSeenAgain,
)
