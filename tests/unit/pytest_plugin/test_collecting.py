from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest

from chaos import api
from chaos.errors import PreflightError
from chaos.experiment import Loaded
from chaos.pytest_plugin.collecting import is_experiment
from chaos.report.model import Expected, RunReport

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[3]
ONE = """
version: 1
title: {title}
tags: [{tags}]
timeline: {{baseline: 1s, faults: 1s}}
prometheus: {{url: none}}
system: {{tiers: {{one: {{command: [sleep, "60"]}}}}}}
objectives: [{{name: it works, command: ["true"]}}]
"""
OTHERS = {
    "runbook.yaml": "entries:\n  - {name: it, alerts: [It], diagnosis: it, action: clear_link}\n",
    "shop.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: code}\n",
    "compose.yaml": "version: '3'\nservices: {}\n",
    "study.yaml": "version: 1\nexperiment: one.yaml\nvaries: {headcount: [1]}\nobjectives: []\n",
    "values.yaml": "faults: none\n",
    "notes.md": "version: 1\nobjectives: []\n",
}
VERDICTS = {
    "holds": RunReport(verdict="pass", why="it held", exit_code=0, ending="complete"),
    "breaks": RunReport(
        verdict="fail", why="it works broke for 3 s", reasons=("it works broke for 3 s", "more"), exit_code=1,
        ending="complete",
    ),
    "unknown": RunReport(
        verdict="inconclusive", why="the fault was not seen in force", exit_code=3, ending="complete"
    ),
    "weak": RunReport(
        verdict="fail", why="it broke", exit_code=0, ending="complete",
        expected=Expected(verdict="fail", because="it always did"),
    ),
    "mended": RunReport(
        verdict="pass", why="it held", exit_code=1, ending="complete",
        expected=Expected(verdict="fail", because="it always did"),
    ),
    "stuck": RunReport(
        verdict="pass", why="something could not be undone: a toxic", exit_code=4, ending="complete", run="R"
    ),
}  # fmt: skip
"""What becomes of the run of the document with each name."""
ORDINARY = """
import sys, pytest
assert pytest.main(["-q", "-p", "no:hypothesispytest", "-p", "no:asyncio"]) == 0
assert "chaos.pytest_plugin" in sys.modules
print("imported", *sys.modules)
"""

Asked = dict[str, object]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, pytester: pytest.Pytester) -> dict[str, Asked]:
    """Runs whose end is known beforehand; what each was asked, by the document's name."""
    seen: dict[str, Asked] = {}

    def run(loaded: Loaded, **options: object) -> RunReport:
        name = Path(loaded.path).stem
        seen[name] = {"world": loaded.experiment.world, **options}
        if name == "early":
            raise PreflightError("redis-server is not on the PATH")
        return VERDICTS[name]

    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    monkeypatch.setattr(api, "run", run)
    monkeypatch.setenv("STANDBY_STATE", str(pytester.path / "state"))
    return seen


@pytest.fixture
def experiments(pytester: pytest.Pytester) -> Callable[..., Path]:
    """Writes experiments into the folder `experiments`, each with its name as its tag and in its title."""
    folder = pytester.path / "experiments"
    folder.mkdir()

    def write(*names: str, tags: str = "") -> Path:
        for name in names:
            text = ONE.format(title=f"The one that {name}", tags=", ".join(filter(None, [name, tags])))
            (folder / f"{name}.yaml").write_text(text)
        return folder

    return write


def test_experiments_are_tests_and_other_yaml_is_not(
    pytester: pytest.Pytester, experiments: Callable[..., Path], asked: dict[str, Asked]
) -> None:
    """Runbooks, studies, manifests and other people's files with a version in them are left alone."""
    folder = experiments("holds")
    for name, text in OTHERS.items():
        (folder / name).write_text(text)
    outcome = pytester.inline_run("experiments")
    outcome.assertoutcome(passed=1)
    assert list(asked) == ["holds"]


