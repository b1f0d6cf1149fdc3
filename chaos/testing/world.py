"""A world for tests: the links and processes that it is given, and a note of what was asked of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from chaos.clients.processes import identify
from chaos.errors import WorldError
from chaos.worlds.base import Link, ProcessInfo, Vantage
from chaos.worlds.vantage import Here


@dataclass
class FakeWorld:
    """A `chaos.worlds.base.World` made of plain data.

    Give it `links` and `processes`; `run` says that a process runs with a pid of this machine. `rooms` tells `locate`
    which processes a selector's value means. `asked` collects `start NAME` and `end NAME`.
    """

    name: str = "local"
    state: str = ""
    link_list: Sequence[Link] = ()
    infos: dict[str, ProcessInfo] = field(default_factory=dict)
    rooms: dict[str, Sequence[str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    vantage: Vantage = field(default_factory=Here)

    @property
    def links(self) -> Mapping[str, Link]:
        return {link.name: link for link in self.link_list}

    def run(
        self, name: str, pid: int, *, tier: str = "media", node: str = "", health: str | None = None
    ) -> ProcessInfo:
        """Let a process of this machine be one of this world."""
        identity = identify(pid)
        if identity is None:
            raise WorldError(f"no process has the pid {pid}")
        self.infos[name] = ProcessInfo(name, tier, node, pid, identity.started, identity.boot_id, health)
        return self.infos[name]

    def processes(self) -> Sequence[ProcessInfo]:
        return [self.process(name) for name in self.infos]

    def process(self, name: str) -> ProcessInfo:
        info = self.infos.get(name)
        if info is None:
            raise WorldError(
                f"no process `{name}` in this world; there are {', '.join(self.infos) or 'none'}"
            )
        now = identify(info.pid) if info.pid else None
        if now is None or now.started != info.started:
            return replace(info, pid=0, started=0, boot_id="")
        return info

    async def start_process(self, name: str) -> ProcessInfo:
        self.asked.append(f"start {name}")
        return self.process(name)

    async def end_process(self, name: str, *, grace: float) -> None:
        self.asked.append(f"end {name} within {grace:g}")

    async def locate(self, select: Mapping[str, str]) -> Sequence[str]:
        return [name for value in select.values() for name in self.rooms.get(value, ())]
