"""From an experiment to the figures that the simulator's cell needs; here what has no model is refused."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from chaos.clock import StorySeconds
from chaos.crew.live import CLEARING
from chaos.crew.parameters import parameters
from chaos.crew.people import people_of
from chaos.crew.runbook import NO_KEY, Entry, Runbook, stable_key
from chaos.errors import UsageError
from chaos.experiment.fault import FaultSpec, LinkFaultSpec
from chaos.experiment.model import Experiment
from chaos.experiment.people import CrewSection, Mechanisms
from chaos.experiment.repairs import ROOMS_REPAIRS
from chaos.experiment.rooms import DEFAULT_SCALE, STAY_MEDIAN_S, AudienceGroup, RoomsSection, Settings
from chaos.faults.specs import (
    BandwidthSpec,
    DownSpec,
    LatencySpec,
    NodeLossSpec,
    ProcessKillSpec,
    ResetSpec,
    TimeoutSpec,
)
from chaos.rooms import bridge, contract
from chaos.rooms.audience import app as audience
from chaos.rooms.audience import host, listener, people
from chaos.rooms.media import egress, sessions
from chaos.rooms.platform import tokens, workers
from chaos.study import driver, fluid, world
from chaos.study.durations import Durations

STEP = 1.0
"""Story seconds of one step of the audience."""
TOKENS_AT = 0.9
"""The share of the capacity in tokens at which TokensOverloaded fires (rules/alerts.yaml). The mean decides: a room
at a thousandth counts few tokens in a window, so there the alert flickers before, and whoever it called stands down
again.
"""
BACKLOG_AT, SATURATED_AT, SLOW_AT = 20.0, 0.9, 0.5
"""AnnouncementsBacklog (story seconds), MediaSaturated (of what can be sent), BridgeSlow (real seconds)."""
PATIENCE_MEAN = people.PATIENCE_MEDIAN_S * math.exp(people.PATIENCE_SIGMA**2 / 2)
PAUSES = tuple(
    listener.HUMAN_PAUSE_STORY_S * math.exp(listener.HUMAN_PAUSE_SIGMA * NormalDist().inv_cdf(share))
    for share in (0.125, 0.5, 0.875)
)
"""Story seconds of a person's pause: the middles of its first quarter, its half, and its last quarter."""
TOKEN_BYTES = 400.0
"""What a call for a token weighs on the wire, headers included."""


@dataclass(frozen=True)
class Cell:
    """Everything that all trials of one cell share; `incidents`: the names of the crew's, by their places."""

    cells: NDArray[np.void]
    faults: NDArray[np.float64]
    load: NDArray[np.float64]
    word: NDArray[np.float64]
    params: NDArray[np.void]
    incidents: tuple[str, ...]


def cell_of(
    experiment: Experiment,
    runbook: Runbook | None,
    durations: Durations,
    stamp: str,
    step: float = STEP,
    *,
    one_machine: bool = False,
) -> Cell:
    """The cell of an experiment. Raises UsageError where it has no model here.

    `one_machine`: a live run, whose instances answer no more joins than a machine can. Else a room that is larger than
    one of DEFAULT_SCALE has as many machines as that takes.
    """
    rooms, group = _room_of(experiment)
    crew = experiment.crew
    if crew is not None and runbook is None:
        raise UsageError("a crew needs its runbook: hand over what `crew.runbooks` names")
    book = runbook or Runbook(entries=(_NOBODYS,))
    settings = rooms.settings(experiment.time_scale)
    scale = experiment.time_scale
    timeline = experiment.timeline
    begins = timeline.start("faults") + (durations.path_proof * scale if experiment.faults else 0.0)
    end = begins + timeline.faults + timeline.recovery + timeline.after
    dt = max(step, _longest(scale) / (fluid.RING - 4))
    steps = math.ceil(end / dt - 1e-9)
    cells = np.zeros(1, np.dtype([*driver.CELL_FIELDS, (stamp, "i8", 1)], align=True))
    one = driver.Cell(*(cells[0][name] for name in driver.Cell._fields))
    one.f[driver.END] = steps * dt
    one.f[driver.CREW_FROM] = timeline.start("baseline")
    one.f[driver.SLOW_AT] = SLOW_AT * scale
    one.f[driver.REPAIRS] = 0.0 if crew is None else float(crew.repairs)
    _parameters(one.p, rooms, group, settings, durations, dt, begins, end)
    size = settings.scale if one_machine else min(settings.scale, DEFAULT_SCALE)
    one.p[fluid.DOOR] = durations.joins_per_second / size / scale
    _spans(one.q, durations, scale, dt)
    incidents = _crew(one, book, group.room, durations, scale)
    faults = _faults(experiment, begins, scale)
    people_ = people_of(crew) if crew is not None else people_of(_ANYBODY)
    clearing = StorySeconds(CLEARING * scale)
    params = parameters(
        people_,
        crew.headcount if crew is not None else 0,
        crew.mechanisms if crew is not None else Mechanisms(),
        book,
        clearing=clearing,
    )
    return Cell(cells, faults, _load(group, dt, steps), _word(dt, steps), params.reshape(1), incidents)


