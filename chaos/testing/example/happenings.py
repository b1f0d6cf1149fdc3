"""What goes wrong in the example run, which alerts fire, and what the people do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chaos.record import Event, Json
from chaos.testing.example.maker import Maker


@dataclass(frozen=True)
class _FaultPlan:
    id: str
    name: str
    fault: str
    on: str
    targets: tuple[str, ...]
    begin: float
    lasts: float
    until_repaired: bool
    parameters: dict[str, Json]
    path: str
    seen: str
    gone: str
    undone: float
    by: str


def _fault_plans(*, survived: bool) -> list[_FaultPlan]:
    return [
        _FaultPlan(
            "r-f1",
            "slow bridge",
            "latency",
            "media-to-platform",
            ("media-to-platform/media-1", "media-to-platform/media-2"),
            300.0,
            1140.0,
            True,
            {"delay": "900 ms", "jitter": "300 ms", "toxicity": "1"},
            "2 of 2 callers hold sockets to the link's listeners (37 connections), none past them",
            "p50 of 20 probes rose from 0.7 ms to 911 ms",
            "p50 of 20 probes is 0.8 ms; the toxic is not listed any more",
            1450.0,
            "recovery",
        ),
        _FaultPlan(
            "r-f2",
            "platform hangs",
            "process_pause",
            "platform",
            ("process platform (pid 4000)",),
            540.0,
            90.0,
            False,
            {},
            "the platform process answers /healthz in 2 ms",
            "state T in /proc/4000/stat; /healthz gave no answer within 1 s",
            "state S in /proc/4000/stat; /healthz answers 200 in 3 ms",
            630.0,
            "schedule",
        ),
        _FaultPlan(
            "r-f3",
            "media node lost",
            "node_loss",
            "media node of townhall",
            ("node node-1: process media-1 (pid 4001)",),
            780.0,
            660.0,
            True,
            {"how": "kill"},
            "media-1 runs on node-1 and serves the room townhall",
            "pid 4001 is gone; connections to its port are refused",
            "media-1 runs again as pid 4391 and answers /healthz 200",
            1080.0 if survived else 1440.0,
            "repair" if survived else "recovery",
        ),
        _FaultPlan(
            "r-f4",
            "torn segments",
            "slicer",
            "edge",
            ("edge/media-2",),
            960.0,
            180.0,
            False,
            {"average_size": "64 B", "delay": "10 ms"},
            "118 of 118 listeners' sockets end at the link's listener",
            "a segment of 8 KB took 1.3 s instead of 4 ms",
            "a segment of 8 KB takes 4 ms",
            1140.0,
            "schedule",
        ),
    ]


def fault_events(make: Maker, *, survived: bool) -> list[Event]:
    """The four faults: scheduled, applied, observed, undone, gone."""
    found: list[Event] = []
    for plan in _fault_plans(survived=survived):
        found += [
            make.real(
                "fault_scheduled",
                5.2,
                "preflight",
                id=plan.id,
                name=plan.name,
                fault=plan.fault,
                on=", ".join(plan.targets),
                at=plan.begin - 240.0,
                lasts=plan.lasts,
                until_repaired=plan.until_repaired,
                parameters=plan.parameters,
            ),
            make.event("fault_path", 238.0, id=plan.id, proven=True, evidence=plan.path),
            make.event(
                "fault_applied",
                plan.begin + 1.0,
                id=plan.id,
                name=plan.name,
                fault=plan.fault,
                targets=plan.targets,
                due=make.t(plan.begin),
                applied=round(make.t(plan.begin) + 0.012, 3),
                lateness_s=0.012,
            ),
            make.event(
                "fault_observed",
                plan.begin + 12.0,
                id=plan.id,
                in_force=True,
                evidence=plan.seen,
                when="after act",
            ),
            make.event(
                "fault_observed",
                plan.undone - 4.0,
                id=plan.id,
                in_force=True,
                evidence=plan.seen,
                when="before undo",
            ),
            make.event("fault_undone", plan.undone, id=plan.id, by=plan.by),
            make.event("fault_gone", plan.undone + 6.0, id=plan.id, gone=True, evidence=plan.gone),
        ]
    return found


def _stages(
    make: Maker,
    incident: tuple[str, str],
    person: int,
    begins: float,
    lengths: Sequence[tuple[str, float]],
    *,
    attempt: int = 1,
    diagnosis: str | None = None,
    right: bool | None = None,
) -> list[Event]:
    found: list[Event] = []
    for stage, lasts in lengths:
        known = stage in {"decide", "act", "verify", "resolved"}
        found.append(
            make.event(
                "crew_stage",
                begins,
                incident=incident[0],
                kind=incident[1],
                stage=stage,
                person=None if stage == "notice" else person,
                attempt=attempt,
                helpers=1 if stage == "act" and attempt > 1 else 0,
                begins=begins,
                due=begins + lasts,
                diagnosis=diagnosis if known else None,
                right=right if known else None,
            )
        )
        begins += lasts
    return found


def _repair(
    make: Maker,
    incident: str,
    person: int,
    begins: float,
    lasts: float,
    action: str,
    target: str,
    *,
    right: bool,
    ok: bool = True,
) -> list[Event]:
    common: dict[str, Json] = {"action": action, "target": target, "incident": incident}
    real = lasts / make.time_scale
    detail = "done" if ok else "the process did not become ready within 10 s"
    return [
        make.event("repair_started", begins, **common, person=person, right=right, noop=False),
        make.event("repair_finished", begins + lasts, **common, ok=ok, seconds=round(real, 2), detail=detail),
    ]


def crew_events(make: Maker, headcount: int, room: str, *, survived: bool) -> list[Event]:
    """What the people do; the first of them takes the slow bridge for something else at first."""
    slow, hang = ("BridgeSlow media-to-platform", "bridge-slow"), ("InstanceDown platform", "instance-down")
    gone, torn = (f"RoomGone {room}", "room-gone"), ("HearingLow edge", "edge-torn")
    second, third = min(2, headcount), min(3, headcount)
    wrong, late = "platform overloaded", 0.0 if survived else 240.0
    found = [
        *_stages(make, slow, 1, 322.0, [("notice", 30.0), ("acknowledge", 70.0), ("triage", 120.0)]),
        *_stages(
            make,
            slow,
            1,
            542.0,
            [("decide", 40.0), ("act", 60.0), ("verify", 60.0)],
            diagnosis=wrong,
            right=False,
        ),
        *_repair(make, slow[0], 1, 582.0, 50.0, "restart_process", "instance=platform", right=False),
        *_stages(make, slow, 1, 702.0, [("triage", 150.0 + late)], attempt=2),
        *_stages(
            make,
            slow,
            1,
            852.0 + late,
            [("decide", 30.0), ("act", 45.0), ("verify", 40.0), ("resolved", 0.0)],
            attempt=2,
            diagnosis="the bridge is slow",
            right=True,
        ),
        *_repair(
            make, slow[0], 1, 882.0 + late, 30.0, "fail_over_bridge", "link=media-to-platform", right=True
        ),
        *_stages(make, hang, second, 560.0, [("notice", 20.0), ("acknowledge", 45.0), ("triage", 60.0)]),
        *_stages(make, hang, second, 685.0, [("resolved", 0.0)], diagnosis="the platform hung", right=True),
        make.event(
            "crew_stage",
            800.0,
            incident=gone[0],
            kind=gone[1],
            stage="waiting",
            person=None,
            attempt=1,
            helpers=0,
            begins=800.0,
            due=None,
            diagnosis=None,
            right=None,
        ),
        *_stages(
            make, gone, third, 845.0 + late, [("notice", 20.0), ("acknowledge", 60.0), ("triage", 75.0)]
        ),
        *_stages(
            make,
            gone,
            third,
            1000.0 + late,
            [("decide", 20.0), ("act", 60.0), ("verify", 30.0), ("resolved", 0.0)],
            diagnosis="a media node is lost",
            right=True,
        ),
        *_repair(make, gone[0], third, 1020.0 + late, 55.0, "reopen_room", f"room={room}", right=True),
    ]
    if headcount > 1:
        found += _stages(
            make, torn, second, 990.0, [("notice", 40.0), ("acknowledge", 80.0), ("triage", 110.0)]
        )
    return found


def alert_events(make: Maker, room: str, *, survived: bool) -> list[Event]:
    """The alerts that fire and resolve."""

    def alert(name: str, begin: float, end: float | None, **labels: str) -> list[Event]:
        firing = [make.event("alert_firing", begin, alert=name, labels=labels)]
        return (
            [*firing, make.event("alert_resolved", end, alert=name, labels=labels)]
            if end is not None
            else firing
        )

    repaired = 925.0 if survived else 1165.0
    return [
        *alert("BridgeSlow", 318.0, repaired, link="media-to-platform"),
        *alert("InstanceDown", 556.0, 640.0, tier="platform"),
        *alert("RoomGone", 796.0, 1085.0 if survived else None, room=room),
        *([] if survived else alert("RoomEnded", 1180.0, None, room=room)),
    ]
