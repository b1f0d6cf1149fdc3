"""Live trials of a study as an Indexed Job, a namespace each, beside the same trials on this machine."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from chaos.record import Event, read
from chaos.study.order import Order
from tests.cluster.kind import ROOT, docker, hurt, kubectl, left_in_cluster, plain_kubectl
from tests.local.standby import Standby
from tests.waiting import wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.experiments, pytest.mark.timeout(1500)]

EXPERIMENT = """
version: 1
title: A slow bridge
time_scale: 20
timeline: {warm_up: 4m, baseline: 2m, faults: 9m, recovery: 1m, after: 1m}
rooms:
  scale: 1/1000
  audience:
    - {room: launch, listeners: 100_000, from: 0m, join_over: 15m, shape: linear, host_patience: 60m}
objectives:
  - {name: the room survives, survives: launch}
faults:
  - {fault: latency, link: media-to-platform, delay: 600ms, jitter: 200ms, at: 1m, until: repaired}
  - {fault: latency, link: platform-to-media, delay: 700ms, at: 2m, until: repaired}
crew: {headcount: 1, runbooks: RUNBOOKS}
""".replace("RUNBOOKS", str(ROOT / "experiments" / "crew" / "runbooks.yaml"))
STUDY = """
version: 1
title: Four short evenings
experiment: experiment.yaml
seed: 11
varies: {values: [1, 2]}
trials: {simulated: 100}
live: {trials: 4, concurrency: 1}
arms: [{name: as-found, set: {rooms.profile: as-found}}]
"""
DRAWN = ("incident", "stage", "person", "attempt", "helpers")
"""What a stage of an incident is; how long it takes is drawn for it."""


@pytest.fixture
def study(standby: Standby) -> Iterator[Path]:
    """A study with four live trials of about a minute; whatever becomes of the test, nothing of it stays."""
    (standby.folder / "experiment.yaml").write_text(EXPERIMENT)
    path = standby.folder / "study.yaml"
    path.write_text(STUDY)
    yield path
    plain_kubectl("delete", "namespaces", "-l", "standby.chaos/study", "--wait=true")


def of_studies() -> dict[str, Any]:
    """The namespaces of studies, by name."""
    return {
        one["metadata"]["name"]: one
        for one in kubectl("get", "namespaces", "-l", "standby.chaos/study")["items"]
    }


def everywhere(*what: str) -> list[Any]:
    """The objects of a kind in all namespaces."""
    found: list[Any] = kubectl("get", "--all-namespaces", *what)["items"]
    return found


def pods() -> list[Any]:
    """The pods in which trials run."""
    return everywhere("pods", "-l", "app.kubernetes.io/component=trial")


def in_force() -> list[str]:
    """The trials' namespaces in which a fault is in force."""
    found = []
    for name in of_studies():
        with suppress(subprocess.CalledProcessError):  # it is not awake, or no trial's
            found += [name] if hurt("bridge", name) else []
    return found


def kept(folder: Path) -> list[Any]:
    """The live trials in a study's folder."""
    return [json.loads(line) for line in (folder / "live.jsonl").read_text().splitlines()]


def records(folder: Path) -> dict[str, list[Event]]:
    """What happened in each live trial of a study's folder, by the trial."""
    return {path.parent.name: list(read(path)) for path in sorted((folder / "live").glob("*/events.jsonl"))}


def named(events: list[Event], name: str) -> list[Event]:
    """The events of a name."""
    return [one for one in events if one.name == name]


def stages(events: list[Event]) -> dict[tuple[object, ...], float]:
    """How long each stage of each incident was to take, in story seconds."""
    return {
        tuple(one[key] for key in DRAWN): float(str(one["due"])) - float(str(one["begins"]))
        for one in named(events, "crew_stage")
        if one["due"] is not None
    }