_ANYBODY = CrewSection(headcount=0, runbooks="none")
_NOBODYS = Entry(name="unknown", alerts=("Unknown",), diagnosis="nobody looks", action="clear_link")


def _room_of(experiment: Experiment) -> tuple[RoomsSection, AudienceGroup]:
    rooms = experiment.rooms
    if rooms is None:
        raise UsageError(
            "only experiments on the reference `rooms` can be simulated; this one has a `system`"
        )
    if len(rooms.audience) != 1:
        told = ", ".join(group.room for group in rooms.audience)
        raise UsageError(
            f"the simulator plays one room; this experiment has {told}: leave one of them in a study"
        )
    return rooms, rooms.audience[0]


def _longest(scale: float) -> float:
    """Story seconds that the ring of steps to come must reach."""
    grace = max(sessions.GRACE_STORY_S, sessions.LEAST_GRACE * scale)
    return contract.TOKEN_VALID_STORY_S + max(grace, sessions.GONE_AFTER * scale)


def _parameters(
    p: NDArray[np.float64],
    rooms: RoomsSection,
    group: AudienceGroup,
    settings: Settings,
    durations: Durations,
    dt: float,
    begins: float,
    end: float,
) -> None:
    scale, knobs = settings.time_scale, settings.knobs
    mu = workers.TOKENS_PER_STORY_SECOND * settings.capacity.platform * durations.token_capacity
    pool = sum(bridge.BULKHEAD_WORKERS.values()) if knobs.bulkhead else bridge.SHARED_WORKERS
    told = {
        fluid.DT: dt,
        fluid.MU: mu,
        fluid.SHARE: workers.BULKHEAD_SHARE if knobs.bulkhead else workers.EVEN_SHARE,
        fluid.BULKHEAD: knobs.bulkhead,
        fluid.VALID: contract.TOKEN_VALID_STORY_S,
        fluid.SPINNER: scale
        * min(listener.TECHNICAL_TIMEOUT, max(listener.LEAST_SPINNER, listener.SPINNER_STORY_S / scale)),
        fluid.CLIENT: listener.TECHNICAL_TIMEOUT * scale,
        fluid.POOL: pool,
        fluid.TIMEOUT: knobs.call_timeout * scale,
        fluid.LIMIT: tokens.LONGEST_ADMITTED_WAIT * scale,
        fluid.CAPACITY: egress.LISTENERS_PER_INSTANCE * settings.capacity.media * durations.egress_capacity,
        fluid.CACHE: knobs.token_cache,
        fluid.BREAKER: knobs.breaker,
        fluid.ADMISSION: knobs.admission,
        fluid.DEADLINES: knobs.deadlines,
        fluid.HOST_PATIENCE: group.host_patience,
        fluid.HOST_HEARS: host.ENOUGH_HEAR,
        fluid.JOINS: rooms.survival.joins,
        fluid.HEARING: rooms.survival.hearing,
        fluid.MAY_BREAK: rooms.survival.may_break_for,
        fluid.PATIENCE: 2.0 / PATIENCE_MEAN,
        fluid.RECOVERY: durations.recovery * scale,
        fluid.UNIT: workers.UNIT_COST,
        fluid.BACKLOG_AT: BACKLOG_AT,
        fluid.TOKENS_AT: TOKENS_AT,
        fluid.SATURATED_AT: SATURATED_AT,
        fluid.RELAUNCH: audience.RELAUNCH_SHARE,
        fluid.FOLLOWERS: group.followers,
        fluid.FOLLOWERS_AGAIN: group.followers * audience.RELAUNCH_FOLLOWERS,
        fluid.JUDGE_FROM: begins,
        fluid.JUDGE_TO: end,
        fluid.OPENS: group.from_,
        fluid.GHOSTS: min(1.0, sessions.GONE_AFTER * scale / contract.TOKEN_VALID_STORY_S),
    }
    for place, value in told.items():
        p[place] = float(value)


