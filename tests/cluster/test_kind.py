"""The world `kind` on a real cluster, with the rooms deployed in it: `make e2e` makes both first."""

from __future__ import annotations

import signal
from typing import Any

import pytest

from tests.cluster.kind import (
    CONTEXT,
    EXPERIMENTS,
    LEASE,
    NAMESPACE,
    document,
    left_in_cluster,
    named,
    proven,
    report_of,
    states,
    told_alerts,
    without_guardian,
)
from tests.local.standby import Standby
from tests.waiting import wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(420)]


@pytest.mark.experiments
@pytest.mark.parametrize(
    "name",
    [
        "slow-bridge",
        "bridge-resets",
        "cluster/platform-node-loss",
        "cluster/media-drain",
        "cluster/bridge-pod-kill",
        "cluster/redis-loss",
    ],
)
def test_a_shipped_experiment_has_the_verdict_that_it_expects(name: str, standby: Standby) -> None:
    """Unchanged but for `--world kind`: the expected verdict, and every fault proven on its path, in force and gone."""
    out = standby.folder / "out"
    done = standby.run("run", EXPERIMENTS / f"{name}.yaml", "--world", "kind", "--out", out, timeout=380)
    report = report_of(out)
    assert done.returncode == 0, (
        f"{report['verdict']}: {report['why']}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
    )
    assert report["verdict"] in ("pass", "fail")
    assert proven(report), report["faults"]
    events: list[dict[str, Any]] = standby.events(out)
    assert named(events, "run_started")[0]["cluster"] == {"context": CONTEXT, "namespace": NAMESPACE}
    assert all(loss["evicted_real_s"] is not None for loss in report["node_losses"])


@pytest.mark.experiments
def test_a_crew_is_called_by_alertmanagers_webhook(standby: Standby) -> None:
    """With the alerts that the outpost has heard in place of Prometheus': the same verdict, and somebody was called;
    the report tells when the lost node was noticed, and when these quick people had the room on air and heard again.
    """
    out = standby.folder / "out"
    quick = ("acknowledge.median=5s", "triage.median=20s", "decide.median=5s", "mistriage=0%")
    by = [
        "--set=crew.alerts=webhook",
        "--set=crew.attending=true",
        *(f"--set=crew.people.{one}" for one in quick),
    ]
    path = EXPERIMENTS / "media-node-loss.yaml"
    done = standby.run("run", path, "--world", "kind", *by, "--seed=1", "--out", out, timeout=380)
    report = report_of(out)
    assert (done.returncode, report["verdict"]) == (0, "fail"), report["why"]
    assert proven(report), report["faults"]
    assert report["crew"]["incidents"], "nobody was called"
    assert not named(standby.events(out), "alerts_unknown")
    (loss,) = report["node_losses"]
    assert None not in (loss["not_ready_real_s"], loss["evicted_real_s"], loss["ready_real_s"])
    (room,) = loss["rooms"]
    assert room["silent_real_s"] < room["reopened_real_s"] <= room["back_real_s"]


def test_the_journal_in_the_cluster_is_enough_to_recover(standby: Standby) -> None:
    """A run that is gone with its disk and all guardians: `recover --context --namespace`, called at once, waits until
    that is known and undoes all.
    """
    out = standby.folder / "out"
    path = standby.document(
        document("fault: latency, link: media-to-platform, delay: 300ms, at: 0s", faults="60m")
    )
    run = standby.start("run", path, "--world", "kind", "--out", out)
    standby.wait_for(out, "fault_applied", timeout=150)
    elsewhere = Standby(standby.folder / "elsewhere")
    with without_guardian():
        for one in standby.processes():  # its guardian first, which it would start anew a moment later
            if "chaos.guardian" in " ".join(one.cmdline()):
                one.kill()
        run.kill()
        run.communicate(timeout=30)
        assert any("media-to-platform" in one for one in left_in_cluster())
        recovered = elsewhere.run("recover", "--context", CONTEXT, "--namespace", NAMESPACE, timeout=200)
    assert recovered.returncode == 0, recovered.stdout + recovered.stderr
    assert "undoing latency on" in recovered.stdout
    assert left_in_cluster() == []


def test_a_node_hangs_a_second_run_is_refused_and_after_kill_9_the_guardian_brings_it_back(
    standby: Standby,
) -> None:
    """A paused node is proven in force, and Alertmanager tells the outpost of it; who comes second hears who was first,
    and touches nothing; when the run is killed, the node is Ready again within the lease and half a minute, without
    anybody's doing.
    """
    out, second = standby.folder / "out", standby.folder / "second"
    path = standby.document(document("fault: node_loss, tier: media, how: pause, at: 0s", faults="60m"))
    first = standby.start("run", path, "--world", "kind", "--out", out)
    seen = standby.wait_for(out, "fault_observed", timeout=150)
    assert seen["in_force"] is True, seen["evidence"]
    assert sorted(states().values()).count("paused") == 1
    called = {"InstanceDown", "NodeDown"}
    wait_until(lambda: bool(called & {one.name for one in told_alerts().firing}), 20, "Alertmanager to tell")
    refused = standby.run("run", path, "--world", "kind", "--out", second)
    run = named(standby.events(out), "run_started")[0]["run"]
    assert refused.returncode == 3
    assert run in refused.stdout + refused.stderr + report_of(second)["why"]
    assert not named(standby.events(second), "settings_applied")
    first.send_signal(signal.SIGKILL)
    first.communicate(timeout=30)
    wait_until(lambda: left_in_cluster() == [], LEASE + 30, "the guardian to bring everything back")
    wait_until(lambda: standby.left() == [], 60, "the guardian to go")


def test_what_is_not_allowed_is_refused_before_anything_is_touched(standby: Standby) -> None:
    """An unlabelled namespace, a context that is not there, a control plane, a node without the label."""
    path = standby.document(document("fault: node_loss, node: standby-control-plane, how: kill, at: 0s"))
    for arguments, why in (
        (("--namespace", "kube-system"), "does not carry the label"),
        (("--context", "nowhere"), "context `nowhere`"),
    ):
        refused = standby.run("run", path, "--world", "kind", *arguments, "--out", standby.folder / "out")
        assert refused.returncode == 2
        assert why in refused.stderr
        assert not (standby.folder / "out").exists()
    dry = standby.run("run", path, "--world", "kind", "--dry-run")
    assert "control plane" in dry.stdout + dry.stderr
    run = standby.run("run", path, "--world", "kind", "--out", standby.folder / "control", timeout=200)
    assert run.returncode == 3
    assert "is a control plane" in report_of(standby.folder / "control")["why"]
    allowed = standby.document(document("fault: node_loss, tier: media, how: kill, at: 0s"))
    told = standby.run("run", allowed, "--world", "kind", "--dry-run").stdout
    assert "media-1" in told
    assert "node standby-worker" in told
