"""`junit.xml`: what a CI system reads. Inconclusive is an error, a fail is a failure."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from chaos.report import words
from chaos.report.files import put
from chaos.report.model import Fault, Objective, RunReport, Verdict


@dataclass(frozen=True)
class _Case:
    name: str
    kind: str
    verdict: Verdict
    says: str
    seconds: float = 0.0


@dataclass(frozen=True)
class Repeated:
    """An experiment that was run again and again until it was clear how often it ends as it should."""

    experiment: str
    file: str
    verdict: Verdict
    says: str
    seconds: float


def junit(reports: Iterable[RunReport | Repeated]) -> str:
    """One suite per run: a case for the verdict, one per objective, one per proof of each fault.

    A run that ends as its document expects passes, whatever its verdict; then what failed in it is told as output and
    not as a failure. Objectives that only tell the room's fate have no case. What was repeated has one case.
    """
    root = ET.Element("testsuites", name="standby")
    for report in reports:
        if isinstance(report, Repeated):
            _repeated(root, report)
        else:
            _suite(root, report)
    for key in ("tests", "failures", "errors"):
        root.set(key, str(sum(int(suite.get(key, "0")) for suite in root)))
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def write_junit(path: Path, reports: Iterable[RunReport | Repeated]) -> None:
    """Write several runs to one JUnit file."""
    put(path, junit(reports))


def _suite(root: ET.Element, report: RunReport) -> None:
    cases = list(_cases(report))
    suite = _begun(root, report.experiment or report.run, cases, report.lasted_real_s)
    if report.started:
        suite.set("timestamp", report.started.removesuffix("Z"))
    properties = ET.SubElement(suite, "properties")
    for name, value in _properties(report):
        ET.SubElement(properties, "property", name=name, value=value)
    for case in cases:
        _write(suite, case, words.single(report.file or report.run) or "run")


def _repeated(root: ET.Element, told: Repeated) -> None:
    case = _Case("trials", "trials", told.verdict, told.says, told.seconds)
    _write(_begun(root, told.experiment, [case], told.seconds), case, words.single(told.file) or "run")


def _begun(root: ET.Element, name: str, cases: list[_Case], seconds: float) -> ET.Element:
    return ET.SubElement(
        root,
        "testsuite",
        name=words.single(name) or "run",
        tests=str(len(cases)),
        failures=str(sum(case.verdict == "fail" for case in cases)),
        errors=str(sum(case.verdict == "inconclusive" for case in cases)),
        skipped="0",
        time=f"{seconds:.3f}",
    )


def _write(suite: ET.Element, case: _Case, file: str) -> None:
    element = ET.SubElement(
        suite,
        "testcase",
        classname=f"{file}.{case.kind}",
        name=words.single(case.name),
        time=f"{case.seconds:.3f}",
    )
    if case.verdict == "pass":
        if case.says:
            ET.SubElement(element, "system-out").text = case.says
        return
    kind = "failure" if case.verdict == "fail" else "error"
    ET.SubElement(element, kind, message=words.single(case.says), type=case.verdict).text = case.says


def _cases(report: RunReport) -> Iterable[_Case]:
    as_expected = report.expected is not None and report.expected.verdict == report.verdict == "fail"
    yield _verdict_case(report, as_expected=as_expected)
    for objective in report.objectives:
        if objective.counts:
            yield _objective_case(objective, as_expected=as_expected)
    for fault in report.faults:
        yield from _proof_cases(fault)


def _verdict_case(report: RunReport, *, as_expected: bool) -> _Case:
    verdict: Verdict = "pass" if as_expected else report.verdict
    says = f"{report.verdict}: {report.why}"
    if as_expected and report.expected is not None:
        says += f" (as expected: {report.expected.because})" if report.expected.because else " (as expected)"
    elif report.expected is not None and report.verdict != "inconclusive":
        verdict = "pass" if report.expected.verdict == report.verdict else "fail"
        says += f" (expected: {report.expected.verdict})"
    if report.exit_code == 4 and verdict == "pass":
        verdict = "inconclusive"
    return _Case("verdict", "run", verdict, says, report.lasted_real_s)


def _objective_case(objective: Objective, *, as_expected: bool) -> _Case:
    worst = f"; worst {words.figure(objective.worst)}" if objective.worst is not None else ""
    expects = f"{objective.query} {objective.expect}".strip()
    says = f"{objective.verdict}: {objective.why or 'the record does not say why'} ({expects}{worst})"
    verdict = "pass" if as_expected and objective.verdict == "fail" else objective.verdict
    return _Case(objective.name, "objective", verdict, says)


def _proof_cases(fault: Fault) -> Iterable[_Case]:
    for claim, holds in (("path", fault.path_proof), ("in force", fault.in_force), ("gone", fault.gone)):
        said = "; ".join(proof.evidence for proof in fault.proofs if proof.claim == claim and proof.evidence)
        verdict: Verdict = "pass" if holds else "inconclusive" if holds is None else "fail"
        yield _Case(f"{fault.name}: {claim}", "fault", verdict, said or f"{claim}: nothing was observed")


def _properties(report: RunReport) -> Iterable[tuple[str, str]]:
    yield "run", report.run
    yield "verdict", report.verdict
    yield "exit_code", str(report.exit_code)
    yield "world", report.world
    yield "time_scale", f"{report.time_scale:g}"
    for name, value in (("seed", report.seed), ("scale", report.scale)):
        if value is not None:
            yield name, f"{value:g}" if isinstance(value, float) else str(value)
    if report.crew is not None:
        yield "headcount", str(report.crew.headcount)
    if report.survived is not None:
        yield "survived", "true" if report.survived else "false"
