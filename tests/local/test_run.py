from __future__ import annotations

import json
import urllib.request
from pathlib import Path

import pytest

from tests.local.standby import LONG, WITH_PROMETHEUS, Standby, names
from tests.waiting import wait_until

pytestmark = [pytest.mark.local, pytest.mark.timeout(180)]


@pytest.fixture
def standby(tmp_path: Path) -> Standby:
    """The command in a state folder of its own."""
    return Standby(tmp_path)


def toxics_of(world: Path) -> dict[str, int]:
    """How many toxics each proxy of a world has, asked of the Toxiproxy servers themselves."""
    found: dict[str, int] = {}
    for url in json.loads((world / "world.json").read_text())["layout"]["toxiproxies"].values():
        with urllib.request.urlopen(f"{url}/proxies", timeout=30) as answer:  # noqa: S310 - our own server
            found |= {name: len(proxy["toxics"]) for name, proxy in json.load(answer).items()}
    return found


def test_a_run_goes_through_its_phases_proves_its_fault_and_leaves_nothing(standby: Standby) -> None:
    """A passing run: exit 0, path and effect proven, gone proven, every report there, no process left."""
    out = standby.folder / "out"
    done = standby.run("run", standby.document(), "--out", out)
    assert done.returncode == 0, done.stdout + done.stderr
    events = standby.events(out)
    phases = [event["phase"] for event in events if event["event"] == "phase_started"]
    assert phases == [
        "preflight",
        "warm_up",
        "baseline",
        "path_proof",
        "faults",
        "recovery",
        "after",
        "judging",
    ]
    report = json.loads((out / "run.json").read_text())
    fault = report["faults"][0]
    assert (fault["path_proof"], fault["in_force"], fault["gone"]) == (True, True, True)
    assert report["verdict"] == "pass"
    left = {"events.jsonl", "report.html", "junit.xml", "summary.md", "prometheus"}
    assert {path.name for path in out.iterdir()} >= left
    assert "series_kept" in names(events)
    applied = next(event for event in events if event["event"] == "fault_applied")
    assert float(str(applied["lateness_s"])) >= 0, (
        "never before its moment; test_schedule.py has the exact time"
    )
    assert standby.left() == []
    token = (out / "world" / "token").read_text()
    assert token not in (out / "events.jsonl").read_text()


def test_a_signal_undoes_everything_before_the_run_ends(standby: Standby) -> None:
    """In the middle of a fault: the fault is undone and seen to be gone, the world ended, the code is SIGTERM's."""
    out = standby.folder / "out"
    process = standby.start("run", standby.document(LONG), "--out", out)
    standby.wait_for(out, "fault_observed")
    process.terminate()
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 143, output
    gone = [event for event in standby.events(out) if event["event"] == "fault_gone"]
    assert [event["gone"] for event in gone] == [True]
    assert standby.left() == []
    assert json.loads((out / "run.json").read_text())["verdict"] == "inconclusive"


def test_recover_after_kill_9_waits_until_all_is_gone(standby: Standby) -> None:
    """Whether the guardian or `recover` is first: when `recover` returns, nothing is left; a second one is 0 too."""
    out = standby.folder / "out"
    process = standby.start("run", standby.services(), "--out", out)
    standby.wait_for(out, "fault_applied")
    process.kill()
    process.communicate(timeout=30)
    first = standby.run("recover")
    assert first.returncode == 0, first.stdout + first.stderr
    wait_until(lambda: standby.left() == [], 30, "the guardian to see that nothing is left to guard")
    again = standby.run("recover")
    assert (again.returncode, "0 undone" in again.stdout) == (0, True)


def test_a_kept_world_serves_runs_and_gets_back_what_a_dead_run_took(standby: Standby) -> None:
    """`up`, a run killed with its fault in force, a second run refused meanwhile, `recover`, another run, `down`."""
    assert standby.run("up", "--world", "local").returncode == 0
    world = standby.state / "worlds" / "local"
    try:
        out = standby.folder / "out"
        process = standby.start("run", standby.document(LONG), "--out", out)
        standby.wait_for(out, "fault_applied")
        assert max(toxics_of(world).values()) == 1
        refused = standby.run("run", standby.document(), "--out", standby.folder / "second")
        assert refused.returncode == 3
        assert "in use by" in refused.stdout + refused.stderr
        process.kill()
        process.communicate(timeout=30)
        recovered = standby.run("recover")
        assert recovered.returncode == 0, recovered.stdout + recovered.stderr
        assert max(toxics_of(world).values()) == 0
        done = standby.run("run", standby.document(), "--out", standby.folder / "third")
        assert done.returncode == 0, done.stdout + done.stderr
        assert max(toxics_of(world).values()) == 0
    finally:
        assert standby.run("down", "--world", "local").returncode == 0
    assert standby.left() == []


