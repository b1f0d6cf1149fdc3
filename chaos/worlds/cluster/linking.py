"""`standby link`: a Toxiproxy put between two services of a namespace, and taken away again.

A link is meant to last, and an addition that ends half-way is not: until the link carries traffic, a journal (here and
in the namespace) says how it is undone, and a guardian does that when this process is gone. From then on all that a
removal needs stands on the objects themselves.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, closing

from chaos import state
from chaos.clients import processes, routes
from chaos.clients.cluster import Cluster, ConflictError, NotInClusterError
from chaos.errors import PreflightError, StandbyError, UndoError, WorldError
from chaos.proof import Proof
from chaos.undo.guard import Guard
from chaos.undo.journal import Intent, Journal, read
from chaos.undo.recovery import bounded, undo
from chaos.undo.steps import Args, UndoStep, undoes
from chaos.worlds.cluster import lease, link_sight, mirror
from chaos.worlds.cluster.link_objects import (
    LINK,
    Object,
    Wanted,
    carried,
    listen_port,
    objects,
    restored,
    turned,
)
from chaos.worlds.cluster.opening import end_step, nothing_left_of_others
from chaos.worlds.cluster.target import Target
from chaos.worlds.cluster.waiting import until_seen

READY_WITHIN = 90.0
"""Real seconds that a link gets to carry what it should, and again to be gone."""
LEASE = 600.0
"""Real seconds that adding a link may take before anyone may undo it."""

Say = Callable[[str], None]


def plan(wanted: Wanted, service: Object) -> Sequence[str]:
    """What an addition would make and change, by name."""
    made = [f"make {one['kind']} {one['metadata']['name']}" for _, one in objects(wanted, service)]
    if not wanted.swap:
        return made
    ports = ", ".join(f"{port} to {listen_port(port)}" for port in carried(wanted, service))
    return [
        *made,
        f"turn Service {wanted.service} to the pods of {wanted.object_name} (targetPort of {ports})",
    ]


async def would_add(target: Target, wanted: Wanted) -> Sequence[str]:
    """The same, with everything looked at and nothing touched. Raises UsageError for what cannot be added."""
    async with Cluster(target.context) as cluster:
        return plan(wanted, await link_sight.addable(cluster, target, wanted))


async def add(target: Target, wanted: Wanted, say: Say) -> None:
    """Put a link there and wait until it carries traffic.

    Raises UsageError for one that cannot be added and TargetBusyError while a run has the namespace: then nothing was
    touched. Raises WorldError when it does not come to carry traffic: then it is undone; UndoError when that failed.
    """
    async with routes.kept(), Cluster(target.context) as cluster:
        service = await link_sight.addable(cluster, target, wanted)
        run = f"link-{state.new_run()}"
        async with _guarded(target, run) as (journal, guard), _held(cluster, target, run, journal):
            await guard.ready()
            await _add(cluster, target, wanted, service, journal, say)


async def remove(target: Target, name: str) -> str:
    """Take a link away, and give a Service that was turned to it back what it had; what was done, in words.

    A link that is not there is no error. Raises TargetBusyError while a run has the namespace, and UndoError when
    something is still there.
    """
    async with routes.kept(), Cluster(target.context) as cluster:
        run = f"link-{state.new_run()}"
        await nothing_left_of_others(cluster, target, run)
        await lease.take(cluster, target, run)
        try:
            async with lease.kept(cluster, target, run, lambda _: None):
                proof = await bounded(link_step(target, name))
        finally:
            await asyncio.shield(lease.release(cluster, target, run))
    if not proof.holds:
        raise UndoError(f"the link {name} is not gone from {target}: {proof.evidence}; run the command again")
    return proof.evidence


def link_step(target: Target, name: str) -> UndoStep:
    """The undo of a link."""
    return UndoStep("link", {"context": target.context, "namespace": target.namespace, "link": name})


@undoes("link", within=2 * READY_WITHIN + 20)
async def take_away(args: Args) -> Proof:
    """Give Services that were turned to a link back what they had, then delete what the link is made of.

    What somebody else has changed of such a Service since is left as it is, and said.
    """
    target, name = Target("kubernetes", str(args["context"]), str(args["namespace"])), str(args["link"])
    told: list[str] = []
    async with Cluster(target.context) as cluster:
        for service in await link_sight.listed(cluster, target, "services"):
            if link_sight.turned_to(service, name):
                told.append(await _turn_back(cluster, target, service["metadata"]["name"], name))
        gone = await _delete(cluster, target, name)
    if gone:
        told.append(f"{', '.join(gone)} deleted")
    return Proof(True, "; ".join(told) or f"there is no link {name} in {target}")


@asynccontextmanager
async def _guarded(target: Target, run: str) -> AsyncIterator[tuple[Journal, Guard]]:
    """A journal with a guardian, for the length of a block; what is not undone at its end is the guardian's."""
    own = processes.identify(os.getpid())
    if own is None:
        raise PreflightError("this process cannot be told from others: /proc is not there")
    with closing(Journal(state.journals() / f"{run}.jsonl")) as journal:
        journal.begin(run, own, target.address, owned=False)
        guard = Guard(journal, lambda *_, **__: None)
        try:
            async with guard.watching():
                yield journal, guard
        finally:
            if not read(journal.path).pending:
                journal.finish()
                await asyncio.shield(guard.leave())


