"""What becomes of the launch room on many evenings, by crew: the table behind `make demo`, with its controls.

    python benchmarks/crews.py --seeds 20

Each evening is a live run of experiments/failure-to-launch.yaml in a world of its own, under the next seed; every arm
meets the same seeds. The arms are the demo's two crews and two controls: the larger crew with repairs that do nothing,
and no faults with the capacity of before. Other arms are given as `--arm 'NAME: path=value path=value'`.
The demo's own evening is named at the end, by a rule that is older than the runs: of the evenings that the larger crew
kept, the middle one by lost listener-minutes.
Runs that are there already (`--keep DIR`) are not run again. An evening is about three minutes; with more worlds at
once than the machine can carry, runs turn inconclusive, and are counted as such.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

from chaos import state
from chaos.cli.showing import LARGER, SMALLER
from chaos.faults.share import wilson

EXPERIMENT = Path(__file__).parents[1] / "experiments" / "failure-to-launch.yaml"
FIRST_SEED = 1001
"""Far from any seed that was used while the experiment was made."""

APART = 40.0
"""Real seconds from the begin of one evening to that of the next, so that rooms at once are not full at once."""


@dataclass(frozen=True)
class Arm:
    """A crew or a control: its name, and what it sets in the document."""

    name: str
    overrides: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Arm:
        name, _, overrides = text.partition(":")
        return cls(name.strip(), tuple(shlex.split(overrides)))


ARMS = (
    Arm(SMALLER.label, SMALLER.overrides),
    Arm(LARGER.label, LARGER.overrides),
    Arm("repairs do nothing", (*LARGER.overrides, "crew.repairs=false")),
    Arm(
        "no faults, capacity as before",
        (*LARGER.overrides, "faults=[]", "rooms.capacity.platform=100%", "rooms.capacity.media=100%"),
    ),
)


@dataclass
class Bench:
    """All arms on all seeds, some at once."""

    folder: Path
    gate: asyncio.Semaphore
    give_up: int
    console: Console
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def arm(self, arm: Arm, seeds: Sequence[int]) -> list[Mapping[str, object]]:
        """The runs of one arm, by seed; no further ones once `give_up` rooms were lost."""
        found = await asyncio.gather(*(self._evening(arm, seed) for seed in seeds))
        return [one for one in found if one is not None]

    async def _evening(self, arm: Arm, seed: int) -> Mapping[str, object] | None:
        out = self.folder / arm.name.replace(" ", "-").replace(",", "") / str(seed)
        async with self.gate:
            if not (out / "run.json").exists():
                if self.give_up and _lost_in(out.parent) >= self.give_up:
                    return None
                async with self.turn:
                    running = asyncio.create_task(self._run(arm, seed, out))
                    await asyncio.wait({running}, timeout=APART)
                await running
            report: Mapping[str, object] = json.loads((out / "run.json").read_text(encoding="utf-8"))
            fate = {True: "kept", False: "lost", None: "inconclusive"}[_fate(report)]
            self.console.print(f"{arm.name}, seed {seed}: {fate}: {report['why']}", highlight=False)
            return report

    async def _run(self, arm: Arm, seed: int, out: Path) -> None:
        sets = [part for override in arm.overrides for part in ("--set", override)]
        command = [sys.executable, "-m", "chaos.cli", "run", str(EXPERIMENT), "--seed", str(seed)]
        process = await asyncio.create_subprocess_exec(
            *command, *sets, "--out", str(out), "--quiet",
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        _, told = await process.communicate()
        if not (out / "run.json").exists():
            raise SystemExit(f"{arm.name}, seed {seed}: no report was written: {told.decode()[-2000:]}")


def _fate(report: Mapping[str, object]) -> bool | None:
    """Whether the room survived; None where the run is inconclusive."""
    survived = report["survived"]
    return survived if isinstance(survived, bool) and report["verdict"] != "inconclusive" else None


def _lost_in(folder: Path) -> int:
    reports = (json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*/run.json"))
    return sum(_fate(report) is False for report in reports)


async def main() -> None:
    """Run every arm on every seed, and print the table."""
    told = _arguments()
    console = Console()
    folder = (told.keep or state.state_folder() / "bench" / "crews").absolute()
    bench = Bench(folder, asyncio.Semaphore(told.at_once), told.give_up, console)
    arms = [Arm.parse(text) for text in told.arm] or list(ARMS)
    seeds = range(told.first, told.first + told.seeds)
    evenings = await asyncio.gather(*(bench.arm(arm, seeds) for arm in arms))
    by_arm = dict(zip((arm.name for arm in arms), evenings, strict=True))
    console.print(_table(by_arm, seeds))
    if seed := demo_seed(by_arm.get(LARGER.label, [])):
        console.print(f"The demo's evening, the middle one of those that {LARGER.label} kept: seed {seed}")


def demo_seed(reports: Sequence[Mapping[str, object]]) -> object:
    """The seed of the middle one, by lost listener-minutes, of the evenings that were kept; None without any."""
    kept = [report for report in reports if _fate(report)]
    kept.sort(key=lambda report: float(str(report["lost_listener_minutes"])))
    return kept[len(kept) // 2]["seed"] if kept else None


def _table(evenings: Mapping[str, Sequence[Mapping[str, object]]], seeds: range) -> Table:
    table = Table(title=f"The launch room on seeds {seeds.start} to {seeds.stop - 1}")
    for name in (
        "arm",
        "kept",
        "lost",
        "inconclusive",
        "kept, 95 % interval",
        "lost listener-minutes, median",
    ):
        table.add_column(name, justify="left" if name == "arm" else "right")
    for name, reports in evenings.items():
        fates = [_fate(report) for report in reports]
        kept, lost = fates.count(True), fates.count(False)
        interval = "{:.0%} to {:.0%}".format(*wilson(kept, kept + lost)) if kept + lost else ""
        minutes = sorted(
            value for report in reports if isinstance(value := report["lost_listener_minutes"], int | float)
        )
        middle = f"{minutes[len(minutes) // 2]:,.0f}" if minutes else ""
        table.add_row(name, str(kept), str(lost), str(fates.count(None)), interval, middle)
    return table


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=20, help="how many evenings")
    parser.add_argument("--first", type=int, default=FIRST_SEED, help="the first seed")
    parser.add_argument("--at-once", type=int, default=2, help="worlds at once")
    parser.add_argument("--give-up", type=int, default=0, help="stop an arm after so many lost rooms")
    parser.add_argument("--arm", action="append", default=[], metavar="NAME: PATH=VALUE ...")
    parser.add_argument("--keep", type=Path, help="the folder of the runs")
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(main())