def test_of_the_shipped_files_exactly_the_experiments_are_collected() -> None:
    """Every document with objectives, on this machine and in clusters; no runbook, crew, rule, manifest or study."""
    found = {path for path in (ROOT / "experiments").rglob("*.yaml") if is_experiment(path)}
    others = set((ROOT / "experiments").rglob("*.yaml")) - found
    assert {path.name for path in others} == {
        "alerts.yaml", "headcount.yaml", "prompt.yaml", "runbook.yaml", "runbooks.yaml", "shop.yaml"
    }  # fmt: skip
    assert all(api.load(path).experiment.objectives for path in found)


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("breaks", "Failed: it works broke for 3 s"),
        ("unknown", "Inconclusive: the fault was not seen in force"),
        ("mended", "Failed: passed, where its author expects a fail (it always did)"),
        ("stuck", "NotUndone: something could not be undone: a toxic; run `standby recover R`"),
        ("early", "Inconclusive: it could not begin: redis-server is not on the PATH"),
    ],
)
def test_the_short_summary_says_why(
    pytester: pytest.Pytester,
    experiments: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    line: str,
) -> None:
    """A fail, an inconclusive, an unexpected pass and something left behind: red, each with its own words."""
    experiments(name)
    monkeypatch.setenv("COLUMNS", "200")
    done = pytester.runpytest_inprocess("experiments", "-p", "no:cacheprovider")
    assert done.ret == 1
    (summary,) = [told for told in done.outlines if told.startswith("FAILED ")]
    assert summary == f"FAILED experiments/{name}.yaml::The one that {name} - {line}"
    assert "Traceback" not in done.stdout.str()


@pytest.mark.usefixtures("asked")
def test_what_the_author_expects_is_green(
    pytester: pytest.Pytester, experiments: Callable[..., Path]
) -> None:
    """`expected: {verdict: fail}` turns the outcome around, as it does the exit code."""
    experiments("weak")
    pytester.inline_run("experiments").assertoutcome(passed=1)


def test_a_document_that_is_none_stops_the_session_with_its_places(
    pytester: pytest.Pytester, experiments: Callable[..., Path], asked: dict[str, Asked]
) -> None:
    """File, line, column and the nearest word; nothing runs."""
    folder = experiments("holds", "breaks")
    wrong = folder / "holds.yaml"
    wrong.write_text(wrong.read_text().replace("timeline", "timelin"))
    done = pytester.runpytest_inprocess("experiments")
    assert done.ret == pytest.ExitCode.INTERRUPTED
    done.stdout.fnmatch_lines(["*holds.yaml:5:1: timelin:*did you mean `timeline`?"])
    assert asked == {}


@pytest.mark.parametrize(
    ("chosen", "run"),
    [
        (["-m", "holds"], {"holds"}),
        (["-m", "not as-found"], {"weak"}),
        (["-m", "standby and local"], {"holds", "breaks", "weak"}),
        (["-k", "breaks"], {"breaks"}),
        (["-k", "skip"], {"weak"}),
    ],
)
def test_tags_are_markers_and_names_are_keywords(
    pytester: pytest.Pytester,
    experiments: Callable[..., Path],
    asked: dict[str, Asked],
    chosen: list[str],
    run: set[str],
) -> None:
    """`-m` and `-k` choose, also with --strict-markers; a tag that is a marker of pytest's own does not skip a test."""
    experiments("holds", "breaks", tags="as-found")
    experiments("weak", tags="skip")
    pytester.inline_run("experiments", "--strict-markers", *chosen)
    assert set(asked) == run


def test_the_options_reach_the_run(
    pytester: pytest.Pytester, experiments: Callable[..., Path], asked: dict[str, Asked]
) -> None:
    """World, values, seed, folder and cluster, as for `standby run`; each experiment has a folder of its own."""
    experiments("holds")
    pytester.inline_run(
        "experiments", "--standby-world=kubernetes", "--standby-set", "system={tiers: {one: {}}}",
        "--standby-set=prometheus.url=http://127.0.0.1:9",
        "--standby-seed=5", "--standby-out=out", "--standby-context=c", "--standby-namespace=n",
    ).assertoutcome(passed=1)  # fmt: skip
    assert asked["holds"] == {
        "world": "kubernetes",
        "seed": 5,
        "out": Path("out/experiments/holds"),
        "context": "c",
        "namespace": "n",
    }


