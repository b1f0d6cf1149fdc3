"""The simulated part of a study on Dask workers that are pods."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from k8s.dask import NAMESPACE
from tests.cluster.kind import CONTROL_PLANE, EXPERIMENTS, ROOT, docker, kubectl, plain_kubectl
from tests.local.standby import Standby
from tests.waiting import wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.experiments, pytest.mark.timeout(1500)]

PORT = 8786
PYTHON = "3.13"
"""Of the workers: that of the rooms' image, which the engine has already."""
STUDY = """
version: 1
title: A study for several machines
experiment: failure-to-launch.yaml
seed: 5
set: {time_scale: 1}
varies: {values: [0, 1, 2, 3, 4, 5, 6]}
trials: {simulated: 60_000}
arms:
  - {name: as-found}
  - {name: hardened, set: {rooms.profile: hardened}}
parameters:
  draws: 16
  trials: 200
  ranges:
    - {name: time to decide, path: crew.people.decide.median, low: 20s, high: 5m, shape: log-uniform, source: guess}
"""


@pytest.fixture
def scheduler() -> Iterator[str]:
    """The address of a scheduler with two workers in the kind cluster, through a forwarded port."""
    command = (sys.executable, "-m", "k8s", "dask", "--workers", "2", "--python", PYTHON)
    made = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900, check=False)
    assert made.returncode == 0, made.stderr
    inside = ("docker", "exec", CONTROL_PLANE, "kubectl", "--kubeconfig=/etc/kubernetes/admin.conf")
    forward = ("port-forward", "--address=0.0.0.0", "service/scheduler", str(PORT))
    shown = '{{(index .NetworkSettings.Networks "kind").IPAddress}}'
    where = docker("inspect", CONTROL_PLANE, "--format", shown).strip()
    with subprocess.Popen(
        (*inside, "-n", NAMESPACE, *forward), stdout=subprocess.PIPE, text=True
    ) as forwarding:
        try:
            assert forwarding.stdout is not None
            assert "Forwarding from" in forwarding.stdout.readline()
            yield f"tcp://{where}:{PORT}"
        finally:
            docker("exec", CONTROL_PLANE, "pkill", "-f", "port-forward --address=0.0.0.0 service/scheduler")
            plain_kubectl("delete", "namespace", NAMESPACE, "--wait=true")


def workers() -> list[Any]:
    """The workers' pods that are ready."""
    found = kubectl("-n", NAMESPACE, "get", "pods", "-l", "app.kubernetes.io/component=worker")["items"]
    return [
        one
        for one in found
        if any(state["ready"] for state in one["status"].get("containerStatuses", ()))
        and "deletionTimestamp" not in one["metadata"]
    ]


def using(image: str, folder: Path) -> list[str]:
    """The command as a container of the workers' own image runs it, on the network of the cluster's nodes."""
    return [
        "docker", "run", "--rm", "--network=kind", f"--user={os.getuid()}:{os.getgid()}", f"--workdir={folder}",
        f"--volume={folder}:{folder}", "--env=HOME=/tmp", "--env=NUMBA_CACHE_DIR=/tmp/numba", image, "standby",
    ]  # fmt: skip


def test_the_bytes_of_a_study_do_not_tell_that_a_worker_was_lost(scheduler: str, standby: Standby) -> None:
    """Played here, by pods, and by pods of which one is killed in the middle: the same study.json. Here is another
    Python with another numpy; whoever uses the pods has theirs.
    """
    folder = standby.folder
    (folder / "crew").mkdir()
    for name in ("failure-to-launch.yaml", "crew/runbooks.yaml"):
        (folder / name).write_bytes((EXPERIMENTS / name).read_bytes())
    document = folder / "study.yaml"
    document.write_text(STUDY)
    outs = [folder / name for name in ("here", "pods", "fewer-pods")]
    common = ["study", str(document), "--live", "0", "--out"]
    alone = standby.run(*common, outs[0], timeout=300)
    assert alone.returncode == 0, alone.stderr
    victim = workers()[0]
    client = using(victim["spec"]["containers"][0]["image"], folder)
    command = [*client, *common, str(outs[1]), "--scheduler", scheduler]
    together = subprocess.run(command, capture_output=True, text=True, timeout=400, check=False)
    assert together.returncode == 0, together.stderr
    command[-3] = str(outs[2])
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as playing:
        assert playing.stderr is not None
        first = next(line for line in playing.stderr if "simulated evenings" in line)
        name = victim["metadata"]["name"]
        plain_kubectl("-n", NAMESPACE, "delete", "pod", name, "--grace-period=0", "--force")
        assert playing.poll() is None, first
        _, said = playing.communicate(timeout=400)
    assert playing.returncode == 0, said
    wait_until(lambda: len(workers()) == 2, 120, "a worker in the place of the lost one")
    assert victim["metadata"]["uid"] not in {one["metadata"]["uid"] for one in workers()}
    found = [(out / "study.json").read_bytes() for out in outs]
    assert found[0] == found[1] == found[2]
