"""The traps that other tools fall into, each on the real command with real servers: never a pass, never a quiet end."""

from __future__ import annotations

import json
import signal
import sys
import urllib.request
from pathlib import Path

import pytest

from chaos.testing.services import OBJECTIVE, TIMELINE, two_services
from tests.local.standby import Standby, names

pytestmark = [pytest.mark.local, pytest.mark.timeout(120)]


@pytest.fixture
def standby(tmp_path: Path) -> Standby:
    """The command in a state folder of its own."""
    return Standby(tmp_path)


def document(standby: Standby, faults: str, lasts: int = 4) -> Path:
    """Two services of one's own without a Prometheus, judged by a request over the link.

    *Faults* lasts so many seconds: long, where something is to be done meanwhile.
    """
    timeline = TIMELINE.replace("faults: 4s", f"faults: {lasts}s")
    return standby.document(two_services(standby.folder, timeline=timeline) + faults)


def run(standby: Standby, path: Path) -> tuple[int, dict[str, object], list[dict[str, object]]]:
    """The exit code, the report and the events of a run."""
    out = standby.folder / "out"
    done = standby.run("run", path, "--out", out)
    assert standby.left() == [], done.stdout + done.stderr
    report: dict[str, object] = json.loads((out / "run.json").read_text())
    return done.returncode, report, standby.events(out)


def test_a_check_that_is_false_while_the_fault_lasts_fails_the_run(standby: Standby) -> None:
    """Chaos Toolkit can exit 0 there; krkn's health checks do not count. Here: fail, exit 1."""
    code, report, _ = run(
        standby,
        document(standby, "faults: [{fault: down, link: caller-to-echo, at: 1s, lasts: 6s}]\n", lasts=8),
    )
    assert (code, report["verdict"]) == (1, "fail")


def test_an_act_that_fails_is_no_completed_run(standby: Standby) -> None:
    """Chaos Toolkit ends "completed", exit 0. Here: the second of two kills finds nobody; inconclusive, exit 3."""
    faults = (
        "faults:\n"
        "  - {fault: process_kill, name: first, process: caller, at: 500ms, lasts: 7s}\n"
        "  - {fault: process_kill, name: second, process: caller, at: 5s, lasts: 1s}\n"
    )
    code, report, events = run(standby, document(standby, faults, lasts=8))
    assert (code, report["verdict"]) == (3, "inconclusive")
    assert "second could not be applied" in str(report["why"])
    assert "fault_failed" in names(events)


@pytest.mark.full
def test_a_float_is_a_tolerance(standby: Standby) -> None:
    """Chaos Toolkit refuses one."""
    text = two_services(standby.folder, objective=f"{OBJECTIVE[:-1]}, expect: '>= 0.999'}}")
    code, _, _ = run(standby, standby.document(text))
    assert code == 0


@pytest.mark.full
def test_the_record_is_written_as_it_happens(standby: Standby) -> None:
    """Chaos Toolkit's journal is written at exit. Here, after kill -9 all that happened until then can be read."""
    out = standby.folder / "out"
    path = document(
        standby, "faults: [{fault: latency, link: caller-to-echo, delay: 50ms, at: 500ms}]\n", lasts=60
    )
    process = standby.start("run", path, "--out", out)
    standby.wait_for(out, "fault_observed")
    process.kill()
    process.communicate(timeout=30)
    assert standby.run("report", out).returncode == 0
    report = json.loads((out / "run.json").read_text())
    assert report["verdict"] == "inconclusive"
    assert [fault["in_force"] for fault in report["faults"]] == [True]
    assert standby.run("recover").returncode == 0


def test_ctrl_c_undoes_everything(standby: Standby) -> None:
    """With Chaos Toolkit's defaults it runs no rollback. Here: undone, proven, 130."""
    out = standby.folder / "out"
    path = document(standby, "faults: [{fault: down, link: caller-to-echo, at: 500ms}]\n", lasts=60)
    process = standby.start("run", path, "--out", out)
    standby.wait_for(out, "fault_observed")
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=90)
    assert process.returncode == 130, output
    assert [event["gone"] for event in standby.events(out) if event["event"] == "fault_gone"] == [True]
    assert json.loads((out / "run.json").read_text())["verdict"] == "inconclusive"
    assert standby.left() == []


