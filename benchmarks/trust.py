"""How exactly faults come, what an empty run costs beyond its declared time, and how soon a dead run is undone.

    python benchmarks/trust.py

Real runs on small services: many short faults for the schedule, runs without faults for the overhead, and runs that
are killed (SIGKILL) with their fault in force, timed until the guardian has closed the journal. The overhead is told
twice: on a service that is there, and with the start and end of a world of two services, which is work of that world.
"By its record" is from the first event of a run to its last; "as a command" has the interpreter's start and the
reports in it. The exit code is 1 if a bar is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from bars import Bar, told
from rich.console import Console
from rich.table import Table

from chaos.testing.services import free_port, two_services
from chaos.undo.journal import read

STANDBY = Path(sys.executable).with_name("standby")
LONGEST = 60.0
"""Real seconds that anything here is waited for."""
EMPTY = 1
"""Real seconds of each of the three phases of an empty run."""
THERE = """
version: 1
title: A service that is there
timeline: {{baseline: {length}s, faults: {length}s, after: {length}s}}
prometheus: {{url: none}}
system: {{tiers: {{echo: {{address: "127.0.0.1:{port}", ready: "http://127.0.0.1:{port}/"}}}}}}
objectives: [{{name: it answers, http: {{url: "http://127.0.0.1:{port}/"}}, interval: 200ms}}]
"""


def main() -> int:
    """Measure, print the table and the bars; 0 when all are met."""
    wanted = _arguments()
    with tempfile.TemporaryDirectory(prefix="standby-bench-") as name:
        folder = Path(name)
        table = Table(title="On this machine, real runs")
        table.add_column("figure")
        table.add_column("value", justify="right")
        late, took = _lateness(folder, wanted.faults)
        table.add_row(f"|begun - scheduled| of {len(late)} faults, median / 99 % / worst", _spread(late))
        table.add_row("the Toxiproxy call itself (add, read back, look who reads), the same", _spread(took))
        overhead = []
        for what, document in (
            ("a service that is there", _there),
            ("two services that it starts", _started),
        ):
            empty = [document(folder, f"empty-{number}") for number in range(wanted.runs)]
            record, whole = median(a for a, _ in empty), median(b for _, b in empty)
            overhead.append(record)
            table.add_row(
                f"an empty run on {what}, beyond its declared time: by its record / as a command",
                f"{record:.2f} / {whole:.2f} s",
            )
        undone = [_undone_after_kill(folder, number) for number in range(wanted.runs)]
        table.add_row(
            "from kill -9 to everything undone, median / worst", f"{median(undone):.1f} / {max(undone):.1f} s"
        )
        Console().print(table)
    return told(
        [
            Bar("|begun - scheduled|, 99th percentile", 1e3 * _percentile(late), "at most", 10.0, " ms"),
            Bar("an empty run beyond its declared time, by its record", overhead[0], "at most", 0.3, " s"),
        ]
    )


def _document(folder: Path, timeline: str, faults: str, name: str) -> Path:
    objective = '{name: it answers, http: {url: "http://$LINK_CALLER_TO_ECHO/"}, during: [baseline], may_break_for: 2s}'
    path = folder / f"{name}.yaml"
    path.write_text(two_services(folder, timeline=timeline, objective=objective) + faults)
    return path


def _run(folder: Path, document: Path, out: Path) -> tuple[list[dict[str, object]], float]:
    """The record of a run, and how long the whole command took."""
    env = {**os.environ, "STANDBY_STATE": str(folder / "state")}
    command = [str(STANDBY), "run", "--quiet", str(document), "--out", str(out)]
    begun = time.monotonic()
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    took = time.monotonic() - begun
    if done.returncode not in (0, 3):
        raise SystemExit(f"{done.returncode}: {done.stdout}{done.stderr}")
    lines = (out / "events.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines], took


def _lateness(folder: Path, count: int) -> tuple[list[float], list[float]]:
    """Of so many faults, ten at a time, each with a moment of its own: how far from it, and how long the act took."""
    late: list[float] = []
    took: list[float] = []
    for batch in range(max(1, count // 10)):
        faults = "faults:\n" + "\n".join(
            f"  - {{fault: latency, name: f{number}, link: caller-to-echo, delay: {20 + number}ms, "
            f"at: {500 + 913 * number}ms, lasts: 400ms}}"
            for number in range(10)
        )
        document = _document(folder, "{baseline: 1s, faults: 11s, after: 1s}", faults, f"schedule-{batch}")
        events, _ = _run(folder, document, folder / f"schedule-{batch}")
        applied = [event for event in events if event["event"] == "fault_applied"]
        if len(applied) < 10:
            why = [event["why"] for event in events if event["event"] in ("fault_failed", "verdict")]
            raise SystemExit(f"only {len(applied)} of 10 faults were applied: {why}")
        late += [abs(_figure(event, "lateness_s")) for event in applied]
        took += [_figure(event, "t") - _figure(event, "applied") for event in applied]
    return late, took


def _started(folder: Path, name: str) -> tuple[float, float]:
    """An empty run that starts and ends its world: two services, Toxiproxy; no Prometheus."""
    document = _document(folder, f"{{baseline: {EMPTY}s, faults: {EMPTY}s, after: {EMPTY}s}}", "", name)
    return _overhead(*_run(folder, document, folder / name))


def _there(folder: Path, name: str) -> tuple[float, float]:
    """An empty run on a service that somebody else runs: what Standby itself needs."""
    port = free_port()
    two_services(folder)
    command = [sys.executable, str(folder / "echo.py"), str(port)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as service:
        try:
            _until(lambda: _listens(port), "the service to listen")
            document = folder / f"there-{name}.yaml"
            document.write_text(THERE.format(length=EMPTY, port=port))
            return _overhead(*_run(folder, document, folder / f"there-{name}"))
        finally:
            service.kill()


def _overhead(events: list[dict[str, object]], whole: float) -> tuple[float, float]:
    """Beyond the three phases: from the first event to the last, and of the whole command with its reports."""
    return _figure(events[-1], "t") - _figure(events[0], "t") - 3 * EMPTY, whole - 3 * EMPTY


def _figure(event: dict[str, object], key: str) -> float:
    return float(str(event[key]))


def _spread(seconds: list[float]) -> str:
    return f"{median(seconds) * 1e3:.1f} / {_percentile(seconds) * 1e3:.1f} / {max(seconds) * 1e3:.1f} ms"


def _percentile(seconds: list[float]) -> float:
    """The 99th."""
    return sorted(seconds)[int(0.99 * (len(seconds) - 1))]


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _undone_after_kill(folder: Path, number: int) -> float:
    faults = "faults: [{fault: latency, link: caller-to-echo, delay: 50ms, at: 200ms}]"
    document = _document(folder, "{baseline: 1s, faults: 60s}", faults, f"kill-{number}")
    state, out = folder / "state", folder / f"kill-{number}"
    env = {**os.environ, "STANDBY_STATE": str(state)}
    process = subprocess.Popen(
        [str(STANDBY), "run", "--quiet", str(document), "--out", str(out)], cwd=folder, env=env
    )
    record = out / "events.jsonl"
    try:
        _until(lambda: record.exists() and "fault_observed" in record.read_text(), "the fault to be in force")
    except SystemExit:
        process.terminate()
        process.wait()
        raise
    process.send_signal(signal.SIGKILL)
    begun = time.monotonic()
    process.wait()
    journal = max((state / "journal").glob("*.jsonl"), key=lambda path: path.stat().st_ctime)
    _until(lambda: read(journal).closed, "the guardian to close the journal")
    return time.monotonic() - begun


def _until(holds: Callable[[], bool], what: str) -> None:
    """Wait until another process has brought it about; the benchmark ends when that takes longer than LONGEST."""
    until = time.monotonic() + LONGEST
    while not holds():
        if time.monotonic() > until:
            raise SystemExit(f"waited {LONGEST:g} s for {what}")
        time.sleep(0.01)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--faults", type=int, default=50, help="how many faults for the schedule")
    parser.add_argument("--runs", type=int, default=5, help="runs for each of the other figures")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
