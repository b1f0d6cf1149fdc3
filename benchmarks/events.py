"""How many events of the crew one core plays in a second: compiled, and beside simpy on the same model.

    python benchmarks/events.py

The model is the repair shop of chaos/study/shop.py: machines fail, people go through all stages, wrong diagnoses and
missing skills included. simpy plays the same shops, written independently (tests/unit/study/simpy_shop.py), with the
same keyed draws; counts and sums must be equal to the bit, or nothing is told. An event is a call of the crew's
transition function; simpy's speed is told in the same events, those of the shop that it played. Then trials of
experiments/failure-to-launch.yaml, audience included, and what the main curve of the study takes by that.
Times are of the processor, not of the clock, and the best of several. Exits with 1 when a bar is missed.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from chaos.crew.parameters import parameters
from chaos.crew.people import ON_CALL
from chaos.crew.runbook import Runbook, load_runbook
from chaos.experiment import load
from chaos.experiment.people import Mechanisms
from chaos.faults.specs import spec_types
from chaos.study import compiling, shop
from chaos.study.simulator import simulate

ROOT = Path(__file__).parents[1]
RUNBOOK = ROOT / "experiments" / "crew" / "runbooks.yaml"
LAUNCH = ROOT / "experiments" / "failure-to-launch.yaml"
MACHINES, CREW, SEED = 6, 3, 20230524
TOLD = {shop.MACHINES: MACHINES, shop.MEAN_UP: 2400.0, shop.MEAN_REPAIR: 60.0, shop.UNTIL: 100_000.0}
LEAST_EVENTS = 6e6
LEAST_RATIO = 25.0
HEADCOUNTS = range(11)
ARMS = (("as found", ()), ("hardened", ("rooms.profile=hardened",)))


def main() -> None:
    """Measure, print the table."""
    told = _arguments()
    book = load_runbook(RUNBOOK)
    outs, seconds = _compiled(book, told.shops, told.repeat)
    events = outs[:, shop.EVENTS].sum()
    by_simpy, slow = _simpy(book, outs, told.simpy)
    speed, ratio = events / seconds, (events / seconds) / (by_simpy / slow)
    table = Table(title="On one core of this machine")
    for name in ("figure", "value", "bar"):
        table.add_column(name, justify="left" if name == "figure" else "right")
    table.add_row("events per second, compiled", f"{speed / 1e6:.2f} M", f"{LEAST_EVENTS / 1e6:g} M")
    table.add_row("nanoseconds per event", f"{1e9 / speed:.0f}", "")
    table.add_row("simpy on the same model, events per second", f"{by_simpy / slow / 1e3:.0f} k", "")
    table.add_row("times as fast as simpy", f"{ratio:.0f}", f"{LEAST_RATIO:g}")
    whole = 0.0
    for name, overrides in ARMS:
        took, played = _curve(book, overrides, told.trials)
        whole += took
        table.add_row(
            f"{name}, {len(HEADCOUNTS)} headcounts: microseconds and events per trial",
            f"{1e6 * took / told.trials / len(HEADCOUNTS):.0f}, {played / told.trials / len(HEADCOUNTS):.0f}",
            "",
        )
    main_curve = whole * 10_000 / told.trials / 2
    table.add_row(
        "2 arms x 11 headcounts x 10,000 trials on two cores, by that", f"{main_curve:.1f} s", "10 s"
    )
    console = Console()
    console.print(table)
    console.print(f"simpy's counts and sums of {told.simpy} shops are those of the compiled core, to the bit")
    if speed < LEAST_EVENTS or ratio < LEAST_RATIO or main_curve > 10:
        raise SystemExit(1)


def _best(repeat: int, play: Callable[[], object]) -> float:
    """Seconds of the processor, the best of so many; once before for whatever is made once."""
    play()
    taken = []
    for _ in range(repeat):
        begun = time.thread_time()
        play()
        taken.append(time.thread_time() - begun)
    return min(taken)


def _compiled(book: Runbook, shops: int, repeat: int) -> tuple[NDArray[np.float64], float]:
    """The figures of all shops, and how long they took."""
    mechanisms = Mechanisms(availability=False, helping=False)
    settings = np.zeros(shop.SETTINGS)
    for place, value in TOLD.items():
        settings[place] = value
    buffers = shop.buffers(settings, parameters(ON_CALL, CREW, mechanisms, book))
    outs = np.zeros((shops, shop.OUTS))
    play = compiling.twin(shop).play_some
    return outs, _best(repeat, lambda: play(buffers, len(book.entries), SEED, outs))


def _simpy(book: Runbook, outs: NDArray[np.float64], shops: int) -> tuple[float, float]:
    """The events of some of these shops, and how long simpy took for them. Exits when they are not equal."""
    sys.path.insert(0, str(ROOT))
    from tests.unit.study.simpy_shop import SimpyShop

    def made(trial: int) -> SimpyShop:
        up, repair = TOLD[shop.MEAN_UP], TOLD[shop.MEAN_REPAIR]
        return SimpyShop(ON_CALL, book, CREW, MACHINES, up, repair, SEED, trial, coverage=True)

    made(0).run(1000.0)
    played = [made(trial) for trial in range(shops)]
    begun = time.thread_time()
    for each in played:
        each.run(TOLD[shop.UNTIL])
    took = time.thread_time() - begun
    for each, out in zip(played, outs, strict=False):
        one = (out[shop.FAILED], out[shop.REPAIRED], out[shop.WAITED], out[shop.DOWN])
        if one != (each.failed, each.repaired, each.waited, each.down):
            raise SystemExit(f"shop {each.trial}: {one} compiled, but {each} by simpy")
    return float(outs[:shops, shop.EVENTS].sum()), took


def _curve(book: Runbook, overrides: tuple[str, ...], trials: int) -> tuple[float, int]:
    """Seconds of the processor for one arm's curve, and the events in it."""
    took, events = 0.0, 0
    for people in HEADCOUNTS:
        changes = (f"crew.headcount={people}", *overrides)
        experiment = load(LAUNCH, faults=spec_types(), overrides=changes).experiment
        if people == 0:
            simulate(experiment, runbook=book, first=1, trials=1)
        begun = time.thread_time()
        events += simulate(experiment, runbook=book, first=1, trials=trials).events
        took += time.thread_time() - begun
    return took, events


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shops", type=int, default=400, help="shops that the compiled core plays")
    parser.add_argument("--repeat", type=int, default=5, help="how often; the best counts")
    parser.add_argument("--simpy", type=int, default=10, help="shops that simpy plays, too")
    parser.add_argument("--trials", type=int, default=1000, help="trials of the launch for each headcount")
    return parser.parse_args()


if __name__ == "__main__":
    main()
