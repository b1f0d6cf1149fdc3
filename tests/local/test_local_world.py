from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

import chaos.worlds.local.undo  # noqa: F401 - whose handlers are looked up by kind
from chaos.clients import processes, tools
from chaos.clients.processes import Identity
from chaos.clients.prometheus import Prometheus
from chaos.errors import WorldError
from chaos.ports import Ports
from chaos.undo.steps import UndoStep, carry_out
from chaos.worlds.layout import Layout, LinkSpec, ProcessSpec, ProxySpec
from chaos.worlds.local.world import LocalWorld
from tests.waiting import until

pytestmark = pytest.mark.local


def small_layout(folder: Path, ports: Ports, *, server: tuple[str, ...] | None = None) -> Layout:
    """A web server behind one link, and a Prometheus."""
    web, link, api, prom = (f"127.0.0.1:{ports.take()}" for _ in range(4))
    port = web.split(":")[1]
    return Layout(
        processes=(
            ProcessSpec(
                name="toxiproxy", tier="toxiproxy", node="tools", role="tool", health=f"http://{api}/version",
                argv=(
                    str(tools.ensure("toxiproxy-server")), "-host", "127.0.0.1", "-port", api.split(":")[1],
                    "-config", str(folder / "toxiproxy.json"),
                ),
            ),
            ProcessSpec(
                name="web", tier="web", node="node-web", health=f"http://{web}/", metrics=f"http://{web}/metrics",
                argv=server or (sys.executable, "-m", "http.server", port, "--bind", "127.0.0.1", "-d", str(folder)),
            ),
            ProcessSpec(
                name="prometheus", tier="prometheus", node="tools", role="tool", health=f"http://{prom}/-/ready",
                argv=(
                    str(tools.ensure("prometheus")), f"--config.file={folder / 'prometheus.yml'}",
                    f"--storage.tsdb.path={folder / 'prometheus'}", f"--web.listen-address={prom}",
                ),
            ),
        ),
        links=(
            LinkSpec(
                name="to-web",
                proxies=(
                    ProxySpec(
                        name="to-web", server="toxiproxy", listen=link, upstream=web, caller="test", callee="web"
                    ),
                ),
            ),
        ),
        toxiproxies={"toxiproxy": f"http://{api}"},
        prometheus=f"http://{prom}",
    ).keeping(ports)  # fmt: skip


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[LocalWorld]:
    """A small world that is up, ended after the test."""
    world = LocalWorld.create(tmp_path / "world", small_layout(tmp_path / "world", Ports()))
    try:
        await world.start("test-run")
        yield world
    finally:
        assert (await world.end()).holds


def left_of(world: LocalWorld) -> list[Identity]:
    """The processes that still carry the world's mark."""
    return list(processes.marked("STANDBY_WORLD", str(world.end_step.args["id"])))


async def test_a_started_world_is_ready_and_an_ended_one_leaves_nothing(world: LocalWorld) -> None:
    """After `start` the link carries requests and Prometheus answers; after `end` no process is left."""
    listen = world.links["to-web"].proxies[0].listen
    async with aiohttp.ClientSession() as session, session.get(f"http://{listen}/") as response:
        assert response.status == 200
    async with Prometheus(world.layout.prometheus) as prometheus:
        assert (await prometheus.version()).startswith("3.")
        assert await prometheus.interval("up") == 1.0
    assert len(left_of(world)) == 3
    assert (await world.end()).holds
    assert left_of(world) == []


async def test_everything_listens_on_loopback_and_files_are_private(world: LocalWorld) -> None:
    """No process of the world listens on another address, and nobody else may read its token or configuration."""
    import psutil

    for identity in left_of(world):
        for connection in psutil.Process(identity.pid).net_connections(kind="tcp"):
            if connection.status == psutil.CONN_LISTEN:
                assert connection.laddr.ip == "127.0.0.1"
    for name in ("token", "world.json", "prometheus.yml"):
        assert (world.folder / name).stat().st_mode & 0o077 == 0


async def test_a_killed_process_is_seen_to_be_gone_and_comes_back_on_its_port(world: LocalWorld) -> None:
    """`process` tells the truth at once, the undo step starts it again, twice as well as once."""
    before = world.process("web")
    processes.signal(Identity(before.pid, before.started, before.boot_id), signal.SIGKILL)
    await until(lambda: world.process("web").pid == 0)
    step = UndoStep("process_start", {"world": world.state, "process": "web"})
    assert (await carry_out(step)).holds
    after = world.process("web")
    assert after.pid not in (0, before.pid)
    assert (await carry_out(step)).holds
    assert world.process("web").pid == after.pid


async def test_recovery_ends_a_world_from_its_folder_or_from_its_mark_alone(world: LocalWorld) -> None:
    """The journaled step ends every process, also those that nobody wrote down, and is true when there is nothing."""
    state = world.folder / "world.json"
    state.unlink()
    assert (await carry_out(world.end_step)).holds
    assert left_of(world) == []
    assert (await carry_out(world.end_step)).holds
    state.write_text(world._state.model_dump_json())


async def test_a_process_that_never_becomes_ready_is_an_error_with_its_last_words(tmp_path: Path) -> None:
    """The error names the process and quotes the end of its log; the others are ended."""
    folder = tmp_path / "world"
    layout = small_layout(
        folder, Ports(), server=(sys.executable, "-c", "print('no licence'); raise SystemExit(3)")
    )
    world = LocalWorld.create(folder, layout)
    try:
        with pytest.raises(WorldError, match=r"web ended while it was starting(.|\n)*no licence"):
            await world.start("test-run")
    finally:
        assert (await world.end()).holds
    assert left_of(world) == []


async def test_prometheus_watches_what_it_is_told_to(world: LocalWorld) -> None:
    """A target that is added is scraped within seconds; one that is taken away is forgotten."""
    async with Prometheus(world.layout.prometheus) as prometheus:
        own = world.layout.prometheus.removeprefix("http://")
        world.watch(
            {"targets": [own], "labels": {"job": "run", "instance": "me", "__metrics_path__": "/metrics"}}
        )
        async with asyncio.timeout(60):
            while not await prometheus.instant('up{instance="me"} == 1', lookback=2):
                await asyncio.sleep(0.1)
        world.unwatch("me")
        async with asyncio.timeout(60):
            while await prometheus.instant('up{instance="me"}', lookback=2):
                await asyncio.sleep(0.1)
