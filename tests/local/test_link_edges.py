"""A fault of a link comes, is looked at and goes without losing anybody's request: it may hurt, its acts may not."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from chaos.clients.toxiproxy import Toxiproxy
from chaos.faults.base import Fault
from chaos.faults.registry import registry
from chaos.testing.services import free_port, two_services
from chaos.testing.world import FakeWorld
from chaos.undo.steps import carry_out
from chaos.worlds.base import Link, Proxy
from tests.local.faults_bench import ended, toxiproxy

pytestmark = pytest.mark.local

TRIED_AGAIN_AFTER = 1.0
"""Real seconds after which a kernel tries a connection again for which the service had no room."""
ASKS = b"GET / HTTP/1.1\r\nHost: echo\r\n\r\n"


@dataclass
class Callers:
    """Requests without pause: some on connections that are kept, some each on one of its own."""

    host: str
    port: int
    answered: list[float] = field(default_factory=list)
    """How long each took."""
    lost: list[str] = field(default_factory=list)

    @asynccontextmanager
    async def calling(self) -> AsyncIterator[None]:
        """Call all the while; those that are under way at the end are awaited."""
        over = asyncio.Event()
        calls = [asyncio.create_task(self._call(over, kept=number % 2 == 0)) for number in range(6)]
        try:
            yield
        finally:
            over.set()
            await asyncio.gather(*calls)

    async def _call(self, over: asyncio.Event, *, kept: bool) -> None:
        connection: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        while not over.is_set():
            begun = time.monotonic()
            try:
                async with asyncio.timeout(10):
                    connection = connection or await asyncio.open_connection(self.host, self.port)
                    await self._ask(*connection)
            except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
                self.lost.append(type(error).__name__)
                await self._close(connection)
                connection = None
            else:
                self.answered.append(time.monotonic() - begun)
            if not kept:
                await self._close(connection)
                connection = None
            await asyncio.sleep(0.02)
        await self._close(connection)

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(ASKS)
        await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(2)

    async def _close(self, connection: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None) -> None:
        if connection is not None:
            connection[1].close()
            with suppress(OSError):
                await connection[1].wait_closed()


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[tuple[FakeWorld, Callers]]:
    """A small service behind a link, and its callers."""
    port = free_port()
    two_services(tmp_path, port=port)
    echo = [sys.executable, str(tmp_path / "echo.py"), str(port)]
    with ended(_started(echo)) as process, toxiproxy() as url:
        await _listens(port)
        state = await Toxiproxy(url).create_proxy("bridge-1", "127.0.0.1:0", f"127.0.0.1:{port}")
        found = FakeWorld()
        found.run("media-1", os.getpid(), node="node-1")
        found.run("platform", process.pid, tier="platform", node="node-p", health=f"http://127.0.0.1:{port}/")
        proxy = Proxy("bridge-1", url, state.listen, state.upstream, "media-1", "platform")
        found.link_list = (Link("bridge", (proxy,), "/", None),)
        host, _, listens = state.listen.rpartition(":")
        yield found, Callers(host, int(listens))


def _started(command: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(command, stderr=subprocess.DEVNULL, text=True)


async def _listens(port: int) -> None:
    async with asyncio.timeout(60):
        while True:
            with suppress(OSError):
                (await asyncio.open_connection("127.0.0.1", port))[1].close()
                return
            await asyncio.sleep(0.02)


def made(place: FakeWorld, fault: str, **parameters: Any) -> Fault[Any]:
    """A fault with these parameters on the link."""
    kind = registry()[fault]
    spec = kind.spec_type.model_validate({"fault": fault, "link": "bridge", **parameters})
    return kind(spec, place, id="RUN-f1", seed=7)


@pytest.mark.parametrize(
    ("fault", "parameters"),
    [
        ("latency", {"delay": "200ms"}),
        ("slicer", {"average_size": "20B", "delay": "1ms"}),
        ("bandwidth", {"rate": "20KB/s"}),
    ],
)
async def test_a_fault_that_only_slows_loses_no_request(
    place: tuple[FakeWorld, Callers], fault: str, parameters: dict[str, Any]
) -> None:
    """Kept connections live on, requests under way at both edges are answered, and no connection finds the door shut.

    Nor has anybody to wait because the fault is looked at: the service lets six wait, and the probes leave room.
    """
    world, callers = place
    slow = made(world, fault, **parameters)
    async with callers.calling():
        plan = await slow.plan()
        await slow.apply(plan)
        seen = await slow.observe(plan)
        (undone,) = [await carry_out(step) for step in plan.undo]
        gone = await slow.prove_gone(plan)
    assert (undone.holds, gone.holds) == (True, True), (undone, gone)
    assert seen.holds is not False, seen
    assert callers.lost == []
    assert max(callers.answered) < TRIED_AGAIN_AFTER
    assert "connections kept" in undone.evidence


async def test_a_black_hole_is_undone_without_shutting_the_link(place: tuple[FakeWorld, Callers]) -> None:
    """What it swallowed is lost, and its connections end with it; nobody is refused a new one."""
    world, callers = place
    hole = made(world, "timeout")
    plan = await hole.plan()
    async with callers.calling():
        await hole.apply(plan)
        seen = await hole.observe(plan)
        (undone,) = [await carry_out(step) for step in plan.undo]
        gone = await hole.prove_gone(plan)
    assert (seen.holds, undone.holds, gone.holds) == (True, True, True), (seen, undone, gone)
    assert set(callers.lost) == {"IncompleteReadError"}
    assert len(callers.lost) <= 6
