"""Proof of path: the caller's own sockets lead to the link, and none leads around it."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Sequence
from dataclasses import dataclass

import psutil

from chaos.clients.reach import reachable
from chaos.errors import WorldError
from chaos.worlds.base import Proof, Proxy, World

WITHIN = 5.0
"""Real seconds after which no connection to the link counts as none."""
AT_LEAST = 0.5
"""Real seconds that are looked at in any case, for short connections around the link."""
PAUSE = 0.05
"""Real seconds between two looks."""

_LIVE = frozenset(
    {psutil.CONN_ESTABLISHED, psutil.CONN_CLOSE_WAIT, psutil.CONN_FIN_WAIT1, psutil.CONN_FIN_WAIT2}
)


@dataclass
class _Seen:
    """What was seen of one caller: the most connections at a time, through the link and around it."""

    pid: int = 0
    through: int = 0
    around: int = 0
    hidden: str = ""


async def prove(world: World, proxies: Sequence[Proxy], *, within: float = WITHIN) -> Proof:
    """Whether every caller of these proxies speaks through them and not straight to what is behind."""
    if not proxies:
        return Proof(None, "none of its proxies carries anything just now")
    seen = await asyncio.gather(*(_watch(world, proxy, within) for proxy in proxies))
    said = "; ".join(_told(proxy, one, within) for proxy, one in zip(proxies, seen, strict=True))
    if any(one.around for one in seen):
        return Proof(False, said)
    return Proof(True if all(one.through for one in seen) else None, said)


async def _watch(world: World, proxy: Proxy, within: float) -> _Seen:
    loop = asyncio.get_running_loop()
    begun = loop.time()
    links, targets = await asyncio.gather(_addresses(proxy.listen), _addresses(proxy.upstream))
    seen = _Seen()
    while True:
        try:
            seen.pid = world.process(proxy.caller).pid
            through, around = await asyncio.to_thread(_count, seen.pid, links, targets)
            seen.through, seen.around = max(seen.through, through), max(seen.around, around)
            seen.hidden = ""
        except (psutil.Error, WorldError) as error:
            seen.hidden = str(error)
        spent = loop.time() - begun
        if seen.around or spent >= within or (seen.through and spent >= AT_LEAST):
            return seen
        await asyncio.sleep(PAUSE)


def _told(proxy: Proxy, seen: _Seen, within: float) -> str:
    who = f"{proxy.caller} (pid {seen.pid})" if seen.pid else proxy.caller
    if seen.hidden:
        return f"the sockets of {who} cannot be seen: {seen.hidden}"
    if not seen.pid:
        return f"{who} is not running, so its sockets cannot be seen"
    text = f"{who} has {seen.through or 'no'} connections to the link at {proxy.listen}"
    if not seen.through:
        text += f" within {within:g} s"
    if seen.around:
        return f"{text}, and {seen.around} straight to {proxy.callee} at {proxy.upstream}, around the link"
    return f"{text} and none straight to {proxy.callee} at {proxy.upstream}"


def _count(pid: int, links: frozenset[str], targets: frozenset[str]) -> tuple[int, int]:
    """Connections of a process through the link and around it, now."""
    if not pid:
        return 0, 0
    ends = [
        _end(one.raddr.ip, one.raddr.port)
        for one in psutil.Process(pid).net_connections(kind="tcp")
        if one.status in _LIVE
    ]
    return sum(end in links for end in ends), sum(end in targets for end in ends)


def _end(ip: str, port: int) -> str:
    address = ipaddress.ip_address(ip)
    mapped = getattr(address, "ipv4_mapped", None)
    return f"{mapped or address} {port}"


async def _addresses(address: str) -> frozenset[str]:
    """Every end that a connection to `host:port` may have."""
    host, port = reachable(address)
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        return frozenset()
    return frozenset(_end(str(entry[4][0]), port) for entry in found)
