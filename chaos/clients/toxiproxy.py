"""A Toxiproxy server, with its traps shut out.

The server validates nothing and hangs for good when a toxic is added or removed while somebody does not read
(its issue 558). So every write is read back, every call is bounded, and `remove_toxic` tells when connections
must be dropped.
"""

from __future__ import annotations

import asyncio
import errno
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeVar
from urllib.parse import quote

from chaos.clients import routes
from chaos.clients.send_queues import stuck
from chaos.errors import ApiAwayError, ClientError, ServerGoneError

if TYPE_CHECKING:
    import toxiproxy
    import toxiproxy.toxic

TIMEOUT = 5.0
"""Real seconds that one call may take."""
CLUSTER_TIMEOUT = 10.0
"""The same for a server that is reached through a cluster's API server."""
SETTLE = 0.1
"""Real seconds that the server gets to forget the connections of a proxy that was just disabled, or to hand on what a
toxic held back."""
LONGEST_WAIT = 5.0
"""Real seconds for which a shut proxy is left alone at most before its toxic is removed."""
SLICE = 0.1
"""Real seconds after which a bandwidth toxic hands on the next part of what it holds back."""

Direction = Literal["upstream", "downstream"]
Number = int | float
T = TypeVar("T")

Unread = Callable[["ProxyState"], Awaitable[int | None]]
"""How many connections of an open proxy hold bytes that nobody takes; None where that cannot be seen."""


class NotThereError(ClientError):
    """The server answers, and has no such proxy or toxic."""


class HungError(ClientError):
    """The server takes the question and does not answer in time."""


@dataclass(frozen=True)
class Toxic:
    """A toxic as the server holds it; `attributes` are in Toxiproxy's own units (ms, KB/s, bytes, µs)."""

    name: str
    type: str
    stream: Direction = "downstream"
    toxicity: float = 1.0
    attributes: Mapping[str, Number] = field(default_factory=dict)

    def same(self, other: Toxic) -> bool:
        """Whether the server's toxic is the one that was asked for (it keeps the toxicity with 24 bits)."""
        return (
            (self.name, self.type, self.stream) == (other.name, other.type, other.stream)
            and math.isclose(self.toxicity, other.toxicity, rel_tol=1e-6)
            and all(other.attributes.get(key) == value for key, value in self.attributes.items())
        )

    @property
    def holds_back(self) -> float:
        """Real seconds for which it holds a piece of data back at most."""
        told = self.attributes.get
        if self.type == "latency":
            return (told("latency", 0) + told("jitter", 0)) / 1e3
        if self.type == "slicer":
            return told("delay", 0) / 1e6
        return SLICE if self.type == "bandwidth" else 0.0

    def __str__(self) -> str:
        inside = ", ".join(f"{key} {value}" for key, value in self.attributes.items())
        share = "" if self.toxicity == 1 else f", toxicity {self.toxicity:g}"
        return f"{self.type}({inside}) {self.stream}{share}"


@dataclass(frozen=True)
class ProxyState:
    """A proxy as the server has it now; the addresses are `host:port`."""

    name: str
    listen: str
    upstream: str
    enabled: bool


@dataclass(frozen=True)
class Removal:
    """What it took to remove a toxic. `dropped` says why connections had to be dropped and is empty when none
    were.
    """

    found: bool
    dropped: str = ""

    def __str__(self) -> str:
        if not self.found:
            return "it was not there"
        return (
            f"removed, connections dropped ({self.dropped})" if self.dropped else "removed, connections kept"
        )


