"""This machine as the place from where proofs are made."""

from __future__ import annotations

import asyncio
import ipaddress
import socket

import psutil

from chaos.clients.probe import Answer, Question, ask
from chaos.clients.reach import reachable
from chaos.errors import WorldError
from chaos.worlds.base import Ends, ProcessInfo, Proxy

AT_ONCE = 40
"""Probes at a time."""
APART = 0.03
"""Real seconds between two new connections, unless the earlier one is answered sooner. A small service lets six wait
until it takes them; the kernel drops one more, which is tried again after a second, and may be that of a user."""

_LIVE = frozenset(
    {psutil.CONN_ESTABLISHED, psutil.CONN_CLOSE_WAIT, psutil.CONN_FIN_WAIT1, psutil.CONN_FIN_WAIT2}
)


class Here:
    """This machine: its own sockets."""

    async def probe(self, address: str, question: Question, count: int) -> list[Answer]:
        return await probe(address, question, count)

    async def ends(self, caller: ProcessInfo, proxy: Proxy) -> Ends:
        links, targets = await asyncio.gather(_addresses(proxy.listen), _addresses(proxy.upstream))
        try:
            return await asyncio.to_thread(_count, caller.pid, links, targets)
        except psutil.Error as error:
            raise WorldError(str(error)) from error


async def probe(address: str, question: Question, count: int) -> list[Answer]:
    """Ask `count` times from this machine, at most 40 at a time, on connections that are opened one after another."""
    gate, door = asyncio.Semaphore(AT_ONCE), asyncio.Lock()

    async def one() -> Answer:
        async with gate:
            async with door:
                asking = asyncio.create_task(ask(address, question))
                try:
                    await asyncio.wait({asking}, timeout=APART)
                except asyncio.CancelledError:
                    asking.cancel()
                    raise
            return await asking

    return list(await asyncio.gather(*(one() for _ in range(count))))


def _count(pid: int, links: frozenset[str], targets: frozenset[str]) -> Ends:
    if not pid:
        return Ends(0, 0)
    ends = [
        end_of(one.raddr.ip, one.raddr.port)
        for one in psutil.Process(pid).net_connections(kind="tcp")
        if one.status in _LIVE
    ]
    return Ends(sum(end in links for end in ends), sum(end in targets for end in ends))


def end_of(ip: str, port: int) -> str:
    """One end of a connection, the same for IPv4 and for IPv4 in IPv6's clothes."""
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
    return frozenset(end_of(str(entry[4][0]), port) for entry in found)
