"""The write-ahead journal of a run: what will be done and how it is undone is on disk before it is done.

One JSON object per line:

    run      who runs, on which world
    intent   an act that is about to happen, with the steps that undo it and the end of its lease
    applied  the act happened
    undone   the act was undone, with the evidence
    closed   nothing of this run is left

An intent, and with it every line before it, is on disk before its act may begin. No other line is waited for: the death
of a process takes none of them, and what a loss of power takes is undone once more, which does no harm. A line that was
cut off by a crash announces nothing: its act cannot have begun.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from chaos.clients.processes import Identity
from chaos.errors import ClientError, PreflightError, TargetBusyError, UndoError
from chaos.record import Json
from chaos.undo.steps import UndoStep


@dataclass(frozen=True)
class Intent:
    """An announced act: `what` for people, `steps` to undo it (in the order of the act), `lease` as unix time."""

    id: str
    what: str
    steps: tuple[UndoStep, ...]
    lease: float


@dataclass(frozen=True)
class Journaled:
    """What a journal on disk says: whose run it is, what is not undone yet (oldest first), and if it was closed."""

    path: Path
    run: str
    runner: Identity | None
    world: str
    folder: str
    """Where the run keeps its record; empty where there is none."""
    owned: bool
    endable: bool
    """Whether its process may be ended when it stands still: a run, not somebody's program."""
    pending: tuple[Intent, ...]
    closed: bool


class Mirror(Protocol):
    """A second place for a journal, which outlives the machine of the run."""

    def write(self, text: str) -> None:
        """Put the journal's whole text there. Raises ClientError."""


class Journal:
    """An open journal; the process that has it holds its lock.

    With a `mirror` an act is announced there as well before it may begin; whatever else could not be written there
    goes along with the next line.
    """

    mirror: Mirror | None = None

    def __init__(self, path: Path) -> None:
        """Open (or create) the journal and lock it.

        Raises TargetBusyError when another process has it, UndoError when it cannot be written.
        """
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError as error:
            raise UndoError(
                f"the journal {path} cannot be opened ({error.strerror}); see to it that this folder can be written"
            ) from error
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._handle)
            raise TargetBusyError(
                f"the journal {path} is in use: its run, or a recovery of it, is still going"
            ) from error
        self._mend_cut_line()
        _sync_folder(path.parent)

    def begin(
        self, run: str, runner: Identity, world: str, *, owned: bool, endable: bool = True, folder: str = ""
    ) -> None:
        """Say whose journal this is. `world` is the state from which recovery finds the world again."""
        row: dict[str, Json] = {"entry": "run", "run": run, "runner": runner.to_json(), "world": world}
        row["folder"] = folder
        self._write(row | {"owned": owned, "endable": endable})

    def reflect_in(self, mirror: Mirror) -> None:
        """Put all of it in a second place, from now on. Raises ClientError."""
        self.mirror = mirror
        self._reflect()

    def intend(self, id: str, what: str, steps: Sequence[UndoStep], *, lease: float) -> None:
        """Announce an act. Only when this returns may the act begin. Raises UndoError when it cannot be written."""
        rows: list[Json] = [{"kind": step.kind, "args": dict(step.args)} for step in steps]
        self._write({"entry": "intent", "id": id, "what": what, "steps": rows, "lease": lease}, on_disk=True)
        try:
            self._reflect()
        except ClientError as error:
            raise UndoError(f"{error}; so nothing may be done that would need undoing") from error

    def applied(self, id: str) -> None:
        """The announced act happened."""
        self._write({"entry": "applied", "id": id})
        self._reflect_later()

    def undone(self, id: str, evidence: str) -> None:
        """The act is undone; it will not be undone again."""
        self._write({"entry": "undone", "id": id, "evidence": evidence})
        self._reflect_later()

    def beat(self) -> None:
        """Give a heartbeat: the run is well. It shows in the file's time, so it costs no space."""
        os.utime(self._handle)

    def finish(self) -> None:
        """Nothing of this run is left."""
        self._write({"entry": "closed"})

    def close(self) -> None:
        """Let go of the file and its lock."""
        os.close(self._handle)

    def _write(self, row: Mapping[str, Json], *, on_disk: bool = False) -> None:
        line = json.dumps(row, ensure_ascii=False).encode() + b"\n"
        begun = os.fstat(self._handle).st_size
        try:
            written = os.write(self._handle, line)
            if written != len(line):
                os.ftruncate(self._handle, begun)
                raise OSError(f"only {written} of {len(line)} bytes could be written")
            if on_disk:
                os.fsync(self._handle)
        except OSError as error:
            raise UndoError(
                f"the journal {self.path} could not be written ({error}), so nothing may be done that would need "
                "undoing; free some space or set $STANDBY_STATE to a folder that can be written"
            ) from error

    def _reflect(self) -> None:
        if self.mirror is not None:
            size = os.fstat(self._handle).st_size
            self.mirror.write(os.pread(self._handle, size, 0).decode())

    def _reflect_later(self) -> None:
        with suppress(ClientError):  # an act undone twice does no harm
            self._reflect()

    def _mend_cut_line(self) -> None:
        size = os.fstat(self._handle).st_size
        if size:
            content = os.pread(self._handle, size, 0)
            if not content.endswith(b"\n"):
                os.ftruncate(self._handle, content.rfind(b"\n") + 1)


@contextmanager
def begun(path: Path) -> Iterator[Journal]:
    """A new journal for the length of a block. Raises PreflightError when it cannot be made."""
    try:
        journal = Journal(path)
    except UndoError as error:
        raise PreflightError(
            f"{error}, or set $STANDBY_STATE to one that can; nothing was touched, for it could not have been undone"
        ) from error
    try:
        yield journal
    finally:
        journal.close()


@contextmanager
def opened(path: Path) -> Iterator[Journal]:
    """A journal that is there, for the length of a block."""
    journal = Journal(path)
    try:
        yield journal
    finally:
        journal.close()


def read(path: Path) -> Journaled:
    """What a journal says. Raises UndoError for a journal that is damaged anywhere but in its last line."""
    run, runner, world, folder, owned, endable, closed = path.stem, None, "", "", False, True, False
    pending: dict[str, Intent] = {}
    for number, line in enumerate(path.read_bytes().split(b"\n")[:-1], start=1):
        try:
            row = json.loads(line)
            match row["entry"]:
                case "run":
                    run, world, owned = row["run"], row["world"], row["owned"]
                    endable, folder = row.get("endable", True), row.get("folder", "")
                    runner = Identity.from_json(row["runner"])
                case "intent":
                    steps = tuple(UndoStep(step["kind"], step["args"]) for step in row["steps"])
                    pending[row["id"]] = Intent(row["id"], row["what"], steps, row["lease"])
                case "undone":
                    pending.pop(row["id"], None)
                case "closed":
                    closed = True
        except (ValueError, KeyError, TypeError) as error:
            raise UndoError(
                f"{path}:{number}: this line of the journal cannot be read ({error}); what it announced may still be "
                "in force: look at it, mend or remove the line, and run `standby recover` again"
            ) from error
    return Journaled(path, run, runner, world, folder, owned, endable, tuple(pending.values()), closed)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
