from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

EXPERIMENTS = sorted((Path(__file__).parents[2] / "experiments").glob("*.yaml"))
IN_THE_DEMO = "failure-to-launch"
"""Run by tests/local/test_demo.py: the demo's smaller crew is the experiment's own."""


@pytest.mark.local
@pytest.mark.experiments
@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    "path", [path for path in EXPERIMENTS if path.stem != IN_THE_DEMO], ids=lambda path: path.stem
)
def test_a_shipped_experiment_has_the_verdict_that_it_expects(path: Path, tmp_path: Path) -> None:
    """Run as its user would, on real parts: the expected verdict, every fault proven in force and gone, exit 0."""
    command = [sys.executable, "-m", "chaos.cli", "run", str(path), "--out", str(tmp_path / "run")]
    env = {"PATH": "/usr/local/bin:/usr/bin:/bin", "STANDBY_STATE": str(tmp_path / "state")}
    done = subprocess.run(command, capture_output=True, text=True, timeout=380, check=False, env=env)
    report = json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))
    assert done.returncode == 0, (
        f"{report['verdict']}: {report['why']}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
    )
    assert report["verdict"] in ("pass", "fail")
    assert all(fault["in_force"] is True and fault["gone"] is True for fault in report["faults"])
    assert all(fault["path_proof"] is True for fault in report["faults"])


def test_every_shipped_experiment_asks_one_question_and_says_what_it_expects() -> None:
    """A title, one question, the expected verdict and the reason for it stand in each."""
    from chaos.experiment import load
    from chaos.faults.specs import spec_types

    assert len(EXPERIMENTS) >= 9
    for path in EXPERIMENTS:
        experiment = load(path, faults=spec_types()).experiment
        assert experiment.question.count("?") == 1, path
        assert experiment.expected is not None, path
