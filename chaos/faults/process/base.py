"""What the faults of this machine's processes share: choosing victims, acting on all, proving for each."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Sequence
from random import Random
from typing import ClassVar, TypeVar

from chaos.errors import FaultError, PreflightError, WorldError
from chaos.experiment.fault import FaultSpec, ProcessFaultSpec
from chaos.faults.base import Fault, Plan, together
from chaos.faults.process import act
from chaos.faults.process.act import How, Victim
from chaos.faults.targets import chosen, possible
from chaos.worlds.base import ProcessInfo, Proof

Spec = TypeVar("Spec", bound=FaultSpec)
OneOrTier = TypeVar("OneOrTier", bound=ProcessFaultSpec)


class ActFault(Fault[Spec]):
    """Something done to processes of this machine, each known by pid, start time and boot."""

    nearest: ClassVar[str] = ""
    """What comes nearest to it in a cluster."""

    @property
    @abstractmethod
    def how(self) -> How:
        """What is done."""

    @abstractmethod
    def candidates(self) -> Sequence[ProcessInfo]:
        """Every process that it may ever be done to, running or not. Raises PreflightError when there is none."""

    @abstractmethod
    async def due(self) -> Sequence[ProcessInfo]:
        """Those that are running and meant now."""

    async def check(self) -> tuple[str, ...]:
        if self.world.name != "local":
            nearest = f"; there, {self.nearest} comes nearest" if self.nearest else ""
            raise PreflightError(
                f"{self.spec.title}: `{self.spec.fault}` works in the local world, "
                f"not in `{self.world.name}`{nearest}"
            )
        return tuple(f"process {info.name}" for info in self.candidates())

    async def prove_path(self) -> Proof:
        victims = [Victim.of(info) for info in await self.due() or self.candidates() if info.pid]
        if not victims:
            return Proof(None, f"{self.spec.title}: none of its processes runs")
        return together(await asyncio.gather(*(act.serves(victim) for victim in victims)))

    async def plan(self) -> Plan:
        victims = [Victim.of(info) for info in await self.due()]
        if not victims:
            raise FaultError(f"{self.spec.title}: no running process is meant by it just now")
        steps = tuple(act.undo_step(self.world, victim, self.how) for victim in victims)
        return Plan(tuple(str(victim) for victim in victims), steps)

    async def apply(self, plan: Plan) -> None:
        calls = (act.act(victim, self.how) for victim in self._victims(plan))
        results = await asyncio.gather(*calls, return_exceptions=True)
        failed = [str(result) for result in results if isinstance(result, BaseException)]
        if failed:
            raise FaultError(f"{self.spec.title}: {'; '.join(failed)}")

    async def observe(self, plan: Plan) -> Proof:
        return together(
            await asyncio.gather(
                *(act.in_force(self.world, victim, self.how) for victim in self._victims(plan))
            )
        )

    async def prove_gone(self, plan: Plan) -> Proof:
        return together(
            await asyncio.gather(*(act.gone(self.world, victim, self.how) for victim in self._victims(plan)))
        )

    def _victims(self, plan: Plan) -> list[Victim]:
        return [act.planned(self.world, step) for step in plan.undo]

    def draw(self) -> Random:
        """The generator for what `count` and `share` draw."""
        return Random(f"{self.seed}/{self.id}")


class ProcessFault(ActFault[OneOrTier]):
    """A fault of one process by name, or of those of a tier."""

    def candidates(self) -> Sequence[ProcessInfo]:
        if self.spec.process is not None:
            try:
                return [self.world.process(self.spec.process)]
            except WorldError as error:
                raise PreflightError(f"{self.spec.title}: {error}") from error
        of_tier = [info for info in self.world.processes() if info.tier == self.spec.tier]
        found = possible(self.spec.select, of_tier, known_as)
        if not found:
            tiers = ", ".join(sorted({info.tier for info in self.world.processes()}))
            raise PreflightError(
                f"{self.spec.title}: `tier` and `select` can mean no process of this world; its tiers are {tiers}"
            )
        return found

    async def due(self) -> Sequence[ProcessInfo]:
        running = [info for info in self.candidates() if info.pid]
        return await chosen(self.world, self.spec.select, running, known_as, self.draw())


def known_as(info: ProcessInfo) -> set[str]:
    """The names by which a process may be selected."""
    return {info.name}
