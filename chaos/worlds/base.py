"""What a world offers to the engine, to faults and to repairs, wherever it runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias, runtime_checkable

from chaos.experiment.system import link_variable
from chaos.proof import Proof as Proof
from chaos.undo.steps import UndoStep

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from chaos.clients.probe import Answer, Question

Told: TypeAlias = Callable[..., object]
"""Told of every start and end: `Record.event`, or anything that takes a name and fields."""
Locator: TypeAlias = Callable[[Mapping[str, str]], Sequence[str]]
"""Answers which processes a selector such as `room` means now."""


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

    On this machine `started` is the kernel's start time in clock ticks since boot (field 22 of /proc/PID/stat), which
    with `boot_id` tells a process from a later one with the same pid; `pid` is 0 when it is not running. In a cluster
    `pods` has the UIDs of the pods that serve it now, by their names, and `node` is that of the first. `health` is a
    URL.
    """

    name: str
    tier: str
    node: str
    pid: int
    started: int
    boot_id: str
    health: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    pods: Mapping[str, str] = field(default_factory=dict)

    @property
    def runs(self) -> bool:
        """Whether it is there to be spoken to."""
        return bool(self.pid or self.pods)

    @property
    def told(self) -> str:
        """Which one it is, for a reader: `pid 4711`, or the names of its pods."""
        return ", ".join(f"pod {name}" for name in self.pods) if self.pods else f"pid {self.pid}"


@dataclass(frozen=True)
class NodeInfo:
    """A node of a cluster as it is now; `refused` says why it may not be hurt, and is empty where it may."""

    name: str
    uid: str
    ready: bool
    refused: str
    processes: tuple[str, ...]
    """The processes of which a pod lives there."""


@dataclass(frozen=True)
class Ends:
    """How many connections a caller has now: `through` the link's address, and `around` it, straight to the callee."""

    through: int
    around: int


class Vantage(Protocol):
    """From where proofs are made: where a link's addresses mean something."""

    async def probe(self, address: str, question: Question, count: int) -> list[Answer]:
        """Ask `count` times, each on a connection of its own to `host:port`. Raises ClientError where nobody can."""

    async def ends(self, caller: ProcessInfo, proxy: Proxy) -> Ends:
        """The caller's connections through a proxy and around it. Raises WorldError where they cannot be seen."""


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

    @property
    def vantage(self) -> Vantage:
        """From where proofs are made."""

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


class RunWorld(World, Protocol):
    """What a whole run needs of its world, beyond what faults need."""

    @property
    def token(self) -> str:
        """What opens the control ports of the tiers."""

    @property
    def secret(self) -> str:
        """Where an undo step finds that token: a path, or an address in a cluster."""

    @property
    def prometheus(self) -> str:
        """The base URL of the world's own Prometheus; empty where it has none."""

    @property
    def tsdb(self) -> Path | None:
        """Where that Prometheus keeps its data on this machine; None where that is elsewhere, or nowhere."""

    def tell(self, told: Told) -> None:
        """Report every start and end of a process to `told` from now on."""

    def find_by(self, locator: Locator) -> None:
        """Let `locator` answer selectors that name more than instances, such as `room`."""

    def control(self, name: str) -> str:
        """The address under which every instance that serves a process is found, by a run and by an undo: the base URL
        of the one instance on this machine; in a cluster one that stands for its pods.
        """

    def arrivals(self, arrived: Callable[[str, str], None]) -> None:
        """Call `arrived` with the process and the base URL of every instance that appears without the run's doing."""

    def undo_start(self, name: str) -> UndoStep:
        """The undo of starting a process that had not run."""

    async def bring_node_back(self, node: str) -> Sequence[str]:
        """Have a lost node's processes run again, spares left out; their names. Raises WorldError for no such node."""

    def measured(self, run: str, measures: CollectorRegistry) -> AbstractAsyncContextManager[None]:
        """For the length of a block, let the world's own Prometheus have what a run says of itself."""
