"""A user's own services under test: loaded by a command, repaired by restarts and by commands of the user's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from chaos.clients.commands import run_command
from chaos.errors import WorldError
from chaos.experiment.system import GENERIC_REPAIRS, RepairSection, SystemSection
from chaos.proof import Proof
from chaos.record import Json
from chaos.services.load import Load
from chaos.worlds.base import RunWorld, link_addresses
from chaos.worlds.system import Figure, Goal, Repaired

TARGET = "STANDBY_TARGET"


class ServicesSystem:
    """One's own services in a world; see `chaos.worlds.system.System`."""

    def __init__(
        self,
        system: SystemSection,
        load: Load,
        world: RunWorld,
        *,
        home: Path,
    ) -> None:
        """`home` is the document's folder, in which its commands run."""
        self._system = system
        self._load = load
        self._world = world
        self._home = home
        world.find_by(self.locate)

    async def configure(self) -> Proof:
        return Proof(True, "services of one's own are taken as they are")

    async def begin(self) -> None:
        await self._load.begin()

    async def follow(self) -> None:
        return

    def goals(self, room: str | None = None) -> Sequence[Goal]:
        return ()

    def figures(self) -> Sequence[Figure]:
        if not any(tier.metrics for tier in self._system.tiers.values()) or not self._world.prometheus:
            return ()
        return (Figure("tiers", "answers Prometheus", "", 'up{job!="run"}', live=True),)

    async def load_check(self, start: float, end: float) -> Proof:
        return self._load.check()

    async def lost(self, start: float, end: float) -> float | None:
        return None

    def locate(self, select: Mapping[str, str]) -> Sequence[str]:
        return [select["instance"]] if select.get("instance") in self._system.tiers else []

    async def perform(self, action: str, target: Mapping[str, str]) -> Repaired:
        own = self._system.repairs.get(action)
        if own is not None:
            return await self._carry_out(own, target)
        if action == "restart_process":
            return await self._restart(target)
        if action == "clear_link" and "link" in target:
            return Repaired(True, f"the provider cleared {target['link']}")
        raise WorldError(
            f"the repair `{action}` cannot be carried out on {dict(target) or 'nothing'}; there are "
            f"{', '.join((*GENERIC_REPAIRS, *self._system.repairs))}; the first two need the label `instance` or `link`"
        )

    def mends(self, action: str, target: Mapping[str, str], fault: Mapping[str, Json]) -> bool:
        own = self._system.repairs.get(action)
        hurt = {str(fault.get(key)) for key in ("link", "process", "tier", "node") if fault.get(key)}
        if own is not None:
            return bool(hurt & set(own.mends))
        return bool(hurt & {target.get("link" if action == "clear_link" else "instance", "")})

    async def restore(self) -> Sequence[str]:
        return await self._load.end()

    async def _restart(self, target: Mapping[str, str]) -> Repaired:
        name = target.get("instance", "")
        if name not in {info.name for info in self._world.processes()}:
            raise WorldError(f"there is no process `{name}` to restart")
        await self._world.end_process(name, grace=1.0)
        info = await self._world.start_process(name)
        return Repaired(True, f"{name} restarted with {info.told}")

    async def _carry_out(self, repair: RepairSection, target: Mapping[str, str]) -> Repaired:
        about = ",".join(f"{key}={value}" for key, value in sorted(target.items()))
        ended = await run_command(
            repair.command,
            folder=self._home,
            timeout=repair.timeout,
            env={TARGET: about, **link_addresses(self._world.links)},
        )
        if ended.code is None:
            return Repaired(False, f"did not end within {repair.timeout:g} s")
        return Repaired(ended.code == 0, f"ended with {ended.code}: {ended.words}")
