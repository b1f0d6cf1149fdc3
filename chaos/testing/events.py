"""A realistic record of a run, made up without running anything: for tests of whatever reads records.

`example_run()` gives the events of a small *failure to launch*: two rooms, a bridge that becomes slow, a platform that
hangs, a media node that is lost and torn segments at the edge, answered by a crew one of whom first takes the wrong turn.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from chaos.record import Event, Json

_OPENED = 6.0
"""Real seconds from the start of the run to the start of warm-up."""
_PHASES = (("warm_up", 120.0), ("baseline", 120.0), ("faults", 1200.0), ("recovery", 240.0), ("after", 120.0))


@dataclass(frozen=True)
class _Maker:
    """Places story moments on the real clock of the made-up run."""

    time_scale: float
    began: float

    def t(self, story: float) -> float:
        return _OPENED + story / self.time_scale

    def event(self, name: str, story: float, /, **fields: Json) -> Event:
        return self.real(name, self.t(story), _phase_at(story), **fields)

    def real(self, name: str, t: float, phase: str, /, **fields: Json) -> Event:
        return Event(name, round(t, 3), round(self.began + t, 3), phase, fields)


def example_run(
    *,
    title: str = "Failure to launch: a room for a whole country",
    headcount: int = 3,
    seed: int = 7,
    survived: bool = False,
    time_scale: float = 12.0,
    room: str = "townhall",
    began: float = 1_763_733_600.0,
) -> list[Event]:
    """The events of a whole run in which the larger room is lost, or with `survived` lives.

    `began` is the wall clock (seconds since 1970) of its start. Equal arguments give equal events.
    """
    make = _Maker(time_scale, began)
    events = [
        _started(make, title, headcount, seed),
        *_settings(make),
        *_phase_events(make),
        *_fault_events(make, survived=survived),
        *(_crew_events(make, headcount, room, survived=survived) if headcount else ()),
        *_alert_events(make, room, survived=survived),
        *_samples(make, room, survived=survived),
    ]
    events.sort(key=lambda event: event.t)
    return [*events, *_judged(make, room, survived=survived)]


def write_events(events: Iterable[Event], folder: Path) -> Path:
    """Write events as a run does, one JSON object a line, to `folder`/events.jsonl; answers the file."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "events.jsonl"
    lines = (
        json.dumps(
            {
                "event": event.name,
                "t": event.t,
                "unix": event.unix,
                "time": datetime.fromtimestamp(event.unix, UTC).isoformat(timespec="milliseconds"),
                "phase": event.phase,
                **event.fields,
            }
        )
        for event in events
    )
    file.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return file


def _phase_at(story: float) -> str:
    end = 0.0
    for name, lasts in _PHASES:
        end += lasts
        if story < end:
            return name
    return "judging"


def _started(make: _Maker, title: str, headcount: int, seed: int) -> Event:
    timeline: dict[str, Json] = dict(_PHASES)
    crew: dict[str, Json] = {
        "headcount": headcount,
        "attending": False,
        "people": {"acknowledge median": "2.9 min", "mis-triage": "25 %", "skills": "platform, media"},
        "assumptions": [
            {
                "what": "time to acknowledge a page",
                "value": "lognormal, median 2.9 min, sigma 0.8",
                "source": "published on-call figures: mean 4 min",
            },
            {
                "what": "wrong diagnosis at the first try",
                "value": "25 %",
                "source": "assumption; studies report 4 % to 92 %",
            },
            {
                "what": "people on one physical task, 2, 3 and 4 or more",
                "value": "1.43, 1.33 and 1.0 times the time",
                "source": "NIST fire crews",
            },
        ],
    }
    return make.real(
        "run_started",
        0.0,
        "preflight",
        run="20261121-140000-launch",
        title=title,
        question="With which crew would the room have lived?",
        file="experiments/failure-to-launch.yaml",
        world="local",
        world_owned=True,
        seed=seed,
        time_scale=make.time_scale,
        timeline=timeline,
        versions={"standby": "0.1.0", "toxiproxy": "2.12.0", "prometheus": "3.7.3", "python": "3.13.1"},
        command=f"standby run experiments/failure-to-launch.yaml --seed {seed} --set crew.headcount={headcount}",
        document=_DOCUMENT.replace("TITLE", title),
        expected={"verdict": "fail", "because": "the bridge is naive and there are too few people"},
        scale=0.001,
        warnings=["detection takes 12 % of the median acknowledgement at time_scale 12"],
        crew=crew if headcount else None,
        machine={"cores": 2, "memory": "8 GB", "system": "Linux"},
    )


