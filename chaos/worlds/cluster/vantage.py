"""`There`: proofs made inside the cluster. An outpost probes the links; the callers' own sockets are read in their
pods.
"""

from __future__ import annotations

import asyncio
import ipaddress
import math
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pydantic import ValidationError

from chaos.clients import routes
from chaos.clients.cluster_objects import Pod, Service
from chaos.clients.probe import Answer, Question
from chaos.clients.prometheus import FiringAlert
from chaos.errors import ClientError, WorldError
from chaos.worlds.base import Ends, ProcessInfo, Proxy
from chaos.worlds.cluster.sight import Sight
from chaos.worlds.heard import Known
from chaos.worlds.outpost import PORT, SERVICE, TOKEN_HEADER, Asked, answers_of
from chaos.worlds.vantage import APART, AT_ONCE, end_of

TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
_LIVE = frozenset({"01", "04", "05", "08"})
"""The kernel's numbers of established connections and of those that one side has ended."""
NO_OUTPOST = (
    "there is no outpost in {target} from which a link could be probed; install it (`helm upgrade --install outpost "
    "charts/outpost --namespace …`), or give the fault a `proof:` of its own"
)
ALERTS_WITHIN = 3.0
"""Real seconds that the outpost gets to say which alerts fire."""
MARGIN = 10.0
"""Real seconds beyond what its probes may take that the outpost gets to answer."""


