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
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias
from weakref import WeakValueDictionary

import aiohttp
from pydantic import BaseModel

from chaos.clients import processes
from chaos.clients.processes import Identity
from chaos.clients.reach import connects
from chaos.errors import WorldError
from chaos.proof import Proof
from chaos.record import Json
from chaos.undo.steps import Args, UndoStep, undoes
from chaos.worlds.base import Link, ProcessInfo
from chaos.worlds.layout import Layout, ProcessSpec, prometheus_config, scrape_target

READY_WITHIN = 20.0
"""Real seconds that a process has to become ready."""
GRACE = 3.0
"""Real seconds between SIGTERM and SIGKILL."""

Told: TypeAlias = Callable[..., object]
"""Told of every start and end: `Record.event`, or anything that takes a name and fields."""


_here: WeakValueDictionary[Path, LocalWorld] = WeakValueDictionary()


class _Running(BaseModel):
    pid: int
    started: int
    boot_id: str

    def identity(self) -> Identity:
        return Identity(self.pid, self.started, self.boot_id)


class _State(BaseModel):
    id: str
    layout: Layout
    running: dict[str, _Running] = {}


class LocalWorld:
    """A world of processes on this machine; see `chaos.worlds.base.World` for what it offers."""

    name = "local"

    def __init__(self, folder: Path, state: _State, token: str) -> None:
        self.folder = folder
        self.token = token
        self._state = state
        self._read_at = 0
        self._links = state.layout.link_table()
        _here[folder] = self
        self._watchers: list[threading.Thread] = []
        self._expected: set[str] = set()
        self._tell: Told = _nobody
        self._locator: Callable[[Mapping[str, str]], Sequence[str]] = lambda _: ()

    @classmethod
    def create(cls, folder: Path, layout: Layout) -> LocalWorld:
        """Write a new world's folder. Nothing is started; `state` can be journaled from now on."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        token = secrets.token_urlsafe(24)
        _write_private(folder / "token", token)
        world = cls(folder, _State(id=secrets.token_hex(8), layout=layout), token)
        for server in layout.toxiproxies:
            _write_private(folder / f"{server}.json", layout.toxiproxy_config(server))
        _write_private(folder / "targets.json", json.dumps(layout.scrape_targets()))
        _write_private(folder / "prometheus.yml", prometheus_config(folder / "targets.json", layout.rules))
        world._save()
        return world

    @classmethod
    def attach(cls, folder: Path) -> LocalWorld:
        """A world that is already there. Raises WorldError when its folder does not hold one.

        Within one process there is one object per world, so that who started a child also reaps it.
        """
        known = _here.get(folder)
        if known is not None and (folder / "world.json").exists():
            return known
        try:
            state = _State.model_validate_json((folder / "world.json").read_bytes())
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

    def find_by(self, locator: Callable[[Mapping[str, str]], Sequence[str]]) -> None:
        """Let `locator` answer selectors that name more than instances, such as `room`."""
        self._locator = locator

    def processes(self) -> Sequence[ProcessInfo]:
        return [self._info(spec) for spec in self.layout.processes if spec.role == "target"]

    def process(self, name: str) -> ProcessInfo:
        return self._info(self.layout.process(name))

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

    def watch(self, target: Mapping[str, object]) -> None:
        """Let Prometheus scrape a further target."""
        path = self.folder / "targets.json"
        rows = json.loads(path.read_text(encoding="utf-8"))
        name = _instance(target)
        rows = [row for row in rows if _instance(row) != name] + [target]
        _write_private(path, json.dumps(rows))

    def unwatch(self, instance: str) -> None:
        """Let Prometheus forget a target."""
        path = self.folder / "targets.json"
        rows = json.loads(path.read_text(encoding="utf-8"))
        _write_private(path, json.dumps([row for row in rows if _instance(row) != instance]))

    async def end(self) -> Proof:
        """End every process of this world, last started first; proof that none is left."""
        names = [spec.name for spec in self.layout.processes]
        self._expected.update(names)
        for role, grace in (("load", GRACE), ("target", GRACE), ("tool", GRACE)):
            group = [spec.name for spec in self.layout.processes if spec.role == role]
            await asyncio.gather(*(self._end_quietly(name, grace) for name in reversed(group)))
        left = list(processes.marked("STANDBY_WORLD", self._state.id))
        await asyncio.gather(*(processes.end(identity, grace=0) for identity in left))
        for watcher in self._watchers:
            await asyncio.to_thread(watcher.join, 5)
        left = list(processes.marked("STANDBY_WORLD", self._state.id))
        if left:
            return Proof(False, f"still running: pids {', '.join(str(identity.pid) for identity in left)}")
        shutil.rmtree(self.folder / "prometheus", ignore_errors=True)
        return Proof(True, f"all {len(names)} processes of the world are gone")

    async def _end_quietly(self, name: str, grace: float) -> None:
        identity = self._identity(name)
        if identity is not None and await processes.end(identity, grace=grace):
            self._tell("process_ended", process=name, pid=identity.pid, by="run")

    async def _launch(self, spec: ProcessSpec, run: str) -> None:
        log = self.folder / "logs" / f"{spec.name}.log"
        env = {key: value for key, value in os.environ.items() if not key.upper().endswith("_PROXY")}
        env |= spec.env
        env |= {
            "STANDBY_RUN": run,
            "STANDBY_WORLD": self._state.id,
            "STANDBY_CONTROL_TOKEN": self.token,
            "LOG_LEVEL": "warn",
            "PYTHONUNBUFFERED": "1",
        }
        identity, child = processes.spawn(spec.argv, env=env, log=log, cwd=spec.cwd)
        self._expected.discard(spec.name)
        self._state.running[spec.name] = _Running(
            pid=identity.pid, started=identity.started, boot_id=identity.boot_id
        )
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
        until = time.monotonic() + READY_WITHIN
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2), trust_env=False) as session:
            while True:
                identity = self._identity(spec.name)
                if spec.role != "external" and (identity is None or not processes.alive(identity)):
                    raise WorldError(
                        f"{spec.name} ended while it was starting; {self._last_words(spec.name)}"
                    )
                if spec.health is None or await _answers(session, spec.health):
                    return
                if time.monotonic() > until:
                    raise WorldError(
                        f"{spec.name} is not ready after {READY_WITHIN:g} s (no answer from {spec.health}); "
                        f"{self._last_words(spec.name)}"
                    )
                await asyncio.sleep(0.03)

    def _last_words(self, name: str) -> str:
        log = self.folder / "logs" / f"{name}.log"
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-5:] if log.exists() else []
        return (
            f"the end of {log}:\n" + "\n".join(f"  {line}" for line in lines) if lines else f"{log} is empty"
        )

    def _identity(self, name: str) -> Identity | None:
        self._refresh()
        running = self._state.running.get(name)
        return running.identity() if running else None

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
            self._state = _State.model_validate_json(path.read_bytes())
            self._read_at = changed

    def _save(self) -> None:
        _write_private(self.folder / "world.json", self._state.model_dump_json(indent=1))
        self._read_at = (self.folder / "world.json").stat().st_mtime_ns


@undoes("local_world")
async def end_world(args: Args) -> Proof:
    """End a local world completely, from its folder, or from its mark alone when the folder is gone."""
    folder, id = Path(str(args["world"])), str(args["id"])
    if (folder / "world.json").exists():
        world = LocalWorld.attach(folder)
        if world.end_step.args["id"] == id:
            return await world.end()
    left = list(processes.marked("STANDBY_WORLD", id))
    await asyncio.gather(*(processes.end(identity, grace=GRACE) for identity in left))
    return Proof(not list(processes.marked("STANDBY_WORLD", id)), f"ended {len(left)} processes marked {id}")


@undoes("process_start")
async def bring_back(args: Args) -> Proof:
    """Start a process of a local world again, unless it runs or its world is gone."""
    folder, name = Path(str(args["world"])), str(args["process"])
    if not (folder / "world.json").exists():
        return Proof(True, f"the world of {name} is gone")
    info = await LocalWorld.attach(folder).start_process(name)
    return Proof(True, f"{name} runs with pid {info.pid} and is ready")


@undoes("process_end")
async def end_again(args: Args) -> Proof:
    """End a process of a local world that a repair had started, and let Prometheus forget it."""
    folder, name = Path(str(args["world"])), str(args["process"])
    if not (folder / "world.json").exists():
        return Proof(True, f"the world of {name} is gone")
    world = LocalWorld.attach(folder)
    await world.end_process(name, grace=GRACE)
    world.unwatch(name)
    return Proof(world.process(name).pid == 0, f"{name} does not run")


async def _answers(session: aiohttp.ClientSession, url: str) -> bool:
    if url.startswith("tcp://"):
        return await connects(url.removeprefix("tcp://"), within=2.0)
    try:
        async with session.get(url) as response:
            return response.status == 200
    except (aiohttp.ClientError, TimeoutError):
        return False


def _instance(target: Mapping[str, object]) -> str:
    labels = target["labels"]
    return str(labels["instance"]) if isinstance(labels, Mapping) else ""


def _write_private(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    content = text.encode()
    try:
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            written = os.write(handle, content)
            os.fsync(handle)
        finally:
            os.close(handle)
        if written != len(content):
            raise OSError(f"only {written} of {len(content)} bytes could be written")
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise WorldError(f"{path} could not be written: {error}; free some space there") from error


def _nobody(_name: str, **_fields: Json) -> None:
    return None