def _settings(make: _Maker) -> list[Event]:
    processes = (
        ("platform", "platform", "node-p"),
        ("media-1", "media", "node-1"),
        ("media-2", "media", "node-2"),
    )
    return [
        *(
            make.real(
                "process_started",
                0.4 + 0.3 * place,
                "preflight",
                process=name,
                tier=tier,
                node=node,
                pid=4000 + place,
            )
            for place, (name, tier, node) in enumerate(processes)
        ),
        make.real(
            "process_started", 1.4, "preflight", process="audience", tier="audience", node="node-a", pid=4003
        ),
        make.real(
            "settings_applied",
            4.0,
            "preflight",
            target="all tiers",
            settings={"profile": "as-found", "scale": 0.001, "capacity": {"platform": 0.4, "media": 0.4}},
            why="the document's `rooms`",
        ),
        make.real(
            "settings_proven",
            5.0,
            "preflight",
            holds=True,
            evidence="rooms_config_info shows 4f2a91c0 on 4 of 4 processes",
        ),
    ]


def _phase_events(make: _Maker) -> list[Event]:
    found = [
        make.real("phase_started", 0.01, "preflight", story=0.0),
        make.real("phase_ended", _OPENED - 0.01, "preflight"),
    ]
    story = 0.0
    for name, lasts in _PHASES:
        found.append(make.real("phase_started", make.t(story), name, story=story))
        story += lasts
        found.append(make.real("phase_ended", make.t(story) - 0.001, name))
    found.append(make.real("phase_started", make.t(story), "judging", story=story))
    return found


@dataclass(frozen=True)
class _FaultPlan:
    id: str
    name: str
    fault: str
    on: str
    targets: tuple[str, ...]
    begin: float
    lasts: float | None
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
            None,
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
            None,
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
            {"average_size": "64 B", "delay": "10 ms"},
            "118 of 118 listeners' sockets end at the link's listener",
            "a segment of 8 KB took 1.3 s instead of 4 ms",
            "a segment of 8 KB takes 4 ms",
            1140.0,
            "schedule",
        ),
    ]


def _fault_events(make: _Maker, *, survived: bool) -> list[Event]:
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
                on=plan.on,
                at=plan.begin - 240.0,
                lasts=plan.lasts,
                until_repaired=plan.lasts is None,
                parameters=plan.parameters,
            ),
            make.event("fault_path", 238.0, id=plan.id, proven=True, evidence=plan.path),
            make.event(
                "fault_applied",
                plan.begin + 1.0,
                id=plan.id,
                name=plan.name,
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
    make: _Maker,
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
                person=person,
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
    make: _Maker,
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


def _crew_events(make: _Maker, headcount: int, room: str, *, survived: bool) -> list[Event]:
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
        *_repair(make, slow[0], 1, 582.0, 50.0, "restart_process", "platform", right=False),
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
        *_repair(make, slow[0], 1, 882.0 + late, 30.0, "fail_over_bridge", "media-to-platform", right=True),
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
        *_repair(make, gone[0], third, 1020.0 + late, 55.0, "reopen_room", room, right=True),
    ]
    if headcount > 1:
        found += _stages(
            make, torn, second, 990.0, [("notice", 40.0), ("acknowledge", 80.0), ("triage", 110.0)]
        )
    return found


