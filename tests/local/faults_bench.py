"""Real servers for the tests of faults: an origin, a Toxiproxy server, and a world made of them."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

from chaos.clients.tools import ensure
from chaos.clients.toxiproxy import Toxiproxy
from chaos.testing.services import free_port
from chaos.testing.world import FakeWorld
from chaos.worlds.base import Link, Proxy

ORIGIN = Path(__file__).with_name("faults_origin.py")


@dataclass
class Origin:
    """A running origin server."""

    process: subprocess.Popen[str]
    port: int

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def health(self) -> str:
        return f"http://{self.address}/healthz"


@contextmanager
def ended(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    """Kill a process of the test's own at the end, stopped or not."""
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@contextmanager
def origin() -> Iterator[Origin]:
    """Start an origin server on a free port."""
    with ended(subprocess.Popen([sys.executable, str(ORIGIN)], stdout=subprocess.PIPE, text=True)) as process:
        assert process.stdout is not None
        yield Origin(process, int(process.stdout.readline()))


@contextmanager
def toxiproxy() -> Iterator[str]:
    """Start a Toxiproxy server on a free port; its URL."""
    program = str(ensure("toxiproxy-server"))
    port = free_port()
    environment = {**os.environ, "LOG_LEVEL": "error"}
    command = [program, "-host", "127.0.0.1", "-port", str(port)]
    with ended(subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, text=True)) as process:
        until = monotonic() + 60
        while not _listens(port):
            assert process.poll() is None
            assert monotonic() < until
            sleep(0.02)
        yield f"http://127.0.0.1:{port}"


def _listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


async def world(server: str, behind: Origin, *, proxies: int = 1, payload: bool = True) -> FakeWorld:
    """A world with one link, `bridge`, of so many proxies, whose caller `media-N` is this very process."""
    client = Toxiproxy(server)
    for name in await client.proxies():
        await client.delete_proxy(name)
    made: list[Proxy] = []
    found = FakeWorld()
    for number in range(1, proxies + 1):
        name = f"bridge-{number}"
        state = await client.create_proxy(name, "127.0.0.1:0", behind.address)
        made.append(Proxy(name, server, state.listen, state.upstream, f"media-{number}", "platform"))
        found.run(f"media-{number}", os.getpid(), node=f"node-{number}")
    found.run("platform", behind.process.pid, tier="platform", node="node-p", health=behind.health)
    path = "/payload?bytes={bytes}" if payload else None
    found.link_list = (Link("bridge", tuple(made), "/healthz", path),)
    return found


@contextmanager
def connected(address: str) -> Iterator[None]:
    """Keep a connection of this process open."""
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port))):
        yield


async def settle() -> None:
    """Let another process take note."""
    await asyncio.sleep(0.1)
