"""Standby in pytest: experiment documents are collected as tests, and fixtures break a test's own services.

pytest loads it by its entry point in every session; what is heavy comes in with the first experiment or fixture.
`-p no:standby` leaves it out.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from chaos.pytest_plugin.collecting import ExperimentFile, is_experiment
from chaos.pytest_plugin.fixtures import chaos_document as chaos_document
from chaos.pytest_plugin.fixtures import chaos_fault as chaos_fault
from chaos.pytest_plugin.fixtures import chaos_run as chaos_run
from chaos.pytest_plugin.fixtures import chaos_world as chaos_world
from chaos.pytest_plugin.turns import TURNS, Turns


def pytest_addoption(parser: pytest.Parser) -> None:
    """What `standby run` takes, for every experiment of the session."""
    group = parser.getgroup("standby", "chaos experiments (Standby)")
    group.addoption(
        "--standby-world", metavar="WORLD", help="local, kind or kubernetes, in place of the documents'."
    )
    group.addoption(
        "--standby-set",
        metavar="PATH=VALUE",
        action="append",
        default=[],
        help="Set a value of every document, e.g. crew.headcount=3; may be given more than once.",
    )
    group.addoption(
        "--standby-seed", metavar="N", type=int, help="The seed of every draw, in place of the documents'."
    )
    group.addoption(
        "--standby-out",
        metavar="DIR",
        type=Path,
        help="The folder for records and reports, one folder in it for each experiment.",
    )
    group.addoption("--standby-context", metavar="CONTEXT", help="The context of the cluster.")
    group.addoption("--standby-namespace", metavar="NAMESPACE", help="The namespace in the cluster.")
    parser.addini(
        "standby_document",
        "The document whose `system:` the fixture chaos_world starts, from the folder of this file.",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Tell pytest the marker that every experiment has; those of its tags follow when it is collected."""
    config.stash[TURNS] = Turns()
    config.addinivalue_line("markers", "standby: an experiment document of Standby")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """A YAML file that is an experiment; studies, runbooks and whatever else is YAML are left alone."""
    if file_path.suffix not in (".yaml", ".yml") or not is_experiment(file_path):
        return None
    collected: pytest.Collector = ExperimentFile.from_parent(parent, path=file_path)
    return collected
