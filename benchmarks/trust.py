"""How exactly faults come, what an empty run costs beyond its declared time, and how soon a dead run is undone.

    python benchmarks/trust.py

Real runs on two small services: many short faults for the schedule, a run without faults for the overhead, and runs
that are killed (SIGKILL) with their fault in force, timed until the guardian has closed the journal.
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

from rich.console import Console
from rich.table import Table

from chaos.undo.journal import read

STANDBY = Path(sys.executable).with_name("standby")
LONGEST = 60.0
"""Real seconds that anything here is waited for."""
SERVER = """
import http.server, sys
class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")
    def log_message(self, *told): pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
"""
CALLER = """
import http.client, os, time
while True:
    try:
        line = http.client.HTTPConnection(os.environ["LINK_CALLER_TO_ECHO"], timeout=3)
        while True:
            line.request("GET", "/"); line.getresponse().read(); time.sleep(0.02)
    except (OSError, http.client.HTTPException): time.sleep(0.05)
"""


def main() -> None:
    """Measure, print the table."""
    told = _arguments()
    with tempfile.TemporaryDirectory(prefix="standby-bench-") as name:
        folder = Path(name)
        (folder / "server.py").write_text(SERVER)
        (folder / "caller.py").write_text(CALLER)
        table = Table(title="On this machine, real runs")
        table.add_column("figure")
        table.add_column("value", justify="right")
        late = sorted(_lateness(folder, told.faults))
        table.add_row(
            f"|applied - scheduled| of {len(late)} faults, median / 99 % / worst",
            f"{median(late) * 1e3:.1f} / {late[int(0.99 * (len(late) - 1))] * 1e3:.1f} / {late[-1] * 1e3:.1f} ms",
        )
        empty = [_overhead(folder, number) for number in range(told.runs)]
        table.add_row("an empty run beyond its declared time, by its record", f"{median(empty):.2f} s")
        undone = [_undone_after_kill(folder, number) for number in range(told.runs)]
        table.add_row(
            "from kill -9 to everything undone, median / worst", f"{median(undone):.1f} / {max(undone):.1f} s"
        )
        Console().print(table)


def _document(folder: Path, timeline: str, faults: str, name: str) -> Path:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    path = folder / f"{name}.yaml"
    path.write_text(
        f"""
version: 1
title: {name}
timeline: {timeline}
prometheus: {{url: none}}
system:
  tiers:
    caller: {{command: [{sys.executable}, caller.py]}}
    echo: {{command: [{sys.executable}, server.py, "{port}"], address: "127.0.0.1:{port}",
            ready: "http://127.0.0.1:{port}/"}}
  links: {{caller-to-echo: {{from: caller, to: echo}}}}
objectives:
  - {{name: it answers, http: {{url: "http://127.0.0.1:{port}/"}}, during: [baseline], may_break_for: 2s}}
{faults}
"""
    )
    return path


def _run(folder: Path, document: Path, out: Path) -> list[dict[str, object]]:
    env = {**os.environ, "STANDBY_STATE": str(folder / "state")}
    command = [str(STANDBY), "run", "--quiet", str(document), "--out", str(out)]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 3):
        raise SystemExit(f"{done.returncode}: {done.stdout}{done.stderr}")
    return [json.loads(line) for line in (out / "events.jsonl").read_text(encoding="utf-8").splitlines()]


def _lateness(folder: Path, count: int) -> list[float]:
    """Of so many faults, ten at a time, each with a moment of its own."""
    found: list[float] = []
    for batch in range(max(1, count // 10)):
        faults = "faults:\n" + "\n".join(
            f"  - {{fault: latency, name: f{number}, link: caller-to-echo, delay: {20 + number}ms, "
            f"at: {500 + 913 * number}ms, lasts: 400ms}}"
            for number in range(10)
        )
        document = _document(folder, "{baseline: 1s, faults: 11s, after: 1s}", faults, f"schedule-{batch}")
        events = _run(folder, document, folder / f"schedule-{batch}")
        found += [
            abs(float(str(event["lateness_s"]))) for event in events if event["event"] == "fault_applied"
        ]
    return found


def _overhead(folder: Path, number: int) -> float:
    document = _document(folder, "{baseline: 1s, faults: 1s, after: 1s}", "", f"empty-{number}")
    events = _run(folder, document, folder / f"empty-{number}")
    return float(str(events[-1]["t"])) - float(str(events[0]["t"])) - 3.0


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
    main()
