"""The local world: real processes on this machine, behind real Toxiproxy, watched by real Prometheus.

Its folder holds everything: `world.json` (what runs, by identity), `token` (for the control ports), configuration,
Prometheus' data and `logs/`. Every process carries `STANDBY_WORLD` in its environment, so that the world can be ended
completely even when whoever started it died between starting a process and writing that down.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import shutil
import subprocess
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from weakref import WeakValueDictionary

from prometheus_client import CollectorRegistry

from chaos.clients import processes
from chaos.clients.processes import Identity
from chaos.errors import WorldError
from chaos.proof import Proof
from chaos.record import Json
from chaos.undo.steps import UndoStep
from chaos.worlds.base import Link, Locator, ProcessInfo, Told
from chaos.worlds.layout import Layout, ProcessSpec, prometheus_config, scrape_target, tsdb_folder
from chaos.worlds.local.folder import State, holds_world, write_private
from chaos.worlds.local.measures import served
from chaos.worlds.local.readiness import until_ready
from chaos.worlds.vantage import Here

GRACE = 3.0
"""Real seconds between SIGTERM and SIGKILL."""

_here: WeakValueDictionary[Path, LocalWorld] = WeakValueDictionary()


class LocalWorld:
    """A world of processes on this machine; see `chaos.worlds.base.RunWorld` for what it offers."""

    name = "local"
    vantage = Here()

    def __init__(self, folder: Path, state: State, token: str) -> None:
        self.folder = folder
        self.token = token
        self.kept = False
        """Whether it outlasts the run that uses it."""
        self._state = state
        self._read_at = 0
        self._links = state.layout.link_table()
        _here[folder] = self
        self._watchers: list[threading.Thread] = []
        self._expected: set[str] = set()
        self._tell: Told = _nobody
        self._locator: Locator = lambda _: ()

    @classmethod
    def create(cls, folder: Path, layout: Layout) -> LocalWorld:
        """Write a new world's folder. Nothing is started; `state` can be journaled from now on."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        token = secrets.token_urlsafe(24)
        write_private(folder / "token", token)
        world = cls(folder, State(id=secrets.token_hex(8), layout=layout), token)
        for server in layout.toxiproxies:
            write_private(folder / f"{server}.json", layout.toxiproxy_config(server))
        write_private(folder / "targets.json", json.dumps(layout.scrape_targets()))
        write_private(folder / "prometheus.yml", prometheus_config(folder / "targets.json", layout.rules))
        world._save()
        return world

    @classmethod
    def attach(cls, folder: Path) -> LocalWorld:
        """A world that is already there. Raises WorldError when its folder does not hold one.

        Within one process there is one object per world, so that who started a child also reaps it.
        """
        known = _here.get(folder)
        if known is not None and holds_world(folder):
            return known
        try:
            state = State.model_validate_json((folder / "world.json").read_bytes())
            token = (folder / "token").read_text(encoding="ascii")
        except (OSError, ValueError) as error:
            raise WorldError(
                f"no world in {folder} ({error}); start one with `standby up --world local`"
            ) from error
        return cls(folder, state, token)

    @property
    def links(self) -> Mapping[str, Link]:
        idle = {
            spec.name
            for spec in self.layout.processes
            if spec.role != "external" and not self._runs(spec.name)
        }
        return {
            name: replace(
                link,
                proxies=tuple(
                    replace(proxy, idle=bool(idle & {proxy.caller, proxy.callee})) for proxy in link.proxies
                ),
            )
            for name, link in self._links.items()
        }

    @property
    def state(self) -> str:
        return str(self.folder)

    @property
    def secret(self) -> str:
        return str(self.folder / "token")

    @property
    def prometheus(self) -> str:
        return self.layout.prometheus

    @property
    def tsdb(self) -> Path | None:
        return tsdb_folder(self.folder) if self.layout.prometheus else None

    @property
    def layout(self) -> Layout:
        """What this world is made of."""
        return self._state.layout

    @property
    def end_step(self) -> UndoStep:
        """The undo of the whole world."""
        return UndoStep("local_world", {"world": str(self.folder), "id": self._state.id})

    def tell(self, told: Told) -> None:
        """Report every start and end of a process to `told` from now on."""
        self._tell = told

    def find_by(self, locator: Locator) -> None:
        """Let `locator` answer selectors that name more than instances, such as `room`."""
        self._locator = locator

    def processes(self) -> Sequence[ProcessInfo]:
        return [self._info(spec) for spec in self.layout.processes if spec.role == "target"]

    def process(self, name: str) -> ProcessInfo:
        return self._info(self.layout.process(name))

    def control(self, name: str) -> str:
        return (self.process(name).health or "").removesuffix("/healthz")

    def arrivals(self, arrived: Callable[[str, str], None]) -> None:
        """Nothing appears here but by this world's own doing."""

    def undo_start(self, name: str) -> UndoStep:
        return UndoStep("process_end", {"world": self.state, "process": name})

    async def locate(self, select: Mapping[str, str]) -> Sequence[str]:
        return self._locator(select)

    async def start(self, run: str) -> None:
        """Start everything but spares, in the layout's order; each is ready when this returns.

        Raises WorldError, with the last lines of the log, when one does not become ready.
        """
        for spec in self.layout.processes:
            if not spec.spare and spec.role != "external":
                await self._launch(spec, run)
        await asyncio.gather(*(self._until_ready(spec) for spec in self.layout.processes if not spec.spare))

    async def mend(self) -> Sequence[str]:
        """Start again whatever should run and does not; the names. Only for whoever has this world to itself."""
        dead = [spec for spec in self.layout.processes if not spec.spare and not self._runs(spec.name)]
        for spec in dead:
            await self.start_process(spec.name)
        return [spec.name for spec in dead]

    def _alive(self, name: str) -> bool:
        identity = self._identity(name)
        return identity is not None and processes.alive(identity)

    def _runs(self, name: str) -> bool:
        identity = self._identity(name)
        return identity is not None and processes.alive(identity) and not processes.paused(identity)

    async def start_process(self, name: str) -> ProcessInfo:
        spec = self.layout.process(name)
        identity = self._identity(name)
        if identity is not None and processes.paused(identity):
            await processes.end(identity, grace=0)
        if identity is None or not processes.alive(identity):
            await self._launch(spec, os.environ.get("STANDBY_RUN", ""))
        await self._until_ready(spec)
        if spec.spare and spec.metrics:
            self.watch(scrape_target(spec))  # not before: an instance that is only starting is no incident
        return self._info(spec)

    async def end_process(self, name: str, *, grace: float) -> None:
        identity = self._identity(name)
        self._expected.add(name)
        if identity is not None and processes.alive(identity):
            if not await processes.end(identity, grace=grace):
                raise WorldError(
                    f"process {name} (pid {identity.pid}) outlived SIGKILL; is it in uninterruptible sleep?"
                )
            self._tell("process_ended", process=name, pid=identity.pid, by="run")

    async def bring_node_back(self, node: str) -> Sequence[str]:
        lost = [
            spec.name
            for spec in self.layout.processes
            if spec.node == node and spec.role == "target" and not spec.spare
        ]
        if not lost:
            raise WorldError(f"there is no node `{node}` to bring back")
        for name in lost:
            await self.start_process(name)
        return lost

    @asynccontextmanager
    async def measured(self, run: str, measures: CollectorRegistry) -> AsyncIterator[None]:
        if not self.layout.prometheus:  # nobody here would look at them
            yield
            return
        labels = {"job": "run", "instance": run, "__metrics_path__": "/metrics"}
        with served(measures) as address:
            self.watch({"targets": [address], "labels": labels})
            try:
                yield
            finally:
                if self.kept:
                    self.unwatch(run)

    def watch(self, target: Mapping[str, object]) -> None:
        """Let Prometheus scrape a further target."""
        path = self.folder / "targets.json"
        rows = json.loads(path.read_text(encoding="utf-8"))
        name = _instance(target)
        rows = [row for row in rows if _instance(row) != name] + [target]
        write_private(path, json.dumps(rows))

    def unwatch(self, instance: str) -> None:
        """Let Prometheus forget a target."""
        path = self.folder / "targets.json"
        rows = json.loads(path.read_text(encoding="utf-8"))
        write_private(path, json.dumps([row for row in rows if _instance(row) != instance]))

    async def end(self) -> Proof:
        """End every process of this world, last started first; proof that none is left."""
        names = [spec.name for spec in self.layout.processes]
        self._expected.update(names)
        for role, grace in (("load", GRACE), ("target", GRACE), ("tool", GRACE)):
            group = [spec.name for spec in self.layout.processes if spec.role == role]
            await asyncio.gather(*(self._end_quietly(name, grace) for name in reversed(group)))
        left = list(processes.marked("STANDBY_WORLD", self._state.id))
        if left:
            await asyncio.gather(*(processes.end(identity, grace=0) for identity in left))
            left = list(processes.marked("STANDBY_WORLD", self._state.id))
        for watcher in self._watchers:
            await asyncio.to_thread(watcher.join, 5)
        if left:
            return Proof(False, f"still running: pids {', '.join(str(identity.pid) for identity in left)}")
        shutil.rmtree(tsdb_folder(self.folder), ignore_errors=True)
        return Proof(True, f"all {len(names)} processes of the world are gone")

    async def _end_quietly(self, name: str, grace: float) -> None:
        identity = self._identity(name)
        if identity is not None and await processes.end(identity, grace=grace):
            self._tell("process_ended", process=name, pid=identity.pid, by="run")

    async def _launch(self, spec: ProcessSpec, run: str) -> None:
        env = {key: value for key, value in os.environ.items() if not key.upper().endswith("_PROXY")}
        env |= spec.env
        env |= {
            "STANDBY_RUN": run,
            "STANDBY_WORLD": self._state.id,
            "STANDBY_CONTROL_TOKEN": self.token,
            "LOG_LEVEL": "warn",
            "PYTHONUNBUFFERED": "1",
        }
        identity, child = processes.spawn(spec.argv, env=env, log=self._log(spec), cwd=spec.cwd)
        self._expected.discard(spec.name)
        self._state.running[spec.name] = identity
        self._save()
        self._tell("process_started", process=spec.name, tier=spec.tier, node=spec.node, pid=identity.pid)
        loop = asyncio.get_running_loop()
        watcher = threading.Thread(target=self._reap, args=(loop, spec.name, identity, child), daemon=True)
        self._watchers = [one for one in self._watchers if one.is_alive()] + [watcher]
        watcher.start()

    def _reap(
        self, loop: asyncio.AbstractEventLoop, name: str, identity: Identity, child: subprocess.Popen[bytes]
    ) -> None:
        """Wait for a child to end, on a thread of its own, and tell of it when nobody here ended it."""
        code = child.wait()
        with suppress(RuntimeError):  # the loop may be closed: then nobody is left to be told
            loop.call_soon_threadsafe(self._ended, name, identity, code)

    def _ended(self, name: str, identity: Identity, code: int) -> None:
        if name not in self._expected and self._identity(name) == identity:
            self._tell("process_ended", process=name, pid=identity.pid, by="signal or itself", code=code)

    async def _until_ready(self, spec: ProcessSpec) -> None:
        await until_ready(spec, self._log(spec), alive=lambda: self._alive(spec.name))

    def _log(self, spec: ProcessSpec) -> Path:
        return self.folder / "logs" / f"{spec.name}.log"

    def _identity(self, name: str) -> Identity | None:
        self._refresh()
        return self._state.running.get(name)

    def _info(self, spec: ProcessSpec) -> ProcessInfo:
        identity = self._identity(spec.name)
        if identity is None or not processes.alive(identity):
            return ProcessInfo(spec.name, spec.tier, spec.node, 0, 0, "", spec.health)
        return ProcessInfo(
            spec.name, spec.tier, spec.node, identity.pid, identity.started, identity.boot_id, spec.health
        )

    def _refresh(self) -> None:
        """Take over what another process (or an undo step in this one) has started since."""
        path = self.folder / "world.json"
        changed = path.stat().st_mtime_ns if path.exists() else self._read_at
        if changed != self._read_at:
            self._state = State.model_validate_json(path.read_bytes())
            self._read_at = changed

    def _save(self) -> None:
        write_private(self.folder / "world.json", self._state.model_dump_json(indent=1))
        self._read_at = (self.folder / "world.json").stat().st_mtime_ns


def _instance(target: Mapping[str, object]) -> str:
    labels = target["labels"]
    return str(labels["instance"]) if isinstance(labels, Mapping) else ""


def _nobody(_name: str, **_fields: Json) -> None:
    return None
