from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from chaos.clients import processes
from chaos.undo.journal import read
from chaos.undo.watch import SILENCE
from tests.local.standby import LONG, Standby
from tests.local.test_run import toxics_of
from tests.waiting import wait_until

pytestmark = [pytest.mark.local, pytest.mark.timeout(180)]


@pytest.fixture
def standby(tmp_path: Path) -> Standby:
    """The command in a state folder of its own."""
    return Standby(tmp_path)


def guardian_of(standby: Standby) -> psutil.Process:
    """The guardian of the only run."""
    (found,) = standby.running("chaos.guardian")
    return found


def kill_both(standby: Standby, process: subprocess.Popen[str]) -> None:
    """Kill a run and its guardian; the run is stopped first, so that it cannot start another in between."""
    process.send_signal(signal.SIGSTOP)
    wait_until(lambda: psutil.Process(process.pid).status() == psutil.STATUS_STOPPED, 30, "the run to stop")
    guardian_of(standby).kill()
    process.kill()
    process.communicate(timeout=30)


def journal_closed(standby: Standby) -> bool:
    """Whether the journal of the only run says that nothing is left."""
    return all(read(path).closed for path in (standby.state / "journal").glob("2*.jsonl"))


def begun(standby: Standby, out: Path, document: Path | None = None) -> subprocess.Popen[str]:
    """A run with its fault in force, which has long to go; of two small services unless another is given."""
    process = standby.start("run", document or standby.services(), "--out", out)
    standby.wait_for(out, "fault_observed")
    return process


def test_after_kill_9_the_guardian_ends_the_world_and_itself(standby: Standby) -> None:
    """A run that owns its world: nothing of it is left, no process and no guardian, without anybody's doing.

    And its reports say what became of it.
    """
    out = standby.folder / "out"
    process = begun(standby, out)
    process.kill()
    process.communicate(timeout=30)
    wait_until(lambda: standby.left() == [], 30, "the guardian to end the world and itself")
    assert journal_closed(standby)
    report = json.loads((out / "run.json").read_text())
    assert report["verdict"] == "inconclusive"
    assert "its guardian undid everything" in report["why"]


@pytest.mark.full
def test_after_kill_9_the_guardian_restores_a_kept_world(standby: Standby) -> None:
    """A run on a kept world: its toxic is gone from the real server, its load and settings too, the world stays."""
    assert standby.run("up", "--world", "local").returncode == 0
    world = standby.state / "worlds" / "local"
    try:
        process = begun(standby, standby.folder / "out", standby.document(LONG))
        assert max(toxics_of(world).values()) == 1
        process.kill()
        process.communicate(timeout=30)
        wait_until(lambda: journal_closed(standby), 30, "the guardian to restore the world")
        assert max(toxics_of(world).values()) == 0
        done = standby.run("run", standby.document(), "--out", standby.folder / "second")
        assert done.returncode == 0, done.stdout + done.stderr
    finally:
        assert standby.run("down", "--world", "local").returncode == 0
    wait_until(lambda: standby.left() == [], 30, "the guardian to go")


@pytest.mark.full
def test_a_run_that_stands_still_is_ended_and_undone(standby: Standby) -> None:
    """SIGSTOP: after its silence the run is ended, so that it cannot wake up and go on, and everything is undone."""
    process = begun(standby, standby.folder / "out")
    process.send_signal(signal.SIGSTOP)
    wait_until(lambda: psutil.Process(process.pid).status() == psutil.STATUS_STOPPED, 30, "the run to stop")
    (journal,) = (standby.state / "journal").glob("2*.jsonl")
    last_beat = journal.stat().st_mtime
    process.communicate(timeout=SILENCE + 60)
    assert process.returncode == -signal.SIGKILL
    assert time.time() - last_beat >= SILENCE
    wait_until(lambda: standby.left() == [], 30, "the guardian to undo everything")
    assert journal_closed(standby)


