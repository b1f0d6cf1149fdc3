"""The one record of a run: everything that happened is an event, written as it happens.

Reports, JUnit, metrics and annotations are read from this record alone.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO, TypeAlias

from chaos.clock import Clock, SystemClock

Json: TypeAlias = "None | bool | int | float | str | Sequence[Json] | Mapping[str, Json]"
"""What may stand in an event: plain data."""


@dataclass(frozen=True)
class Event:
    """One thing that happened: its name, real seconds since the run began, unix time, the phase, and its fields."""

    name: str
    t: float
    unix: float
    phase: str
    fields: Mapping[str, Json] = field(default_factory=dict)

    def __getitem__(self, key: str) -> Json:
        return self.fields[key]

    def get(self, key: str, default: Json = None) -> Json:
        return self.fields.get(key, default)


Listener = Callable[[Event], None]


class Record:
    """Appends events to `events.jsonl` and hands each to whoever listens; one that is there already goes on.

    Every line has `event`, `t`, `unix`, `time` (ISO 8601, UTC) and `phase`, then the event's own fields. The values of
    `secrets` never reach the file: each occurrence is replaced by `[redacted]`.
    """

    def __init__(
        self, path: Path | None = None, *, clock: Clock | None = None, secrets: Iterable[str] = ()
    ) -> None:
        import structlog

        self._clock = clock or SystemClock()
        self._begun = self._clock.monotonic() - _age(path, self._clock.unix())
        self._secrets = [secret for secret in secrets if secret]
        self._listeners: list[Listener] = []
        self._file: TextIO | None = None
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            self._file = os.fdopen(handle, "a", encoding="utf-8", buffering=1)
        self._lines = _Lines(self._file)
        self._log = structlog.wrap_logger(
            self._lines,
            processors=[structlog.processors.JSONRenderer(default=str, ensure_ascii=False)],
            wrapper_class=structlog.BoundLogger,
            context_class=dict,
            cache_logger_on_first_use=False,
        )
        self.phase = "preflight"
        self.events: list[Event] = []

    @property
    def trouble(self) -> str:
        """Why the record on disk is not whole; empty while it is. What is heard and held in memory is."""
        return self._lines.trouble

    def hide(self, secret: str) -> None:
        """From now on, keep `secret` out of the record."""
        if secret:
            self._secrets.append(secret)

    def masked(self, text: str) -> str:
        """A text as it would be recorded, for whoever cuts it first: half a secret is not found again."""
        return str(self._hidden(text))

    def listen(self, listener: Listener) -> None:
        """Call `listener` with every event from now on, on the thread that records it."""
        self._listeners.append(listener)

    def event(self, name: str, /, **fields: Json) -> Event:
        """Record that something happened now."""
        happened = Event(
            name, self._clock.monotonic() - self._begun, self._clock.unix(), self.phase, self._clean(fields)
        )
        stamp = datetime.fromtimestamp(happened.unix, UTC).isoformat(timespec="milliseconds")
        self._log.msg(
            name, t=round(happened.t, 6), unix=happened.unix, time=stamp, phase=self.phase, **happened.fields
        )
        self.events.append(happened)
        for listener in self._listeners:
            listener(happened)
        return happened

    def since_start(self, monotonic: float) -> float:
        """Real seconds from the start of the run to a moment of the run's clock."""
        return monotonic - self._begun

    def close(self) -> None:
        """Flush to disk and close the file; one that cannot be flushed is told in `trouble`."""
        if self._file is None or self._file.closed:
            return
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
        except OSError as error:
            self._lines.trouble = self._lines.trouble or f"{self._file.name} could not be written: {error}"

    def _clean(self, fields: Mapping[str, Json]) -> dict[str, Json]:
        if not self._secrets:
            return dict(fields)
        return {key: self._hidden(value) for key, value in fields.items()}

    def _hidden(self, value: Json) -> Json:
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, str):
            for secret in self._secrets:
                value = value.replace(secret, "[redacted]")
            return value
        if isinstance(value, Mapping):
            return {key: self._hidden(item) for key, item in value.items()}
        if isinstance(value, Sequence):
            return [self._hidden(item) for item in value]
        return value


def _age(path: Path | None, unix: float) -> float:
    """Real seconds since the record on disk began: whoever goes on with it goes on with its time."""
    first = next(iter(read(path)), None) if path is not None and path.exists() else None
    return 0.0 if first is None else unix - first.unix + first.t


class _Lines:
    """structlog's sink: one line per event, or nowhere. A file that cannot be written is not tried again."""

    def __init__(self, file: TextIO | None) -> None:
        self._file = file
        self.trouble = ""

    def msg(self, line: str) -> None:
        if self._file is None or self.trouble:
            return
        try:
            self._file.write(line + "\n")
        except OSError as error:
            self.trouble = f"{self._file.name} could not be written: {error.strerror or error}"


def read(path: Path) -> Iterator[Event]:
    """The events of a record on disk, in order; a last line that was cut off is left out."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            if not line.endswith("\n"):
                return
            yield _event(line)


class Tail:
    """Follows a record that somebody else writes: each `more` brings what has come since the one before."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = 0

    def more(self) -> list[Event]:
        """The events of all lines that are whole by now; none while there is no record.

        A line that is still being written waits for its end. One that a crash cut off, and behind which somebody has
        gone on, is no event and is passed over.
        """
        try:
            with self._path.open("rb") as file:
                file.seek(self._read)
                new = file.read()
        except FileNotFoundError:
            return []
        whole = new[: new.rfind(b"\n") + 1]
        self._read += len(whole)
        found: list[Event] = []
        for line in whole.splitlines():
            with suppress(ValueError, KeyError, TypeError, AttributeError):
                found.append(_event(line))
        return found


def _event(line: str | bytes) -> Event:
    row = json.loads(line)
    known = {key: row.pop(key) for key in ("event", "t", "unix", "phase", "time")}
    return Event(known["event"], known["t"], known["unix"], known["phase"], row)
