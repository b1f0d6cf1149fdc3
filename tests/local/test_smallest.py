from __future__ import annotations

import json
from pathlib import Path

import pytest

from chaos.testing.services import two_services
from tests.local.standby import Standby

TIMELINE = "{warm_up: 200ms, baseline: 500ms, faults: 4s, recovery: 200ms, after: 200ms}"
OBJECTIVE = (
    '{name: it answers in time, http: {url: "http://$LINK_CALLER_TO_ECHO/"}, timeout: 1s, interval: 100ms}'
)
FAULT = "faults: [{fault: latency, link: caller-to-echo, delay: 100ms, at: 100ms, lasts: 3500ms}]\n"


@pytest.mark.local
@pytest.mark.experiments
@pytest.mark.timeout(300)
def test_live_runs_find_the_delay_that_a_time_out_does_not_bear(tmp_path: Path) -> None:
    """Who waits for a second bears a delay of 100 ms and not one of 1.3 s: found by real runs, each with its verdict.

    No simulator knows these services, and it says so; every run is recorded, and none leaves anything behind. So little
    confidence is asked for because that takes eight runs.
    """
    standby = Standby(tmp_path)
    document = standby.document(two_services(tmp_path, timeline=TIMELINE, objective=OBJECTIVE) + FAULT)
    ends = ("--path", "faults[0].delay", "--from", "100ms", "--to", "1300ms", "--steps", "1")
    out = tmp_path / "out"
    done = standby.run("smallest", document, *ends, "--confidence", "20%", "--out", out, timeout=250)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "by live runs, not simulated: only experiments on the reference `rooms`" in done.stderr
    found = json.loads((out / "smallest.json").read_text())
    assert (found["by"], found["holds"], found["breaks"]) == ("live", "100ms", "1.3s")
    assert found["determined"]
    assert found["says"].endswith(
        f"with 20% confidence ({found['runs']} live runs; it breaks where most runs fail)."
    )
    assert done.stdout.startswith(found["says"])
    tried = {one["what"]: one for one in found["tried"]}
    assert tried["100ms"]["passed"] > tried["100ms"]["failed"]
    assert tried["1.3s"]["failed"] > tried["1.3s"]["passed"]
    runs = sorted((out / "runs").iterdir())
    assert len(runs) == found["runs"] <= 20
    assert {json.loads((run / "run.json").read_text())["verdict"] for run in runs} == {"pass", "fail"}
    assert standby.left() == []
