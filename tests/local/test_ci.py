"""The steps of the CI files, executed as their systems would: the action's, and the GitLab job's."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from ruamel.yaml import YAML

from chaos.testing.services import free_port

pytestmark = [pytest.mark.local, pytest.mark.full, pytest.mark.timeout(300)]

ROOT = Path(__file__).parents[2]
SMALL = """
version: 1
title: A page
question: Does the page answer while nothing is hurt?
timeline: {{warm_up: 500ms, baseline: 1s, faults: 1s, recovery: 100ms, after: 500ms}}
prometheus: {{url: none}}
system:
  tiers:
    page:
      command: [python3, -m, http.server, "{port}", --bind, 127.0.0.1]
      address: "127.0.0.1:{port}"
      ready: "http://127.0.0.1:{port}/"
objectives:
  - {{name: it answers, http: {{url: "http://127.0.0.1:{port}{path}"}}, timeout: 2s, interval: 100ms}}
faults: []
"""
"""Services of one's own, without Prometheus: a run of a few seconds."""


@dataclass
class Runner:
    """A checkout without anything set up in it, and a Python of its own, as a CI system gives them."""

    checkout: Path
    env: dict[str, str]

    def document(self, name: str, path: str = "/") -> str:
        """A small experiment in the checkout; its page is not there where `path` is not."""
        text = SMALL.format(port=free_port(), path=path)
        (self.checkout / name).write_text(text, encoding="utf-8")
        return name

    def run(self, script: str, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        """A script as GitHub runs it with `shell: bash`."""
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
            cwd=self.checkout, env={**self.env, **env}, capture_output=True, text=True, check=False, timeout=200,
        )  # fmt: skip


@contextmanager
def checked_out(folder: Path) -> Iterator[Runner]:
    """Only what is in version control is checked out, and the action's first step installs it there.

    What pip would fetch is there already, so that it fetches nothing.
    """
    checkout, venv = folder / "checkout", folder / "venv"
    listed = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.run(listed, capture_output=True, text=True, check=True).stdout.split("\0"):
        if name and (ROOT / name).is_file():
            (checkout / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, checkout / name)
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    own = sysconfig.get_path("purelib", vars={"base": str(venv), "platbase": str(venv)})
    Path(own, "fetched.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    env = {
        "PATH": f"{venv / 'bin'}:{os.environ['PATH']}",
        "HOME": str(folder),
        "PIP_NO_DEPS": "1",
        "PIP_NO_BUILD_ISOLATION": "0",  # pip reads it as the value of `build isolation`
        "PIP_NO_INDEX": "1",
        "STANDBY_TEST": str(folder),
    }
    if tools := os.environ.get("STANDBY_TOOLS"):
        env["STANDBY_TOOLS"] = tools
    made = Runner(checkout, env)
    install = _steps()[0]
    done = made.run(install["run"], {"INSTALL": str(checkout)})
    assert done.returncode == 0, done.stdout + done.stderr
    yield made
    left = [
        process
        for process in psutil.process_iter(["environ"])
        if (process.info["environ"] or {}).get("STANDBY_TEST") == str(folder)
    ]
    assert left == []


def _steps() -> list[dict[str, Any]]:
    """The steps of the action; the first installs."""
    action: Any = YAML(typ="safe").load(ROOT / "action.yml")
    steps: list[dict[str, Any]] = action["runs"]["steps"]
    return steps


def _evaluated(expression: str, context: Mapping[str, str]) -> str:
    """What `${{ … }}` is: names joined by `||`, of which the first that is not empty counts."""

    def one(match: re.Match[str]) -> str:
        return next((value for name in match[1].split("||") if (value := context[name.strip()])), "")

    return re.sub(r"\$\{\{(.+?)\}\}", one, expression)


@dataclass
class Job:
    """What the action's steps left: exit codes by step, outputs, and the job's summary."""

    codes: dict[str, int]
    said: str
    outputs: str
    summary: str


