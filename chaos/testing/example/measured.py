"""What is measured in the example run, and how it is judged."""

from __future__ import annotations

import math

from chaos.record import Event, Json
from chaos.testing.example.maker import PHASES, Maker


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


def _rooms(make: Maker, *, survived: bool) -> dict[str, dict[str, list[tuple[float, float | None]]]]:
    found: dict[str, dict[str, list[tuple[float, float | None]]]] = {"main": {}, "lobby": {}}
    for size, key in ((678.0, "main"), (40.0, "lobby")):
        planned: list[tuple[float, float | None]] = []
        admitted: list[tuple[float, float | None]] = []
        hearing: list[tuple[float, float | None]] = []
        for second in range(int(sum(lasts for _, lasts in PHASES) / make.time_scale)):
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


def samples(make: Maker, room: str, *, survived: bool) -> list[Event]:
    """What the live view sees once a second."""
    found: list[Event] = []
    rooms = _rooms(make, survived=survived)["main"]
    for second in range(int(sum(lasts for _, lasts in PHASES) / make.time_scale)):
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


def judged(make: Maker, room: str, *, survived: bool) -> list[Event]:
    """What is measured and judged in the end, up to the verdict."""
    end = make.t(sum(lasts for _, lasts in PHASES)) + 1.5
    seconds = range(int(sum(lasts for _, lasts in PHASES) / make.time_scale))
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
            owner=name,
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
            counts=not survival,
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
                name="listeners",
                label=f"{role} ({name})",
                unit="listeners",
                series=[list(sample) for sample in values],
            )
            for role, values in roles.items()
        ]
    back = 1075.0 if survived else 1315.0
    on_air: list[Json] = [
        [make.t(second * make.time_scale), float(not 780 < second * make.time_scale < back)]
        for second in seconds
    ]
    found.append(
        make.real(
            "figure", end, "judging", name="on air", label=f"host on air ({room})", unit="", series=on_air
        )
    )
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
        else "the room plays on: broken for 16 min 50 s at a stretch; 2 min are allowed"
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
