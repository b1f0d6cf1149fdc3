"""What is done to a process of this machine, seen, and undone: shared by `process_kill`, `process_pause`,
`node_loss`.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import psutil

from chaos.clients import processes
from chaos.clients.probe import healthy
from chaos.clients.processes import Identity
from chaos.errors import FaultError
from chaos.undo.steps import Args, UndoStep, undoes
from chaos.worlds.base import ProcessInfo, Proof, World

How: TypeAlias = Literal["kill", "pause", "stop"]
"""SIGKILL; SIGSTOP; SIGTERM, and SIGKILL after a grace."""

GRACE = 5.0
"""Real seconds between SIGTERM and SIGKILL of `stop`."""
SILENCE = 1.0
"""Real seconds without an answer from a health URL that count as none."""
SETTLES = 2.0
"""Real seconds that the kernel gets to end, stop or continue a process."""
BACK_WITHIN = 15.0
"""Real seconds that a process gets to be healthy again."""
STEP = 0.05


@dataclass(frozen=True)
class Victim:
    """A process as it was when the fault was due."""

    name: str
    identity: Identity
    health: str | None

    @classmethod
    def of(cls, info: ProcessInfo) -> Victim:
        """Raises FaultError for a process that does not run."""
        if not info.pid:
            raise FaultError(f"process {info.name} is not running, so nothing can be done to it")
        return cls(info.name, Identity(info.pid, info.started, info.boot_id), info.health)

    def __str__(self) -> str:
        return f"process {self.name} (pid {self.identity.pid})"


def undo_step(world: World, victim: Victim, how: How) -> UndoStep:
    """What puts a victim back; it also says who the victim is (`planned`)."""
    whom = {"process": victim.name, **victim.identity.to_json()}
    if how == "pause":
        return UndoStep("process_continue", whom)
    return UndoStep("process_start", {"world": world.state, **whom})


def planned(world: World, step: UndoStep) -> Victim:
    """The victim of a planned undo step."""
    name = str(step.args["process"])
    return Victim(name, Identity.from_json(step.args), world.process(name).health)


async def act(victim: Victim, how: How) -> None:
    """Do it. Raises FaultError when the process is gone already."""
    numbers = {"kill": signal.SIGKILL, "pause": signal.SIGSTOP, "stop": signal.SIGTERM}
    if not processes.signal(victim.identity, numbers[how]):
        raise FaultError(f"{victim} was gone before it could be reached")
    if how == "stop" and not await processes.wait_gone(victim.identity, GRACE):
        processes.signal(victim.identity, signal.SIGKILL)


async def in_force(world: World, victim: Victim, how: How) -> Proof:
    """Whether the process is gone, or stopped, and does not answer any more."""
    seen = await _until(lambda: _hit(victim, how))
    if not seen:
        return Proof(False, f"{victim} runs on")
    now = world.process(victim.name)
    if now.pid and now.pid != victim.identity.pid:
        return Proof(True, f"{victim} was hit; in force until it was started again as pid {now.pid}")
    state = "is stopped" if processes.alive(victim.identity) else "is gone"
    if victim.health is None:
        return Proof(True, f"{victim} {state}")
    if state == "is stopped" and victim.health.startswith("tcp://"):
        return Proof(True, f"{victim} {state}; its port takes connections still, as the kernel does for it")
    if await healthy(victim.health, SILENCE):
        return Proof(False, f"{victim} {state}, and yet {victim.health} answers 200: somebody else serves it")
    return Proof(True, f"{victim} {state} and {victim.health} does not answer")


async def gone(world: World, victim: Victim, how: How) -> Proof:
    """Whether the process, this one or its successor, runs and is healthy again.

    One that was paused and that somebody has ended since is not paused any more: nothing of the fault is left.
    """
    if how == "pause" and not processes.alive(victim.identity) and not world.process(victim.name).pid:
        return Proof(True, f"{victim} is not paused any more: somebody ended it")
    loop = asyncio.get_running_loop()
    begun = loop.time()
    while True:
        now = world.process(victim.name)
        state = "is not running"
        if now.pid:
            identity = Identity(now.pid, now.started, now.boot_id)
            state = f"is stopped (pid {now.pid})" if processes.paused(identity) else f"runs (pid {now.pid})"
            if state.startswith("runs"):
                if now.health is None:
                    return Proof(True, f"process {victim.name} {state}")
                if await healthy(now.health, SILENCE):
                    return Proof(True, f"process {victim.name} {state} and {now.health} answers 200")
        if loop.time() - begun >= BACK_WITHIN:
            answers = f", and {now.health} does not answer 200" if now.pid and now.health else ""
            return Proof(False, f"process {victim.name} {state}{answers} after {BACK_WITHIN:g} s")
        await asyncio.sleep(STEP * 2)


async def serves(victim: Victim) -> Proof:
    """Whether what answers at the health URL is this very process."""
    if victim.health is None:
        return Proof(True, f"{victim} runs; it has no health URL")
    port = int(victim.health.split("/")[2].rpartition(":")[2])
    try:
        ports = await asyncio.to_thread(_listening, victim.identity.pid)
    except psutil.Error as error:
        return Proof(None, f"the sockets of {victim} cannot be seen: {error}")
    if port not in ports:
        return Proof(False, f"{victim} does not listen at port {port} of its health URL {victim.health}")
    if not await healthy(victim.health, SILENCE):
        return Proof(None, f"{victim} listens at {victim.health}, but does not answer 200")
    return Proof(True, f"{victim} itself listens at {victim.health} and answers 200")


@undoes("process_continue")
async def continue_process(args: Args) -> Proof:
    """Let a stopped process run on, if it is still that process."""
    identity = Identity.from_json(args)
    who = f"process {args.get('process', '')} (pid {identity.pid})"
    if not processes.signal(identity, signal.SIGCONT):
        return Proof(True, f"{who} is gone, so nothing is left to continue")
    if await _until(lambda: not processes.paused(identity)):
        return Proof(True, f"{who} runs on")
    return Proof(False, f"{who} is still stopped {SETTLES:g} s after SIGCONT; is a debugger attached?")


def _hit(victim: Victim, how: How) -> bool:
    if not processes.alive(victim.identity):
        return True
    return how == "pause" and processes.paused(victim.identity)


def _listening(pid: int) -> set[int]:
    found = psutil.Process(pid).net_connections(kind="tcp")
    return {one.laddr.port for one in found if one.status == psutil.CONN_LISTEN}


async def _until(holds: Callable[[], bool]) -> bool:
    """Wait a bounded time for what the kernel is about to do."""
    loop = asyncio.get_running_loop()
    until = loop.time() + SETTLES
    while not holds():
        if loop.time() >= until:
            return False
        await asyncio.sleep(STEP)
    return True
