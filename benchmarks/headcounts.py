"""Whether any number of people would do: the launch room simulated for every headcount, and beside the live evenings.

    python benchmarks/crews.py --seeds 20      # first, for the comparison: the live evenings
    python benchmarks/headcounts.py

Crews of 0 to 10 people, on call and by the room, are simulated with the draws of as many seeds. Where live evenings are
there, each is simulated under its own seed, and it is told how many end as they did.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

from chaos import state
from chaos.crew.runbook import load_runbook
from chaos.experiment import load
from chaos.faults.specs import spec_types
from chaos.study.simulator import Trials, simulate

EXPERIMENTS = Path(__file__).parents[1] / "experiments"


def main() -> None:
    """Simulate, compare, print the table."""
    told = _arguments()
    console = Console()
    folder = told.keep or state.state_folder() / "bench" / "crews"
    live = list(_live(folder))
    agreed = sum(
        bool(_played(people, by_the_room, seed, 1).survived[0]) == kept
        for people, by_the_room, seed, kept in live
    )
    console.print(
        f"{agreed} of {len(live)} live evenings end as they did"
        if live
        else f"there are no live evenings in {folder}; benchmarks/crews.py plays them"
    )
    table = Table(title=f"The launch room is kept, of {told.seeds} simulated evenings")
    for name in ("people", "on call", "by the room"):
        table.add_column(name, justify="right")
    for people in range(11):
        shares = [
            _played(people, by_the_room, told.first, told.seeds).survived.mean()
            for by_the_room in (False, True)
        ]
        table.add_row(str(people), *(f"{share:.1%}" for share in shares))
    console.print(table)


def _played(people: int, by_the_room: bool, first: int, trials: int) -> Trials:
    overrides = (f"crew.headcount={people}", f"crew.attending={str(by_the_room).lower()}")
    experiment = load(
        EXPERIMENTS / "failure-to-launch.yaml", faults=spec_types(), overrides=overrides
    ).experiment
    runbook = load_runbook(EXPERIMENTS / "crew" / "runbooks.yaml")
    return simulate(experiment, runbook=runbook, first=first, trials=trials, workers=2)


def _live(folder: Path) -> Iterator[tuple[int, bool, int, bool]]:
    """Conclusive live evenings with faults and a crew that really repairs: headcount, by the room, seed, kept."""
    for path in sorted(folder.glob("*/*/events.jsonl")):
        events = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        crew = events[0].get("crew")
        verdict = next((event for event in events if event["event"] == "verdict"), None)
        if verdict is None or verdict["verdict"] == "inconclusive" or not crew or not crew["repairs"]:
            continue
        if any(event["event"] == "fault_applied" for event in events):
            yield crew["headcount"], crew["attending"], events[0]["seed"], bool(verdict["survived"])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=10_000, help="how many evenings for each crew")
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--keep", type=Path, help="the folder of the live runs")
    return parser.parse_args()


if __name__ == "__main__":
    main()
