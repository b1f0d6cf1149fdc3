"""The API server is away for longer than a hold lasts. It comes last: nodes look lost meanwhile, and pods move."""

from __future__ import annotations

import time

import pytest

from tests.cluster.kind import CONTROL_PLANE, docker, document, named, proven, report_of
from tests.local.standby import Standby
from tests.waiting import wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(420)]


def test_the_api_server_may_be_away_when_a_fault_must_go(standby: Standby) -> None:
    """Halted for 20 s, longer than a hold lasts, while a delay and resets are due to go: the undo waits for it, the
    namespace's guardian does not take the run for dead, and the run ends with its verdict and every proof.
    """
    out = standby.folder / "out"
    path = standby.document(
        document(
            "fault: latency, link: media-to-platform, delay: 300ms, at: 0s, lasts: 4m",
            "fault: reset, link: platform-to-media, at: 0s, lasts: 4m",
        )
    )
    run = standby.start("run", path, "--world", "kind", "--out", out)
    standby.wait_for(out, "fault_observed", timeout=150)
    wait_until(lambda: len(named(standby.events(out), "fault_observed")) == 2, 30, "both to be in force")
    docker("exec", CONTROL_PLANE, "pkill", "-STOP", "-x", "kube-apiserver")
    try:
        time.sleep(20)  # this is the fault, not a wait for anything
    finally:
        docker("exec", CONTROL_PLANE, "pkill", "-CONT", "-x", "kube-apiserver")
    run.communicate(timeout=300)
    report = report_of(out)
    assert (report["verdict"], report["exit_code"]) == ("pass", 0), report["why"]
    assert proven(report), report["faults"]
    assert named(standby.events(out), "alerts_unknown"), "it was away while the run went on"
