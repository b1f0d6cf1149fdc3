"""One run per target: a coordination Lease in its namespace, held for as long as the run goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from chaos.clients.cluster import Cluster, ConflictError, NotInClusterError
from chaos.errors import ClientError, TargetBusyError
from chaos.worlds.cluster.target import Target

NAME = "standby-target"
LASTS = 15
"""Real seconds after its last renewal that a hold ends by itself."""
RENEW_EVERY = 4.0


@dataclass(frozen=True)
class Hold:
    """Who holds the target, and whether that hold has ended by itself."""

    holder: str
    expired: bool
    renewed: str = field(default="", compare=False)
    """When it was last renewed, in its holder's own words."""


async def held(cluster: Cluster, target: Target) -> Hold | None:
    """Who holds the target now; None when nobody does."""
    found = await _read(cluster, target)
    if found is None or not _holder(found):
        return None
    return Hold(_holder(found), _expired(found), str(found["spec"].get("renewTime")))


async def take(cluster: Cluster, target: Target, run: str) -> None:
    """Take the target for a run. Raises TargetBusyError with the name of the run that has it."""
    found = await _read(cluster, target)
    try:
        if found is None:
            await cluster.ask("POST", _path(target), f"make the lease {target}/{NAME}", _body(run, None))
            return
        holder = _holder(found)
        if holder and holder != run and not _expired(found):
            raise TargetBusyError(
                f"{target} is in use by the run {holder}; wait for it, or stop it with `standby halt {holder}` "
                "where it was started"
            )
        await _replace(cluster, target, _body(run, found["metadata"]["resourceVersion"]))
    except ConflictError as error:
        raise TargetBusyError(f"another run took {target} at the same moment; try again") from error


async def release(cluster: Cluster, target: Target, run: str) -> None:
    """Let go of the target, if it is this run's."""
    found = await _read(cluster, target)
    if found is not None and _holder(found) == run:
        await _replace(cluster, target, _body("", found["metadata"]["resourceVersion"]))


@asynccontextmanager
async def kept(
    cluster: Cluster, target: Target, run: str, lost: Callable[[str], None]
) -> AsyncIterator[None]:
    """For the length of a block, renew the hold; `lost` hears, once, that somebody else has it."""
    renewing = asyncio.create_task(_renew(cluster, target, run, lost))
    try:
        yield
    finally:
        renewing.cancel()
        await asyncio.gather(renewing, return_exceptions=True)


async def _renew(cluster: Cluster, target: Target, run: str, lost: Callable[[str], None]) -> None:
    while True:
        await asyncio.sleep(RENEW_EVERY)
        try:
            found = await _read(cluster, target)
            if found is None or _holder(found) != run:
                holder = _holder(found) if found is not None else ""
                lost(f"the hold on {target} was lost to {holder or 'nobody'}")
                return
            await _replace(cluster, target, _body(run, found["metadata"]["resourceVersion"]))
        except ClientError:
            continue  # an API server that is away lets nobody else take the target either


def _path(target: Target) -> str:
    return f"/apis/coordination.k8s.io/v1/namespaces/{target.namespace}/leases"


def _holder(lease: Any) -> str:
    return str(lease["spec"].get("holderIdentity") or "")


async def _read(cluster: Cluster, target: Target) -> Any:
    try:
        return await cluster.ask("GET", f"{_path(target)}/{NAME}", f"show the lease {target}/{NAME}")
    except NotInClusterError:
        return None


async def _replace(cluster: Cluster, target: Target, body: dict[str, Any]) -> None:
    await cluster.ask("PUT", f"{_path(target)}/{NAME}", f"renew the lease {target}/{NAME}", body)


def _expired(lease: Any) -> bool:
    renewed = lease["spec"].get("renewTime")
    lasts = timedelta(seconds=lease["spec"].get("leaseDurationSeconds") or LASTS)
    return renewed is None or datetime.fromisoformat(renewed) + lasts < datetime.now(UTC)


def _body(holder: str, version: str | None) -> dict[str, Any]:
    now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    metadata = {"name": NAME} | ({"resourceVersion": version} if version else {})
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": metadata,
        "spec": {"holderIdentity": holder, "leaseDurationSeconds": LASTS, "renewTime": now},
    }
