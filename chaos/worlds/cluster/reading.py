"""Whether everybody at a link's connections reads, seen in the kernels of the pods at their ends.

A Toxiproxy's own pod has no program that could tell. But what it cannot get rid of lies in the receive queues of its
callers and its callees; and as each connection of a caller has one to a callee, a count of both shows whether all the
callers are seen.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from chaos.clients.cluster import Cluster
from chaos.clients.routes import Place
from chaos.errors import ClientError, WorldError
from chaos.worlds.cluster.sight import Sight
from chaos.worlds.cluster.target import Target
from chaos.worlds.cluster.vantage import TABLES, Connection, There, connections, target_port

WITHIN = 4.0
"""Real seconds in which the pods must have told; an undo does not wait for a pod on a lost node."""
LOOKS = 8
"""How often the queues are looked at while there is a suspicion."""
PAUSE = 0.1
"""Real seconds between two looks."""
HEAD = "local_address"
"""What stands above the kernel's table of sockets."""


async def unread(server: str, upstream: str, callers: Mapping[str, str]) -> int | None:
    """How many ends of some connections hold bytes that nobody takes; None where not all of them can be seen.

    `server` is a Toxiproxy's address in the cluster, `upstream` where its proxies lead, and `callers` the process that
    calls, for each address (`service:port`) at which one of these proxies is called.
    """
    if not callers:
        return None
    place, _ = Place.parse(server)
    target = Target("kubernetes", place.context, place.namespace)
    try:
        async with asyncio.timeout(WITHIN), Cluster(place.context) as cluster:
            sight = Sight(target, cluster, lambda *_, **__: None)
            await sight.look()
            return await _unread(_Ends.of(sight, place.name, upstream, callers))
    except (ClientError, WorldError, TimeoutError):
        return None


@dataclass(frozen=True)
class _Ends:
    """The pods at both ends: the callers', with the addresses that they call; the callees', with their ports."""

    sight: Sight
    callers: Mapping[str, frozenset[str]]
    callees: Mapping[str, int]
    own: frozenset[str]
    """The addresses of the Toxiproxy's pods."""

    @classmethod
    def of(cls, sight: Sight, service: str, upstream: str, callers: Mapping[str, str]) -> _Ends:
        """Raises WorldError for a Service or a caller that is not there."""
        there = There(sight, "")
        called: dict[str, frozenset[str]] = {}
        for listen, caller in callers.items():
            if caller not in sight.deployments:
                raise WorldError(f"there is no Deployment `{caller}` that calls {listen}")
            for pod in sight.pods_of(caller):
                called[pod.name] = called.get(pod.name, frozenset()) | there.addresses(listen)
        port = int(upstream.rpartition(":")[2])
        found = there.service(upstream)
        callees = {pod.name: target_port(found, port, pod) for pod in there.pods_of(found)}
        own = frozenset(pod.ip for pod in there.pods_of(there.service(f"{service}:0")))
        return cls(sight, called, callees, own)

    async def look(self) -> tuple[Mapping[str, int], int]:
        """Bytes that wait at each end; and how many more connections the callees have than the callers."""
        at_callers, at_callees = await asyncio.gather(self._tables(self.callers), self._tables(self.callees))
        into = [(pod, one) for pod, one in at_callers if one.far in self.callers[pod]]
        out = [
            (pod, one)
            for pod, one in at_callees
            if one.near == self.callees[pod] and one.far.split()[0] in self.own
        ]
        waiting = {f"{pod} {one.near} {one.far}": one.unread for pod, one in into + out if one.unread}
        return waiting, len(out) - len(into)

    async def _tables(self, names: Collection[str]) -> list[tuple[str, Connection]]:
        cluster, namespace = self.sight.cluster, self.sight.target.namespace
        tables = await asyncio.gather(*(cluster.printed(namespace, pod, ("cat", *TABLES)) for pod in names))
        if not all(HEAD in table for table in tables):
            raise ClientError(f"not all of the pods {', '.join(names)} show their connections")
        return [(pod, one) for pod, table in zip(names, tables, strict=True) for one in connections(table)]


async def _unread(ends: _Ends) -> int | None:
    if not ends.callees:
        return None
    stuck: Mapping[str, int] | None = None
    beyond: list[int] = []
    all_seen = False
    for number in range(LOOKS):
        if number:
            await asyncio.sleep(PAUSE)
        waiting, more = await ends.look()
        beyond.append(more)
        if stuck is not None:
            waiting = {key: size for key, size in waiting.items() if key in stuck and size >= stuck[key]}
        stuck = waiting
        all_seen = min(beyond) <= 0 <= max(beyond)  # connections come and go while the pods are looked at
        if all_seen and not stuck:
            return 0
    return len(stuck or ()) if all_seen else None