class There:
    """The namespace of a cluster."""

    def __init__(self, sight: Sight, token: str) -> None:
        self._sight = sight
        self._token = token

    @property
    def address(self) -> str:
        """The outpost's address."""
        return self._sight.target.service(SERVICE, PORT)

    async def probe(self, address: str, question: Question, count: int) -> list[Answer]:
        if not self._token:
            raise ClientError(NO_OUTPOST.format(target=self._sight.target))
        within = 2 * question.within * math.ceil(count / AT_ONCE) + APART * count + MARGIN
        url = f"{self.address}/probe"
        text = await self.tell("POST", url, Asked.of(address, question, count).model_dump_json(), within)
        return answers_of(text)

    async def firing(self) -> list[FiringAlert]:
        """The alerts that fire, as an Alertmanager has told the outpost. Raises ClientError where that is not known."""
        if not self._token:
            raise ClientError(NO_OUTPOST.format(target=self._sight.target))
        text = await self.tell("GET", f"{self.address}/alerts", "", ALERTS_WITHIN)
        try:
            known = Known.model_validate_json(text)
        except ValidationError as error:
            raise ClientError(
                f"the outpost at {self.address} answered with what are no alerts: {text[:200]}"
            ) from error
        if known.unknown:
            raise ClientError(
                f"the outpost at {self.address} does not know which alerts fire: {known.unknown}"
            )
        return [FiringAlert(one.name, one.labels) for one in known.firing]

    async def tell(self, method: str, url: str, body: str, within: float) -> str:
        """One request to the outpost. Raises ClientError."""
        import aiohttp  # heavy, and validating asks no server

        shown = {**routes.headers(url), TOKEN_HEADER: self._token}
        try:
            async with (
                routes.opened(url, within) as (session, real),
                session.request(method, real, data=body.encode(), headers=shown) as answer,
            ):
                text = await answer.text()
        except aiohttp.ClientConnectorError as error:
            raise routes.away(url, error) from error
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ClientError(f"the outpost at {self.address} did not answer: {error!r}") from error
        if (trouble := routes.trouble(url, answer.status, text)) is not None:
            raise trouble
        if answer.status >= 300:
            raise ClientError(f"the outpost at {self.address} answered {answer.status}: {text[:200]}")
        return text

    async def ends(self, caller: ProcessInfo, proxy: Proxy) -> Ends:
        """A caller's own sockets; where a Service was turned to the link, those at the callee's end as well.

        A connection from before that turn still goes straight to the callee, and to its caller looks like any other.
        """
        links, targets = self.addresses(proxy.listen), self.addresses(proxy.upstream)
        far = await self._far_ends(caller.pods)
        around = sum(end in targets for end in far)
        if len(self._alike(proxy.listen)) > 1:
            around += await self._at_the_callee(caller, proxy)
        return Ends(sum(end in links for end in far), around)

    async def _far_ends(self, pods: Iterable[str]) -> list[str]:
        """The far ends of all live connections of some pods."""
        namespace = self._sight.target.namespace
        tables = await asyncio.gather(
            *(self._sight.cluster.printed(namespace, pod, ("cat", *TABLES)) for pod in pods)
        )
        return [end for table in tables for end in far_ends(table)]

    async def _at_the_callee(self, caller: ProcessInfo, proxy: Proxy) -> int:
        """How many connections lead from a caller's pods straight into the callee's."""
        calling = {pod.ip for pod in self._sight.pods if pod.name in caller.pods}
        service = self.service(proxy.upstream)
        behind, port = self._sight.behind(service), int(proxy.upstream.rpartition(":")[2])
        namespace = self._sight.target.namespace
        tables = await asyncio.gather(
            *(self._sight.cluster.printed(namespace, pod.name, ("cat", *TABLES)) for pod in behind)
        )
        return sum(
            one.near == target_port(service, port, pod) and one.far.split()[0] in calling
            for pod, table in zip(behind, tables, strict=True)
            for one in connections(table)
        )

    def addresses(self, address: str) -> frozenset[str]:
        """Every end that a connection to a service's `name:port` may have: a pod of it, or the own address of it and of
        any other service that leads to the same port of the same pods.
        """
        found, port = self.service(address), int(address.rpartition(":")[2])
        ends = {end_of(pod.ip, target_port(found, port, pod)) for pod in self.pods_of(found)}
        for service in self._alike(address):
            ends |= {
                end_of(service.address, own)
                for own, target in service.targets.items()
                if service.address and target == found.targets.get(port, port)
            }
        return frozenset(ends)

    def pods_of(self, service: Service) -> list[Pod]:
        """The pods that a service means, ready or not."""
        wanted = service.selector.items()
        return [pod for pod in self._sight.pods if pod.ip and wanted <= pod.labels.items()]

    def _alike(self, address: str) -> list[Service]:
        """The services that lead to the same pods."""
        found = self.service(address)
        return [one for one in self._sight.services.values() if one.selector == found.selector]

    def service(self, address: str) -> Service:
        """The service of a `name:port`. Raises WorldError."""
        name = address.rpartition(":")[0].split(".")[0]
        service = self._sight.services.get(name)
        if service is None:
            raise WorldError(f"there is no service `{name}` in {self._sight.target}")
        return service


def target_port(service: Service, port: int, pod: Pod) -> int:
    """The port of a pod to which a port of a service leads."""
    target = service.targets.get(port, port)
    return target if isinstance(target, int) else pod.ports.get(target, port)


def far_ends(table: str) -> Iterator[str]:
    """The far ends of the live connections in the kernel's tables of TCP sockets."""
    return (one.far for one in connections(table))


@dataclass(frozen=True)
class Connection:
    """A live connection as its kernel tells it: the near port, the far end, and the bytes that nobody has read yet."""

    near: int
    far: str
    unread: int


def connections(table: str) -> Iterator[Connection]:
    """Every live connection in the kernel's tables of TCP sockets."""
    for line in table.splitlines():
        columns = line.split()
        if len(columns) > 4 and columns[0].endswith(":") and columns[3] in _LIVE:
            raw, _, port = columns[2].partition(":")
            near, unread = columns[1].rpartition(":")[2], columns[4].partition(":")[2]
            yield Connection(int(near, 16), end_of(_ip(raw), int(port, 16)), int(unread, 16))


def _ip(raw: str) -> str:
    """An address as the kernel prints it: words of four bytes, each in this machine's order."""
    words = [struct.pack("<I", int(raw[at : at + 8], 16)) for at in range(0, len(raw), 8)]
    return str(ipaddress.ip_address(b"".join(words)))