def _spans(q: NDArray[np.int64], durations: Durations, scale: float, dt: float) -> None:
    """Durations in whole steps, at least one."""
    told = {
        fluid.IN_VALID: contract.TOKEN_VALID_STORY_S,
        fluid.IN_FIFTH: sessions.LATER_SPREAD * contract.TOKEN_VALID_STORY_S,
        fluid.IN_HALF: contract.TOKEN_VALID_STORY_S / 2,
        fluid.IN_GRACE: max(sessions.GRACE_STORY_S, sessions.LEAST_GRACE * scale),
        fluid.IN_PAUSE_1: PAUSES[0],
        fluid.IN_PAUSE_2: PAUSES[1],
        fluid.IN_PAUSE_3: PAUSES[2],
        fluid.IN_MOVED: durations.moved * scale,
        fluid.IN_RETRY: 0.75 * listener.LONGEST_REDIAL * scale,
        fluid.IN_GONE: sessions.GONE_AFTER * scale,
        fluid.IN_ECHO: fluid.LIVE_FOR * scale,
    }
    for place, value in told.items():
        q[place] = max(1, round(value / dt))


def _crew(cell: driver.Cell, book: Runbook, room: str, durations: Durations, scale: float) -> tuple[str, ...]:
    """What alerts announce, by signal, and what each entry of the runbook leads to; the names of the incidents."""
    announced = [_announced(book, alerts, labels) for alerts, labels in _alerts(room)]
    names = sorted({name for name, _ in announced if name})
    times = _seen_and_clear(durations)
    for signal, ((name, kind), (_, labels)) in enumerate(zip(announced, _alerts(room), strict=True)):
        row = cell.signals[signal]
        row[driver.SLOT] = names.index(name) if name else -1.0
        row[driver.SEEN], row[driver.CLEAR] = (each * scale for each in times[signal])
        row[driver.SEEN_LOST] = durations.bridge_failing_seen * scale
        row[driver.SIGNAL_INSTANCE] = _place(world.MACHINES, labels.get("instance", ""))
        row[driver.SIGNAL_NODE] = _place(world.MACHINES, labels.get("node", "").removeprefix("node-"))
        row[driver.SIGNAL_LINK] = _place(world.LINKS, labels.get("link", ""))
        if name:
            cell.slots[names.index(name)] = kind, stable_key(name)
    for kind, entry in enumerate(book.entries):
        if entry.action not in ROOMS_REPAIRS:
            raise UsageError(
                f"the simulator knows no repair `{entry.action}`; it knows {', '.join(ROOMS_REPAIRS)}"
            )
        cell.entries[kind] = (
            ROOMS_REPAIRS.index(entry.action),
            _KEYS.get(entry.key, driver.KEY_NONE),
            _place(world.LINKS, entry.match.get("link", "")),
            _place(
                world.MACHINES, entry.match.get("instance", entry.match.get("node", "").removeprefix("node-"))
            ),
        )
    cell.lasts[:] = [scale * each for each in _repair_times(durations)]
    known = [place for place, name in enumerate(world.MACHINES) if place != world.SPARE]
    cell.machines[: len(known)] = known
    cell.links[:3] = world.TO_PLATFORM, world.TO_MEDIA, world.EDGE
    cell.places[:] = len(known), 3
    return tuple(names)


