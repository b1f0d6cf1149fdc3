"""Undo of what was done to proxies: the same steps serve the run, `standby recover` and the guardian.

While `down` holds a proxy shut, a `noop` toxic with the fault's name stands on it as a mark, so that the
removal of another fault's toxic meanwhile does not open it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

from chaos.clients import routes
from chaos.clients.toxiproxy import HungError, NotThereError, Toxic, Toxiproxy, Unread
from chaos.errors import ServerGoneError
from chaos.record import Json
from chaos.undo.steps import STEP_BOUND, Args, UndoStep, undoes
from chaos.worlds.base import Proof, Proxy

MARK = "noop"
HANGS_FOR = 140.0
"""Real seconds that a proxy in a cluster may hang: it dials a callee whose node is dead as long as the kernel tries,
127 s at Linux's default, and cannot be shut or opened meanwhile."""
PAUSE = 1.0
"""Real seconds between two tries of a proxy that hangs."""


def toxic_step(proxy: Proxy, toxic: str, *, enabled: bool, beside: Sequence[Proxy] = ()) -> UndoStep:
    """Removes a toxic; `enabled` is whether the proxy was open before, which it then is again.

    `beside` are the proxies of the same server that lead to the same callee, itself among them: in a cluster the undo
    looks in the pods of all their callers whether everybody reads.
    """
    args: dict[str, Json] = {
        "server": proxy.server, "proxy": proxy.name, "toxic": toxic, "enabled": enabled,
    }  # fmt: skip
    if routes.is_cluster(proxy.server):
        args |= {"upstream": proxy.upstream, "callers": {one.listen: one.caller for one in beside}}
    return UndoStep("toxic", args)


def open_step(proxy: Proxy, mark: str) -> UndoStep:
    """Opens a proxy again that was shut under the name `mark`."""
    return UndoStep(
        "proxy_enabled", {"server": proxy.server, "proxy": proxy.name, "enabled": True, "mark": mark}
    )


@undoes("toxic", within=HANGS_FOR + STEP_BOUND)
async def remove_toxic(args: Args) -> Proof:
    """Remove a toxic of ours, and open the proxy again if a removal that was cut off left it shut."""
    return await _patiently(_remove_toxic, args)


@undoes("proxy_enabled", within=HANGS_FOR + STEP_BOUND)
async def open_again(args: Args) -> Proof:
    """Open a proxy that a fault of ours shut, unless another one still holds it."""
    return await _patiently(_open_again, args)


async def _patiently(work: Callable[[Args], Awaitable[Proof]], args: Args) -> Proof:
    """Try again while a server in a cluster hangs; on this machine one that hangs does so for good."""
    until = time.monotonic() + HANGS_FOR
    while True:
        try:
            return await work(args)
        except HungError:
            if not routes.is_cluster(str(args["server"])) or time.monotonic() > until:
                raise
        await asyncio.sleep(PAUSE)


async def _remove_toxic(args: Args) -> Proof:
    server, proxy, toxic = (str(args[key]) for key in ("server", "proxy", "toxic"))
    client = Toxiproxy(server, unread=_seen_in_pods(args))
    try:
        removal = await client.remove_toxic(proxy, toxic)
        if args.get("enabled") and not (await client.proxy(proxy)).enabled and not await _held(client, proxy):
            await client.set_enabled(proxy, True)
    except (NotThereError, ServerGoneError) as gone:
        return Proof(True, f"the toxic {toxic} is gone with what it was on: {gone}")
    return Proof(True, f"the toxic {toxic} on {proxy}: {removal}")


def _seen_in_pods(args: Args) -> Unread | None:
    """How the undo of a proxy in a cluster sees who does not read; None for what this machine sees itself."""
    server, upstream, callers = str(args["server"]), args.get("upstream"), args.get("callers")
    if not routes.is_cluster(server) or not isinstance(callers, Mapping):
        return None
    from chaos.worlds.cluster.reading import unread  # with a cluster's client, which other worlds do not load

    called = {listen: str(caller) for listen, caller in callers.items()}
    return lambda _state: unread(server, str(upstream), called)


async def _open_again(args: Args) -> Proof:
    server, proxy, mark = (str(args[key]) for key in ("server", "proxy", "mark"))
    client = Toxiproxy(server)
    try:
        await client.remove_toxic(proxy, mark)
        if holder := await _held(client, proxy):
            return Proof(True, f"the proxy {proxy} is left shut: {holder} holds it")
        if (await client.proxy(proxy)).enabled:
            return Proof(True, f"the proxy {proxy} is open")
        await client.set_enabled(proxy, True)
    except (NotThereError, ServerGoneError) as gone:
        return Proof(True, f"there is nothing left to open: {gone}")
    return Proof(True, f"the proxy {proxy} is open again")


async def shut(proxy: Proxy, mark: str) -> None:
    """Shut a proxy under a name. Raises ClientError."""
    client = Toxiproxy(proxy.server)
    await client.set_enabled(proxy.name, False)
    await client.add_toxic(proxy.name, Toxic(mark, MARK))


async def _held(client: Toxiproxy, proxy: str) -> str:
    """The name of a fault that holds a proxy shut, if one does."""
    return next((toxic.name for toxic in (await client.toxics(proxy)).values() if toxic.type == MARK), "")
