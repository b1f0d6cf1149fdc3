"""Everything that Standby raises on purpose.

    StandbyError
    ├── UsageError            the command line or the document is wrong; nothing was touched     exit 2
    │   └── DocumentError     every problem of a document at once, each with its place
    ├── PreflightError        the world, a tool or a limit does not allow the run; nothing was injected
    │   ├── ToolError         a program that Standby needs cannot be had
    │   └── TargetBusyError   another run holds the target
    ├── WorldError            a part of the world did not start, answer or stop as it must
    │   └── ClientError       a server that Standby speaks to answered wrongly or not at all
    │       ├── ServerGoneError   nothing listens at its address: what it held is gone with it
    │       └── ApiAwayError      a cluster's API server does not answer: what is behind it may be there all the same
    ├── ReportError           a report could not be written; the run itself is not touched by that
    ├── FaultError            a fault could not be applied
    └── UndoError             something could not be put back                                    exit 4

Every message says what happened, where, why, and what to do about it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class StandbyError(Exception):
    """The root of the tree; catch it to catch whatever Standby raises on purpose."""


class UsageError(StandbyError):
    """The command line or the document is wrong. Nothing was touched."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong (or, as a warning, doubtful) in a document, with its place.

    `line` and `column` count from 1; both are 0 where there is no place in a file (an override, a missing file).
    """

    file: str
    line: int
    column: int
    path: str
    message: str
    value: str = ""
    expected: str = ""
    suggestion: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        text = f"{place}: {self.path}: {self.message}" if self.path else f"{place}: {self.message}"
        if self.value:
            text += f" (got {self.value})"
        if self.expected:
            text += f"; expected {self.expected}"
        if self.suggestion:
            text += f"; did you mean `{self.suggestion}`?"
        return text


class DocumentError(UsageError):
    """A document was refused; `problems` holds every reason, each with file, line and column."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class PreflightError(StandbyError):
    """The run may not begin. Nothing was injected."""


class ToolError(PreflightError):
    """A program that Standby needs is neither here nor can it be had."""


class TargetBusyError(PreflightError):
    """Another run holds the target's lock."""


class WorldError(StandbyError):
    """A part of the world did not start, answer or stop as it must."""


class ClientError(WorldError):
    """A server that Standby speaks to answered wrongly, too late or not at all."""


class ServerGoneError(ClientError):
    """Nothing listens at the server's address: whatever it held is gone with it."""


class ApiAwayError(ClientError):
    """A cluster's API server does not answer; nothing is known of what is behind it. Worth trying again."""


class ReportError(StandbyError):
    """A report could not be written; what the run did and found is not touched by that."""


class FaultError(StandbyError):
    """A fault could not be applied; what was begun of it is undone."""


class UndoError(StandbyError):
    """Something could not be put back; the message says how to finish by hand."""