_KEYS = {
    NO_KEY: driver.KEY_NONE,
    "instance": driver.KEY_INSTANCE,
    "node": driver.KEY_NODE,
    "link": driver.KEY_LINK,
    "room": driver.KEY_ROOM,
}


def _alerts(room: str) -> Iterator[tuple[tuple[str, ...], Mapping[str, str]]]:
    """By signal: the alerts of the rules that tell of it, and their labels."""
    for link in world.LINKS[:2]:
        labels = {"link": link, "severity": "page", "tier": "bridge"}
        yield ("BridgeSlow", "BridgeFailing", "BridgeStalled"), labels
    yield ("TokensOverloaded",), {"severity": "page", "tier": "platform"}
    yield ("AnnouncementsBacklog",), {"severity": "page", "tier": "platform"}
    for machine in world.MACHINES[: world.PLATFORM]:
        yield ("MediaSaturated",), {"severity": "page", "tier": "media", "instance": machine}
    for machine in world.MACHINES:
        tier = "platform" if machine == "platform" else "media"
        yield (
            ("InstanceDown",),
            {"severity": "page", "tier": tier, "instance": machine, "node": f"node-{machine}"},
        )
    yield ("RoomGone",), {"severity": "page", "tier": "media", "room": room}
    yield ("RoomEnded",), {"severity": "page", "tier": "audience", "room": room}


def _announced(book: Runbook, alerts: tuple[str, ...], labels: Mapping[str, str]) -> tuple[str, int]:
    """The incident that the first known of these alerts begins, and its kind; "" and 0: none is known."""
    for alert in alerts:
        kind = book.kind_of(alert, labels)
        if kind is not None:
            return book.entries[kind].incident(labels), kind
    return "", 0


def _seen_and_clear(d: Durations) -> list[tuple[float, float]]:
    return [
        *[(d.bridge_slow_seen, d.bridge_slow_clear)] * 2,
        (d.tokens_seen, d.tokens_clear),
        (d.backlog_seen, d.backlog_clear),
        *[(d.saturated_seen, d.saturated_clear)] * 3,
        *[(d.instance_seen, d.instance_clear)] * 4,
        (d.room_gone_seen, d.room_gone_clear),
        (d.room_ended_seen, d.room_ended_clear),
    ]


def _repair_times(d: Durations) -> list[float]:
    """In the order of ROOMS_REPAIRS."""
    return [
        d.fail_over, d.settings, d.settings, d.settings, d.restart, d.node_back, d.scale_out, d.reopen, d.relaunch,
        d.settings,
    ]  # fmt: skip


def _place(names: tuple[str, ...], name: str) -> int:
    return names.index(name) if name in names else -1


def _faults(experiment: Experiment, begins: float, scale: float) -> NDArray[np.float64]:
    if len(experiment.faults) > world.FAULTS:
        raise UsageError(
            f"the simulator takes {world.FAULTS} faults; this experiment has {len(experiment.faults)}"
        )
    table = np.zeros((len(experiment.faults), world.FAULT_COLUMNS))
    for row, spec in zip(table, experiment.faults, strict=True):
        row[world.AT] = begins + spec.at
        row[world.END] = begins + spec.ends(experiment.timeline.faults)
        row[world.UNTIL_REPAIRED] = spec.until == "repaired"
        if isinstance(spec, LinkFaultSpec):
            row[world.TARGET] = world.LINKS.index(spec.link)
            delay, jitter, loss = _hurt(spec)
            row[world.FAULT_DELAY], row[world.FAULT_JITTER] = delay * scale, jitter * scale
            row[world.FAULT_LOSS] = loss
        else:
            row[world.IS_MACHINE] = 1.0
            row[world.TARGET] = _machine(spec)
    return table


