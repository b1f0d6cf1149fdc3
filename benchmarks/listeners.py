"""How many live listeners the local rooms carry, and what is left of the machine.

    python benchmarks/listeners.py --listeners 5000 --minutes 5
    python benchmarks/listeners.py --listeners 20000 --rooms 3 --audiences 2 --scale 0.1 --minutes 1

Real processes: platform, media instances, one Toxiproxy before each instance and one for the bridge, audience. Every
room lives on one instance; 100 listeners of each at full scale, fewer at a smaller one, are pushed 50 frames a second
over a WebSocket, the others fetch an 8 KB segment every 2 s over a kept connection. No fault is injected, so nobody may
be lost: no failed join, no interrupted sound, nobody thrown out. The exit code is 1 if somebody was, or if fewer than
asked for were carried. Memory per listener is what processes of a kind grew by, divided by all listeners. What other
programs used of the machine meanwhile is printed too: the figures mean little on a machine that is busy with something
else.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

import bars
import psutil
from bars import Bar
from rich.console import Console
from rich.table import Table

from chaos.clients.tools import ensure
from chaos.experiment.rooms import Plan, PlannedRoom
from chaos.rooms.standalone import Rooms, Samples

LEAVING = 1.06  # people leave by themselves: so many more must come for the number to be there all the time
ACQUAINTED = 3.0  # real seconds until platform has heard from every instance, and so places rooms evenly
SETTLING = 5.0  # real seconds after the last arrival until counting begins


@dataclass
class Figures:
    """What was seen, once a second, while all were there."""

    hearing: list[float] = field(default_factory=list)
    admitted: list[float] = field(default_factory=list)
    lag: list[float] = field(default_factory=list)
    tiers: list[float] = field(default_factory=list)
    idle: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Machine:
    """CPU seconds used so far, by process, and the machine's idle and total."""

    used: Mapping[str, float]
    idle: float
    total: float

    @classmethod
    def now(cls, rooms: Rooms) -> Machine:
        used = {}
        for name, process in rooms.processes.items():
            spent = psutil.Process(process.pid).cpu_times()
            used[name] = spent.user + spent.system
        times = psutil.cpu_times()
        return cls(used, times.idle + times.iowait, sum(times) - times.guest - times.guest_nice)


async def main() -> int:
    """Run the load, print the figures; 0 if nobody was lost."""
    told = _arguments()
    media = [f"media-{number}" for number in range(1, told.rooms + 1)]
    toxiproxy = ensure("toxiproxy-server")
    async with Rooms(
        media=media, edge_proxy=toxiproxy, bridge_proxy=toxiproxy, audiences=told.audiences
    ) as rooms:
        await rooms.configure({"scale": told.scale, "time_scale": 1, "profile": told.profile})
        await asyncio.sleep(ACQUAINTED)
        empty = _memory(rooms)
        await rooms.begin(_plan(told))
        await asyncio.sleep(told.join_over + SETTLING)
        figures, before = Figures(), Machine.now(rooms)
        loop = asyncio.get_running_loop()
        begun, last = loop.time(), before
        while loop.time() - begun < told.minutes * 60:
            await asyncio.sleep(1.0)
            try:
                truth = await _truth(rooms)
                tiers = [await rooms.metrics(name) for name in ("platform", *rooms.media)]
            except TimeoutError:
                figures.lag.append(float("inf"))
                continue
            machine = Machine.now(rooms)
            figures.hearing.append(_sum(truth, "rooms_listeners_hearing"))
            figures.admitted.append(_sum(truth, "rooms_listeners_admitted"))
            figures.lag.append(max(one.sum("rooms_audience_lag_seconds") for one in truth))
            figures.tiers += [one.sum("rooms_loop_lag_seconds") for one in tiers]
            figures.idle.append((machine.idle - last.idle) / max(1e-9, machine.total - last.total))
            last = machine
        seconds = loop.time() - begun
        try:
            return await _report(told, rooms, figures, before, seconds, empty)
        except TimeoutError:
            print(
                f"listeners held: {told.listeners} asked, not measured: a process gave no figures in time: MISSED"
            )
            return 1


def _plan(told: argparse.Namespace) -> Plan:
    each = round(told.listeners * LEAVING / told.rooms / told.scale)
    rooms = tuple(
        PlannedRoom(
            room=f"room-{number}",
            listeners=each,
            join_over_s=told.join_over,
            shape="linear",
            planned_end_s=86_400,
        )
        for number in range(1, told.rooms + 1)
    )
    return Plan(rooms=rooms, seed=told.seed, scale=told.scale, time_scale=1.0)