class Toxiproxy:
    """One Toxiproxy server.

    Every method raises ClientError, which tells the server, what was asked, what came back and what to do;
    NotThereError and ServerGoneError are the two cases that an undo may take for success. No call takes
    longer than `timeout` real seconds; `remove_toxic`, `add_toxic` and `set_enabled` are a handful of calls.
    """

    def __init__(self, server: str, *, timeout: float | None = None, unread: Unread | None = None) -> None:
        """`server` is the base URL of the API, e.g. `http://127.0.0.1:8474`, or an address in a cluster.

        `unread` looks at the ends of its connections where this machine's kernel cannot.
        """
        from chaos.clients.toxiproxy_library import Consumer, Library  # heavy, and validating needs no server

        self.server = server.rstrip("/")
        self._timeout = timeout or (CLUSTER_TIMEOUT if routes.is_cluster(server) else TIMEOUT)
        self._library = Library(Consumer(self.server, self._timeout))
        self._unread = unread or self._unread_here

    async def version(self) -> str:
        """The server's version, e.g. `2.12.0`."""
        return await self._call("tell its version", self._library.version)

    async def proxies(self) -> Mapping[str, ProxyState]:
        """All proxies by name."""
        return await self._call(
            "list its proxies",
            lambda: {name: _state(proxy) for name, proxy in self._library.proxies().items()},
        )

    async def proxy(self, name: str) -> ProxyState:
        """One proxy. Raises NotThereError."""
        return await self._call(f"show the proxy {name}", lambda: _state(self._library.proxy(name)))

    async def create_proxy(
        self, name: str, listen: str, upstream: str, *, enabled: bool = True
    ) -> ProxyState:
        """Make a proxy; `listen` may end in `:0`, the answer then has the real port."""
        _addressable(name)
        return await self._call(
            f"create the proxy {name} ({listen} -> {upstream})",
            lambda: _state(
                self._library.server.create(name=name, listen=listen, upstream=upstream, enabled=enabled)
            ),
        )

    async def delete_proxy(self, name: str) -> bool:
        """Delete a proxy and its connections; False when there was none."""
        try:
            await self._call(f"delete the proxy {name}", lambda: self._library.named(name).destroy())
        except NotThereError:
            return False
        return True

    async def set_enabled(self, name: str, enabled: bool) -> None:
        """Open or shut a proxy (shutting drops its connections); its answer is the proxy as it is then."""
        what = f"{'enable' if enabled else 'disable'} the proxy {name}"
        if (await self._call(what, lambda: self._library.set_enabled(name, enabled))) is not enabled:
            raise ClientError(
                f"Toxiproxy at {self.server} was asked to {what} and says it did, but the proxy is "
                f"{'shut' if enabled else 'open'}; is another program changing it, or using its port?"
            )

    async def toxics(self, proxy: str) -> Mapping[str, Toxic]:
        """The toxics of a proxy by name. Raises NotThereError when there is no such proxy."""
        return await self._call(
            f"list the toxics of {proxy}",
            lambda: {name: _toxic(toxic) for name, toxic in self._library.named(proxy).toxics().items()},
        )

    async def add_toxic(self, proxy: str, toxic: Toxic) -> None:
        """Add a toxic and read it back; the server takes nonsense without a word, so a difference is an error.

        Connections are kept, unless the kernel shows that somebody does not read, or the API hangs all the same.
        """
        _addressable(toxic.name)
        state = await self.proxy(proxy)
        toxics = await self.toxics(proxy)
        unread = await self._unread(state) if state.enabled else 0
        try:
            async with self._shut_while(state, f"{unread} of them not being read" if unread else ""):
                await self._add(proxy, toxic)
        except HungError as error:
            await self._remake(state, [*toxics.values(), toxic], error)

    async def _add(self, proxy: str, toxic: Toxic) -> None:
        what = f"add the toxic {toxic.name} to {proxy}: {toxic}"
        await self._call(
            what,
            lambda: self._library.named(proxy).add_toxic(
                name=toxic.name,
                type=toxic.type,
                stream=toxic.stream,
                toxicity=toxic.toxicity,
                attributes=dict(toxic.attributes),
            ),
        )
        held = (await self.toxics(proxy)).get(toxic.name)
        if held is None or not toxic.same(held):
            raise ClientError(
                f"Toxiproxy at {self.server} was asked to {what}, and holds {held or 'none'} instead; "
                "is its version 2.12, and is nobody else changing this proxy?"
            )

    async def remove_toxic(self, proxy: str, name: str) -> Removal:
        """Remove a toxic; the proxy is afterwards open or shut as it was, its other toxics as they were.

        Plain removal loses nothing that is under way, but makes the whole API hang for good when somebody does not
        read what the toxic hands on. So an open proxy is shut meanwhile, which drops its connections, unless that
        cannot be: everybody is seen to read, or the toxic hands nothing on (`timeout`, which ends those it met). A
        `reset_peer` is removed from a shut proxy in any case: what it met would still be reset when it ends.
        When the API hangs all the same, the proxy is deleted and made again; in a cluster that is HungError, to be
        tried again. Raises NotThereError when there is no such proxy.
        """
        state = await self.proxy(proxy)
        toxics = await self.toxics(proxy)
        if name not in toxics:
            return Removal(found=False)
        ends = state.enabled and toxics[name].type == "timeout"
        shut = await self._why_shut(state, toxics[name]) if state.enabled else ""
        dropped = shut or ("a timeout toxic ends those that it met" if ends else "")
        try:
            async with self._shut_while(state, shut, toxics[name].holds_back):
                if state.enabled and not dropped:
                    await self._let_through(proxy, name)
                await self._delete_toxic(proxy, name)
        except HungError as error:
            await self._remake(state, [toxic for toxic in toxics.values() if toxic.name != name], error)
            dropped = "the API hung, the proxy was made again"
        await self._seen_gone(proxy, name)  # once callers get through again
        return Removal(found=True, dropped=dropped)

    async def _let_through(self, proxy: str, name: str) -> None:
        """Have a toxic hand on at once what it holds back.

        A removal hands that on itself, and waits 5 s for each piece of it that was for a caller who has left.
        """
        with suppress(NotThereError):
            await self._call(
                f"end the toxic {name} on {proxy}", lambda: self._library.let_through(proxy, name)
            )
            await asyncio.sleep(SETTLE)

    async def _delete_toxic(self, proxy: str, name: str) -> None:
        try:
            await self._call(
                f"remove the toxic {name} from {proxy}",
                lambda: self._library.named(proxy).destroy_toxic(quote(name, safe="")),
            )
        except NotThereError:
            await self.proxy(proxy)

    async def _seen_gone(self, proxy: str, name: str) -> None:
        if name in await self.toxics(proxy):
            raise ClientError(
                f"Toxiproxy at {self.server} says that it removed the toxic {name} from {proxy}, "
                "and still has it; restart that server"
            )

    async def _unread_here(self, state: ProxyState) -> int | None:
        if routes.is_cluster(self.server):
            return None
        return await stuck(_port(state.listen), _port(state.upstream))

    async def _why_shut(self, state: ProxyState, toxic: Toxic) -> str:
        """Why a toxic must not be removed from an open proxy; empty when it may."""
        if toxic.type == "reset_peer":
            return "those that a reset_peer toxic met would be reset later"
        if toxic.type == "timeout" and toxic.toxicity == 1:
            return ""
        unread = await self._unread(state)
        if unread is None:
            return "whether everybody reads cannot be seen from here"
        return f"{unread} of them not being read" if unread else ""

    @asynccontextmanager
    async def _shut_while(self, state: ProxyState, why: str, held_back: float = 0.0) -> AsyncIterator[None]:
        """Keep a proxy shut during a change if there is a reason to; it is open again whatever happens.

        `held_back`: the server notices that a connection is gone only when it hands on what a toxic holds back, and a
        removal that comes first waits 5 s for each piece of it.
        """
        async with AsyncExitStack() as stack:
            if why and state.enabled:
                stack.push_async_callback(self.set_enabled, state.name, True)
                await self.set_enabled(state.name, False)
                await asyncio.sleep(SETTLE + min(held_back, LONGEST_WAIT))
            yield

    async def _remake(self, state: ProxyState, toxics: list[Toxic], cause: HungError) -> None:
        """Delete a proxy and make it again, with these toxics; raises the cause where that would do more harm.

        In a cluster a proxy hangs for as long as it dials a callee whose node is dead; to delete it meanwhile would
        have the whole server wait with it.
        """
        if routes.is_cluster(self.server):
            raise cause
        try:
            await self.delete_proxy(state.name)
            await self.create_proxy(state.name, state.listen, state.upstream, enabled=state.enabled)
            for toxic in toxics:
                await self._add(state.name, toxic)
        except ApiAwayError:
            raise  # it comes back, and then it is tried again
        except ClientError as error:
            raise ClientError(
                f"Toxiproxy at {self.server} hangs and cannot be used any more: first {cause}; then {error}; "
                f"restart that server (a restart forgets all toxics) with the proxy {state.name} "
                f"({state.listen} -> {state.upstream})"
            ) from cause

    async def _call(self, what: str, work: Callable[[], T]) -> T:
        """Run a blocking piece of the library on a thread, for a bounded time; its errors become ours."""
        import requests
        import toxiproxy.exceptions

        asked = f"Toxiproxy at {self.server} was asked to {what}"
        try:
            async with asyncio.timeout(self._timeout):
                return await asyncio.to_thread(work)
        except requests.ConnectionError as error:
            if routes.is_cluster(self.server):
                raise routes.away(self.server, error) from error
            if isinstance(error, requests.Timeout):
                raise self._hung(asked) from error
            if _refused(error):
                raise ServerGoneError(f"{asked}, but nothing listens there; is it running?") from error
            raise ClientError(
                f"{asked}, and the connection failed: {error}; is that address a Toxiproxy?"
            ) from error
        except (TimeoutError, requests.Timeout) as error:
            if routes.is_cluster(self.server) and not await asyncio.to_thread(routes.answers, self.server):
                raise routes.away(self.server, error) from error
            raise self._hung(asked) from error
        except toxiproxy.exceptions.NotFound as error:
            raise NotThereError(
                f"{asked}, which it does not have; was it restarted, or changed by hand?"
            ) from error
        except toxiproxy.exceptions.ProxyExists as error:
            raise ClientError(
                f"{asked}, but it is there already; does another run use this server?"
            ) from error
        except toxiproxy.exceptions.InvalidToxic as error:
            raise ClientError(f"{asked}, and refused: {_said(error)}; is its version 2.12?") from error
        except requests.HTTPError as error:
            body = " ".join(error.response.text.split())[:200]
            raise ClientError(
                f"{asked}, and answered {error.response.status_code}: {body or 'nothing more'}; see its log"
            ) from error
        except (requests.RequestException, KeyError, TypeError, ValueError, AttributeError) as error:
            raise ClientError(
                f"{asked}, and its answer makes no sense ({type(error).__name__}: {error}); "
                "is that address a Toxiproxy?"
            ) from error

    def _hung(self, asked: str) -> HungError:
        return HungError(
            f"{asked}, and did not answer within {self._timeout:g} s; it hangs when somebody on its "
            "connections does not read: restart it if that lasts"
        )


