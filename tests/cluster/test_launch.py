"""The headline experiment on the kind cluster, with each of the demo's crews."""

from __future__ import annotations

from typing import Any

import pytest

from chaos.cli.showing import LARGER, SMALLER
from tests.cluster.kind import CONTEXT, EXPERIMENTS, NAMESPACE, named, proven, report_of
from tests.local.standby import Standby

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]
CREWS = {"two on call": SMALLER, "six by the room": LARGER}


@pytest.mark.parametrize("crew", list(CREWS))
def test_failure_to_launch_is_conclusive_with_either_crew(crew: str, standby: Standby) -> None:
    """Every fault proven on its path, in force and gone, and a verdict that follows from the room's fate; the smaller
    crew is the experiment's own, and loses the room as it expects. Kubernetes' own times of the lost node are told.
    """
    out = standby.folder / "out"
    sets = [part for one in CREWS[crew].overrides for part in ("--set", one)]
    done = standby.run(
        "run", EXPERIMENTS / "failure-to-launch.yaml", "--world", "kind", *sets, "--out", out, timeout=560
    )
    report = report_of(out)
    assert report["verdict"] in ("pass", "fail"), report["why"]
    assert report["survived"] is (report["verdict"] == "pass")
    assert len(report["faults"]) == 3
    assert proven(report), report["faults"]
    if CREWS[crew] is SMALLER:
        assert (report["verdict"], done.returncode) == ("fail", 0), done.stdout[-3000:]
    events: list[dict[str, Any]] = standby.events(out)
    assert named(events, "run_started")[0]["cluster"] == {"context": CONTEXT, "namespace": NAMESPACE}
    changes = [(one["ready"], one["since"] is not None) for one in named(events, "node_changed")]
    assert (False, True) in changes, "Kubernetes' own time of NotReady"
    assert (True, True) in changes, "and of Ready"
    (loss,) = report["node_losses"]
    times = [loss[f"{name}_real_s"] for name in ("not_ready", "evicted", "ready")]
    if CREWS[crew] is LARGER and times[1] is None:
        del times[1]  # these people may bring the node back before anything is evicted
    assert None not in times, loss
    assert times == sorted(times), "lost, noticed, evicted, back: in this order by Kubernetes' own clock"
