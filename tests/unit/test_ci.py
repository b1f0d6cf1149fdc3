"""The files for CI systems: valid by their published schemas, and without a way for an input to become a command.

The schemas are those that check-jsonschema ships (Apache-2.0): GitHub's workflow and action from SchemaStore, GitLab's
own; each stands there with its source and licence.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from chaos.experiment import load
from chaos.faults.specs import spec_types

ROOT = Path(__file__).parents[2]
ACTION = ROOT / "action.yml"
WORKFLOW = ROOT / ".github" / "workflows" / "chaos.yml"
GITLAB = ROOT / "ci" / "standby.gitlab-ci.yml"


def _read(path: Path) -> Any:
    return YAML(typ="safe").load(path)


@pytest.mark.parametrize(
    ("schema", "path"),
    [
        ("vendor.github-actions", ACTION),
        ("vendor.github-workflows", WORKFLOW),
        ("vendor.gitlab-ci", GITLAB),
    ],
    ids=["action", "workflow", "gitlab"],
)
def test_a_file_is_valid_by_its_published_schema(schema: str, path: Path, tmp_path: Path) -> None:
    """And the check can fail: the same file with a key that nobody knows is refused.

    GitLab's schema does not look into hidden jobs, so the template is shown to it as a visible one as well.
    """

    def says(text: str) -> int:
        shown = tmp_path / path.name
        shown.write_text(text, encoding="utf-8")
        command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(shown)]
        return subprocess.run(command, capture_output=True, check=False).returncode

    text = path.read_text(encoding="utf-8")
    visible = re.sub(r"\.standby\b(?!-)", "standby-job", text)
    assert says(text) == 0
    assert says(visible) == 0
    assert (
        says(re.sub(r"^( +)(runs-on|shell|image):", r"\1no-such-key:", visible, count=1, flags=re.MULTILINE))
        == 1
    )


def test_no_input_becomes_a_part_of_a_script() -> None:
    """Expressions stand in `env:` alone: what a pull request brings along is never read as shell."""
    steps = _read(ACTION)["runs"]["steps"]
    for job in _read(WORKFLOW)["jobs"].values():
        steps += job["steps"]
    scripts = [step["run"] for step in steps if "run" in step]
    assert len(scripts) == 5
    assert not [script for script in scripts if "${{" in script]


def test_the_workflow_asks_for_no_more_rights_than_it_needs_and_ends_in_time() -> None:
    """Reading alone; every job has a limit; a pull request never gets to the cluster's job."""
    told = _read(WORKFLOW)
    assert told["permissions"] == {"contents": "read"}
    assert all(job["timeout-minutes"] <= 60 for job in told["jobs"].values())
    assert told["jobs"]["kind"]["if"] == "github.event_name != 'pull_request'"


def test_the_workflow_uses_the_action_with_inputs_that_it_has_and_experiments_that_are_there() -> None:
    """Every `with` is an input of the action; every experiment loads, and those of the kind job fit that world."""
    inputs = _read(ACTION)["inputs"]
    used = [
        step["with"]
        for job in _read(WORKFLOW)["jobs"].values()
        for step in job["steps"]
        if step.get("uses") == "./"
    ]
    assert len(used) == 3
    for told in used:
        assert set(told) <= set(inputs)
        overrides = ("world=kind",) if "--world kind" in told.get("arguments", "") else ()
        for name in told["experiments"].split():
            assert load(ROOT / name, faults=spec_types(), overrides=overrides).experiment.expected is not None


def test_the_nightly_steps_are_what_the_tests_on_the_cluster_do_themselves() -> None:
    """`make e2e` makes the cluster and deploys by the same targets; here they are only unfolded."""
    kind = _read(WORKFLOW)["jobs"]["kind"]["steps"]
    script = next(step["run"] for step in kind if "make" in step.get("run", ""))
    assert script.splitlines()[0] == "make cluster deploy"
    unfolded = subprocess.run(
        ["make", "--dry-run", "--assume-old=.venv/.set-up", "cluster", "deploy"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert "-m k8s up" in unfolded
    assert "-m k8s deploy" in unfolded