def _state(proxy: toxiproxy.Proxy) -> ProxyState:
    return ProxyState(str(proxy.name), str(proxy.listen), str(proxy.upstream), bool(proxy.enabled))


def _toxic(toxic: toxiproxy.toxic.Toxic) -> Toxic:
    stream: Direction = "upstream" if toxic.stream == "upstream" else "downstream"
    return Toxic(str(toxic.name), str(toxic.type), stream, float(toxic.toxicity), dict(toxic.attributes))


def _addressable(name: str) -> None:
    if not name or "/" in name or name in {".", ".."}:
        raise ClientError(
            f"Toxiproxy cannot address a proxy or toxic called `{name}`; use a name without `/`"
        )


def _port(address: str) -> int:
    port = address.rpartition(":")[2]
    if not port.isdigit():
        raise ClientError(f"`{address}` has no port; Toxiproxy's addresses are HOST:PORT")
    return int(port)


def _said(error: Exception) -> str:
    said = error.args[0] if error.args else b""
    return said.decode(errors="replace").strip()[:200] if isinstance(said, bytes) else str(said)[:200]


def _refused(error: BaseException | None) -> bool:
    """Whether a refused connection is at the bottom of an error of requests (urllib3 wraps it twice)."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, OSError) and error.errno == errno.ECONNREFUSED:
            return True
        reason = getattr(error, "reason", None)
        inner = (
            reason
            if isinstance(reason, BaseException)
            else next((arg for arg in error.args if isinstance(arg, BaseException)), None)
        )
        error = inner or error.__cause__ or error.__context__
    return False
