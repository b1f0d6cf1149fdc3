"""The tool's own parts are broken for real while a run goes on: never a pass, never a hang, nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from chaos.testing.services import OBJECTIVE
from tests.local.standby import SHORT, WITH_PROMETHEUS, Standby, lasting, names
from tests.waiting import wait_until

pytestmark = [pytest.mark.local, pytest.mark.full, pytest.mark.timeout(240)]

LIMIT = 150.0
"""Real seconds in which every run of these tests must have ended, whatever broke."""
HURT = lasting(12)
"""With a fault in force for so long that even a starved machine breaks something in it."""


@pytest.fixture
def standby(tmp_path: Path) -> Standby:
    """The command in a state folder of its own."""
    return Standby(tmp_path)


class Broken:
    """A run with its fault in force, whose parts can be got at."""

    def __init__(self, standby: Standby, document: Path) -> None:
        self.standby = standby
        self.out = standby.folder / "out"
        self.restarted: list[subprocess.Popen[bytes]] = []
        self.process = standby.start("run", document, "--out", self.out)
        standby.wait_for(self.out, "fault_observed")

    @property
    def world(self) -> Path:
        """The folder of the run's world."""
        return self.out / "world"

    def part(self, name: str) -> psutil.Process:
        """A process of the world."""
        running = json.loads((self.world / "world.json").read_text())["running"]
        return psutil.Process(running[name]["pid"])

    def restart(self, name: str) -> None:
        """Start a dead part as it was started before, but not by the world: it knows nothing of this one."""
        layout = json.loads((self.world / "world.json").read_text())["layout"]["processes"]
        argv = next(spec["argv"] for spec in layout if spec["name"] == name)
        env = {**self.standby.env(), "LOG_LEVEL": "warn", "STANDBY_WORLD": self.world_id}
        self.restarted.append(
            subprocess.Popen(argv, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        )

    @property
    def world_id(self) -> str:
        """The mark by which the world ends what belongs to it."""
        return str(json.loads((self.world / "world.json").read_text())["id"])

    def ended(self) -> tuple[int, dict[str, object]]:
        """Wait for the end; its exit code and its report. Nothing may be left."""
        output, _ = self.process.communicate(timeout=LIMIT)
        for part in self.restarted:
            part.wait(60)
        report: dict[str, object] = json.loads((self.out / "run.json").read_text())
        assert self.process.returncode != 0, output
        wait_until(lambda: self.standby.left() == [], 30, "everything to be gone")
        return self.process.returncode, report


def kill_toxiproxy(run: Broken) -> None:
    """Gone without a word."""
    run.part("toxiproxy").kill()


def restart_toxiproxy(run: Broken) -> None:
    """Back at once, its toxics forgotten."""
    toxiproxy = run.part("toxiproxy")
    toxiproxy.kill()
    toxiproxy.wait(60)
    run.restart("toxiproxy")


def hang_toxiproxy(run: Broken) -> None:
    """It takes every question and answers none."""
    run.part("toxiproxy").suspend()


def kill_prometheus(run: Broken) -> None:
    """Gone without a word."""
    run.part("prometheus").kill()


def restart_prometheus_after_a_gap(run: Broken) -> None:
    """Back, with its data, after seven seconds of silence."""
    prometheus = run.part("prometheus")
    prometheus.kill()
    prometheus.wait(60)
    time.sleep(7)  # the gap itself, longer than `max_gap`
    run.restart("prometheus")


def hang_prometheus(run: Broken) -> None:
    """It takes every question and answers none."""
    run.part("prometheus").suspend()


def slow_down_prometheus(run: Broken) -> None:
    """It answers only now and then."""
    _on_and_off(run.part("prometheus"), held=7.0, free=0.5)


def starve_the_audience(run: Broken) -> None:
    """The load gets a quarter of the time that it needs."""
    _on_and_off(run.part("audience"), held=0.9, free=0.3)


def _on_and_off(process: psutil.Process, held: float, free: float) -> None:
    """Hold a process again and again until it ends, as a machine does that has no time for it."""

    def work() -> None:
        try:
            while process.is_running():
                process.suspend()
                time.sleep(held)
                process.resume()
                time.sleep(free)
        except psutil.Error:
            return

    threading.Thread(target=work, daemon=True).start()


@pytest.mark.parametrize(
    ("break_it", "told"),
    [
        (kill_toxiproxy, "not seen in force"),
        (restart_toxiproxy, "not seen in force"),
        (hang_toxiproxy, "did not answer"),
        (kill_prometheus, ""),
        (restart_prometheus_after_a_gap, "no data"),
        (hang_prometheus, ""),
        (slow_down_prometheus, ""),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_a_part_that_breaks_makes_the_run_inconclusive(
    standby: Standby, break_it: Callable[[Broken], None], told: str
) -> None:
    """In the middle of a fault, on the real server: inconclusive with the reason, in bounded time, nothing left."""
    changes = WITH_PROMETHEUS | {
        OBJECTIVE: "{name: it is watched, query: 'up{job=\"run\"}', expect: '== 1'}",
        "warm_up: 1s, baseline: 1s": "warm_up: 10s, baseline: 2s",
    }
    _inconclusive(Broken(standby, standby.services(lasts=12, changes=changes)), break_it, told)


def test_a_load_that_is_starved_makes_the_run_inconclusive(standby: Standby) -> None:
    """The audience of the rooms could not come as planned: whatever the objectives say, nothing is concluded."""
    _inconclusive(Broken(standby, standby.document(HURT)), starve_the_audience, "load")


def _inconclusive(run: Broken, break_it: Callable[[Broken], None], told: str) -> None:
    break_it(run)
    code, report = run.ended()
    assert code == 3, report["why"]
    assert report["verdict"] == "inconclusive"
    assert told in " ".join(map(str, report["reasons"])), report["reasons"]  # type: ignore[call-overload]


def test_a_client_that_does_not_read_wedges_nothing(standby: Standby) -> None:
    """The case in which a plain removal of a toxic hangs the whole API: undone and proven all the same, a pass."""
    text = HURT.replace("link: media-to-platform,", "link: edge, select: {room: townhall},")
    out = standby.folder / "out"
    process = standby.start("run", standby.document(text), "--out", out)
    standby.wait_for(out, "fault_observed")
    layout = json.loads((out / "world" / "world.json").read_text())["layout"]
    edge = next(link for link in layout["links"] if link["name"] == "edge")["proxies"][0]["listen"]
    host, port = edge.split(":")
    with socket.create_connection((host, int(port))) as lazy:
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        lazy.sendall(b"GET /probe?bytes=4000000 HTTP/1.1\r\nHost: media\r\n\r\n" * 4)
        output, _ = process.communicate(timeout=LIMIT)
    assert process.returncode == 0, output
    gone = [event["gone"] for event in standby.events(out) if event["event"] == "fault_gone"]
    assert gone == [True]
    assert standby.left() == []


def test_nan_is_no_value(standby: Standby) -> None:
    """A query that answers NaN all the time has no data, and is never a pass."""
    text = SHORT.replace(
        "query: 'rooms:hearing:ratio{room=\"townhall\"}'", "query: 'up{tier=\"media\"} / 0 * 0'"
    )
    out = standby.folder / "out"
    done = standby.run("run", standby.document(text), "--out", out)
    assert done.returncode == 3, done.stdout + done.stderr
    assert "no data" in json.loads((out / "run.json").read_text())["why"]


def test_an_undo_that_the_server_refuses_is_loud(standby: Standby) -> None:
    """`down` on a kept world, and somebody takes the proxy's port meanwhile: the server answers 500 to the undo.

    Exit 4, with what is left and how to finish; once the port is free, `recover` finishes it.
    """
    assert standby.run("up", "--world", "local").returncode == 0
    world = standby.state / "worlds" / "local"
    try:
        out = standby.folder / "out"
        text = HURT.replace(
            "{fault: latency, link: media-to-platform, delay: 100ms",
            "{fault: down, link: edge, select: {room: townhall}",
        )
        process = standby.start("run", standby.document(text), "--out", out)
        standby.wait_for(out, "fault_observed")
        layout = json.loads((world / "world.json").read_text())["layout"]
        edge = next(link for link in layout["links"] if link["name"] == "edge")["proxies"][0]["listen"]
        with taken(edge):
            output, _ = process.communicate(timeout=LIMIT)
            assert process.returncode == 4, output
            report = json.loads((out / "run.json").read_text())
            assert "could not be undone" in report["why"]
            assert edge.split(":")[1] in report["why"] or "500" in report["why"]
        done = standby.run("recover", timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
        with socket.create_connection((edge.split(":")[0], int(edge.split(":")[1])), timeout=30):
            pass  # the proxy listens again
    finally:
        assert standby.run("down", "--world", "local").returncode == 0


@contextmanager
def taken(address: str) -> Iterator[None]:
    """Somebody else listens there."""
    host, port = address.split(":")
    with socket.socket() as thief:
        thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        thief.bind((host, int(port)))
        thief.listen()
        yield


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A small file system, mounted for the test alone; who is not root needs `sudo` without a password for that."""
    folder.mkdir()
    root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    options = f"size={size},uid={os.geteuid()}"
    subprocess.run([*root, "mount", "-t", "tmpfs", "-o", options, "standby-test", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run([*root, "umount", "--lazy", str(folder)], check=True)


def fill(folder: Path) -> None:
    """Leave not a byte."""
    with (folder / "filler").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return


def test_a_disk_that_is_full_before_the_fault_keeps_it_from_being_applied(standby: Standby) -> None:
    """The journal cannot be written: nothing is injected, the run is inconclusive, and nothing is left."""
    with small_disk(standby.folder / "state", "4m"):
        out = standby.folder / "out"
        process = standby.start("run", standby.document(), "--out", out)
        standby.wait_for(out, "settings_proven")
        fill(standby.state)
        output, _ = process.communicate(timeout=LIMIT)
        assert process.returncode == 3, output
        assert "fault_applied" not in names(standby.events(out))
        assert "could not be written" in json.loads((out / "run.json").read_text())["why"]
        (standby.state / "filler").unlink()
        wait_until(lambda: standby.left() == [], 60, "the guardian to note that all is gone")


def test_a_disk_that_fills_up_during_the_fault_undoes_it_all_the_same(standby: Standby) -> None:
    """Record, journal, Prometheus and reports have no room left: undone, inconclusive, said, nothing left."""
    with small_disk(standby.folder / "full", "60m") as disk:
        out = disk / "out"
        process = standby.start("run", standby.document(HURT), "--out", out)
        standby.wait_for(out, "fault_observed")
        fill(disk)
        output, _ = process.communicate(timeout=LIMIT)
        assert process.returncode == 3, output
        assert "record of this run is not whole" in output
        assert "could not be written" in output
        wait_until(lambda: standby.left() == [], 30, "everything to be gone")


def test_a_clock_that_is_off_is_refused_before_anything_is_injected(standby: Standby) -> None:
    """A Prometheus whose clock is 30 s ahead (a real one behind a proxy that shifts its times): inconclusive, said."""
    proxy = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("shifted_prometheus.py")), str(standby.folder)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert proxy.stdout is not None
    try:
        url = proxy.stdout.readline().strip()
        text = f"""
version: 1
title: A clock that is off
timeline: {{baseline: 2s, faults: 2s}}
system: {{tiers: {{one: {{command: [sleep, "600"]}}}}}}
prometheus: {{url: "{url}"}}
objectives: [{{name: it is up, query: up, expect: "== 1"}}]
"""
        out = standby.folder / "out"
        done = standby.run("run", standby.document(text), "--out", out)
        assert done.returncode == 3, done.stdout + done.stderr
        assert "clock" in json.loads((out / "run.json").read_text())["why"]
        assert "+30" in json.loads((out / "run.json").read_text())["why"]
    finally:
        proxy.send_signal(signal.SIGTERM)
        proxy.wait(60)
        proxy.stdout.close()
