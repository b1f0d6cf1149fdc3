"""The contract of `run.json`: what a run was, what was found, and how well it is proven.

Fields ending in `_s` are story seconds, in `_real_s` real seconds; moments in story time count from the start of
warm-up (the opening of the room). Fields ending in `_at`, and `started` and `ended`, are UTC times in ISO 8601.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Verdict = Literal["pass", "fail", "inconclusive"]
Ending = Literal["complete", "aborted", "interrupted", "cut off"]


class Part(BaseModel):
    """A part of a report; it does not change once made."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_serialization_defaults_required=True)


class Expected(Part):
    """The verdict that the document says it expects, and why."""

    verdict: Verdict
    because: str = ""


class Phase(Part):
    """One phase of the run as it took place. Both moments are story time; `ended_s` is None when it was cut off."""

    phase: str
    started_s: float
    ended_s: float | None = None


class Break(Part):
    """A stretch in which an objective did not hold."""

    began_s: float
    ended_s: float


class Objective(Part):
    """An objective and how it was judged.

    `survival` objectives tell the room's fate; only those that `counts` decide the verdict. `owner` is the document's
    objective that it stands for, if that is another.
    """

    name: str
    verdict: Verdict
    why: str = ""
    query: str = ""
    expect: str = ""
    during: tuple[str, ...] = ()
    samples: int = 0
    worst: float | None = None
    longest_break_s: float | None = None
    broken_s: float | None = None
    may_break_for_s: float | None = None
    may_break_in_all_s: float | None = None
    breaks: tuple[Break, ...] = ()
    survival: bool = False
    counts: bool = True
    owner: str = ""


class Proof(Part):
    """One observation about a fault: of which claim, whether it holds (None: could not be seen), what was seen."""

    claim: Literal["path", "in force", "gone"]
    when: str = ""
    holds: bool | None = None
    evidence: str = ""


class Fault(Part):
    """A fault as scheduled, as it took place, and its proofs. Scheduled times count from warm-up like all others."""

    id: str
    name: str
    fault: str
    on: str = ""
    target: str = ""
    targets: tuple[str, ...] = ()
    parameters: dict[str, str] = Field(default_factory=dict)
    scheduled_s: float | None = None
    scheduled_end_s: float | None = None
    until_repaired: bool = False
    applied_at: str | None = None
    applied_s: float | None = None
    lateness_real_s: float | None = None
    undone_at: str | None = None
    undone_s: float | None = None
    undone_by: str | None = None
    path_proof: bool | None = None
    in_force: bool | None = None
    gone: bool | None = None
    evidence: str = ""
    proofs: tuple[Proof, ...] = ()


class Repair(Part):
    """An action really executed on the world. `right` is whether it fits the incident's true cause."""

    action: str
    target: str = ""
    person: int | None = None
    incident: str = ""
    right: bool | None = None
    noop: bool = False
    started_s: float
    finished_s: float | None = None
    took_real_s: float | None = None
    ok: bool | None = None
    detail: str = ""


class Stage(Part):
    """What a person did about an incident. `ends_s` is when it ended or was due to end."""

    stage: str
    person: int | None = None
    attempt: int = 1
    helpers: int = 0
    begins_s: float
    ends_s: float | None = None
    diagnosis: str | None = None
    right: bool | None = None


class Incident(Part):
    """One incident as the crew met it, with its stages in order and the repairs made for it."""

    incident: str
    kind: str = ""
    opened_s: float
    resolved_s: float | None = None
    stages: tuple[Stage, ...] = ()
    repairs: tuple[Repair, ...] = ()


class Assumption(Part):
    """Something modelled rather than measured, its value, and where the value comes from."""

    what: str
    value: str = ""
    source: str = ""


class Crew(Part):
    """The modelled people on call; those `available` answer at all. With a crew a run is one draw of chance."""

    headcount: int
    attending: bool | None = None
    available: tuple[int, ...] | None = None
    people: dict[str, str] = Field(default_factory=dict)
    assumptions: tuple[Assumption, ...] = ()
    incidents: tuple[Incident, ...] = ()


class Alert(Part):
    """An alert that fired."""

    alert: str
    labels: dict[str, str] = Field(default_factory=dict)
    fired_s: float
    resolved_s: float | None = None


class StopCondition(Part):
    """A stop condition and whether it ended the run."""

    name: str
    fired: bool = False
    why: str = ""


class Figure(Part):
    """A measured context figure over the run, in short; the samples are in the record."""

    name: str
    label: str = ""
    unit: str = ""
    samples: int = 0
    lowest: float | None = None
    highest: float | None = None
    last: float | None = None


class Load(Part):
    """Whether the load kept up and arrived."""

    holds: bool | None = None
    evidence: str = ""


class Seen(Part):
    """Something that Kubernetes told. `since` is when it came about by Kubernetes' own clock, where it says so."""

    what: str
    noticed_s: float
    since: str | None = None


class Cluster(Part):
    """The part of a cluster that a run touched, and what Kubernetes saw meanwhile.

    `node_grace` is how long its control plane waits for a sign of life of a node; empty where it does not tell.
    """

    context: str
    namespace: str
    node_grace: str = ""
    seen: tuple[Seen, ...] = ()


class RoomSilence(Part):
    """A room whose sound ended with a lost node, in real seconds since the loss; None: not seen to happen.

    The host was off air at `silent`, and on air again, wherever the room was reopened, at `reopened`. From `away` to
    `back` fewer than half of those who had been admitted and had not left heard. All are seen once a scrape.
    """

    room: str
    silent_real_s: float
    reopened_real_s: float | None = None
    away_real_s: float | None = None
    back_real_s: float | None = None


class NodeLoss(Part):
    """A node that was lost: when that was noticed and mended, in real seconds since the loss; None: not seen to happen.

    `not_ready` (Kubernetes holds the node NotReady), `evicted` (its first pod is told to leave, by an eviction or a
    repair) and `ready` (the node is Ready again) are by Kubernetes' own clock, which tells whole seconds.
    """

    fault: str
    node: str
    lost_at: str | None = None
    not_ready_real_s: float | None = None
    evicted_real_s: float | None = None
    ready_real_s: float | None = None
    rooms: tuple[RoomSilence, ...] = ()


class RunReport(Part):
    """One run, derived from its event record alone."""

    schema_version: Literal[1] = 1
    run: str = ""
    experiment: str = ""
    question: str = ""
    file: str = ""
    verdict: Verdict
    why: str
    reasons: tuple[str, ...] = ()
    exit_code: int
    ending: Ending
    expected: Expected | None = None
    seed: int | None = None
    world: str = ""
    world_owned: bool | None = None
    cluster: Cluster | None = None
    started: str | None = None
    ended: str | None = None
    lasted_real_s: float = 0.0
    time_scale: float = 1.0
    scale: float | None = None
    timeline: dict[str, float] = Field(default_factory=dict)
    phases: tuple[Phase, ...] = ()
    objectives: tuple[Objective, ...] = ()
    faults: tuple[Fault, ...] = ()
    node_losses: tuple[NodeLoss, ...] = ()
    crew: Crew | None = None
    repairs: tuple[Repair, ...] = ()
    alerts: tuple[Alert, ...] = ()
    survived: bool | None = None
    lost_at_s: float | None = None
    lost_listener_minutes: float | None = None
    load: Load | None = None
    stop_conditions: tuple[StopCondition, ...] = ()
    figures: tuple[Figure, ...] = ()
    warnings: tuple[str, ...] = ()
    command: str = ""
    versions: dict[str, str] = Field(default_factory=dict)
    machine: dict[str, str] = Field(default_factory=dict)
