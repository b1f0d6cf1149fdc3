"""How many joins a second the local rooms take, open loop, through real Toxiproxy on the edge and on the bridge.

    python benchmarks/joins.py --ask 4000

Real processes: platform, media instances, one Toxiproxy before each instance and one for the bridge, audiences.
People arrive at a fixed rate whatever becomes of those before them, each on a connection of their own; each join is
asked of platform across the bridge; who is in fetches sound at once, and leaves after about a second, so that as many
go as come and what is measured is joins. A rate is sustained when 99 % of its joins have succeeded a second after the
last arrival and neither the audience nor a tier was ever further behind than half a second. The rate grows until one
is not sustained, and is then searched for between the two, for a bounded time. One join costs processor time in five
places: the table says how much in each. On two processors one media instance and one audience take more joins than two
of each, for they change places less often. The exit code is 1 if the rate asked for was not reached.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import bars
import psutil
from bars import Bar
from rich.console import Console
from rich.table import Table

from chaos.clients.tools import ensure
from chaos.experiment.rooms import Plan, PlannedRoom
from chaos.rooms.standalone import Rooms

SCALE, TIME_SCALE = 0.1, 10.0  # platform then serves 6,000 tokens a second, as at full scale in real time
ACQUAINTED = 3.0  # real seconds until platform has heard from every instance, and so places rooms evenly
STAY = 1.0  # real seconds that half of them stay at most
SETTLING = 1.0  # real seconds after the last arrival until joins are counted
RESTING = 2.0  # real seconds between two rates, in which everybody leaves
ENOUGH = 0.99
LAG_ALLOWED = 0.5  # real seconds
GROWTH = 1.3
CLOSE_ENOUGH = 1.06  # the search ends when the rates above and below are no further apart


@dataclass(frozen=True)
class Tried:
    """What became of one rate."""

    rate: float
    tried: float
    succeeded: float
    lag: float
    cost: Mapping[str, float]
    """Microseconds of processor time per join, by kind of process."""

    @property
    def sustained(self) -> bool:
        return self.tried > 0 and self.succeeded >= ENOUGH * self.tried and self.lag <= LAG_ALLOWED


async def main() -> int:
    """Search, print every rate tried and the highest sustained; 0 if that is what was asked for."""
    told = _arguments()
    media = [f"media-{number}" for number in range(1, told.media + 1)]
    toxiproxy = ensure("toxiproxy-server")
    seen: list[Tried] = []
    async with Rooms(
        media=media, edge_proxy=toxiproxy, bridge_proxy=toxiproxy, audiences=told.audiences
    ) as rooms:
        await rooms.configure({"scale": SCALE, "time_scale": TIME_SCALE, "profile": told.profile})
        await asyncio.sleep(ACQUAINTED)
        until = asyncio.get_running_loop().time() + told.minutes * 60
        low, high = 0.0, float("inf")
        rate = float(told.first)
        while asyncio.get_running_loop().time() < until and high / max(low, 1.0) > CLOSE_ENOUGH:
            found = await _try(rooms, rate, told.seconds, run=len(seen))
            seen.append(found)
            low, high = (max(low, rate), high) if found.sustained else (low, min(high, rate))
            rate = rate * GROWTH if high == float("inf") else (low * high) ** 0.5 if low else rate / 2
    _show(told, seen)
    return bars.told([Bar("joins per second", low, "at least", told.ask)])


async def _try(rooms: Rooms, rate: float, seconds: float, *, run: int) -> Tried:
    """Let people arrive at this rate for so many real seconds, count, and send everybody home."""
    plan = Plan(
        rooms=tuple(
            PlannedRoom(
                room=f"room-{run}-{name}",
                listeners=round(rate * seconds / SCALE / len(rooms.media)),
                join_over_s=seconds * TIME_SCALE,
                shape="linear",
                stay_s=STAY * TIME_SCALE,
                planned_end_s=1e6,
            )
            for name in rooms.media
        ),
        seed=run,
        scale=SCALE,
        time_scale=TIME_SCALE,
    )
    loop = asyncio.get_running_loop()
    before = _spent(rooms)
    await rooms.begin(plan)
    ends = loop.time() + seconds + SETTLING
    lag = 0.0
    while loop.time() < ends:
        await asyncio.sleep(min(1.0, max(0.05, ends - loop.time())))
        lag = max(lag, await _lag(rooms))
    truth = [await rooms.metrics(name) for name in rooms.audience_names()]
    lag = max(lag, await _lag(rooms))
    spent = _spent(rooms)
    tried = sum(one.sum("rooms_joins_tried_total") for one in truth)
    succeeded = sum(one.sum("rooms_joins_succeeded_total") for one in truth)
    for name in rooms.audience_names():
        await rooms.control("POST", name, "stop", {})
    await asyncio.sleep(RESTING)
    cost = {kind: 1e6 * (used - before[kind]) / max(1.0, tried) for kind, used in spent.items()}
    return Tried(rate, tried, succeeded, lag, cost)


async def _lag(rooms: Rooms) -> float:
    """The worst lateness of the last second, of anybody."""
    try:
        tiers = [await rooms.metrics(name) for name in ("platform", *rooms.media)]
        truth = [await rooms.metrics(name) for name in rooms.audience_names()]
    except TimeoutError:
        return float("inf")
    return max(
        *(one.sum("rooms_loop_lag_seconds") for one in tiers),
        *(one.sum("rooms_audience_lag_seconds") for one in truth),
    )


def _spent(rooms: Rooms) -> Mapping[str, float]:
    """Processor seconds used so far, by kind of process."""
    found: dict[str, float] = defaultdict(float)
    for name, process in rooms.processes.items():
        spent = psutil.Process(process.pid).cpu_times()
        kind = "bridge" if name == "toxiproxy-bridge" else "edge" if name.startswith("toxiproxy") else name
        found[kind.rstrip("-0123456789")] += spent.user + spent.system
    return found


def _show(told: argparse.Namespace, seen: list[Tried]) -> None:
    table = Table(title=f"joins per second, {told.profile}, {psutil.cpu_count()} cores")
    kinds = list(seen[0].cost)
    columns = (
        "rate",
        "tried",
        "succeeded",
        "behind, worst",
        "sustained",
        *(f"{kind} µs" for kind in kinds),
        "all µs",
    )
    for column in columns:
        table.add_column(column, justify="right")
    for one in seen:
        table.add_row(
            f"{one.rate:.0f}",
            f"{one.tried:.0f}",
            f"{one.succeeded / max(1.0, one.tried):.1%}",
            f"{1000 * one.lag:.0f} ms",
            "yes" if one.sustained else "no",
            *(f"{one.cost[kind]:.0f}" for kind in kinds),
            f"{sum(one.cost.values()):.0f}",
        )
    Console(width=150).print(table)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--ask", type=int, default=4_000, help="joins per second that ought to be sustained")
    parser.add_argument("--first", type=int, default=800, help="the first rate")
    parser.add_argument("--seconds", type=float, default=4.0, help="real seconds that each rate lasts")
    parser.add_argument("--minutes", type=float, default=3.0, help="no rate is begun later than this")
    parser.add_argument("--media", type=int, default=1, help="media instances, with a room on each")
    parser.add_argument("--audiences", type=int, default=1, help="audience processes")
    parser.add_argument("--profile", choices=["as-found", "hardened"], default="as-found")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