def _hurt(spec: LinkFaultSpec) -> tuple[float, float, float]:
    """Real seconds that a call takes longer, how far they vary, and the share of calls that is lost."""
    match spec:
        case LatencySpec():
            return spec.delay * spec.toxicity, spec.jitter, 0.0
        case BandwidthSpec():
            return TOKEN_BYTES / spec.rate * spec.toxicity, 0.0, 0.0
        case TimeoutSpec() | ResetSpec():
            return 0.0, 0.0, spec.toxicity
        case DownSpec():
            return 0.0, 0.0, 1.0
    raise _unknown(spec)


def _machine(spec: FaultSpec) -> float:
    """The machine that a fault of a node or a process takes away."""
    name = ""
    if isinstance(spec, NodeLossSpec) and spec.how in ("kill", "stop"):
        name = (spec.node or "").removeprefix("node-")
    elif isinstance(spec, ProcessKillSpec):
        name = spec.process or ""
    else:
        raise _unknown(spec)
    if spec.select is not None:
        name = spec.select.instance or name
        if spec.select.room is not None:
            return world.AT_HOME
    if spec.tier == "platform" and not name:
        name = "platform"
    if name not in world.MACHINES:
        raise UsageError(
            f"{spec.title}: the simulator draws no targets; "
            f"select an instance ({', '.join(world.MACHINES)}) or the room"
        )
    return float(world.MACHINES.index(name))


def _unknown(spec: FaultSpec) -> UsageError:
    return UsageError(
        f"{spec.title}: the simulator has no model of the fault `{spec.fault}` in this form; it knows latency, "
        "bandwidth, timeout, reset and down of a link, and process_kill and node_loss (kill, stop)"
    )


@lru_cache(maxsize=16)
def _load(group: AudienceGroup, dt: float, steps: int) -> NDArray[np.float64]:
    """By step: who arrives, the share of those there that stays, and who should be there at its end."""
    moments = np.arange(steps + 1) * dt
    come = group.listeners * np.array([_come(group, moment) for moment in moments])
    arriving = np.diff(come)
    normal = NormalDist()
    stays = np.array(
        [1.0]
        + [
            1.0 - normal.cdf(math.log((age + 0.5) * dt / STAY_MEDIAN_S) / people.STAY_SIGMA)
            for age in range(steps)
        ]
    )
    there = np.convolve(arriving, stays[1:])[:steps]
    before = np.concatenate(([0.0], there[:-1]))
    left = np.maximum(0.0, before + arriving - there)
    keep = 1.0 - left / np.maximum(before + arriving, 1.0)
    return np.ascontiguousarray(np.column_stack((arriving, keep, there)))


def _come(group: AudienceGroup, moment: float) -> float:
    """The share of all who have come by a story second: the inverse of `people.arrival_share`."""
    x = min(1.0, max(0.0, (moment - group.from_) / group.join_over))
    if group.shape == "linear":
        return x
    if group.shape == "launch":
        low = 1 / (1 + math.exp(people.LAUNCH_STEEPNESS / 2))
        return (1 / (1 + math.exp(-people.LAUNCH_STEEPNESS * (x - 0.5))) - low) / (1 - 2 * low)
    return (1 - math.exp(-x / people.BURST_MEAN)) / (1 - math.exp(-1 / people.BURST_MEAN))


@lru_cache(maxsize=16)
def _word(dt: float, steps: int) -> NDArray[np.float64]:
    """How word of a relaunch spreads: by step the share reached, then that many steps as equally likely points."""
    spread = NormalDist(math.log(audience.RELAUNCH_MEDIAN_S), audience.RELAUNCH_SIGMA)
    reached = [0.0] + [spread.cdf(math.log(step * dt)) for step in range(1, steps + 1)]
    points = [
        round(math.exp(spread.inv_cdf((point + 0.5) / fluid.WORDS)) / dt) for point in range(fluid.WORDS)
    ]
    return np.array([*np.diff(reached), *points])