def test_a_value_that_does_not_fit_is_refused_before_anything_runs(
    pytester: pytest.Pytester, experiments: Callable[..., Path], asked: dict[str, Asked]
) -> None:
    """`--standby-set` obeys the rules of the document."""
    experiments("holds")
    done = pytester.runpytest_inprocess("experiments", "--standby-set", "timeline.baselin=2s")
    assert done.ret == pytest.ExitCode.INTERRUPTED
    assert "did you mean `baseline`?" in done.stdout.str()
    assert asked == {}


@pytest.mark.usefixtures("asked")
def test_junit_tells_verdict_and_reason(pytester: pytest.Pytester, experiments: Callable[..., Path]) -> None:
    """The JUnit file: one case for each experiment, its verdict as a property, the reason as the message."""
    experiments("holds", "unknown")
    pytester.inline_run("experiments", "--junit-xml=junit.xml", "-o", "junit_family=xunit1")
    root = ET.fromstring((pytester.path / "junit.xml").read_text())  # noqa: S314  our own text
    cases = {case.get("name"): case for case in root.iter("testcase")}
    assert set(cases) == {"The one that holds", "The one that unknown"}
    unknown = cases["The one that unknown"]
    verdicts = [one.get("value") for one in unknown.iter("property") if one.get("name") == "verdict"]
    assert verdicts == ["inconclusive"]
    failure = unknown.find("failure")
    assert failure is not None
    assert "Inconclusive: the fault was not seen in force" in str(failure.get("message"))


def test_an_ordinary_session_imports_nothing_heavy(tmp_path: Path) -> None:
    """Every session loads the plugin: without an experiment it costs no more than its own few modules."""
    (tmp_path / "test_it.py").write_text("def test_it(): pass\n")
    (tmp_path / "shop.yaml").write_text(OTHERS["shop.yaml"])
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    told = subprocess.run(
        [
            sys.executable,
            "-c",
            ORDINARY,
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()[-1]
    heavy = {"aiohttp", "kubernetes", "numpy", "pydantic", "requests", "rich", "ruamel", "structlog", "typer"}
    loaded = set(told.split()[1:])
    assert loaded & (heavy | {"chaos.api", "chaos.experiment.model", "chaos.worlds.base"}) == set()


@pytest.mark.full
def test_workers_of_xdist_share_the_experiments(
    pytester: pytest.Pytester, experiments: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is run once, by whichever worker; the reason comes through to the short summary."""
    experiments("holds", "breaks", "weak")
    (pytester.path / "experiments" / "conftest.py").write_text(
        "from pathlib import Path\n"
        "from chaos import api\n"
        "from chaos.report.model import RunReport\n"
        "def run(loaded, **asked):\n"
        "    broken = Path(loaded.path).stem == 'breaks'\n"
        "    with open('runs', 'a') as file: file.write(loaded.path + '\\n')\n"
        "    return RunReport(verdict='fail' if broken else 'pass', why='it broke', exit_code=int(broken),\n"
        "                     ending='complete')\n"
        "api.run = run\n"
    )
    monkeypatch.setenv("STANDBY_STATE", str(pytester.path / "state"))
    done = pytester.runpytest_subprocess("-n", "2", "experiments")
    done.assert_outcomes(passed=2, failed=1)
    done.stdout.fnmatch_lines(["FAILED experiments/breaks.yaml::The one that breaks - Failed: it broke*"])
    runs = [Path(line).stem for line in (pytester.path / "runs").read_text().splitlines()]
    assert sorted(runs) == ["breaks", "holds", "weak"]
