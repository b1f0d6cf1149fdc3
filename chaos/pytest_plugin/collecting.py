"""An experiment document as a test: it passes as `standby run` would exit with 0, and fails with the reason else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from chaos.codes import FAIL, NOT_UNDONE, PASS
from chaos.errors import DocumentError, StandbyError, UsageError
from chaos.pytest_plugin.asked import overrides_of, run_document

if TYPE_CHECKING:
    from _pytest._code.code import TerminalRepr, TracebackStyle

    from chaos.experiment import Loaded
    from chaos.report.model import RunReport

_LARGEST = 1 << 20
"""Bytes of a file that are looked at to tell whether it is an experiment; the loader takes no larger one."""
_KEY = re.compile(rb"^(version|objectives|faults|varies) *:", re.MULTILINE)
_NOT_IN_A_MARKER = re.compile(r"[^\w.+-]+")


def is_experiment(path: Path) -> bool:
    """Whether a YAML file is an experiment, by its keys alone: nothing is parsed.

    It has `version:` and, unlike other people's files, `objectives:` or `faults:`. What `varies:` is a study.
    """
    try:
        with path.open("rb") as file:
            keys = set(_KEY.findall(file.read(_LARGEST)))
    except OSError:
        return False
    return b"version" in keys and bool(keys & {b"objectives", b"faults"}) and b"varies" not in keys


class ExperimentFile(pytest.File):
    """A file with one experiment in it."""

    def collect(self) -> Iterator[pytest.Item]:
        """The experiment. A document that is none is an error of the collection, with every place in it."""
        from chaos.api import load

        try:
            loaded = load(self.path, overrides=overrides_of(self.config))
        except DocumentError as error:
            raise self.CollectError(str(error)) from error
        item = ExperimentItem.from_parent(self, name=loaded.experiment.title)
        item.take(loaded)
        yield item


class ExperimentItem(pytest.Item):
    """One experiment, run to its verdict."""

    loaded: Loaded

    def take(self, loaded: Loaded) -> None:
        """Be the test of this document: its tags and its world are its markers."""
        self.loaded = loaded
        experiment = loaded.experiment
        self.add_marker(pytest.mark.standby)
        for word in dict.fromkeys((experiment.world, *experiment.tags)):
            self._mark(word)
        if self.config.pluginmanager.hasplugin("timeout"):
            self.add_marker(pytest.mark.timeout(0))  # a run is bounded by its own timeline

    def _mark(self, word: str) -> None:
        """Mark it, also under `--strict-markers`; a tag is a word and never asks another plugin for anything."""
        known = [line.split(":")[0].strip() for line in self.config.getini("markers")]
        name = _NOT_IN_A_MARKER.sub("_", word)
        if any(one.startswith(f"{name}(") for one in known):  # skip(reason=None), timeout(timeout, …)
            name = f"tag_{name}"
        if name not in known:
            self.config.addinivalue_line("markers", f"{name}: experiments with the tag {word}")
        self.add_marker(name)

    def runtest(self) -> None:
        """Run it; what keeps it from passing is told in one line for the short summary, with more below it."""
        try:
            report = run_document(self.config, self.loaded, folder=self._place())
        except UsageError as error:
            raise Failed(f"refused: {error}") from error
        except StandbyError as error:
            raise Inconclusive(f"it could not begin: {error}") from error
        self.user_properties += [
            ("verdict", report.verdict),
            ("exit_code", str(report.exit_code)),
            ("run", report.run),
        ]
        if report.exit_code != PASS:
            raise {FAIL: Failed, NOT_UNDONE: NotUndone}.get(report.exit_code, Inconclusive)(told(report))

    def repr_failure(
        self, excinfo: pytest.ExceptionInfo[BaseException], style: TracebackStyle | None = None
    ) -> str | TerminalRepr:
        """A verdict needs no traceback; whatever else goes wrong has one."""
        if isinstance(excinfo.value, (Failed, Inconclusive, NotUndone)):
            return excinfo.getrepr(style="value")
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, None, str]:
        """What pytest says of it where it gives places."""
        return self.path, None, self.name

    def _place(self) -> str:
        """What tells its folder from those of other experiments."""
        return self.nodeid.split("::")[0].rsplit(".", 1)[0]


class Failed(Exception):  # noqa: N818  the short summary begins with these words
    """What must hold did not, or held where its author expects otherwise."""

    __module__ = "builtins"  # the summary tells the name alone, as of pytest's own outcomes


class Inconclusive(Exception):  # noqa: N818
    """Nothing could be concluded, which is never a pass."""

    __module__ = "builtins"


class NotUndone(Exception):  # noqa: N818
    """Something could not be put back."""

    __module__ = "builtins"


def told(report: RunReport) -> str:
    """Why a test is red, its first line for the short summary; below it every reason and the objectives."""
    first = report.why
    if report.exit_code == FAIL and report.verdict == "pass":
        because = report.expected.because if report.expected else ""
        first = f"passed, where its author expects a fail ({because})"
    if report.exit_code == NOT_UNDONE:
        first += f"; run `standby recover {report.run}`"
    lines = [first, *(f"  {reason}" for reason in report.reasons if reason != report.why)]
    lines += [
        f"  objective {one.name}: {one.verdict}{f': {one.why}' if one.why else ''}"
        for one in report.objectives
        if one.counts
    ]
    return "\n".join([*lines, f"  the verdict of the run {report.run} is {report.verdict}"])
