"""The rooms as plain processes, without a world around them: for benchmarks and for tests of the tiers alone.

async with Rooms(media=("media-1", "media-2")) as rooms:
    await rooms.configure({"scale": 1, "profile": "hardened"})
    await rooms.begin(plan)
    print((await rooms.metrics("audience"))["rooms_listeners_hearing", "townhall"])
"""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import aiohttp
from prometheus_client.parser import text_string_to_metric_families
from pydantic import JsonValue

from chaos.errors import WorldError
from chaos.experiment.rooms import Plan
from chaos.ports import Ports
from chaos.rooms.server import CONTROL_TOKEN_ENV, RUN_ENV

READY_WITHIN = 60.0  # real seconds; on a starved machine five processes start slowly
GRACE = 3.0  # real seconds from SIGTERM to SIGKILL


@dataclass(frozen=True)
class Samples:
    """One scrape. Values are sums over all samples whose labels contain those asked for."""

    values: Mapping[str, Sequence[tuple[Mapping[str, str], float]]]

    def sum(self, name: str, **labels: str) -> float:
        """The sum of a metric's samples with these labels; 0 where there are none."""
        return sum(
            value
            for told, value in self.values.get(name, ())
            if all(told.get(k) == v for k, v in labels.items())
        )


@dataclass
class Rooms:
    """Platform, media instances and audience, each a process.

    `edge_proxy` puts a Toxiproxy before each instance, `bridge_proxy` one between the tiers, both ways.

    `links` may replace an address that a tier is given: `{"media-to-platform": "http://127.0.0.1:9000"}`. Of several
    `platforms`, which share their directory in the Redis at the URL `redis`, media calls the first.
    """

    media: Sequence[str] = ("media-1",)
    edge_proxy: Path | None = None
    bridge_proxy: Path | None = None
    logs: Path | None = None
    links: Mapping[str, str] = field(default_factory=dict)
    audiences: int = 1
    platforms: int = 1
    redis: str = ""
    ports: dict[str, int] = field(default_factory=dict)
    processes: dict[str, asyncio.subprocess.Process] = field(default_factory=dict)
    token: str = field(default_factory=lambda: secrets.token_hex(16))
    _client: aiohttp.ClientSession | None = None
    _own: Ports = field(default_factory=Ports)

    async def __aenter__(self) -> Self:
        self._client = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10.0))
        try:
            names = [*self.platform_names(), *self.media, *self.audience_names()]
            self.ports = {name: self._own.take() for name in names}
            if self.edge_proxy is not None:
                for name in self.media:
                    await self._start_toxiproxy(name, self.edge_proxy, {f"edge-{name}": name})
            if self.bridge_proxy is not None:
                ways = {f"platform-to-media-{name}": name for name in self.media}
                ways |= {f"media-to-platform-{name}": "platform" for name in self.media}
                await self._start_toxiproxy("bridge", self.bridge_proxy, ways)
            await asyncio.gather(*(self.start(name) for name in names))
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._end()

    def platform_names(self) -> list[str]:
        """The processes of the main platform."""
        return ["platform", *(f"platform-{number}" for number in range(2, self.platforms + 1))]

    def audience_names(self) -> list[str]:
        """The audience processes, the first of which has the hosts."""
        names = ["audience", *(f"audience-{number}" for number in range(2, self.audiences + 1))]
        return names[: self.audiences]

    def url(self, name: str) -> str:
        """Where a process listens, directly."""
        return f"http://127.0.0.1:{self.ports[name]}"

    def edge(self, name: str) -> str:
        """Where the audience finds a media instance."""
        return f"127.0.0.1:{self.ports.get(f'edge-{name}', self.ports[name])}"

    async def start(self, name: str) -> None:
        """Start a process (again), and wait until it serves."""
        await self._spawn(name, (sys.executable, *self._arguments(name)))
        await self._until_ok(name, f"{self.url(name)}/healthz")

    async def kill(self, name: str) -> None:
        """End a process as a crash would, and wait until it is gone."""
        process = self.processes.pop(name)
        process.kill()
        await process.wait()

    def pause(self, name: str) -> None:
        """Let a process stand still."""
        self.processes[name].send_signal(signal.SIGSTOP)

    def resume(self, name: str) -> None:
        """Let it go on."""
        self.processes[name].send_signal(signal.SIGCONT)

    async def configure(self, patch: Mapping[str, JsonValue], *names: str) -> None:
        """Lay settings over those of the processes named, or of all."""
        for name in names or (*self.platform_names(), *self.media, *self.audience_names()):
            await self.control("PUT", name, "settings", patch)

    async def begin(self, plan: Plan) -> None:
        """Give every audience its share of the plan and start all of them."""
        names = self.audience_names()
        for shard, name in enumerate(names):
            share = plan.model_copy(update={"shard": shard, "shards": len(names)})
            await self.control("PUT", name, "plan", share.model_dump(mode="json"))
        for name in names:
            await self.control("POST", name, "start", {})

    async def control(self, method: str, name: str, what: str, body: Mapping[str, JsonValue]) -> JsonValue:
        """One control request; its answer. Raises WorldError where it was refused."""
        assert self._client is not None
        headers = {"Authorization": f"Bearer {self.token}"}
        url = f"{self.url(name)}/control/{what}"
        async with self._client.request(method, url, json=body, headers=headers) as answer:
            if answer.status != 200:
                raise WorldError(f"{method} {url} was answered {answer.status}: {await answer.text()}")
            told: JsonValue = await answer.json()
            return told

    async def get(self, name: str, path: str) -> tuple[int, JsonValue]:
        """A client's question to a process: status and JSON."""
        assert self._client is not None
        async with self._client.get(self.url(name) + path) as answer:
            told: JsonValue = await answer.json()
            return answer.status, told

    async def metrics(self, name: str) -> Samples:
        """A scrape of a process."""
        assert self._client is not None
        async with self._client.get(f"{self.url(name)}/metrics") as answer:
            text = await answer.text()
        values: dict[str, list[tuple[Mapping[str, str], float]]] = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                values.setdefault(sample.name, []).append((sample.labels, sample.value))
        return Samples(values)

    def _arguments(self, name: str) -> list[str]:
        listen = ["--listen", f"127.0.0.1:{self.ports[name]}", "--name", name]
        if name in self.platform_names():
            given = [
                part
                for one in self.media
                for part in (
                    "--media", f"{one}={self._way('platform-to-media', one, one)}",
                    "--media-spare", f"{one}={self.url(one)}",
                )
            ]  # fmt: skip
            shared = ["--redis", self.redis] if self.redis else []
            replicas = ["--replicas", str(self.platforms)]
            return ["-m", "chaos.rooms.platform", *listen, *given, *shared, *replicas]
        if name in self.media:
            peers = [
                part for one in self.media if one != name for part in ("--peer", f"{one}={self.url(one)}")
            ]
            platform = self._way("media-to-platform", name, "platform")
            bridge = ["--platform", platform, "--platform-spare", self.url("platform")]
            return ["-m", "chaos.rooms.media", *listen, *bridge, *peers]
        edges = [part for one in self.media for part in ("--edge", f"{one}={self.edge(one)}")]
        return ["-m", "chaos.rooms.audience", *listen, "--platform", self.url("platform"), *edges]

    def _way(self, link: str, name: str, callee: str) -> str:
        """Where a process is found over a link: at what `links` says, at the link's Toxiproxy, or directly."""
        told = self.links.get(f"{link}.{name}") or self.links.get(link)
        return told or self.url(f"{link}-{name}" if f"{link}-{name}" in self.ports else callee)

    async def _start_toxiproxy(self, name: str, program: Path, ways: Mapping[str, str]) -> None:
        """Start a Toxiproxy with one proxy for each of `ways`: the proxy's name, and who stands behind it."""
        server, api = f"toxiproxy-{name}", self._own.take()
        self.ports[server] = api
        await self._spawn(server, (str(program), "-host", "127.0.0.1", "-port", str(api)))
        await self._until_ok(server, f"http://127.0.0.1:{api}/version")
        assert self._client is not None
        for way, callee in ways.items():
            self.ports[way] = self._own.take()
            listen, upstream = (f"127.0.0.1:{self.ports[one]}" for one in (way, callee))
            told = {"name": way, "listen": listen, "upstream": upstream}
            async with self._client.post(f"http://127.0.0.1:{api}/proxies", json=told) as answer:
                if answer.status != 201:
                    raise WorldError(f"toxiproxy refused {way}: {await answer.text()}")

    async def _spawn(self, name: str, argv: Sequence[str]) -> None:
        environment = {
            **os.environ,
            CONTROL_TOKEN_ENV: self.token,
            RUN_ENV: "standalone",
            "LOG_LEVEL": "error",
        }
        log = os.devnull if self.logs is None else str(self.logs / f"{name}.log")
        with open(log, "ab") as out:  # noqa: PTH123 -- os.devnull is no path of ours
            self.processes[name] = await asyncio.create_subprocess_exec(
                *argv, stdout=out, stderr=out, env=environment
            )

    async def _until_ok(self, name: str, url: str) -> None:
        assert self._client is not None
        loop = asyncio.get_running_loop()
        until = loop.time() + READY_WITHIN
        while loop.time() < until:
            if self.processes[name].returncode is not None:
                raise WorldError(f"{name} ended with {self.processes[name].returncode} while it started")
            try:
                async with self._client.get(url) as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                await asyncio.sleep(0.05)
        raise WorldError(f"{name} did not answer at {url} within {READY_WITHIN:g} s")

    async def _end(self) -> None:
        running = [one for one in self.processes.values() if one.returncode is None]
        for process in running:
            process.send_signal(signal.SIGCONT)
            process.terminate()
        try:
            async with asyncio.timeout(GRACE):
                await asyncio.gather(*(process.wait() for process in running))
        except TimeoutError:
            for process in running:
                if process.returncode is None:
                    process.kill()
            await asyncio.gather(*(process.wait() for process in running))
        if self._client is not None:
            await self._client.close()