def _alert_events(make: _Maker, room: str, *, survived: bool) -> list[Event]:
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


def _share(story: float, begin: float, end: float) -> float:
    """How far a logistic launch between two moments has come, 0 to 1."""
    middle, width = (begin + end) / 2, (end - begin) / 10
    return 1 / (1 + math.exp(-(story - middle) / width))


def _hearing_ratio(story: float, *, survived: bool) -> float | None:
    if story < 20:
        return None
    slow = 0.25 * _share(story, 400, 640) * (1 - _share(story, 900, 1000))
    hang = 0.5 if 545 < story < 660 else 0.0
    lost = 0.92 if 785 < story < (1090 if survived else 1e9) else 0.0
    wobble = 0.012 * math.sin(story / 7.0) + 0.008 * math.sin(story / 2.3)
    return max(0.0, min(1.0, 0.985 - slow - max(hang * 0.3, lost * (0.35 if survived else 1.0)) + wobble))


def _rooms(make: _Maker, *, survived: bool) -> dict[str, dict[str, list[tuple[float, float | None]]]]:
    found: dict[str, dict[str, list[tuple[float, float | None]]]] = {"main": {}, "lobby": {}}
    for size, key in ((678.0, "main"), (40.0, "lobby")):
        planned, admitted, hearing = [], [], []
        for second in range(int(sum(lasts for _, lasts in _PHASES) / make.time_scale)):
            story = second * make.time_scale
            there = size * _share(story, 0, 1200)
            ratio = _hearing_ratio(story, survived=survived) if key == "main" else 0.98
            over = key == "main" and not survived and story > 1180
            inside = 0.0 if over else there * (0.97 if story < 420 else 0.84 + 0.04 * math.sin(story / 60))
            planned.append((make.t(story), round(there, 1)))
            admitted.append((make.t(story), round(inside, 1)))
            hearing.append((make.t(story), round(inside * ratio, 1) if ratio is not None else None))
        found[key] = {"planned": planned, "admitted": admitted, "hearing": hearing}
    return found


def _samples(make: _Maker, room: str, *, survived: bool) -> list[Event]:
    found: list[Event] = []
    rooms = _rooms(make, survived=survived)["main"]
    for second in range(int(sum(lasts for _, lasts in _PHASES) / make.time_scale)):
        story = second * make.time_scale
        ratio = _hearing_ratio(story, survived=survived)
        found.append(
            make.event(
                "sample",
                story,
                objective="the room plays on",
                value=ratio,
                holds=None if ratio is None else ratio >= 0.5,
            )
        )
        found += [
            make.event(
                "sample",
                story,
                figure=f"{room}/{role}",
                label=f"{room}: listeners {role}",
                value=rooms[role][second][1],
            )
            for role in ("planned", "admitted", "hearing")
        ]
    return found


