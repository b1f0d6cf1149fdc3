"""Incidents from a CSV file: when each was created, acknowledged and resolved, by whom, and of which service.

The first line names the columns. A moment is an ISO 8601 text (`2026-03-01T12:00:00Z`, `2026-03-01 12:00:00`) or a
number of seconds since 1970; `acknowledged` and `resolved` may also be seconds since `created` (a number below ten
years). An empty cell: it has not happened yet.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from chaos.errors import DocumentError, Problem
from chaos.experiment.tree import printable, short
from chaos.experiment.words import nearest, one_of

LARGEST_FILE = 64 * 1024 * 1024
MOST_PROBLEMS = 100
TEN_YEARS = 10 * 366 * 86_400.0
MILLISECONDS = 1e11
"""Seconds since 1970 do not come to as much before the year 5138: a larger number counts milliseconds."""
COLUMNS: Mapping[str, Sequence[str]] = {
    "created": ("created", "created_at", "created_on", "createdAt"),
    "acknowledged": ("acknowledged", "acknowledged_at", "seconds_to_first_ack"),
    "resolved": ("resolved", "resolved_at", "resolved_on", "closed_at", "seconds_to_resolve"),
    "responder": ("responder", "resolved_by_user_name", "acknowledged_by", "owner", "assignee"),
    "service": ("service", "service_name"),
}
"""What each column may be called, the first that is there; common exports among them."""


@dataclass(frozen=True)
class Incident:
    """One incident; moments are seconds since 1970 (or of whatever clock the file has), None: not yet."""

    created: float
    acknowledged: float | None
    resolved: float | None
    responder: str
    service: str


def read_incidents(path: str | Path, columns: Mapping[str, str] | None = None) -> list[Incident]:
    """The incidents of a file, in its order. Raises DocumentError with every problem at once.

    `columns` says what a column is called in this file: `{"created": "opened_at"}`.
    """
    name = str(path)
    try:
        with Path(path).open("rb") as file:
            raw = file.read(LARGEST_FILE + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise _refused(name, 0, "", f"cannot be read: {reason.lower()}", "a readable CSV file") from None
    if len(raw) > LARGEST_FILE:
        raise _refused(name, 0, "", "is too large", f"at most {LARGEST_FILE >> 20} MiB")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise _refused(name, line, "", "is not UTF-8", "a text in UTF-8") from None
    return parse_incidents(text, name, columns)


def parse_incidents(
    text: str, name: str = "incidents", columns: Mapping[str, str] | None = None
) -> list[Incident]:
    """The same for a text."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    found: list[Problem] = []
    incidents: list[Incident] = []
    try:
        head = next(reader, None)
        if head is None:
            raise _refused(name, 0, "", "is empty", "a line that names the columns")
        places = _places(name, [cell.strip() for cell in head], columns or {})
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            row = _Row(name, reader.line_num, cells, len(head), places)
            problems, incident = row.read()
            found += problems
            if incident is not None:
                incidents.append(incident)
    except csv.Error as error:
        found.append(_problem(name, reader.line_num, "", f"is no CSV: {error}", "cells divided by commas"))
    if not found and not incidents:
        found.append(_problem(name, 0, "", "holds no incident", "a line for each incident"))
    found += [] if found else _clocks(name, incidents)
    if found:
        more = len(found) - MOST_PROBLEMS
        rest = [_problem(name, 0, "", f"and {more} problems more", "")] if more > 0 else []
        raise DocumentError([*found[:MOST_PROBLEMS], *rest])
    return incidents


def _places(name: str, head: Sequence[str], given: Mapping[str, str]) -> dict[str, int]:
    """Where each column stands. Raises DocumentError for those that do not, or are there twice."""
    places: dict[str, int] = {}
    problems = [
        _problem(name, 0, wrong, "is no column that is read", one_of(COLUMNS), nearest(wrong, COLUMNS))
        for wrong in given
        if wrong not in COLUMNS
    ]
    for column, words in COLUMNS.items():
        wanted = [given[column]] if column in given else list(words)
        called = next((word for word in wanted if word in head), None)
        if called is None:
            close = next((near for word in wanted if (near := nearest(word, head))), "")
            problems.append(_problem(name, 1, column, "no such column", one_of(wanted), close))
        elif head.count(called) > 1:
            problems.append(_problem(name, 1, called, "is there twice", "each column once"))
        else:
            places[column] = head.index(called)
    if problems:
        raise DocumentError(problems)
    return places


@dataclass(frozen=True)
class _Row:
    name: str
    line: int
    cells: Sequence[str]
    width: int
    places: Mapping[str, int]

    def read(self) -> tuple[list[Problem], Incident | None]:
        if len(self.cells) != self.width:
            told = f"has {len(self.cells)} cells"
            return [_problem(self.name, self.line, "", told, f"{self.width}, as the first line has")], None
        problems: list[Problem] = []
        created = self._moment("created", None, problems)
        acknowledged = self._moment("acknowledged", created, problems)
        resolved = self._moment("resolved", created, problems)
        if created is None and not problems:
            problems.append(_problem(self.name, self.line, "created", "is missing", "a moment"))
        if problems or created is None:
            return problems, None
        last, what = created, "created"
        for column, moment in (("acknowledged", acknowledged), ("resolved", resolved)):
            if moment is not None and moment < last:
                problems.append(
                    _problem(self.name, self.line, column, f"is before it was {what}", "a later moment")
                )
            if moment is not None:
                last, what = moment, column
        incident = Incident(created, acknowledged, resolved, self._cell("responder"), self._cell("service"))
        return problems, None if problems else incident

    def _cell(self, column: str) -> str:
        return self.cells[self.places[column]].strip()

    def _moment(self, column: str, created: float | None, problems: list[Problem]) -> float | None:
        text = self._cell(column)
        if not text:
            return None
        moment = moment_of(text)
        if moment is None:
            expected = "a moment such as 2026-03-01T12:00:00Z" + (
                "" if column == "created" else ", or seconds since it was created"
            )
            problems.append(
                _problem(self.name, self.line, column, "is no moment", expected, value=short(text))
            )
            return None
        if column != "created" and _is_number(text) and 0 <= moment < TEN_YEARS:
            return None if created is None else created + moment
        return moment


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def moment_of(text: str) -> float | None:
    """Seconds; None for what is no moment."""
    if _is_number(text):
        number = float(text)
        return number / 1000 if number > MILLISECONDS else number if number >= 0 else None
    try:
        told = datetime.fromisoformat(text)
    except ValueError:
        return None
    try:
        return (told if told.tzinfo is not None else told.replace(tzinfo=UTC)).timestamp()
    except (OverflowError, ValueError):
        return None


def _clocks(name: str, incidents: Sequence[Incident]) -> Iterator[Problem]:
    """Moments from different clocks lie decades apart."""
    moments = [one.created for one in incidents]
    if max(moments) - min(moments) > 5 * TEN_YEARS:
        yield _problem(name, 0, "created", "reaches over more than fifty years", "moments of one clock")


def _problem(
    name: str, line: int, path: str, message: str, expected: str, suggestion: str = "", value: str = ""
) -> Problem:
    column = 1 if line else 0
    return Problem(
        printable(name), line, column, path, *map(printable, (message, value, expected, suggestion))
    )


def _refused(name: str, line: int, path: str, message: str, expected: str) -> DocumentError:
    return DocumentError([_problem(name, line, path, message, expected)])
