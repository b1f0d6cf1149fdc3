"""Runs the `standby` command as its user would, in a state folder of the test's own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from chaos.testing.services import LINK, free_port, two_services
from tests.waiting import wait_until

WITH_PROMETHEUS = {"prometheus: {url: none}\n": ""}
"""The change that leaves a document about services its world's own Prometheus."""
SHORT = """
version: 1
title: A short run
question: Does it work?
time_scale: 60
timeline: {warm_up: 3m, baseline: 2m, faults: 6m, recovery: 1m, after: 1m}
rooms:
  audience:
    - {room: townhall, listeners: 60_000, from: 0m, join_over: 10m, shape: linear}
objectives:
  - {name: it hears, query: 'rooms:hearing:ratio{room="townhall"}', expect: ">= 0.5", may_break_for: 3m}
faults:
  - {fault: latency, link: media-to-platform, delay: 100ms, at: 10s, lasts: 5m}
"""
"""A run that ends by itself; its fault is in force for 5 s, in which a starved machine gets little done."""


def lasting(minutes: int, text: str = SHORT) -> str:
    """The same with a fault that lasts so many seconds, for whoever does something while it does."""
    longer = text.replace("faults: 6m", f"faults: {minutes + 1}m").replace("lasts: 5m", f"lasts: {minutes}m")
    assert longer != text
    return longer


LONG = lasting(60)
"""For a run that is killed, halted or aborted: it would go on for a minute."""


@dataclass
class Standby:
    """The command with a state folder, and everything it leaves."""

    folder: Path

    @property
    def state(self) -> Path:
        """Where journals, runs and kept worlds are."""
        return self.folder / "state"

    def document(self, text: str = SHORT) -> Path:
        """A document on disk."""
        path = self.folder / "experiment.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    def services(self, *, lasts: int = 60, changes: Mapping[str, str] | None = None) -> Path:
        """A document about two small services, with a delay on their link for so many seconds.

        For whatever needs no rooms: a run with them takes twice the processor time. `changes` are made to the text.
        """
        timeline = f"{{warm_up: 1s, baseline: 1s, faults: {lasts + 1}s, recovery: 1s, after: 1s}}"
        text = two_services(self.folder, timeline=timeline)
        text += f"faults: [{{fault: latency, link: {LINK}, delay: 50ms, at: 500ms, lasts: {lasts}s}}]\n"
        for old, new in (changes or {}).items():
            assert old in text, old
            text = text.replace(old, new)
        path = self.folder / f"services-{free_port()}.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    def command(self, *arguments: str | Path) -> list[str]:
        """The command line."""
        return [sys.executable, "-m", "chaos.cli", *map(str, arguments)]

    def start(self, *arguments: str | Path) -> subprocess.Popen[str]:
        """Start the command and go on."""
        return subprocess.Popen(
            self.command(*arguments),
            env=self.env(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *arguments: str | Path, timeout: float = 150) -> subprocess.CompletedProcess[str]:
        """Run the command to its end."""
        return subprocess.run(
            self.command(*arguments),
            env=self.env(),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def env(self) -> dict[str, str]:
        """The environment of the command; its mark tells the processes of this test from all others."""
        return {**os.environ, "STANDBY_STATE": str(self.state), "STANDBY_TEST": str(self.folder)}

    def processes(self) -> list[psutil.Process]:
        """All processes that this test's commands started and that still run."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error, OSError):
                if process.environ().get("STANDBY_TEST") == str(self.folder) and process.status() != "zombie":
                    found.append(process)
        return found

    def left(self) -> list[str]:
        """The command lines of what still runs."""
        return [line[:120] for _, line in self._lines()]

    def running(self, *parts: str) -> list[psutil.Process]:
        """The processes with one of these in their command lines."""
        return [process for process, line in self._lines() if any(part in line for part in parts)]

    def _lines(self) -> list[tuple[psutil.Process, str]]:
        found = []
        for process in self.processes():
            with suppress(psutil.Error, OSError):
                found.append((process, " ".join(process.cmdline())))
        return found

    def events(self, run: Path) -> list[dict[str, object]]:
        """The record of a run, as far as it is written."""
        path = run / "events.jsonl"
        text = path.read_bytes() if path.exists() else b""
        return [json.loads(line) for line in text[: text.rfind(b"\n") + 1].splitlines()]

    def wait_for(self, run: Path, event: str, timeout: float = 90) -> dict[str, object]:
        """Wait until an event is recorded; the event. A run that ends without it fails the test, with its reason."""
        found: list[dict[str, object]] = []

        def seen() -> bool:
            events = self.events(run)
            found[:] = [one for one in events if one["event"] == event]
            assert found or "run_ended" not in names(events), [one for one in events if "why" in one]
            return bool(found)

        wait_until(seen, timeout, f"`{event}` in {run}")
        return found[0]


def names(events: Sequence[dict[str, object]]) -> list[str]:
    """What happened, by name."""
    return [str(event["event"]) for event in events]