def test_a_baseline_that_does_not_hold_injects_nothing(standby: Standby) -> None:
    """An objective that is broken before anything is touched: inconclusive, and no fault was ever applied."""
    out = standby.folder / "out"
    done = standby.run("run", standby.services(), "--set", 'objectives[0].expect=">= 2"', "--out", out)
    assert done.returncode == 3
    assert "baseline" in json.loads((out / "run.json").read_text())["why"]
    assert "fault_applied" not in names(standby.events(out))


def test_an_objective_whose_query_matches_nothing_is_no_pass(standby: Standby) -> None:
    """A query without data is inconclusive, even judged only after the faults."""
    out = standby.folder / "out"
    nothing = "objectives: [{name: it holds, query: no_such_thing, expect: '>= 0', during: [after]}, "
    document = standby.services(lasts=4, changes=WITH_PROMETHEUS | {"objectives: [": nothing})
    done = standby.run("run", document, "--out", out)
    assert done.returncode == 3
    assert "no data" in json.loads((out / "run.json").read_text())["why"]


@pytest.mark.parametrize(
    ("stop", "why"),
    [
        (
            "{name: it is hurt, query: sum(chaos_fault_active) or vector(0), expect: '> 0', for: 1s}",
            "is 1, which is > 0",
        ),
        ("{name: somebody looks, query: no_such_series, expect: '> 0', for: 8s}", "has had no data for"),
        ("", "halted by `standby halt`"),
    ],
    ids=["condition", "silence", "halt"],
)
def test_a_stop_condition_or_halt_aborts_and_undoes(standby: Standby, stop: str, why: str) -> None:
    """A condition that is met, one of which the real Prometheus knows nothing, or `standby halt` from elsewhere: exit
    5, the fault undone and seen to be gone, nothing left.
    """
    out = standby.folder / "out"
    stops = f"stop_when: [{stop}]\nobjectives:"
    document = standby.services(changes=WITH_PROMETHEUS | {"objectives:": stops})
    process = standby.start("run", document, "--out", out)
    if not stop:
        standby.wait_for(out, "fault_observed")
        assert standby.run("halt", "--all").returncode == 0
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 5, output
    assert why in json.loads((out / "run.json").read_text())["why"]
    gone = [event["gone"] for event in standby.events(out) if event["event"] == "fault_gone"]
    assert gone == [True]
    assert standby.left() == []


def test_a_toxic_that_vanishes_makes_the_run_inconclusive(standby: Standby) -> None:
    """A fault that was gone before it should be is not concluded from."""
    out = standby.folder / "out"
    process = standby.start("run", standby.services(lasts=12), "--out", out)
    standby.wait_for(out, "fault_observed")
    world = out / "world"
    for url in json.loads((world / "world.json").read_text())["layout"]["toxiproxies"].values():
        request = urllib.request.Request(f"{url}/reset", method="POST")  # noqa: S310 - our own server
        urllib.request.urlopen(request, timeout=30).close()  # noqa: S310 - our own server
    process.communicate(timeout=120)
    assert process.returncode == 3
    assert "not seen in force" in json.loads((out / "run.json").read_text())["why"]


def test_two_runs_at_once_do_not_meet(standby: Standby) -> None:
    """Two worlds on their own ports: both pass, and neither leaves anything."""
    documents = {name: standby.services(lasts=4, changes=WITH_PROMETHEUS) for name in ("a", "b")}
    processes = [
        standby.start("run", document, "--out", standby.folder / name) for name, document in documents.items()
    ]
    for process in processes:
        output, _ = process.communicate(timeout=120)
        assert process.returncode == 0, output
    wait_until(lambda: standby.left() == [], 30, "both worlds to be gone")
