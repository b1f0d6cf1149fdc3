"""Toxiproxy's proxies as links: their names, and links in the place of the addresses at which proxies listen."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from pydantic import JsonValue

from chaos.experiment.system import link_variable
from chaos.interchange.actions import NoEquivalentError

_LOOPBACK = ("localhost", "127.0.0.1", "0.0.0.0", "::1", "::", "")  # noqa: S104  compared with, not bound to
_ADDRESS = re.compile(r"(?<![\w.])(?P<host>[A-Za-z0-9.-]+|\[[0-9a-f:]+\]):(?P<port>\d{1,5}|@[\w-]+)(?!\d)")


@dataclass(frozen=True)
class Proxy:
    """A Toxiproxy proxy, as Toxiproxy's own configuration has it."""

    name: str
    listen: str
    upstream: str


@dataclass
class Links:
    """The proxies that an experiment makes or takes for granted, by name."""

    proxies: dict[str, Proxy] = field(default_factory=dict)

    def add(self, proxy: Proxy) -> None:
        """One more. Raises NoEquivalentError for one that can be no link."""
        taken = {name for known in self.proxies for name in (link_name(known), server_name(known))}
        if not re.fullmatch(r"[^\s:/]+:[0-9]{1,5}", proxy.upstream) or not link_name(proxy.name):
            raise NoEquivalentError(
                f"the proxy {proxy.name!r} leads to {proxy.upstream!r}, which is no HOST:PORT"
            )
        if proxy.name not in self.proxies and {link_name(proxy.name), server_name(proxy.name)} & taken:
            raise NoEquivalentError(f"another proxy has almost the same name as {proxy.name!r}")
        self.proxies[proxy.name] = proxy

    def over(self, value: JsonValue) -> JsonValue:
        """With links in the place of the addresses at which proxies listen."""
        if isinstance(value, dict):
            return {key: self.over(below) for key, below in value.items()}
        if isinstance(value, list):
            return [self.over(below) for below in value]
        return _ADDRESS.sub(self._at, value) if isinstance(value, str) else value

    def _at(self, found: re.Match[str]) -> str:
        host = found["host"].strip("[]")
        for name, proxy in self.proxies.items():
            at, _, port = proxy.listen.rpartition(":")
            near = host == at or (host in _LOOPBACK and at.strip("[]") in _LOOPBACK)
            if found["port"] == port and near:
                return f"${link_variable(link_name(name))}"
        return found[0]


def link_name(name: str) -> str:
    """The link of a proxy."""
    return re.sub(r"[^a-z0-9-]+", "-", name.lower()).strip("-")[:30]


def server_name(name: str) -> str:
    """The tier to which a proxy leads."""
    return f"{link_name(name)}-server"