def _action(runner: Runner, folder: Path, **given: str) -> Job:
    action: Any = YAML(typ="safe").load(ROOT / "action.yml")
    inputs = {name: str(told.get("default", "")) for name, told in action["inputs"].items()}
    inputs |= {"install": "none"} | given
    context = {f"inputs.{name}": value for name, value in inputs.items()}
    context["github.action_path"] = str(runner.checkout)
    files = {"GITHUB_OUTPUT": str(folder / "output"), "GITHUB_STEP_SUMMARY": str(folder / "summary.md")}
    for path in files.values():
        Path(path).touch()
    codes, said = {}, ""
    for step in _steps():
        if "run" not in step:
            continue
        env = {name: _evaluated(str(value), context) for name, value in step.get("env", {}).items()}
        done = runner.run(step["run"], env | files)
        codes[step["name"]] = done.returncode
        said += done.stdout + done.stderr
    return Job(codes, said, (folder / "output").read_text(), (folder / "summary.md").read_text())


def _runs_and_sums_up(runner: Runner, folder: Path) -> None:
    """Two experiments: every step succeeds; exit code, JUnit, verdicts and history are where a job has them."""
    documents = f"{runner.document('one.yaml')} {runner.document('two.yaml')}"
    job = _action(runner, folder, experiments=documents, history="history.jsonl", out="left")
    assert set(job.codes.values()) == {0}, job.said
    assert job.outputs == "exit-code=0\n"
    assert job.summary.count("✅ pass: A page") == 2
    assert "### Drift" in job.summary
    assert len((runner.checkout / "history.jsonl").read_text().splitlines()) == 2
    suites = ET.parse(runner.checkout / "left" / "junit.xml").getroot()  # noqa: S314 - our own file
    assert (len(suites), suites.get("failures")) == (2, "0")


def _verdict_is_the_jobs_own(runner: Runner, folder: Path) -> None:
    """A page that is not there: the baseline does not hold, so the step ends with 3, and the summary says why."""
    document = runner.document("gone.yaml", path="/not-there")
    job = _action(runner, folder, experiments=document, out="failed")
    assert job.codes["Run the experiments"] == 3, job.said
    assert job.codes["Write the summary"] == 0
    assert job.outputs == "exit-code=3\n"
    assert "❔ inconclusive: A page" in job.summary


def _input_is_no_command(runner: Runner, folder: Path) -> None:
    """What stands in an input is an argument or a name: nothing of it is executed, and no pattern is unfolded."""
    job = _action(runner, folder, experiments="$(touch${IFS}bad) *.toml; touch bad", out="hostile")
    assert job.codes["Run the experiments"] == 2
    assert "*.toml" in job.said
    assert not (runner.checkout / "bad").exists()


def _gitlab_does_the_same(runner: Runner) -> None:
    """before_script, script and after_script of the hidden job, in the order and the shell of GitLab."""
    template: Any = YAML(typ="safe").load(ROOT / "ci" / "standby.gitlab-ci.yml")
    job = template[".standby"]
    env = dict(job["variables"]) | {
        "STANDBY_INSTALL": ".",
        "STANDBY_EXPERIMENTS": runner.document("three.yaml"),
        "STANDBY_ARGUMENTS": "--grafana http://127.0.0.1:9",
        "STANDBY_GRAFANA_TOKEN": "a-token",
    }
    script = "\n".join([*job["before_script"], *job["script"], *job["after_script"]])
    done = runner.run(script, env)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "A page (local, 1 run): ✓" in done.stdout
    assert "Grafana at http://127.0.0.1:9 took 0 of 1 annotations" in done.stderr, "which changes no verdict"
    assert job["artifacts"]["reports"]["junit"] == "standby-runs/junit.xml"
    assert (runner.checkout / "standby-runs" / "junit.xml").exists()


def test_the_steps_of_action_and_template_do_what_they_are_for(tmp_path: Path) -> None:
    """Each as its system would execute it, in a checkout that the action's own first step has installed."""
    with checked_out(tmp_path / "runner") as runner:
        for number, check in enumerate((_runs_and_sums_up, _verdict_is_the_jobs_own, _input_is_no_command)):
            (tmp_path / str(number)).mkdir()
            check(runner, tmp_path / str(number))
        _gitlab_does_the_same(runner)
