"""How much faster two Dask workers play the main curve of the shipped study than one does.

    python benchmarks/workers.py

Real worker processes with one thread each on this machine, beside as many threads of this process. Each has compiled
the simulator before the clock starts; what is timed is from the first cell handed out to the last result read. The
trials have to be the same byte for byte, or nothing is told. The scheduler and this process need a core now and then,
too: on a machine with two cores, two workers cannot be twice as fast as one. Exits with 1 when a bar is missed.
"""

from __future__ import annotations

import argparse
import hashlib
import logging
import os
import sys
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import bars
from bars import Bar
from distributed import Client, LocalCluster
from rich.console import Console
from rich.table import Table

from chaos.faults.specs import spec_types
from chaos.study.distributed import dask
from chaos.study.loading import LoadedStudy, load_study
from chaos.study.plan import plan
from chaos.study.simulator import simulate
from chaos.study.sweep import Cell, Executor, Player, Threads

LEAST_SPEED_UP = 1.5
LONGEST = 180.0
"""Real seconds for all of this."""
STUDY = Path(__file__).parents[1] / "experiments" / "studies" / "headcount.yaml"


def main() -> int:
    """Measure, print the table and the bars; 0 when all are met."""
    begun = time.monotonic()
    told = _arguments()
    loaded = load_study(STUDY, faults=spec_types())
    cells = [replace(cell, trials=told.trials) for curve in plan(loaded.study, 1).arms for cell in curve]
    table = Table(title=f"{len(cells)} cells of {told.trials:,} trials, {os.cpu_count()} cores")
    for name in ("where", "seconds", "against one"):
        table.add_column(name, justify="left" if name == "where" else "right")
    digests = set()
    speed_up = 0.0
    for what in ("threads", "Dask workers"):
        one = 0.0
        for workers in (1, 2):
            seconds, digest = _played(loaded, cells, workers, on_dask=what != "threads", repeat=told.repeat)
            digests.add(digest)
            one = one or seconds
            speed_up = one / seconds
            table.add_row(f"{workers} of {what}", f"{seconds:.2f}", f"{speed_up:.2f}")
    if len(digests) > 1:
        raise SystemExit("the trials are not the same everywhere")
    console = Console()
    console.print(table)
    console.print("the trials are the same byte for byte")
    return bars.told(
        [
            Bar("two Dask workers against one", speed_up, "at least", LEAST_SPEED_UP),
            Bar("this benchmark", time.monotonic() - begun, "at most", LONGEST, " s"),
        ]
    )


def _played(
    loaded: LoadedStudy, cells: list[Cell], workers: int, *, on_dask: bool, repeat: int
) -> tuple[float, str]:
    """Seconds for all cells, the best of several, and a digest of their trials."""
    player = Player(loaded, simulate)
    with ExitStack() as stack:
        executor: Executor = Threads(workers)
        if on_dask:
            cluster = stack.enter_context(
                LocalCluster(
                    n_workers=workers,
                    threads_per_worker=1,
                    dashboard_address="127.0.0.1:0",
                    silence_logs=logging.CRITICAL,  # what workers say of a cluster that is closed under them
                )
            )
            executor = stack.enter_context(dask(cluster.scheduler_address))
            with Client(cluster.scheduler_address, set_as_default=False) as client:
                client.wait_for_workers(workers)
                client.run(_compile, loaded)
        else:
            _compile(loaded)
        taken = []
        digest = ""
        for _ in range(repeat):
            whole = hashlib.sha256()
            begun = time.perf_counter()
            for trials in executor.played(player, cells):
                whole.update(trials.lost_at.tobytes() + trials.lost_listener_minutes.tobytes())
            taken.append(time.perf_counter() - begun)
            digest = whole.hexdigest()
        return min(taken), digest


def _compile(loaded: LoadedStudy) -> None:
    Player(loaded, simulate)(Cell((), 1, 1))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=5000, help="trials of each cell")
    parser.add_argument("--repeat", type=int, default=2, help="how often; the best counts")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
