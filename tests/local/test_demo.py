from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from chaos.record import read
from chaos.report.summary import summarise
from chaos.study.measuring import SOON, observed


@pytest.mark.local
@pytest.mark.demo
@pytest.mark.timeout(400)
def test_the_demo_tells_two_evenings_and_ends_with_their_picture(tmp_path: Path) -> None:
    """Exit 0 with both runs conclusive and every fault proven; the smaller crew meets the experiment's own verdict; the
    answer to what headcount alone does comes first, and the path of the page last."""
    command = [sys.executable, "-m", "chaos.cli", "demo", "--out", str(tmp_path / "demo")]
    env = {"PATH": "/usr/local/bin:/usr/bin:/bin", "STANDBY_STATE": str(tmp_path / "state")}
    done = subprocess.run(command, capture_output=True, text=True, timeout=380, check=False, env=env)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]

    runs = {
        name: json.loads((tmp_path / "demo" / name / "run.json").read_text(encoding="utf-8"))
        for name in ("two-on-call", "six-by-the-room")
    }
    for run in runs.values():
        assert run["verdict"] in ("pass", "fail")
        assert run["survived"] is (run["verdict"] == "pass")
        assert len(run["faults"]) == 3
        for fault in run["faults"]:
            assert (fault["path_proof"], fault["in_force"], fault["gone"]) == (True, True, True), fault
    assert runs["two-on-call"]["verdict"] == "fail"
    assert {name: run["crew"]["headcount"] for name, run in runs.items()} == {
        "two-on-call": 2,
        "six-by-the-room": 6,
    }
    assert len({run["seed"] for run in runs.values()}) == 1

    words = " ".join(done.stdout.split())
    assert words.startswith("What to expect, first: on this evening no number of people from 0 to 10")
    assert f"one draw of one crew (seed {runs['two-on-call']['seed']})" in words
    picture = re.search(r"The picture: (\S+)$", done.stdout.strip())
    assert picture is not None
    page = Path(picture[1]).read_text(encoding="utf-8")
    assert "two on call" in page
    assert "six by the room" in page

    for name in runs:  # what the simulator rests on can be measured on any evening
        events = list(read(tmp_path / "demo" / name / "events.jsonl"))
        seen = observed(summarise(events), events)
        assert {"bridge_slow_seen", "instance_seen", "path_proof"} <= set(seen)
        assert all(value < SOON for each in seen.values() for value in each)
