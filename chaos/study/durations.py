"""What takes real time, and how much: the durations and rates of the machines that the simulator needs.

They do not shrink with `time_scale`: in a story that passes eight times faster, ten real seconds are eighty. That is
how compression distorts, and why a study simulates at 1, 10 and 60. Defaults are read from the code that they are
about, or were measured on live runs of the local world (2 cores, Prometheus 3.5, a scrape and a rule evaluation each
second); a study replaces them by what its own live trials show.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields

from chaos.clock import RealSeconds

RULES = "a scrape (mean 0.5 s), a rule evaluation (0.5 s) and a look at the alerts (0.5 s)"


def _real(default: float, what: str, source: str) -> RealSeconds:
    value: RealSeconds = field(
        default=RealSeconds(default), metadata={"what": what, "unit": "real s", "source": source}
    )
    return value


def _share(default: float, what: str, source: str) -> float:
    value: float = field(default=default, metadata={"what": what, "unit": "ratio", "source": source})
    return value


@dataclass(frozen=True)
class Told:
    """One of the durations in words."""

    name: str
    value: float
    unit: str
    what: str
    source: str


@dataclass(frozen=True)
class Durations:
    """Real durations, by what they are about; every one carries its meaning, unit and source (`told`).

    `NAME_seen`: from the moment at which the cause is there to the moment at which the crew is told.
    `NAME_clear`: from the moment at which it is gone to the moment at which the crew is told that.
    """

    bridge_slow_seen: RealSeconds = _real(
        2.5, "BridgeSlow is seen", f"{RULES}, and one slow report of the five in the rule's window"
    )
    bridge_slow_clear: RealSeconds = _real(
        8.5, "BridgeSlow is seen to be gone", f"{RULES}, the rule's window of 5 s, and the hold of 2 s"
    )
    bridge_failing_seen: RealSeconds = _real(
        3.0, "BridgeFailing or BridgeStalled is seen", f"{RULES}, and part of the rule's window of 5 s"
    )
    tokens_seen: RealSeconds = _real(
        3.5, "TokensOverloaded is seen", f"{RULES}, and part of the rate's window of 5 s"
    )
    tokens_clear: RealSeconds = _real(
        8.0,
        "TokensOverloaded is seen to be gone",
        f"{RULES}, part of the window, keep_firing_for 3 s, and the hold of 2 s",
    )
    backlog_seen: RealSeconds = _real(1.5, "AnnouncementsBacklog is seen", RULES)
    backlog_clear: RealSeconds = _real(
        3.5, "AnnouncementsBacklog is seen to be gone", f"{RULES}, and the hold of 2 s"
    )
    saturated_seen: RealSeconds = _real(
        2.5, "MediaSaturated is seen", f"{RULES}, and half of the window of 2 s over which demand is counted"
    )
    saturated_clear: RealSeconds = _real(
        7.5,
        "MediaSaturated is seen to be gone",
        f"{RULES}, half of the window, keep_firing_for 3 s, the hold of 2 s",
    )
    instance_seen: RealSeconds = _real(
        3.0, "InstanceDown is seen", f"{RULES}, and `for: 1s` to the next evaluation"
    )
    instance_clear: RealSeconds = _real(
        3.5, "InstanceDown is seen to be gone", f"{RULES}, and the hold of 2 s"
    )
    room_gone_seen: RealSeconds = _real(
        4.0, "RoomGone is seen", f"{RULES}, and `for: 2s` to the next evaluation"
    )
    room_gone_clear: RealSeconds = _real(3.5, "RoomGone is seen to be gone", f"{RULES}, and the hold of 2 s")
    room_ended_seen: RealSeconds = _real(1.5, "RoomEnded is seen", RULES)
    room_ended_clear: RealSeconds = _real(
        3.5, "RoomEnded is seen to be gone", f"{RULES}, and the hold of 2 s"
    )

    fail_over: RealSeconds = _real(
        0.1, "calls of a bridge link take its spare", "control requests on one machine"
    )
    settings: RealSeconds = _real(
        0.1, "a setting is changed on every instance", "control requests on one machine"
    )
    restart: RealSeconds = _real(
        2.0, "a process is ended, started and ready", "local world, 2.3 s for all eleven"
    )
    node_back: RealSeconds = _real(1.5, "a node's processes are started and ready", "local world")
    scale_out: RealSeconds = _real(2.0, "a spare instance is started and relays", "local world")
    reopen: RealSeconds = _real(
        0.2, "a room is opened on another instance", "one call across the bridge, its delay apart"
    )
    relaunch: RealSeconds = _real(0.1, "a room is relaunched", "one control request")
    recovery: RealSeconds = _real(0.1, "who has been let in hears", "the newest segment is fetched at once")
    moved: RealSeconds = _real(
        2.5,
        "listeners notice that their room is elsewhere",
        "a look-up each second, then up to 3 s of spread",
    )
    path_proof: RealSeconds = _real(
        1.0, "between baseline and faults, while paths are proven", "local world, two canaries at once"
    )

    token_capacity: float = _share(
        1.0, "tokens really served, of what the settings say", "a fluid: exact in the platform's own tests"
    )
    egress_capacity: float = _share(
        1.0, "sound really sent, of what the settings say", "a fluid: exact in media's own tests"
    )
    joins_per_second: float = field(
        default=3600.0,
        metadata={
            "what": "joins that an instance answers on one machine",
            "unit": "joins per real s",
            "source": "one media process behind one Toxiproxy, measured on 2 cores",
        },
    )

    def told(self) -> Iterator[Told]:
        """Each of them with its meaning, unit and source, for the report."""
        for one in fields(self):
            about = one.metadata
            yield Told(one.name, getattr(self, one.name), about["unit"], about["what"], about["source"])
