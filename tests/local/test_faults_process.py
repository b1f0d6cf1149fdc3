"""Faults of processes and nodes on real processes: in force, undone, gone."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from chaos.clients import processes
from chaos.clients.processes import Identity
from chaos.errors import FaultError, PreflightError
from chaos.faults.base import Fault
from chaos.faults.registry import registry
from chaos.testing.world import FakeWorld
from chaos.undo.steps import UndoStep, carry_out
from tests.local.faults_bench import Origin, ended, origin

pytestmark = pytest.mark.local


@pytest.fixture
def origins() -> Iterator[list[Origin]]:
    """Three services in processes of their own."""
    with ExitStack() as stack:
        yield [stack.enter_context(origin()) for _ in range(3)]


def place_of(origins: list[Origin]) -> FakeWorld:
    """Two processes on node-a, one on node-b, all of the tier media."""
    place = FakeWorld()
    for number, (one, node) in enumerate(zip(origins, ("node-a", "node-a", "node-b"), strict=True), 1):
        place.run(f"media-{number}", one.process.pid, node=node, health=one.health)
    return place


def made(place: FakeWorld, fault: str, **parameters: object) -> Fault[Any]:
    """A fault with these parameters in that world."""
    kind = registry()[fault]
    return kind(kind.spec_type.model_validate({"fault": fault, **parameters}), place, id="RUN-f1", seed=7)


async def test_kill(origins: list[Origin]) -> None:
    """A killed process is seen to be gone and silent, and is back only when it runs and answers."""
    place = place_of(origins)
    fault = made(place, "process_kill", process="media-1")
    assert (await fault.prove_path()).holds is True
    plan = await fault.plan()
    assert (await fault.observe(plan)).holds is False
    await fault.apply(plan)
    origins[0].process.wait()
    seen = await fault.observe(plan)
    assert seen.holds is True
    assert "is gone and" in seen.evidence
    assert plan.undo[0].kind == "process_start"
    assert plan.undo[0].args["process"] == "media-1"
    place.run("media-1", origins[1].process.pid, health=origins[1].health)
    assert (await fault.prove_gone(plan)).holds is True
    restarted = await fault.observe(plan)
    assert restarted.holds is True
    assert f"started again as pid {origins[1].process.pid}" in restarted.evidence


async def test_a_process_that_stays_down_is_not_gone(
    origins: list[Origin], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As long as the killed process does not run again, the fault is not over."""
    monkeypatch.setattr("chaos.faults.process.act.BACK_WITHIN", 0.3)
    fault = made(place_of(origins), "process_kill", process="media-1")
    plan = await fault.plan()
    await fault.apply(plan)
    origins[0].process.wait()
    gone = await fault.prove_gone(plan)
    assert gone.holds is False
    assert "is not running" in gone.evidence


async def test_pause(origins: list[Origin]) -> None:
    """A paused process is seen to be stopped and silent; its undo lets this very process run on."""
    fault = made(place_of(origins), "process_pause", process="media-1")
    plan = await fault.plan()
    await fault.apply(plan)
    seen = await fault.observe(plan)
    assert seen.holds is True
    assert "is stopped" in seen.evidence
    assert (await carry_out(plan.undo[0])).holds is True
    assert (await carry_out(plan.undo[0])).holds is True
    assert (await fault.prove_gone(plan)).holds is True
    assert (await fault.observe(plan)).holds is False


async def test_continue_never_touches_a_later_process(origins: list[Origin]) -> None:
    """The undo of a pause leaves a process alone that only has the same pid."""
    pid = origins[0].process.pid
    real = processes.identify(pid)
    assert real is not None
    os.kill(pid, signal.SIGSTOP)
    async with asyncio.timeout(60):
        await asyncio.to_thread(os.waitpid, pid, os.WUNTRACED)
    later = Identity(real.pid, real.started - 1, real.boot_id)
    proof = await carry_out(UndoStep("process_continue", later.to_json()))
    assert proof.holds is True
    assert processes.paused(real)


async def test_a_tier_with_a_count_and_the_same_seed(origins: list[Origin]) -> None:
    """`count` draws so many of the tier, the same ones for the same seed."""
    place = place_of(origins)
    plans = [await made(place, "process_pause", tier="media", select={"count": 2}).plan() for _ in range(3)]
    assert len(plans[0].targets) == 2
    assert plans[0] == plans[1] == plans[2]


@pytest.mark.parametrize("how", ["kill", "pause", "stop"])
async def test_node_loss_takes_all_of_one_node(origins: list[Origin], how: str) -> None:
    """The node of the chosen room goes with everything on it; the other node stays."""
    place = place_of(origins)
    place.rooms["townhall"] = ("media-2",)
    fault = made(place, "node_loss", tier="media", select={"room": "townhall"}, how=how)
    assert len(await fault.check()) == 3
    plan = await fault.plan()
    assert len(plan.targets) == 2
    await fault.apply(plan)
    if how != "pause":
        for one in origins[:2]:
            one.process.wait()
    seen = await fault.observe(plan)
    assert seen.holds is True, seen.evidence
    assert processes.identify(origins[2].process.pid) is not None
    kinds = {step.kind for step in plan.undo}
    assert kinds == ({"process_continue"} if how == "pause" else {"process_start"})


async def test_one_node_unless_told_otherwise(origins: list[Origin]) -> None:
    """Where several nodes are meant and no count is given, one is lost."""
    plan = await made(place_of(origins), "node_loss", tier="media").plan()
    nodes = {"media-1": "a", "media-2": "a", "media-3": "b"}
    assert len({nodes[str(step.args["process"])] for step in plan.undo}) == 1


async def test_what_cannot_work_is_refused(origins: list[Origin]) -> None:
    """An unknown process, an empty tier, a foreign world and a dead process are refused with what there is instead."""
    place = place_of(origins)
    with pytest.raises(PreflightError, match="there are media-1"):
        await made(place, "process_kill", process="media-9").check()
    with pytest.raises(PreflightError, match="its tiers are media"):
        await made(place, "process_kill", tier="platform").check()
    with pytest.raises(PreflightError, match="its nodes are node-a, node-b"):
        await made(place, "node_loss", node="node-z").check()
    origins[0].process.kill()
    origins[0].process.wait()
    with pytest.raises(FaultError, match="no running process"):
        await made(place, "process_kill", process="media-1").plan()
    place.name = "kubernetes"
    with pytest.raises(PreflightError, match="no way to lose a node"):
        await made(place, "node_loss", tier="media").check()


@pytest.fixture
def idle() -> Iterator[int]:
    """The pid of a process that serves nothing."""
    command = [sys.executable, "-c", "input()"]
    with ended(subprocess.Popen(command, stdin=subprocess.PIPE, text=True)) as process:
        yield process.pid


async def test_somebody_else_at_the_health_url(origins: list[Origin], idle: int) -> None:
    """A process whose health URL another one serves does not prove its path."""
    place = FakeWorld()
    place.run("media-1", idle, health=origins[0].health)
    proof = await made(place, "process_kill", process="media-1").prove_path()
    assert proof.holds is False