@asynccontextmanager
async def _held(cluster: Cluster, target: Target, run: str, journal: Journal) -> AsyncIterator[None]:
    """The namespace for the length of a block, as a run has it."""
    await nothing_left_of_others(cluster, target, run)
    hold = Intent("world", f"the hold on {target}", (end_step(target, run),), time.time() + LEASE)
    journal.intend(hold.id, hold.what, hold.steps, lease=hold.lease)
    try:
        await lease.take(cluster, target, run)
        journal.reflect_in(mirror.Mirror(target, run))
        async with lease.kept(cluster, target, run, lambda _: None):
            yield
    finally:
        if [one.id for one in read(journal.path).pending] == [hold.id]:
            journal.mirror = None
            await asyncio.shield(undo(hold, journal))


async def _add(
    cluster: Cluster, target: Target, wanted: Wanted, service: Object, journal: Journal, say: Say
) -> None:
    intent = Intent("link", f"the link {wanted.name}", (link_step(target, wanted.name),), time.time() + LEASE)
    journal.intend(intent.id, intent.what, intent.steps, lease=intent.lease)
    try:
        await _make(cluster, target, wanted, service, say)
    except BaseException as error:
        proof = await asyncio.shield(undo(intent, journal))
        if not proof.holds:
            raise UndoError(
                f"the link {wanted.name} could not be added ({error}), nor taken away: {proof.evidence}; run "
                f"`standby recover --context {target.context} --namespace {target.namespace}`"
            ) from error
        if isinstance(error, StandbyError):
            raise WorldError(f"the link {wanted.name} could not be added, and is undone: {error}") from error
        raise
    journal.undone(intent.id, "it carries traffic and is meant to last; `standby link remove` takes it away")


async def _make(cluster: Cluster, target: Target, wanted: Wanted, service: Object, say: Say) -> None:
    answers = await link_sight.answers(target.service(wanted.service, wanted.port))
    for kind, one in objects(wanted, service):
        named = f"{one['kind']} {one['metadata']['name']}"
        await cluster.ask("POST", link_sight.api_path(target, kind), f"make the {named} in {target}", one)
        say(f"made {named}")
    await _until(f"{wanted.object_name} is ready", lambda: link_sight.not_ready(cluster, target, wanted))
    await _until("its Toxiproxy has its proxies", lambda: link_sight.not_listed(target, wanted, service))
    if wanted.swap:
        await _until(
            "there are pods behind it", lambda: link_sight.nobody_behind(cluster, target, wanted.behind)
        )
    at = target.service(wanted.object_name, listen_port(wanted.port))
    await _until("it answers as the service does", lambda: link_sight.mute(at, answers))
    if wanted.swap:
        path = f"{link_sight.api_path(target, 'services')}/{wanted.service}"
        what = f"turn the Service {wanted.service} of {target} to the link"
        await cluster.ask("PUT", path, what, turned(wanted, service))
        say(f"turned Service {wanted.service} to {wanted.object_name}")
        await _until(f"{wanted.service} leads to it", lambda: link_sight.not_turned(cluster, target, wanted))
        at = target.service(wanted.service, wanted.port)
        await _until(f"{wanted.service} answers as before", lambda: link_sight.mute(at, answers))
    how = (
        "it answers HTTP as before" if answers else "it speaks no HTTP, so only its endpoints were looked at"
    )
    say(f"the link {wanted.name} carries {wanted.service}:{wanted.port}: {how}")


async def _turn_back(cluster: Cluster, target: Target, name: str, link: str) -> str:
    """Give a Service back what it had and wait until it leads there; in words."""
    path = f"{link_sight.api_path(target, 'services')}/{name}"
    while True:
        service = await cluster.ask("GET", path, f"show the Service {name} of {target}")
        if not link_sight.turned_to(service, link):
            return f"the Service {name} was given back by somebody else"
        before, left = restored(service)
        try:
            await cluster.ask("PUT", path, f"give the Service {name} of {target} back what it had", before)
        except ConflictError:
            continue  # somebody else changed it in this moment: what they changed counts
        break
    await _until(
        f"{name} leads to the link no more", lambda: link_sight.still_turned(cluster, target, name, link)
    )
    told = f"the Service {name} is as it was"
    return f"{told} but for what somebody else has changed since: {'; '.join(left)}" if left else told


async def _delete(cluster: Cluster, target: Target, link: str) -> Sequence[str]:
    """Delete what a link is made of; the names of all that was there."""
    gone = []
    for kind in ("deployments", "services", "configmaps"):
        for one in await link_sight.listed(cluster, target, kind, f"{LINK}={link}"):
            name = one["metadata"]["name"]
            path = f"{link_sight.api_path(target, kind)}/{name}"
            background = {"propagationPolicy": "Background"}
            try:
                await cluster.ask("DELETE", path, f"delete {name} in {target}", background)
            except NotInClusterError:
                continue
            gone.append(f"{kind.removesuffix('s')} {name}")
    await _until("its pods are gone", lambda: link_sight.pods_left(cluster, target, link))
    return gone


async def _until(what: str, missing: Callable[[], Awaitable[str]]) -> None:
    await until_seen(what, missing, READY_WITHIN)
