"""What a world offers to the engine, to faults and to repairs, wherever it runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from chaos.experiment.system import link_variable
from chaos.proof import Proof as Proof


@dataclass(frozen=True)
class Proxy:
    """One Toxiproxy proxy of a link.

    `server` is the base URL of the Toxiproxy API that owns it; `listen` and `upstream` are `host:port`; `caller` and
    `callee` name the processes (or services) at its two ends.
    """

    name: str
    server: str
    listen: str
    upstream: str
    caller: str
    callee: str
    idle: bool = False
    """Whether one of its ends does not run or stands still (a spare, or the victim of another fault): nothing can be
    seen there."""


@dataclass(frozen=True)
class Link:
    """A named network path that Toxiproxy carries.

    `probe` is an HTTP path that the callee answers quickly; `payload`, if any, one that answers `{bytes}` bytes. Both
    serve to show the effect of a fault. A link with `probe=None` does not speak HTTP.
    """

    name: str
    proxies: tuple[Proxy, ...]
    probe: str | None = "/healthz"
    payload: str | None = None


def link_addresses(links: Mapping[str, Link]) -> dict[str, str]:
    """The address (`host:port`) of each link by its variable, e.g. `LINK_API_TO_DB`; of several the first."""
    return {link_variable(name): link.proxies[0].listen for name, link in links.items() if link.proxies}


@dataclass(frozen=True)
class ProcessInfo:
    """A process of a world, as it is now.

    `started` is the kernel's start time in clock ticks since boot (field 22 of /proc/PID/stat), which with `boot_id`
    tells a process from a later one with the same pid. `pid` is 0 when it is not running. `health` is a URL.
    """

    name: str
    tier: str
    node: str
    pid: int
    started: int
    boot_id: str
    health: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)


@runtime_checkable
class World(Protocol):
    """Where a run happens."""

    name: str
    """`local`, `kind` or `kubernetes`."""

    @property
    def links(self) -> Mapping[str, Link]:
        """The links by name."""

    @property
    def state(self) -> str:
        """The path or address under which recovery finds this world again."""

    def processes(self) -> Sequence[ProcessInfo]:
        """The processes that faults may touch, running or not; never the world's own measuring instruments."""

    def process(self, name: str) -> ProcessInfo:
        """One process by name. Raises WorldError for a name that is not there."""

    async def start_process(self, name: str) -> ProcessInfo:
        """Start a process that is not running (or is stopped) and wait until it is ready; at once if it already is."""

    async def end_process(self, name: str, *, grace: float) -> None:
        """End a process, paused or not: SIGTERM, then SIGKILL after `grace` real seconds (0: SIGKILL at once)."""

    async def locate(self, select: Mapping[str, str]) -> Sequence[str]:
        """The names of the processes that a selector (`room`, `instance`, a label) means just now."""