def test_a_killed_pod_loses_no_trial_and_doubles_none(study: Path, standby: Standby) -> None:
    """Four trials, one of them killed while its fault is in force: each result is there once, a study goes on with
    them, nothing of them is left in the cluster. And their people and faults are those of the same trials in worlds of
    this machine: who answers, who knows what, how long each stage takes, what fails when.
    """
    out = standby.folder / "in the cluster"
    command = [sys.executable, "-m", "k8s", "trials", str(study), "--out", str(out)]
    with ExitStack() as stack:
        trials = stack.enter_context(
            subprocess.Popen(command, cwd=ROOT, env=standby.env(), stderr=subprocess.PIPE, text=True)
        )
        stack.callback(trials.kill)
        hit: list[str] = []

        def struck() -> bool:
            hit[:] = in_force()
            return bool(hit) or trials.poll() is not None

        wait_until(struck, 500, "a fault in force")
        assert trials.poll() is None, trials.stderr and trials.stderr.read()
        (job,) = everywhere("jobs", "-l", "app.kubernetes.io/component=trial")
        assert (job["spec"]["completions"], job["spec"]["parallelism"]) == (4, 1)
        (order,) = everywhere("configmaps", "--field-selector", "metadata.name=trials-order")
        index = str(Order.read(order["data"]["order.json"]).names.index(hit[0]))
        (killed,) = [one for one in pods() if _index(one) == index]
        docker("exec", killed["spec"]["nodeName"], "pkill", "-KILL", "-f", "chaos.trial")
        wait_until(
            lambda: any(
                _index(one) == index and one["metadata"]["uid"] != killed["metadata"]["uid"] for one in pods()
            ),
            120,
            "another pod for the trial of the one that was killed",
        )
        _, said = trials.communicate(timeout=900)
    assert trials.returncode == 0, said
    assert of_studies() == {}
    assert left_in_cluster() == []
    found = kept(out)
    assert len({(one["arm"], one["value"], one["seed"]) for one in found}) == len(found) == 4, said
    here = standby.folder / "here"
    study.write_text(STUDY.replace("concurrency: 1", "concurrency: 2"))
    done = standby.run("study", study, "--live", "4", "--out", here, timeout=600)
    assert done.returncode == 0, done.stderr
    assert [(one["arm"], one["value"], one["seed"], one["overrides"]) for one in found] == [
        (one["arm"], one["value"], one["seed"], one["overrides"])
        for one in sorted(kept(here), key=_like(found))
    ]
    alike(records(out), records(here))
    gone_on = standby.run("study", study, "--live", "4", "--resume", "--out", out, timeout=300)
    assert gone_on.returncode == 0, gone_on.stderr
    assert kept(out) == found
    assert json.loads((out / "study.json").read_text())["calibration"]["live_trials"] == 4


def alike(there: dict[str, list[Event]], here: dict[str, list[Event]]) -> None:
    """Whether runs of the same trials had the same people, schedules and draws."""
    assert there.keys() == here.keys()
    compared = 0
    for trial, events in there.items():
        other = here[trial]
        for name, left_out in (("crew_begun", ()), ("fault_scheduled", ("on",))):
            assert [_fields(one, left_out) for one in named(events, name)] == [
                _fields(one, left_out) for one in named(other, name)
            ], trial
        drawn, again = stages(events), stages(other)
        both = drawn.keys() & again.keys()
        compared += len(both)
        assert {key: drawn[key] for key in both} == pytest.approx(
            {key: again[key] for key in both}, abs=0.002
        )
    assert compared >= 4 * len(there), "each of them had a crew at work"


def _fields(event: Event, left_out: tuple[str, ...]) -> dict[str, object]:
    return {key: value for key, value in event.fields.items() if key not in left_out}


def _index(pod: Any) -> str:
    return str(pod["metadata"]["annotations"]["batch.kubernetes.io/job-completion-index"])


def _like(found: list[Any]) -> Any:
    places = {(one["arm"], one["value"], one["seed"]): number for number, one in enumerate(found)}
    return lambda one: places[one["arm"], one["value"], one["seed"]]
