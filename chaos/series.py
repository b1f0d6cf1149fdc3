"""What Prometheus measured of a run, kept in the run's folder, from where it can be served again.

Of the world's own Prometheus on this machine it is a snapshot of Prometheus' own (`prometheus/`); from one elsewhere
the series that the run is about are read and written down (`series.openmetrics.gz`). Both are done when the run is
judged and everything is undone, and are only evidence: whether it could be kept changes nothing about the run, and is
recorded (`series_kept`, `series_not_kept`).
"""

from __future__ import annotations

import asyncio
import gzip
import math
import re
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from chaos.clients.prometheus import Prometheus, Series
from chaos.errors import ClientError
from chaos.record import Record

FOLDER = "prometheus"
"""The snapshot's name in the run's folder."""
EXPORT = "series.openmetrics.gz"
"""The name of what was read from a Prometheus elsewhere."""
LARGEST = 512 * 1024 * 1024
"""Bytes that a snapshot may have to be kept."""
MOST_SAMPLES = 3_000_000
"""Samples that are read from a Prometheus elsewhere."""
SLICE = 30.0
"""Seconds of a run that are read at once."""
WITHIN = 30.0
"""Real seconds that reading all of it may take."""
OURS = "(rooms|media|platform|bridge|crew|chaos)[_:].+|up|ALERTS"
"""The metrics of Standby's own system and of its runs."""
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")


async def keep(
    prometheus: Prometheus, tsdb: Path | None, folder: Path, record: Record, queries: Iterable[str]
) -> None:
    """Keep what a run's Prometheus measured in the run's `folder`.

    `tsdb` is where its data lies on this machine (None: elsewhere); `queries` are what the run asked it.
    """
    if prometheus.url == "none":
        record.event("series_not_kept", failed=False, why="the document says that there is no Prometheus")
        return
    begun = record.events[0].unix if record.events else time.time()
    try:
        if tsdb is not None:
            name, size = FOLDER, await _snapshot(prometheus, tsdb, folder)
        else:
            async with asyncio.timeout(WITHIN):
                name, size = EXPORT, await _export(prometheus, folder, begun, time.time(), queries)
    except TimeoutError:
        (folder / EXPORT).unlink(missing_ok=True)
        record.event("series_not_kept", failed=True, why=f"reading the series took more than {WITHIN:g} s")
    except (ClientError, OSError) as error:
        (folder / EXPORT).unlink(missing_ok=True)
        record.event("series_not_kept", failed=True, why=f"the run's series could not be kept: {error}")
    else:
        record.event("series_kept", name=name, bytes=size)


async def _snapshot(prometheus: Prometheus, tsdb: Path, folder: Path) -> int:
    """Have Prometheus write a snapshot, and move it into the folder; its size in bytes. Raises OSError."""
    snapshot = tsdb / "snapshots" / await prometheus.snapshot()
    return await asyncio.to_thread(_moved, snapshot, folder / FOLDER)


def _moved(snapshot: Path, kept: Path) -> int:
    size = sum(path.stat().st_size for path in snapshot.rglob("*") if path.is_file())
    if size > LARGEST:
        shutil.rmtree(snapshot)
        raise OSError(f"the snapshot has {size >> 20} MiB; at most {LARGEST >> 20} MiB are kept")
    shutil.move(snapshot, kept)
    kept.chmod(0o700)
    return size


async def _export(
    prometheus: Prometheus, folder: Path, begun: float, ended: float, queries: Iterable[str]
) -> int:
    """Read the run's series slice by slice into a file; its size in bytes. Raises ClientError, OSError."""
    asked = {name for query in queries for name in _NAME.findall(query)} & set(await prometheus.metrics())
    selector = f'{{__name__=~"{"|".join([OURS, *sorted(asked)])}"}}'
    found = await prometheus.instant(f"count(last_over_time({selector}[{ended - begun:.0f}s]))", at=ended)
    several = found[0].samples[0][1] if found else 0.0
    expected = several * (ended - begun) / await prometheus.interval("")
    if expected > MOST_SAMPLES:
        raise OSError(f"there are about {expected:,.0f} samples; at most {MOST_SAMPLES:,} are read")
    path = folder / EXPORT
    path.touch(mode=0o600)
    with gzip.open(path, "wt", compresslevel=1, encoding="utf-8") as file:
        for end in _slices(begun, ended):
            series = await prometheus.instant(f"{selector}[{SLICE:.0f}s]", at=end)
            await asyncio.to_thread(file.writelines, _lines(series))
        file.write("# EOF\n")
    return path.stat().st_size


def _slices(begun: float, ended: float) -> Iterator[float]:
    """The ends of slices that cover the time from `begun` to `ended`; each begins just after the one before."""
    for number in range(1, math.ceil((ended - begun) / SLICE) + 1):
        yield begun + number * SLICE


def _lines(series: Sequence[Series]) -> Iterator[str]:
    for one in series:
        labels = ",".join(
            f'{name}="{_escaped(value)}"' for name, value in one.labels.items() if name != "__name__"
        )
        head = f"{one.labels['__name__']}{{{labels}}}"
        for moment, value in one.samples:
            yield f"{head} {value!r} {moment:.3f}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