async def _truth(rooms: Rooms) -> Sequence[Samples]:
    return [await rooms.metrics(name) for name in rooms.audience_names()]


def _sum(truth: Sequence[Samples], name: str, **labels: str) -> float:
    return sum(one.sum(name, **labels) for one in truth)


async def _report(
    told: argparse.Namespace,
    rooms: Rooms,
    figures: Figures,
    before: Machine,
    seconds: float,
    empty: Mapping[str, float],
) -> int:
    truth, after, full = await _truth(rooms), Machine.now(rooms), _memory(rooms)
    media = [await rooms.metrics(name) for name in rooms.media]
    failed = _sum(truth, "rooms_joins_failed_total")
    interrupted = _sum(truth, "rooms_interruptions_total")
    thrown_out = _sum(media, "media_thrown_out_total")
    impatient = _sum(truth, "rooms_listeners_left_total", reason="patience")
    lost = failed + interrupted + thrown_out + impatient
    lag = sorted(figures.lag)
    table = Table(title=f"{told.listeners} live listeners for {seconds / 60:.1f} minutes, {told.profile}")
    table.add_column("figure")
    table.add_column("value", justify="right")
    behind = max(figures.tiers, default=0.0)
    rows = {
        "hearing, least / median": f"{min(figures.hearing):.0f} / {median(figures.hearing):.0f}",
        "admitted and not hearing, most": f"{max(map(_minus, figures.admitted, figures.hearing)):.0f}",
        "joins tried / failed": f"{_sum(truth, 'rooms_joins_tried_total'):.0f} / {failed:.0f}",
        "sound interrupted / thrown out / left in silence": f"{interrupted:.0f} / {thrown_out:.0f} / {impatient:.0f}",
        "audience lag, median / 99 % / worst": (
            f"{1000 * median(lag):.0f} / {1000 * lag[int(0.99 * (len(lag) - 1))]:.0f} / {1000 * lag[-1]:.0f} ms"
        ),
        "event loop of a tier behind, worst": f"{1000 * behind:.0f} ms",
        "CPU left on the machine, mean / least second": (
            f"{(after.idle - before.idle) / (after.total - before.total):.0%} / {min(figures.idle):.0%}"
            f" of {psutil.cpu_count()} cores"
        ),
    }
    busy = (1 - (after.idle - before.idle) / (after.total - before.total)) * (psutil.cpu_count() or 1)
    ours = sum(used - before.used.get(name, 0.0) for name, used in after.used.items()) / seconds
    rows["cores used: by all this / by anything else"] = f"{ours:.2f} / {max(0.0, busy - ours):.2f}"
    for name, used in after.used.items():
        resident = psutil.Process(rooms.processes[name].pid).memory_info().rss / 2**20
        share = (used - before.used.get(name, 0.0)) / seconds
        rows[f"{name}: cores used, memory"] = f"{share:.2f}, {resident:.0f} MiB"
    for kind, memory in full.items():
        rows[f"{kind}: memory per listener"] = (
            f"{(memory - empty[kind]) / 1024 / median(figures.hearing):.1f} KiB"
        )
    per_listener = (sum(full.values()) - sum(empty.values())) / 1024 / median(figures.hearing)
    rows["all together: memory per listener"] = f"{per_listener:.1f} KiB"
    for figure, value in rows.items():
        table.add_row(figure, value)
    Console(width=120).print(table)
    return bars.told(
        [
            Bar("listeners held", min(figures.hearing), "at least", told.listeners),
            Bar("listeners lost", lost, "at most", 0),
        ]
    )


def _memory(rooms: Rooms) -> Mapping[str, float]:
    """Resident bytes by kind of process."""
    found: dict[str, float] = defaultdict(float)
    for name, process in rooms.processes.items():
        kind = "toxiproxy" if name.startswith("toxiproxy") else name.rstrip("-0123456789")
        found[kind] += psutil.Process(process.pid).memory_info().rss
    return found


def _minus(left: float, right: float) -> float:
    return left - right


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--listeners", type=int, default=5_000)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--rooms", type=int, default=2, help="rooms, each on a media instance of its own")
    parser.add_argument(
        "--audiences", type=int, default=1, help="audience processes that share the listeners"
    )
    parser.add_argument("--scale", type=float, default=1.0, help="of the rooms that the listeners stand for")
    parser.add_argument("--join-over", type=float, default=60.0, help="seconds until all have arrived")
    parser.add_argument("--profile", choices=["as-found", "hardened"], default="as-found")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
