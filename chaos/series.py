"""What Prometheus measured of a run, kept in the run's folder: a snapshot of Prometheus' own, which it can serve again.

It is taken when the run is judged and everything is undone, and is only evidence: whether it could be kept changes
nothing about the run, and is recorded (`series_kept`, `series_not_kept`, `series_elsewhere`).
"""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

from chaos.clients.prometheus import Prometheus
from chaos.errors import ClientError
from chaos.record import Record

FOLDER = "prometheus"
"""The snapshot's name in the run's folder."""
LARGEST = 512 * 1024 * 1024
"""Bytes that a snapshot may have to be kept."""


async def keep(prometheus: Prometheus, tsdb: Path | None, folder: Path, record: Record) -> None:
    """Keep what `prometheus` has, whose data lies in `tsdb` on this machine (None: elsewhere), in a run's `folder`."""
    if tsdb is None:
        record.event(
            "series_elsewhere",
            why=f"the Prometheus at {prometheus.url} is not of this run's making, and keeps its series itself"
            if prometheus.url != "none"
            else "the document says that there is no Prometheus",
        )
        return
    try:
        snapshot = tsdb / "snapshots" / await prometheus.snapshot()
        size = await asyncio.to_thread(_moved, snapshot, folder / FOLDER)
    except (ClientError, OSError) as error:
        record.event("series_not_kept", why=f"a snapshot of Prometheus could not be kept: {error}")
        return
    if size > LARGEST:
        record.event(
            "series_not_kept",
            why=f"the snapshot of Prometheus has {size >> 20} MiB; at most {LARGEST >> 20} MiB are kept",
        )
        return
    record.event("series_kept", folder=FOLDER, bytes=size)


def _moved(snapshot: Path, kept: Path) -> int:
    """Move a snapshot that is not too large; its size in bytes. Raises OSError."""
    size = sum(path.stat().st_size for path in snapshot.rglob("*") if path.is_file())
    if size > LARGEST:
        shutil.rmtree(snapshot)
    else:
        shutil.move(snapshot, kept)
        kept.chmod(0o700)
    return size
