"""From alerts that fire to incidents that begin and end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from chaos.clock import RealSeconds
from chaos.crew.runbook import Runbook

HOLD = RealSeconds(2.0)
"""An incident is over when none of its alerts has fired for so long."""


class FiringAlert(Protocol):
    """An alert that fires now; what `chaos.clients.prometheus` answers is one."""

    @property
    def name(self) -> str:
        """The alert's name."""

    @property
    def labels(self) -> Mapping[str, str]:
        """Its labels, without `alertname`."""


@dataclass(frozen=True)
class Alert:
    """An alert, for those who have no Prometheus at hand."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Change:
    """An incident that began (`firing`) or ended; `labels` are those of the alert that announced it."""

    incident: str
    kind: int
    firing: bool
    labels: Mapping[str, str]


@dataclass
class _Open:
    kind: int
    labels: Mapping[str, str]
    seen: float


class Board:
    """Which incidents are open, told from one look at the alerts to the next."""

    def __init__(self, runbook: Runbook, *, hold: RealSeconds = HOLD) -> None:
        self._runbook = runbook
        self._hold = hold
        self._open: dict[str, _Open] = {}

    @property
    def open(self) -> Sequence[str]:
        """The incidents that have begun and not ended."""
        return sorted(self._open)

    def look(self, firing: Iterable[FiringAlert], now: float) -> list[Change]:
        """What began and what ended since the last look; `now` is a monotonic moment in real seconds.

        Alerts that the runbook does not know change nothing. The order is that of the incidents' names, ends first.
        """
        shown: dict[str, _Open] = {}
        for alert in sorted(firing, key=lambda one: (one.name, sorted(one.labels.items()))):
            kind = self._runbook.kind_of(alert.name, alert.labels)
            if kind is not None:
                incident = self._runbook.entries[kind].incident(alert.labels)
                shown.setdefault(incident, _Open(kind, dict(alert.labels), now))
        began = [incident for incident in sorted(shown) if incident not in self._open]
        for incident, open_ in shown.items():
            self._open.setdefault(incident, open_).seen = now
        ended = sorted(incident for incident, open_ in self._open.items() if now - open_.seen >= self._hold)
        changes = [self._change(incident, self._open.pop(incident), firing=False) for incident in ended]
        return changes + [self._change(incident, self._open[incident], firing=True) for incident in began]

    @staticmethod
    def _change(incident: str, open_: _Open, *, firing: bool) -> Change:
        return Change(incident, open_.kind, firing, open_.labels)
