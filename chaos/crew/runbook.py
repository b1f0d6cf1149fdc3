"""Runbooks: which alert leads to which diagnosis and action, and what it may be mistaken for."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Self, TypeAlias

from pydantic import Field, ValidationInfo, model_validator

from chaos.errors import DocumentError
from chaos.experiment import source
from chaos.experiment.base import CHECKED_ELSEWHERE, Many, Model, wrong
from chaos.experiment.checks import Finding
from chaos.experiment.loading import read
from chaos.experiment.locate import place_of, told_value
from chaos.experiment.tree import problem
from chaos.experiment.words import nearest, one_of

MOST_ENTRIES = 64
MOST_CONFUSIONS = 8
NO_KEY = "none"

Word: TypeAlias = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,59}$")]
Label: TypeAlias = Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]{0,59}$")]


class Entry(Model):
    """One kind of incident: the alerts that announce it, what it is, and what to do."""

    name: Word
    """What the record calls this kind of incident."""
    alerts: Annotated[Many[Label], Field(min_length=1)]
    """The names of the alerts; any of them is enough, and all that match are one incident."""
    match: dict[Label, str] = Field(default_factory=dict)
    """Labels that the alert must carry with these values."""
    key: Label = NO_KEY
    """The label that tells incidents of this kind apart (`instance`, `room`, `node`); `none`: there is only one."""
    diagnosis: Annotated[str, Field(min_length=1, max_length=200)]
    """What is the matter, in words."""
    action: Label
    """The repair that this diagnosis leads to."""
    confused_with: Annotated[Many[Word], Field(max_length=MOST_CONFUSIONS)] = ()
    """The entries that this one is mistaken for; their action is then carried out."""

    def covers(self, alert: str, labels: Mapping[str, str]) -> bool:
        """Whether an alert with these labels announces this kind of incident."""
        return alert in self.alerts and all(labels.get(key) == value for key, value in self.match.items())

    def incident(self, labels: Mapping[str, str]) -> str:
        """What the incident is called that an alert with these labels announces: `instance-down media-1`."""
        value = "" if self.key == NO_KEY else labels.get(self.key, "")
        return f"{self.name} {value}" if value else self.name


class Runbook(Model):
    """The whole runbook; the first entry that covers an alert is meant."""

    entries: Annotated[Many[Entry], Field(min_length=1, max_length=MOST_ENTRIES)]

    @model_validator(mode="after")
    def _fits_together(self, info: ValidationInfo) -> Self:
        if info.context != CHECKED_ELSEWHERE:
            for found in findings(self):
                at = ".".join(map(str, found.path))
                raise wrong(found.message, at=at, expected=found.expected, suggestion=found.suggestion)
        return self

    def index(self, name: str) -> int:
        """The number of the entry of that name. Raises KeyError."""
        for number, entry in enumerate(self.entries):
            if entry.name == name:
                return number
        raise KeyError(name)

    def kind_of(self, alert: str, labels: Mapping[str, str]) -> int | None:
        """The number of the entry that covers an alert; None when the runbook does not know it."""
        return next(
            (number for number, entry in enumerate(self.entries) if entry.covers(alert, labels)), None
        )


def findings(runbook: Runbook, actions: Collection[str] | None = None) -> Iterator[Finding]:
    """Everything that does not fit together: names, confusions, alerts with two meanings, unknown actions."""
    names = [entry.name for entry in runbook.entries]
    for number, entry in enumerate(runbook.entries):
        at: tuple[str | int, ...] = ("entries", number)
        if entry.name in names[:number]:
            yield Finding((*at, "name"), "is the name of another entry too", "a name of its own")
        others = [name for name in dict.fromkeys(names) if name != entry.name]
        for place, other in enumerate(entry.confused_with):
            path = (*at, "confused_with", place)
            if other == entry.name:
                yield Finding(path, "nothing is confused with itself", one_of(others))
            elif other not in names:
                yield Finding(path, "no entry has this name", one_of(others), nearest(other, others))
        if actions is not None and entry.action not in actions:
            yield Finding((*at, "action"), "unknown action", one_of(actions), nearest(entry.action, actions))
        for place, alert in enumerate(entry.alerts):
            for before in runbook.entries[:number]:
                if alert in before.alerts and _both_may_match(before, entry):
                    path = (*at, "alerts", place)
                    yield Finding(path, f"means {before.name} already", "`match` that tells the two apart")


def _both_may_match(one: Entry, other: Entry) -> bool:
    """Whether some alert's labels could fit both."""
    return all(one.match[key] == other.match[key] for key in one.match.keys() & other.match.keys())


def load_runbook(path: str | Path, *, actions: Collection[str] | None = None) -> Runbook:
    """Read a runbook; `actions` are the repairs that the system can carry out (None: not checked).

    Raises DocumentError with every problem at once, each with its line, column and the nearest valid word.
    """
    runbook = read(path, Runbook)
    root, _ = source.parse(source.read_text(Path(path)), str(path))
    problems = [
        problem(
            place_of(root, found.path),
            found.path,
            found.message,
            value=told_value(root, found.path),
            expected=found.expected,
            suggestion=found.suggestion,
        )
        for found in findings(runbook, actions)
    ]
    if problems:
        raise DocumentError(sorted(problems, key=lambda one: (one.line, one.column)))
    return runbook


def stable_key(name: str) -> int:
    """A 32-bit number for a name, the same in every run: the draws of an incident or an entry hang on it."""
    return zlib.crc32(name.encode())
