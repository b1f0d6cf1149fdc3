"""Taking a target for the length of a run: nobody else's, allowed, whole and unhurt when it is handed out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from chaos.clients import routes
from chaos.clients.cluster import Cluster
from chaos.clients.toxiproxy import Toxiproxy
from chaos.errors import ClientError, PreflightError, TargetBusyError
from chaos.proof import Proof
from chaos.record import Json, Record
from chaos.undo.journal import Journal, read
from chaos.undo.recovery import bounded
from chaos.undo.steps import Args, UndoStep, undoes
from chaos.worlds.cluster import lease, mirror
from chaos.worlds.cluster.carrying import until_all_carry
from chaos.worlds.cluster.scope import Scope
from chaos.worlds.cluster.sight import Sight
from chaos.worlds.cluster.spreading import spread
from chaos.worlds.cluster.target import Target, observed_from
from chaos.worlds.cluster.world import ClusterWorld
from chaos.worlds.ending import note_end

CARRIED_WITHIN = 150.0
"""Real seconds that the links get to carry requests: longer than a dial to nowhere lasts."""
WHOLE_WITHIN = 60.0
"""Real seconds that the deployments of the target get to have all their pods."""
PREDECESSOR_GONE_WITHIN = 90.0
"""Real seconds that whoever undoes an earlier run has to finish."""

Lost = Callable[[str], None]


def end_step(target: Target, run: str) -> UndoStep:
    """The undo of holding a target."""
    return UndoStep("cluster_target", {"context": target.context, "namespace": target.namespace, "run": run})


@undoes("cluster_target", last=True)
async def let_go(args: Args) -> Proof:
    """Remove the run's journal from the namespace and release its hold, if it is still this run's."""
    target, run = Target("kubernetes", str(args["context"]), str(args["namespace"])), str(args["run"])
    async with Cluster(target.context) as cluster:
        await mirror.remove(cluster, target, run)
        await lease.release(cluster, target, run)
    return Proof(True, f"the hold on {target} is released")


@asynccontextmanager
async def opened(
    target: Target,
    run: str,
    scope: Scope,
    record: Record,
    journal: Journal,
    *,
    lasts: float,
    lost: Lost,
) -> AsyncIterator[ClusterWorld]:
    """The target for the length of a block that is to last so many real seconds, for this run alone.

    Raises TargetBusyError, with the name of the run that has it; PreflightError when it is not whole or somebody has
    hurt it; WorldError when it cannot be spoken to. `lost` hears when somebody else took it meanwhile.
    """
    async with routes.kept(), Cluster(target.context) as cluster:
        token = await scope.token(cluster, target)
        if token:
            record.hide(token)
        await nothing_left_of_others(cluster, target, run)
        step = end_step(target, run)
        journal.intend("world", f"the hold on {target}", [step], lease=time.time() + lasts)
        try:
            await lease.take(cluster, target, run)
            # Not before: a journal there whose run has no hold is that of a run which is over.
            journal.reflect_in(mirror.Mirror(target, run))
            async with lease.kept(cluster, target, run, lost):
                sight = Sight(target, cluster, record.event)
                await _until_whole(sight)
                if scope.own:
                    if moved := await spread(sight):
                        record.event("pods_spread", pods=[pod.name for pod in moved])
                    await until_all_carry(sight, token, CARRIED_WITHIN)
                observed = await observed_from(cluster, target)
                world = ClusterWorld(target, sight, await scope.links(sight), token, scope, observed)
                await _untouched(world)
                record.event(
                    "world_ready",
                    target=str(target),
                    nodes=_nodes(sight),
                    node_grace=await _node_grace(cluster),
                )
                async with _looking(sight):
                    yield world
        finally:
            await asyncio.shield(_let_go(step, record, journal))


@asynccontextmanager
async def _looking(sight: Sight) -> AsyncIterator[None]:
    looking = asyncio.create_task(sight.keep_looking())
    try:
        yield
    finally:
        looking.cancel()
        (ended,) = await asyncio.gather(looking, return_exceptions=True)
        if isinstance(ended, Exception):
            sight.tell("cluster_unseen", why=f"looking at {sight.target} failed: {ended!r}")


@asynccontextmanager
async def looked_at(target: Target, scope: Scope) -> AsyncIterator[ClusterWorld]:
    """The target as it is now, for looking only: nothing is taken, and nothing may be touched."""
    async with routes.kept(), Cluster(target.context) as cluster:
        sight = Sight(target, cluster, _nobody)
        await sight.look()
        observed = await observed_from(cluster, target)
        yield ClusterWorld(target, sight, await scope.links(sight), "", scope, observed)


def _nobody(_name: str, **_fields: Json) -> None:
    return None


async def _let_go(step: UndoStep, record: Record, journal: Journal) -> None:
    """Let go of the target, unless something is left there: then its journal stays, for whoever can undo it."""
    if left := [one.what for one in read(journal.path).pending if one.id != "world"]:
        record.event(
            "world_ended", gone=False, evidence=f"the target is kept, for there is {', '.join(left)}"
        )
        return
    journal.mirror = None
    note_end(await bounded(step), record, journal)


async def nothing_left_of_others(cluster: Cluster, target: Target, run: str) -> None:
    """See to it that whatever earlier runs did here is undone, by whoever undoes it. Raises TargetBusyError."""
    until = time.monotonic() + PREDECESSOR_GONE_WITHIN
    while True:
        hold = await lease.held(cluster, target)
        if hold is not None and hold.holder != run and not hold.expired:
            raise TargetBusyError(
                f"{target} is in use by the run {hold.holder}; wait for it, or stop it with "
                f"`standby halt {hold.holder}` where it was started"
            )
        left = [one.run for one in await mirror.mirrored(cluster, target) if one.run != run]
        if not left:
            return
        if time.monotonic() > until:
            raise TargetBusyError(
                f"something of the run {left[0]} is still in {target}, and nobody has undone it within "
                f"{PREDECESSOR_GONE_WITHIN:g} s; run `standby recover --context {target.context} "
                f"--namespace {target.namespace}`"
            )
        await asyncio.sleep(0.5)


async def _until_whole(sight: Sight) -> None:
    until = time.monotonic() + WHOLE_WITHIN
    await sight.look()
    if not sight.deployments:
        raise PreflightError(
            f"there is nothing in {sight.target}; `make deploy` installs the rooms, services of one's own are yours "
            "to install"
        )
    while missing := sight.missing():
        if time.monotonic() > until:
            raise PreflightError(
                f"{sight.target} is not whole after {WHOLE_WITHIN:g} s: {', '.join(missing)}; see "
                f"`kubectl --context {sight.target.context} -n {sight.target.namespace} get pods`"
            )
        await asyncio.sleep(0.5)
        await sight.look()


async def _untouched(world: ClusterWorld) -> None:
    """See to it that no link is hurt already. Raises PreflightError: whoever hurt it may not have finished."""
    servers = sorted({proxy.server for link in world.links.values() for proxy in link.proxies})
    for server in servers:
        client = Toxiproxy(server)
        for name, state in (await client.proxies()).items():
            toxics = await client.toxics(name)
            if toxics or not state.enabled:
                found = ", ".join(f"the toxic {toxic}" for toxic in toxics) or "shut"
                raise PreflightError(
                    f"the proxy {name} of {world.target} is hurt already ({found}), and no run of Standby that is "
                    f"known here has done that; mend it (Toxiproxy is at {server}), or restart its pod"
                )


async def _node_grace(cluster: Cluster) -> str:
    """What the report tells of the cluster's patience; whoever may not look into kube-system is told nothing."""
    try:
        return await cluster.node_grace()
    except ClientError:
        return ""


def _nodes(sight: Sight) -> dict[str, list[str]]:
    return {
        name: sorted(pod.name for pod in sight.pods if pod.node == name)
        for name in sight.nodes
        if any(pod.node == name for pod in sight.pods)
    }
