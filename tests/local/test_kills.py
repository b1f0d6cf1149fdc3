"""kill -9 at random moments, over one kept world: whatever dies, everything is undone, and proven so."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from chaos.clients import processes
from chaos.clients.processes import Identity
from chaos.experiment.rooms import Settings
from chaos.undo.journal import read
from tests.local.standby import Standby
from tests.waiting import wait_until

pytestmark = [pytest.mark.local]

DOCUMENT = """
version: 1
title: Three faults in force
question: Is everything undone?
time_scale: 60
timeline: {warm_up: 1m, baseline: 1m, faults: 3m, after: 1m}
rooms:
  audience:
    - {room: townhall, listeners: 30_000, from: 0m, join_over: 5m, shape: linear}
objectives:
  - {name: it is open, query: 'rooms:room_open:bool{room="townhall"}', expect: "== 1", may_break_for: 3m}
faults:
  - {fault: latency, link: media-to-platform, delay: 50ms, at: 5s, lasts: 2m40s}
  - {fault: down, link: platform-to-media, at: 10s, lasts: 2m30s}
  - {fault: process_pause, process: media-2, at: 15s, lasts: 2m20s}
"""
LONGEST = 10.0
"""Real seconds from the start of a run to the latest kill: about when it would end by itself."""
VICTIMS = (
    "run",
    "guardian",
    "both",
    "platform",
    "media-1",
    "media-2",
    "toxiproxy-bridge",
    "prometheus",
    "audience",
)


class Playground:
    """A kept world, on which run after run is killed or loses a part."""

    def __init__(self, standby: Standby, seed: int) -> None:
        self.standby = standby
        self.chance = random.Random(seed)
        self.world = standby.state / "worlds" / "local"
        self.document = standby.document(DOCUMENT)
        self.kills = 0

    def round(self) -> str:
        """One run, one kill; what was killed and when."""
        self.kills += 1
        out = self.standby.folder / f"out-{self.kills}"
        victim, after = self.chance.choice(VICTIMS), self.chance.uniform(0.2, LONGEST)
        run = self.standby.start("run", self.document, "--out", out)
        try:
            run.wait(after)
        except subprocess.TimeoutExpired:
            self._kill(victim, run)
        told = f"kill {self.kills}: {victim} after {after:.2f} s"
        output, _ = run.communicate(timeout=150)
        if victim == "both":
            recovered = self.standby.run("recover", timeout=150)
            assert recovered.returncode == 0, f"{told}: {recovered.stdout}{recovered.stderr}"
        wait_until(
            lambda: not self._open_journals(), 90, f"everything to be undone; {told}; {output[-2000:]}"
        )
        wait_until(
            lambda: not self.standby.running("chaos.guardian", "chaos.cli"),
            60,
            f"run and guardian to be gone; {told}",
        )
        self.assert_whole(told)
        return told

    def _kill(self, victim: str, run: subprocess.Popen[str]) -> None:
        if victim in ("guardian", "both"):
            for process in self.standby.running("chaos.guardian"):
                with suppress(psutil.NoSuchProcess):  # it may end just now
                    process.kill()
        if victim in ("run", "both"):
            run.kill()
        if victim in VICTIMS[3:]:
            running = json.loads((self.world / "world.json").read_text())["running"]
            processes.signal(Identity.from_json(running[victim]), signal.SIGKILL)

    def _open_journals(self) -> list[Path]:
        """Those in which anything was intended: a run that is killed before it has a guardian has touched nothing."""
        journals = (self.standby.state / "journal").glob("*.jsonl")
        return [path for path in journals if not read(path).closed and '"intent"' in path.read_text()]

    def assert_whole(self, told: str) -> None:
        """Asked of the real servers that still run: no toxic, no shut proxy, default settings, nobody paused."""
        state = json.loads((self.world / "world.json").read_text())
        for url in state["layout"]["toxiproxies"].values():
            for name, proxy in (self._get(f"{url}/proxies") or {}).items():
                assert proxy["toxics"] == [], f"{told}: {name} still has {proxy['toxics']}"
                assert proxy["enabled"], f"{told}: {name} is shut"
        for spec in state["layout"]["processes"]:
            if spec["role"] == "tool" or spec["spare"]:
                continue
            try:
                process = psutil.Process(state["running"][spec["name"]]["pid"])
                assert process.status() != psutil.STATUS_STOPPED, f"{told}: {spec['name']} is paused"
            except psutil.NoSuchProcess:
                continue
            url = spec["health"].removesuffix("/healthz")
            settings = self._get(f"{url}/control/settings", (self.world / "token").read_text())
            if settings is not None:
                assert Settings.model_validate_json(json.dumps(settings)) == Settings(), (
                    f"{told}: {spec['name']}"
                )

    @staticmethod
    def _get(url: str, token: str = "") -> dict[str, dict[str, object]] | None:
        request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - our own server
                found: dict[str, dict[str, object]] = json.load(answer)
                return found
        except urllib.error.URLError as error:
            if not isinstance(error.reason, ConnectionRefusedError):
                raise
            return None


def play(standby: Standby, seed: int, kills: int) -> None:
    """So many kills over one kept world, then its end."""
    assert standby.run("up", "--world", "local").returncode == 0
    playground = Playground(standby, seed)
    try:
        for _ in range(kills):
            sys.stdout.write(f"{playground.round()}\n")
        last = standby.run("run", playground.document, "--out", standby.folder / "last")
        assert last.returncode == 0, last.stdout + last.stderr
    finally:
        down = standby.run("down", "--world", "local")
        assert down.returncode == 0, down.stdout + down.stderr
    wait_until(lambda: standby.left() == [], 30, "everything to be gone")


@pytest.mark.full
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", [1, 2])
def test_ten_kills_leave_nothing(tmp_path: Path, seed: int) -> None:
    """Ten random kills each, of the run, its guardian, both, a tier, Toxiproxy or Prometheus; then a run passes."""
    play(Standby(tmp_path), seed, 10)


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_two_hundred_kills_leave_nothing(tmp_path: Path) -> None:
    """The same two hundred times, under a seed of its own each day."""
    play(Standby(tmp_path), int(time.time() // 86_400), int(os.environ.get("SOAK_KILLS", "200")))