@pytest.mark.full
def test_a_guardian_that_is_killed_is_replaced(standby: Standby) -> None:
    """The run notices, starts another, and its record says so; the run ends as it would have."""
    out = standby.folder / "out"
    process = begun(standby, out, standby.services(lasts=12))
    first = guardian_of(standby)
    first.kill()
    lost = standby.wait_for(out, "guardian_lost")
    assert lost["pid"] == first.pid
    wait_until(lambda: bool(standby.running("chaos.guardian")), 30, "another guardian")
    output, _ = process.communicate(timeout=90)
    assert process.returncode == 0, output
    assert standby.left() == []


def test_with_run_and_guardian_killed_recover_does_it_twice_as_well_as_once(standby: Standby) -> None:
    """Nobody is left to undo anything; `recover` does, and a second time finds nothing and is 0 too."""
    process = begun(standby, standby.folder / "out")
    kill_both(standby, process)
    assert standby.left() != []
    for _ in range(2):
        done = standby.run("recover")
        assert done.returncode == 0, done.stdout + done.stderr
        assert standby.left() == []


@pytest.mark.full
def test_two_recoveries_at_once_undo_everything_once(standby: Standby) -> None:
    """One of them has the journal, the other waits for nothing and touches nothing; both are 0, nothing is left."""
    process = begun(standby, standby.folder / "out")
    kill_both(standby, process)
    both = [standby.start("recover") for _ in range(2)]
    for one in both:
        output, _ = one.communicate(timeout=60)
        assert one.returncode == 0, output
    wait_until(lambda: standby.left() == [], 30, "both recoveries to be done")
    assert journal_closed(standby)


@pytest.mark.full
def test_an_interrupted_up_leaves_nothing_after_recover(standby: Standby) -> None:
    """`standby up` killed while a part of its world is not ready: `recover` ends it all, and the next `up` works."""
    never_ready = standby.folder / "bin" / "prometheus"
    never_ready.parent.mkdir()
    never_ready.write_text(
        '#!/bin/sh\ncase "$1" in --version) echo "prometheus, version 3.5.0";; *) exec sleep 600;; esac\n'
    )
    never_ready.chmod(0o755)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PATH", str(never_ready.parent), prepend=os.pathsep)
        process = standby.start("up", "--world", "local")
    world = standby.state / "worlds" / "local" / "world.json"

    def half_started() -> bool:
        return world.exists() and len(json.loads(world.read_text())["running"]) >= 2

    wait_until(half_started, 60, "the world to be half started")
    assert process.poll() is None
    process.kill()
    process.communicate(timeout=30)
    assert standby.left() != []
    assert standby.run("recover").returncode == 0
    assert standby.left() == []
    assert standby.run("up", "--world", "local").returncode == 0
    assert standby.run("down", "--world", "local").returncode == 0
    assert standby.left() == []


def test_a_reused_pid_is_never_touched(standby: Standby) -> None:
    """A journal whose process has ended and whose pid is somebody else's now: that process is left alone."""
    bystander = subprocess.Popen(["sleep", "600"])
    try:
        now = processes.identify(bystander.pid)
        assert now is not None
        journal = standby.state / "journal" / "20200101-000000-dead.jsonl"
        journal.parent.mkdir(parents=True)
        other = {**now.to_json(), "started": now.started - 1}
        rows = [
            {"entry": "run", "run": journal.stem, "runner": other, "world": "", "owned": False},
            {
                "entry": "intent", "id": "f1", "what": "process_pause", "lease": 0,
                "steps": [{"kind": "process_continue", "args": {"process": "media-1", **other}}],
            },
        ]  # fmt: skip
        journal.write_text("".join(json.dumps(row) + "\n" for row in rows))
        bystander.send_signal(signal.SIGSTOP)
        wait_until(lambda: processes.paused(now), 30, "the bystander to stand still")
        done = standby.run("recover")
        assert done.returncode == 0, done.stdout + done.stderr
        assert processes.paused(now)
    finally:
        bystander.kill()
        bystander.wait()