def test_a_misspelt_key_is_refused(standby: Standby) -> None:
    """Chaos Toolkit's validation passes it. Here: exit 2, the place, the nearest word, nothing touched."""
    done = standby.run("run", document(standby, "fault: []\n"), "--out", standby.folder / "out")
    assert done.returncode == 2
    assert "did you mean `faults`?" in done.stderr
    assert not (standby.folder / "out").exists()


@pytest.mark.full
def test_nothing_listens_for_a_stop(standby: Standby) -> None:
    """Krkn has an open port that stops it. Here a run listens on loopback only, and nothing there stops it."""
    out = standby.folder / "out"
    path = document(
        standby, "faults: [{fault: latency, link: caller-to-echo, delay: 50ms, at: 500ms}]\n", lasts=15
    )
    process = standby.start("run", path, "--out", out)
    standby.wait_for(out, "fault_observed")
    for one in standby.processes():
        for connection in one.net_connections(kind="inet"):
            if connection.status != "LISTEN":
                continue
            assert connection.laddr.ip == "127.0.0.1", one.cmdline()
            if one.pid == process.pid:
                request = urllib.request.Request(
                    f"http://127.0.0.1:{connection.laddr.port}/stop", method="POST"
                )
                with pytest.raises(OSError):  # noqa: PT011 - refused, whatever way
                    urllib.request.urlopen(request, timeout=5)  # noqa: S310 - our own server
    output, _ = process.communicate(timeout=90)
    assert process.returncode == 0, output


@pytest.mark.full
def test_a_target_that_is_started_again_by_somebody_else_was_not_hurt_as_planned(standby: Standby) -> None:
    """A killed service comes back at once, but not by us: the fault was not in force to its end; inconclusive."""
    out = standby.folder / "out"
    path = document(
        standby, "faults: [{fault: process_kill, process: echo, at: 500ms, lasts: 14s}]\n", lasts=15
    )
    process = standby.start("run", path, "--out", out)
    standby.wait_for(out, "fault_observed")
    port = path.read_text().split('echo.py, "')[1].split('"')[0]
    another = standby.folder / "another.log"
    with another.open("wb") as log:
        import subprocess

        supervisor = subprocess.Popen(
            [sys.executable, str(standby.folder / "echo.py"), port], stdout=log, stderr=log
        )
    try:
        output, _ = process.communicate(timeout=90)
    finally:
        supervisor.kill()
        supervisor.wait()
    assert process.returncode == 3, output
    assert "somebody else serves it" in json.loads((out / "run.json").read_text())["why"]
    standby.run("recover")


@pytest.mark.full
def test_an_alert_that_was_there_before_is_not_laid_to_the_fault(standby: Standby) -> None:
    """The crew was called before anything was injected: nothing is injected, inconclusive, said."""
    text = document(
        standby, "faults: [{fault: latency, link: caller-to-echo, delay: 50ms, at: 500ms}]\n"
    ).read_text()
    (standby.folder / "alerts.yaml").write_text(
        "groups: [{name: g, interval: 1s, rules: [{alert: Always, expr: vector(1)}]}]\n"
    )
    (standby.folder / "runbook.yaml").write_text(
        "entries: [{name: always, alerts: [Always], diagnosis: nothing, action: restart_process}]\n"
    )
    text = text.replace("prometheus: {url: none}\n", "").replace(
        "  links:", "  rules: [alerts.yaml]\n  links:"
    )
    text = text.replace("baseline: 1s", "baseline: 5s") + "crew: {headcount: 1, runbooks: runbook.yaml}\n"
    code, report, events = run(standby, standby.document(text))
    assert (code, report["verdict"]) == (3, "inconclusive")
    assert "always called the crew before any fault" in str(report["why"])
    assert "fault_applied" not in names(events)