def _judged(make: _Maker, room: str, *, survived: bool) -> list[Event]:
    end = make.t(sum(lasts for _, lasts in _PHASES)) + 1.5
    seconds = range(int(sum(lasts for _, lasts in _PHASES) / make.time_scale))
    hearing: list[Json] = []
    joins: list[Json] = []
    for second in seconds:
        story = second * make.time_scale
        hearing.append([make.t(story), _hearing_ratio(story, survived=survived)])
        joins.append(
            [make.t(story), round(0.995 - 0.14 * _share(story, 420, 620) * (1 - _share(story, 950, 1100)), 4)]
        )
    lost_for = 300.0 if survived else 1010.0
    rows: list[tuple[str, str, str, str, str, float, float, list[Json], list[Json], float, bool]] = [
        (
            "the room plays on",
            f'rooms:hearing:ratio{{room="{room}"}}',
            ">= 0.5",
            "pass" if survived else "fail",
            "held throughout" if survived else "broken for 1010.0 s at a stretch; 120.0 s are allowed",
            0.42 if survived else 0.03,
            0.0 if survived else lost_for,
            [] if survived else [[make.t(790.0), make.t(1800.0)]],
            hearing,
            120.0,
            False,
        ),
        (
            "joins succeed",
            f'rooms:join_success:ratio{{room="{room}"}}',
            ">= 0.9",
            "pass",
            "broken for 96.0 s in all, 96.0 s at the longest, which is allowed",
            0.857,
            96.0,
            [[make.t(560.0), make.t(656.0)]],
            joins,
            120.0,
            False,
        ),
        (
            f"{room}: at least half hear sound",
            f'rooms:hearing:ratio{{room="{room}"}}',
            ">= 0.5",
            "pass" if survived else "fail",
            "held throughout"
            if survived
            else "fewer than half of the listeners heard sound for longer than 2 minutes",
            0.42 if survived else 0.03,
            0.0 if survived else lost_for,
            [] if survived else [[make.t(790.0), make.t(1800.0)]],
            hearing,
            120.0,
            True,
        ),
    ]
    found = [
        make.real(
            "objective_judged",
            end,
            "judging",
            name=name,
            query=query,
            expect=expect,
            during=["baseline", "faults", "recovery", "after"],
            verdict=verdict,
            why=why,
            samples=len(values),
            worst=worst,
            longest_break_s=broken,
            broken_s=broken,
            breaks=breaks,
            may_break_for=allowed,
            may_break_in_all=None,
            series=values,
            survival=survival,
        )
        for name, query, expect, verdict, why, worst, broken, breaks, values, allowed, survival in rows
    ]
    for key, roles in _rooms(make, survived=survived).items():
        name = room if key == "main" else key
        found += [
            make.real(
                "figure",
                end,
                "judging",
                name=f"{name}/{role}",
                label=f"{name}: listeners {role}",
                unit="listeners",
                series=[list(sample) for sample in values],
            )
            for role, values in roles.items()
        ]
    p90: list[Json] = [
        [make.t(second * make.time_scale), 0.012 + (0.93 if 300 < second * make.time_scale < 920 else 0.0)]
        for second in seconds
    ]
    found.append(
        make.real(
            "figure",
            end,
            "judging",
            name="bridge p90",
            label="bridge calls, 90th percentile",
            unit="s",
            series=p90,
        )
    )
    why = (
        "every objective held, and every fault was shown to be in force and gone"
        if survived
        else "`the room plays on` was broken for 16 min 50 s at a stretch; 2 min are allowed"
    )
    return [
        *found,
        make.real(
            "load_check", end, "judging", holds=True, evidence="678 of 678 arrivals, at most 0.02 s late"
        ),
        make.real(
            "verdict",
            end + 0.1,
            "judging",
            verdict="pass" if survived else "fail",
            why=why,
            exit_code=1 if survived else 0,
            survived=survived,
            lost_listener_minutes=214_000.0 if survived else 6_310_000.0,
            reasons=[] if survived else [why],
        ),
        make.real("run_ended", end + 0.2, "judging"),
    ]


_DOCUMENT = """\
version: 1
title: TITLE
question: With which crew would the room have lived?
world: local
time_scale: 12
timeline: {warm_up: 2m, baseline: 2m, faults: 20m, recovery: 4m, after: 2m}
rooms:
  scale: 1/1000
  profile: as-found
  audience:
    - {room: townhall, listeners: 678_000, from: 0m, join_over: 20m, shape: launch}
objectives:
  - {name: the room plays on, query: 'rooms:hearing:ratio{room="townhall"}', expect: ">= 0.5", may_break_for: 2m}
faults:
  - {fault: latency, link: media-to-platform, delay: 900ms, jitter: 300ms, at: 1m, until: repaired}
crew:
  headcount: 3
"""
