"""Whether every link carries requests again, and seeing to it that it does.

A Toxiproxy server dials in its accept loop and without a time-out: a dial to the address of a pod that is gone keeps a
proxy for up to two minutes, long after the node is back. Shutting the proxy would wait for that same loop. So a server
of which a proxy stands still for a while although its callee answers, and which carries no toxic that could be lost, is
started anew; any other is waited for: connections that somebody has would be lost for nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from chaos.clients.probe import Question
from chaos.clients.routes import Place
from chaos.clients.toxiproxy import Toxiproxy
from chaos.errors import ClientError, WorldError
from chaos.worlds.base import Proxy
from chaos.worlds.cluster.layout import links_of
from chaos.worlds.cluster.sight import Sight
from chaos.worlds.cluster.vantage import There

ANSWERED_WITHIN = 2.0
"""Real seconds in which a link must answer a request."""
PATIENCE = 8.0
"""Real seconds for which a link may stand still in every look before its server is started anew."""
LOOK_EVERY = 0.5


async def until_all_carry(sight: Sight, token: str, within: float) -> str:
    """Wait until every link carries requests; in words, what it took. Raises WorldError after `within` real seconds."""
    anew, since = set[str](), dict[str, float]()
    left = "the links could not be looked at"
    try:
        async with asyncio.timeout(within):
            while True:
                try:
                    standing = await standing_still(sight, token)
                    if not standing:
                        return "every link carries requests" + _told(anew)
                    left, now = ", ".join(proxy.name for proxy in standing), time.monotonic()
                    since = {proxy.name: since.get(proxy.name, now) for proxy in standing}
                    long = [proxy for proxy in standing if now - since[proxy.name] >= PATIENCE]
                    for proxy in long:
                        if proxy.server not in anew and await _answers(There(sight, token), proxy.upstream):
                            anew |= await _start_anew(sight, proxy.server)
                except ClientError as error:
                    left, since = str(error), {}
                await asyncio.sleep(LOOK_EVERY)
    except TimeoutError:
        raise WorldError(f"not every link carries requests after {within:g} s: {left}") from None


async def carried(sight: Sight, token: str, within: float) -> str:
    """Wait a bounded time until every link carries requests; in words, what became of that."""
    try:
        return await until_all_carry(sight, token, within)
    except WorldError as error:
        return str(error)


def _told(anew: set[str]) -> str:
    names = sorted(Place.parse(server)[0].name for server in anew)
    return f" ({', '.join(names)} stood still and was started anew)" if names else ""


async def standing_still(sight: Sight, token: str) -> Sequence[Proxy]:
    """The proxies through which nothing is answered, though what is behind them runs; empty when all carry.

    Those that are shut or carry a toxic are left out: a fault of their own holds them. Raises ClientError.
    """
    await sight.look()
    there = There(sight, token)
    proxies = [
        proxy
        for link in (await links_of(sight, lambda _link, instance: (instance, instance), None)).values()
        for proxy in link.proxies
        if sight.behind(sight.services[proxy.upstream.rpartition(":")[0]])
    ]
    carrying = await asyncio.gather(
        *(_carries(there, proxy.server, proxy.name, proxy.listen) for proxy in proxies)
    )
    return [proxy for proxy, carries in zip(proxies, carrying, strict=True) if not carries]


async def _start_anew(sight: Sight, server: str) -> set[str]:
    """Start a Toxiproxy server anew if nothing would be lost by it; the server, or nothing where it was let be."""
    client = Toxiproxy(server)
    for name, state in (await client.proxies()).items():
        if not state.enabled or await client.toxics(name):
            return set()
    instance = Place.parse(server)[0].name
    for pod in sight.of(instance):
        await sight.cluster.delete_pod(sight.target.namespace, pod, grace=0)
    return {server}


async def _carries(there: There, server: str, name: str, listen: str) -> bool:
    client = Toxiproxy(server)
    if not (await client.proxy(name)).enabled or await client.toxics(name):
        return True
    return await _answers(there, listen)


async def _answers(there: There, address: str) -> bool:
    (answer,) = await there.probe(address, Question("/healthz", ANSWERED_WITHIN), 1)
    return answer.end == "answered"
