"""Whether any number of people would do: the crew's own model, played against what live evenings showed.

    python benchmarks/crews.py --seeds 20      # first: the live evenings
    python benchmarks/headcounts.py

From the live runs it takes when each incident began (the median) and until when the room could still be saved: the
latest start of `bypass_tokens` that tells the rooms that were kept from those that were lost with the fewest errors.
Then it plays crews of 0 to 10 people, on call and by the room, with the same draws as live, and counts the evenings on
which the repair comes in time, by a right diagnosis or by luck. How many of the live evenings end as they did, played,
is printed beside it.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from chaos import state
from chaos.clock import StorySeconds
from chaos.crew import core
from chaos.crew.live import CLEARING
from chaos.crew.parameters import parameters
from chaos.crew.people import ATTENDING, ON_CALL, People
from chaos.crew.runbook import Runbook, load_runbook, stable_key
from chaos.experiment.people import Mechanisms

RUNBOOK = Path(__file__).parents[1] / "experiments" / "crew" / "runbooks.yaml"
SAVES = "bypass_tokens"
TIME_SCALE = 8.0
"""Of experiments/failure-to-launch.yaml."""
LONGEST = 1300.0
"""Story seconds of one evening."""
ACTION = 5.0
"""Story seconds that a real action takes (assumption: they take well under a second of real time)."""


@dataclass
class Evening:
    """A live run: its crew, when its incidents began, when the room was saved, and whether it was kept."""

    seed: int
    headcount: int
    attending: bool
    kept: bool
    began: dict[str, float] = field(default_factory=dict)
    saved: float = math.inf


def main() -> None:
    """Read the live evenings, play the others, print the table."""
    told = _arguments()
    folder = told.keep or state.state_folder() / "bench" / "crews"
    evenings = [
        one for path in sorted(folder.glob("*/*/events.jsonl")) if (one := _evening(path)) is not None
    ]
    if not evenings:
        raise SystemExit(f"there are no runs in {folder}; run benchmarks/crews.py first")
    book = load_runbook(RUNBOOK)
    moments = _moments(evenings, book)
    latest, errors = _latest(evenings)
    agreed = sum(
        _in_time(one.attending, one.headcount, one.seed, moments, book, latest) == one.kept
        for one in evenings
    )
    console = Console()
    console.print(
        f"{len(evenings)} live evenings; incidents begin at "
        + ", ".join(f"{name} {moment / 60:.1f} min" for moment, name in moments)
        + f"; the room can be saved until {latest / 60:.1f} min ({errors} live evenings say otherwise); "
        f"played, {agreed} of {len(evenings)} live evenings end as they did"
    )
    table = Table(title="Evenings on which the room is saved in time")
    for name in ("people", "on call", "by the room"):
        table.add_column(name, justify="right")
    for headcount in range(11):
        row = []
        for attending in (False, True):
            saved = sum(
                _in_time(attending, headcount, seed, moments, book, latest)
                for seed in range(told.first, told.first + told.seeds)
            )
            row.append(f"{saved / told.seeds:.0%}")
        table.add_row(str(headcount), *row)
    console.print(table)


def _evening(path: Path) -> Evening | None:
    """A conclusive run with a crew that really repairs; None for any other."""
    events = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    start = events[0]
    verdict = next((event for event in events if event["event"] == "verdict"), None)
    crew = start.get("crew")
    if verdict is None or verdict["verdict"] == "inconclusive" or not crew or not crew["repairs"]:
        return None
    if not any(event["event"] == "fault_applied" for event in events):
        return None
    zero = next(
        event["t"] for event in events if event["event"] == "phase_started" and event["phase"] == "warm_up"
    )
    found = Evening(start["seed"], crew["headcount"], crew["attending"], bool(verdict["survived"]))
    for event in events:
        if event["event"] == "crew_stage" and event["stage"] == "notice":
            found.began.setdefault(event["incident"], event["begins"])
        if event["event"] == "repair_started" and event["action"] == SAVES:
            found.saved = min(found.saved, (event["t"] - zero) * start["time_scale"])
    return found


def _moments(evenings: Sequence[Evening], book: Runbook) -> list[tuple[float, str]]:
    """When each kind of incident begins that more than half of the evenings have."""
    kinds = [entry.name for entry in book.entries]
    found = []
    for kind in kinds:
        begins = [
            moment for one in evenings for name, moment in one.began.items() if name.split(" ")[0] == kind
        ]
        if len(begins) > len(evenings) / 2:
            found.append((median(begins), kind))
    return sorted(found)


def _latest(evenings: Sequence[Evening]) -> tuple[float, int]:
    """The moment that tells kept from lost with the fewest errors, and how many those are."""
    candidates = sorted({one.saved for one in evenings if one.saved < math.inf}) or [0.0]
    errors = {
        moment: sum((one.saved <= moment) != one.kept for one in evenings) for moment in (0.0, *candidates)
    }
    best = min(errors, key=lambda moment: errors[moment])
    return best, errors[best]


def _in_time(
    attending: bool,
    headcount: int,
    seed: int,
    moments: Sequence[tuple[float, str]],
    book: Runbook,
    latest: float,
) -> bool:
    people = ATTENDING if attending else ON_CALL
    return any(
        action == SAVES and moment <= latest
        for moment, action in _repairs(people, headcount, seed, moments, book)
    )


def _repairs(
    people: People, headcount: int, seed: int, moments: Sequence[tuple[float, str]], book: Runbook
) -> Iterator[tuple[float, str]]:
    """The actions that are started, each with its story moment: (seconds, action)."""
    clearing = StorySeconds(CLEARING * TIME_SCALE)
    params = parameters(people, headcount, Mechanisms(), book, clearing=clearing)
    draws = core.Draws(seed & core.M32, (seed >> 32) & core.M32)
    buffer = core.fresh(params, draws)
    names = [_full_name(kind) for _, kind in moments]
    waiting = [
        core.Event(core.FIRING, slot, moment, stable_key(names[slot]), book.index(kind))
        for slot, (moment, kind) in enumerate(moments)
    ]
    while True:
        due, incident = core.next_timer(core.view(buffer))
        waiting.sort(key=lambda event: event.t)
        if min(due, waiting[0].t if waiting else math.inf) > LONGEST:
            return
        event = (
            waiting.pop(0)
            if waiting and waiting[0].t <= due
            else core.Event(core.TIMER, incident, float(due))
        )
        buffer = core.step(buffer, params, draws, event)
        view = core.view(buffer)
        for number in range(int(view.counts[core.OUT])):
            if int(view.out_what[number]) != core.REPAIR:
                continue
            slot = int(view.out_incident[number])
            diagnosis, kind = int(view.diagnosis[slot]), int(view.kind[slot])
            yield event.t, book.entries[diagnosis].action
            waiting.append(core.Event(core.DONE, slot, event.t + ACTION, value=1))
            if diagnosis == kind:
                waiting.append(core.Event(core.RESOLVED, slot, event.t + ACTION + clearing / 2))


def _full_name(kind: str) -> str:
    """An incident's name as live runs have it: the draws hang on it."""
    return f"{kind} media-2" if kind == "instance-down" else kind


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=1000, help="how many evenings are played for each crew")
    parser.add_argument("--first", type=int, default=1001, help="the first seed")
    parser.add_argument("--keep", type=Path, help="the folder of the live runs")
    return parser.parse_args()


if __name__ == "__main__":
    main()
