from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from chaos.testing.services import free_port
from tests.local.redis_server import redis_folder
from tests.local.standby import Standby

pytestmark = [pytest.mark.local, pytest.mark.timeout(180)]

SHIPPED = Path(__file__).parents[2] / "experiments" / "services"


@pytest.fixture
def standby(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Standby:
    """The command, with a real Redis on its PATH and the shipped services in its folder."""
    monkeypatch.setenv("PATH", f"{redis_folder()}{os.pathsep}{os.environ['PATH']}")
    for path in SHIPPED.iterdir():
        if path.is_file():
            shutil.copy(path, tmp_path)
    return Standby(tmp_path)


def on_free_ports(text: str, *ports: str) -> str:
    """A document with free ports in place of those that it names; several tests may run at once."""
    for port in ports:
        text = text.replace(port, str(free_port()))
    return text


def document(standby: Standby, *changes: tuple[str, str]) -> Path:
    """The shipped experiment on ports of its own, changed."""
    path = standby.folder / "slow-redis.yaml"
    text = on_free_ports(path.read_text(), "18081", "18082", "18083")
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    path.write_text(text)
    return path


@pytest.mark.full
def test_two_services_and_a_real_redis_pass_with_every_proof(standby: Standby) -> None:
    """Nothing of the rooms: path, effect and its end are proven on Redis' own protocol, the load ran to the end."""
    out = standby.folder / "out"
    done = standby.run("run", document(standby), "--out", out)
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((out / "run.json").read_text())
    fault = report["faults"][0]
    assert (fault["path_proof"], fault["in_force"], fault["gone"]) == (True, True, True)
    assert {one["name"]: one["verdict"] for one in report["objectives"]} == {
        "the front answers": "pass",
        "customers get a price": "pass",
    }
    assert report["survived"] is None
    assert standby.left() == []


def test_the_readme_leads_from_an_empty_folder_to_a_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The two files of the README, saved as it says, run as it says: a pass with every proof."""
    readme = (SHIPPED.parents[1] / "README.md").read_text(encoding="utf-8")
    (program, _) = re.findall(r"```python\n(.*?)```", readme, flags=re.DOTALL)
    (_, document_text) = re.findall(r"```yaml\n(.*?)```", readme, flags=re.DOTALL)
    monkeypatch.setenv("PATH", f"{redis_folder()}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("STANDBY_STATE", str(tmp_path / ".standby"))
    monkeypatch.setenv("STANDBY_TEST", str(tmp_path))
    (tmp_path / "counter.py").write_text(program)
    (tmp_path / "slow-redis.yaml").write_text(on_free_ports(document_text, "18001", "18002"))
    done = subprocess.run(
        [sys.executable, "-m", "chaos.cli", "run", "slow-redis.yaml", "--out", "out"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(SHIPPED.parents[1])},
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    fault = json.loads((tmp_path / "out" / "run.json").read_text())["faults"][0]
    assert (fault["path_proof"], fault["in_force"], fault["gone"]) == (True, True, True)


@pytest.mark.full
def test_a_redis_that_is_too_slow_fails_the_customers(standby: Standby) -> None:
    """The same with a delay beyond the stock service's patience: both objectives fail, by request and by PromQL."""
    out = standby.folder / "out"
    changed = document(standby, ("delay: 300ms", "delay: 900ms"), ("verdict: pass", "verdict: fail"))
    done = standby.run("run", changed, "--out", out)
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((out / "run.json").read_text())
    assert {one["verdict"] for one in report["objectives"]} == {"fail"}


@pytest.mark.full
def test_a_crew_repairs_ones_own_services(standby: Standby) -> None:
    """The alert of the user's own rules calls a person, whose repair ends the fault long before its time."""
    crew = (
        "crew:\n  headcount: 1\n  attending: true\n  runbooks: runbook.yaml\n"
        "  people: {notice: {median: 1s}, acknowledge: {median: 1s}, triage: {median: 1s, sigma: 0.1}, "
        "decide: {median: 1s, sigma: 0.1}, act: {median: 1s, sigma: 0.1}, knows: 100%, mistriage: 0%}\n"
    )
    changed = document(
        standby,
        ("delay: 300ms", "delay: 900ms"),
        ("lasts: 6s", "until: repaired"),
        ("faults: 8s", "faults: 28s"),
        ("after: 3s", "after: 8s"),
        ("verdict: pass", "verdict: fail"),
        ("objectives:", crew + "\nobjectives:"),
    )
    out = standby.folder / "out"
    done = standby.run("run", changed, "--seed", "1", "--out", out, timeout=150)
    assert done.returncode == 0, done.stdout + done.stderr
    events = standby.events(out)
    undone = next(event for event in events if event["event"] == "fault_undone")
    assert undone["by"] == "repair"
    assert any(event["event"] == "repair_finished" and event["ok"] for event in events)


@pytest.mark.full
def test_without_a_prometheus_requests_and_commands_judge(standby: Standby) -> None:
    """`prometheus: {url: none}`: no server is started, and objectives by http, command and python are judged."""
    text = document(standby).read_text()
    objectives = text.index("objectives:"), text.index("faults:\n")
    own = (
        "prometheus: {url: none}\n\nobjectives:\n"
        '  - {name: over the link, http: {url: "http://$LINK_LOAD_TO_FRONT/healthz"}, interval: 200ms}\n'
        '  - {name: by command, command: [python3, -c, "print(41 + 1)"], expect: "== 42", max_gap: 8s}\n'
        '  - {name: by function, python: "checks:answers", expect: ">= 1"}\n\n'
    )
    (standby.folder / "checks.py").write_text("def answers():\n    return True\n")
    path = standby.folder / "own.yaml"
    path.write_text(
        text[: objectives[0]].replace("  rules: [alerts.yaml]\n", "") + own + text[objectives[1] :]
    )
    out = standby.folder / "out"
    done = standby.run("run", path, "--out", out)
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((out / "run.json").read_text())
    assert [one["verdict"] for one in report["objectives"]] == ["pass", "pass", "pass"]
    assert all(one["samples"] >= 8 for one in report["objectives"])
    started = [event["process"] for event in standby.events(out) if event["event"] == "process_started"]
    assert "prometheus" not in started


@pytest.mark.full
def test_a_load_that_ends_by_itself_makes_the_run_inconclusive(standby: Standby) -> None:
    """Whatever the objectives say: what was to be learned under load was not."""
    changed = document(standby, ("load: {command: [python3, load.py]}", "load: {command: [sleep, '6']}"))
    out = standby.folder / "out"
    done = standby.run("run", changed, "--out", out)
    assert done.returncode == 3, done.stdout + done.stderr
    why = " ".join(json.loads((out / "run.json").read_text())["reasons"])
    assert "load" in why or "path" in why


@pytest.mark.full
def test_a_tier_that_never_becomes_ready_is_told_with_its_last_words(standby: Standby) -> None:
    """Inconclusive, nothing injected, nothing left, and what the tier said last stands in the reason."""
    changed = document(
        standby,
        ("[python3, stock.py,", "[python3, -c, 'import time; print(\"no database\"); time.sleep(99)',"),
    )
    out = standby.folder / "out"
    done = standby.run("run", changed, "--out", out)
    assert done.returncode == 3, done.stdout + done.stderr
    report = json.loads((out / "run.json").read_text())
    assert "stock is not ready" in report["why"]
    assert "fault_applied" not in {event["event"] for event in standby.events(out)}
    assert standby.left() == []
