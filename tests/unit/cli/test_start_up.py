from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from chaos.cli import NO_GARBAGE_BEFORE

DOCUMENT = """
version: 1
title: Probes
timeline: {baseline: 1s, faults: 1s, after: 1s}
system: {tiers: {one: {command: [sleep, "60"]}, two: {address: "127.0.0.1:9"}}, links: {way: {from: one, to: two}}}
objectives: [{name: it answers, http: {url: "http://127.0.0.1:9/"}}]
faults: [{fault: latency, link: way, delay: 10ms, at: 0s, lasts: 1s}]
"""
EMPTY = """
version: 1
title: Nothing
timeline: {baseline: 100ms, faults: 1ms, after: 100ms}
prometheus: {url: none}
system: {tiers: {one: {command: [sleep, "60"]}}}
objectives: [{name: it is true, command: ["true"], interval: 100ms, during: [baseline, after]}]
"""
HEAVY = {
    "aiohttp",
    "jinja2",
    "kubernetes",
    "numpy",
    "prometheus_client",
    "requests",
    "rich",
    "structlog",
    "toxiproxy",
}
ACTS = {"asyncio", "chaos.clients", "chaos.faults.base", "chaos.undo", "chaos.worlds", "psutil", "ssl"}
"""What carries faults out, and what comes along with it."""
LOADED = (
    "import gc, sys; sys.argv[0] = 'standby'; from chaos.cli import main\n"
    "try: main()\n"
    "finally: print(*gc.get_threshold()[:1], *sys.modules)"
)


def _told(folder: Path, *asked: str, document: str = DOCUMENT) -> list[str]:
    """Of a command that ends well: how many new objects make it look for garbage, and what it has imported."""
    (folder / "it.yaml").write_text(document)
    done = subprocess.run(
        [sys.executable, "-c", LOADED, *asked], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()[-1].split()


@pytest.mark.parametrize(
    ("asked", "without"),
    [
        (["--version"], HEAVY | ACTS | {"typer", "pydantic", "ruamel"}),
        (["validate", "it.yaml"], HEAVY | ACTS),
    ],
    ids=["version", "validate"],
)
def test_what_is_heavy_is_imported_only_where_it_is_used(
    tmp_path: Path, asked: list[str], without: set[str]
) -> None:
    """Neither telling the version nor validating brings in what only a run, a report or a table needs, nor what
    carries out the faults that a document names.
    """
    loaded = _told(tmp_path, *asked)[1:]
    assert not [name for name in loaded if without & _packages(name)]


def test_a_run_loads_no_statistics(tmp_path: Path) -> None:
    """One run has nothing to do with the numbers that many runs are judged by."""
    loaded = _told(tmp_path, "run", "it.yaml", "--out", str(tmp_path / "out"), document=EMPTY)[1:]
    assert "chaos.runner" in loaded
    assert not [name for name in loaded if {"numpy", "chaos.review", "chaos.study"} & _packages(name)]


def test_a_guardian_watches_before_it_loads_what_it_would_need_to_undo() -> None:
    """A run waits for its guardian's watch, and may be over before the guardian has to be able to undo."""
    told = "import sys, chaos.guardian; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    heavy = HEAVY | {"pydantic", "chaos.faults.base", "chaos.worlds"}
    assert not [name for name in done.stdout.split() if heavy & _packages(name)]


def test_a_link_is_undone_here_without_what_only_a_cluster_needs() -> None:
    """Whoever undoes after a kill has to load it first."""
    told = "import sys, chaos.faults.link.undo; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert not [name for name in done.stdout.split() if {"aiohttp", "chaos.worlds.cluster"} & _packages(name)]


def _packages(name: str) -> set[str]:
    """A module and all that it is in: `chaos`, `chaos.clients` and `chaos.clients.toxiproxy` of the last."""
    parts = name.split(".")
    return {".".join(parts[:length]) for length in range(1, len(parts) + 1)}


def test_only_validating_is_spared_the_search_for_garbage(tmp_path: Path) -> None:
    """Validating ends before it has made any; a command that may go on for hours looks for it as ever."""
    assert int(_told(tmp_path, "validate", "it.yaml")[0]) >= NO_GARBAGE_BEFORE
    assert int(_told(tmp_path, "faults")[0]) < NO_GARBAGE_BEFORE
