"""What is written beside the record: JUnit, Markdown, JSON, and who may read it."""

from __future__ import annotations

import json
import re
import stat
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from chaos.record import Event
from chaos.report.junit import junit, write_junit
from chaos.report.markdown import plain, summary
from chaos.report.model import RunReport
from chaos.report.summary import summarise
from chaos.report.write import write
from chaos.testing.events import example_run, write_events

HOSTILE = '<b>a</b> | `x` [l](y) "q" & ]]> \x1b[31m\ud800\nnext'


def _suite(report: RunReport) -> ET.Element:
    suite = ET.fromstring(junit([report])).find("testsuite")  # noqa: S314  our own text
    assert suite is not None
    return suite


def _outcomes(suite: ET.Element) -> dict[str, str]:
    found: dict[str, str] = {}
    for case in suite.iter("testcase"):
        kinds = [child.tag for child in case if child.tag in {"failure", "error"}]
        found[case.get("name", "")] = kinds[0] if kinds else "pass"
    return found


def test_everything_is_written_for_its_owner_only(tmp_path: Path) -> None:
    """run.json, report.html, junit.xml and summary.md stand beside the record, mode 0600, and a further JUnit file."""
    write_events(example_run(), tmp_path / "run")
    report = write(tmp_path / "run")
    write_junit(tmp_path / "ci" / "out.xml", [report])
    for name in ("run.json", "report.html", "junit.xml", "summary.md"):
        file = tmp_path / "run" / name
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, name
        assert file.stat().st_size > 0
    assert (
        RunReport.model_validate_json((tmp_path / "run" / "run.json").read_text(encoding="utf-8")) == report
    )
    assert (tmp_path / "ci" / "out.xml").read_text(encoding="utf-8").startswith("<?xml")
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == [
        "events.jsonl", "junit.xml", "report.html", "run.json", "summary.md",
    ]  # fmt: skip


def test_writing_again_gives_the_same_files(tmp_path: Path) -> None:
    """Reports depend on the record alone: the same record gives the same bytes."""
    write_events(example_run(), tmp_path)
    write(tmp_path)
    first = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    write(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == first


def test_junit_has_a_case_for_the_verdict_each_objective_and_each_proof() -> None:
    """1 verdict + 2 objectives + 4 faults with 3 proofs; survival objectives tell fate and are no case."""
    outcomes = _outcomes(_suite(summarise(example_run(survived=True))))
    assert len(outcomes) == 1 + 2 + 4 * 3
    assert {
        "verdict",
        "the room plays on",
        "slow bridge: path",
        "slow bridge: in force",
        "slow bridge: gone",
    } <= set(outcomes)


def test_junit_counts_what_it_holds() -> None:
    """The totals of suite and file are those of the cases."""
    run = [event for event in example_run() if event.name != "fault_gone"]
    root = ET.fromstring(junit([summarise(run), summarise([])]))  # noqa: S314  our own text
    cases = list(root.iter("testcase"))
    assert int(root.get("tests", "0")) == len(cases)
    assert int(root.get("errors", "0")) == len(list(root.iter("error"))) == 4 + 1
    assert int(root.get("failures", "0")) == len(list(root.iter("failure")))


def test_a_fail_is_a_failure_and_an_inconclusive_run_is_an_error() -> None:
    """CI systems tell the two apart."""
    unexpected = [_changed(event, "run_started", expected=None) for event in example_run()]
    assert _outcomes(_suite(summarise(unexpected)))["verdict"] == "failure"
    assert _outcomes(_suite(summarise(unexpected)))["the room plays on"] == "failure"
    assert _outcomes(_suite(summarise(unexpected[:50])))["verdict"] == "error"


def test_a_fail_that_is_expected_is_no_failure_and_an_unexpected_pass_is_one() -> None:
    """Known weaknesses can live in CI: what counts is the verdict that the document expects."""
    assert "failure" not in _outcomes(_suite(summarise(example_run()))).values()
    assert _outcomes(_suite(summarise(example_run(survived=True))))["verdict"] == "failure"


def test_an_unproven_fault_is_an_error_even_where_a_fail_was_expected() -> None:
    """Nothing stands in for a proof that is missing, and a proof to the contrary is a failure."""
    events = [_changed(event, "fault_path", proven=None) for event in example_run()]
    events = [_changed(event, "fault_gone", gone=False) for event in events]
    outcomes = _outcomes(_suite(summarise(events)))
    assert outcomes["slow bridge: path"] == "error"
    assert outcomes["slow bridge: gone"] == "failure"


def _changed(event: Event, name: str, **fields: bool | None) -> Event:
    if event.name != name:
        return event
    return Event(event.name, event.t, event.unix, event.phase, {**event.fields, **fields})


def test_junit_of_several_runs_is_one_file(tmp_path: Path) -> None:
    """Each run is a suite of its own."""
    write_junit(tmp_path / "all.xml", [summarise(example_run()), summarise(example_run(survived=True))])
    root = ET.parse(tmp_path / "all.xml").getroot()  # noqa: S314  our own text
    assert [suite.tag for suite in root] == ["testsuite", "testsuite"]


def test_hostile_names_survive_in_every_file(tmp_path: Path) -> None:
    """Markup, control characters and broken code points in names: every file is still whole and readable."""
    write_events(example_run(title=HOSTILE, room=HOSTILE), tmp_path)
    report = write(tmp_path)
    root = ET.parse(tmp_path / "junit.xml").getroot()  # noqa: S314  our own text
    assert "<b>a</b> | `x`" in root[0].get("name", "")
    assert json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))["experiment"] == report.experiment
    assert "\x1b" not in report.experiment
    text = (tmp_path / "summary.md").read_text(encoding="utf-8")
    assert "<b>" not in text
    tables = [block.splitlines() for block in text.split("\n\n") if block.startswith("| ")]
    cells = re.compile(r"(?<!\\)\|")  # a bar that is escaped divides nothing
    assert [len({len(cells.split(row)) for row in table}) for table in tables] == [1] * 3


def test_the_summary_is_short_and_says_what_counts() -> None:
    """The verdict and why, the fate, the draw, a row per objective and fault."""
    text = summary(summarise(example_run()))
    assert text.startswith("### ❌ fail: Failure to launch")
    assert "the room plays on: broken for 16 min 50 s" in text
    assert "one draw, seed 7" in text.replace("\\", "")
    assert "| media node lost |" in text
    assert len(text.splitlines()) < 30


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a|b", r"a\|b"),
        ("<script>", "&lt;script&gt;"),
        ("two\nlines", "two lines"),
        ("*bold* _it_ `code`", r"\*bold\* \_it\_ \`code\`"),
        ("@everyone", "@\u200beveryone"),
        ("[a](http://b)", r"\[a\]\(http://b\)"),
    ],
)
def test_text_is_plain_in_markdown(text: str, expected: str) -> None:
    """No name becomes markup, a cell's end, a link or a mention."""
    assert plain(text) == expected
