"""Standby beside Chaos Toolkit, in one run on one machine, as ratios.

    python benchmarks/peers.py

Start-up (`--version`), validation, and 50 probes of 50 ms before and after an empty method. The two take turns, so that
a machine whose speed drifts treats them alike; medians are quoted. Chaos Toolkit is installed into an environment
of its own under `.standby/bench`. The exit code is 1 if a bar is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
import venv
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

from bars import Bar, told
from rich.console import Console
from rich.table import Table

from chaos import state

PEER = ("chaostoolkit==1.19.0", "setuptools<81")
PROBES = 50
PROBE_SECONDS = 0.05
PROBE = f"import time\n\n\ndef wait():\n    time.sleep({PROBE_SECONDS})\n    return True\n"
STANDBY = Path(sys.executable).with_name("standby")


def main() -> int:
    """Measure, print the table and the bars; 0 when all are met."""
    runs = _arguments().runs
    folder = (state.state_folder() / "bench" / "peers").absolute()
    folder.mkdir(parents=True, exist_ok=True)
    peer = _peer(folder)
    ours, theirs = _documents(folder)
    env = {**os.environ, "PYTHONPATH": str(folder), "STANDBY_STATE": str(folder / "state")}
    # The peer is installed with its bytecode; a checkout writes its own in the turn that is not counted.
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    rows = [
        ("start-up, `--version`", [str(STANDBY), "--version"], [str(peer), "--version"]),
        ("`validate`", [str(STANDBY), "validate", str(ours)], [str(peer), "validate", str(theirs)]),
        (
            f"{PROBES} probes of {PROBE_SECONDS * 1000:.0f} ms before and after, start-up included",
            [str(STANDBY), "run", "--quiet", str(ours)],
            [str(peer), "run", str(theirs)],
        ),
    ]
    table = Table(title="Whole commands, medians; the ratio is Standby / Chaos Toolkit")
    for name in ("what", "Standby", "Chaos Toolkit", "ratio"):
        table.add_column(name, justify="left" if name == "what" else "right")
    found = []
    for what, mine, other in rows:
        a, b = _in_turn(
            lambda mine=mine: _seconds(mine, folder, env),
            lambda other=other: _seconds(other, folder, env),
            runs,
        )
        found.append((a, b))
        table.add_row(what, f"{a:.3f} s", f"{b:.3f} s", f"{a / b:.2f}")
    (version, version_), (validate, validate_), (whole, whole_) = found
    probes, probes_ = whole - version, whole_ - version_
    table.add_row(
        "the probes, without the start-up of `--version`",
        f"{probes:.3f} s",
        f"{probes_:.3f} s",
        f"{probes / probes_:.3f}",
    )
    inside, inside_ = _in_turn(
        lambda: _by_record(folder, ours, env), lambda: _by_journal(folder, peer, theirs, env), runs
    )
    table.add_row(
        "the probes, by each one's own record",
        f"{inside:.3f} s",
        f"{inside_:.3f} s",
        f"{inside / inside_:.3f}",
    )
    Console().print(table)
    return told(
        [
            Bar(
                "start-up, `--version`, beside Chaos Toolkit's", version / version_, "at most", 1.0, " times"
            ),
            Bar("`validate`, beside Chaos Toolkit's", validate / validate_, "at most", 1.3, " times"),
            Bar(
                f"{PROBES} probes before and after, Chaos Toolkit's time in Standby's",
                inside_ / inside,
                "at least",
                20.0,
                " times",
            ),
        ]
    )


def _in_turn(mine: Callable[[], float], other: Callable[[], float], runs: int) -> tuple[float, float]:
    mine(), other()
    pairs = [(mine(), other()) for _ in range(runs)]
    return median(a for a, _ in pairs), median(b for _, b in pairs)


def _seconds(command: Sequence[str], folder: Path, env: dict[str, str]) -> float:
    begun = time.monotonic()
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    spent = time.monotonic() - begun
    if done.returncode != 0:
        raise SystemExit(
            f"{' '.join(command)}: {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
        )
    return spent


def _by_record(folder: Path, document: Path, env: dict[str, str]) -> float:
    """From the first to the last event of a run."""
    out = folder / "out"
    shutil.rmtree(out, ignore_errors=True)
    _seconds([str(STANDBY), "run", "--quiet", str(document), "--out", str(out)], folder, env)
    lines = (out / "events.jsonl").read_text(encoding="utf-8").splitlines()
    return float(json.loads(lines[-1])["t"]) - float(json.loads(lines[0])["t"])


def _by_journal(folder: Path, peer: Path, document: Path, env: dict[str, str]) -> float:
    """What Chaos Toolkit itself says that the experiment took."""
    journal = folder / "journal.json"
    _seconds([str(peer), "run", "--journal-path", str(journal), str(document)], folder, env)
    return float(json.loads(journal.read_text(encoding="utf-8"))["duration"])


def _peer(folder: Path) -> Path:
    home = folder / "chaostoolkit"
    program = home / "bin" / "chaos"
    if not program.exists():
        venv.create(home, with_pip=True, clear=True)
        pip = [str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, *PEER], check=True)
    return program


def _documents(folder: Path) -> tuple[Path, Path]:
    """The same probes as a document of each, both in YAML."""
    (folder / "bench_probe.py").write_text(PROBE)
    theirs = folder / "theirs.yaml"
    probes = "\n".join(
        f"    - {{type: probe, name: probe {number}, tolerance: true, "
        "provider: {type: python, module: bench_probe, func: wait}}"
        for number in range(PROBES)
    )
    theirs.write_text(
        "title: Probes\ndescription: Probes\nsteady-state-hypothesis:\n  title: it waits\n"
        f"  probes:\n{probes}\nmethod: []\n"
    )
    ours = folder / "ours.yaml"
    objectives = "\n".join(
        f'  - {{name: probe {number}, python: "bench_probe:wait", during: [baseline, after], interval: 100ms}}'
        for number in range(PROBES)
    )
    ours.write_text(
        "version: 1\ntitle: Probes\ntimeline: {baseline: 60ms, faults: 1ms, after: 60ms}\nprometheus: {url: none}\n"
        'system: {tiers: {nothing: {command: [sleep, "60"]}}}\n'
        f"objectives:\n{objectives}\n"
    )
    return ours, theirs


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--runs", type=int, default=7, help="turns of each command, after one that is not counted"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
