"""What is looked at once a second while a run goes on: objectives for the live view, stop conditions, alerts.

Nothing here is judged but the stop conditions; objectives are judged afterwards, from the whole window.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from chaos.clients.prometheus import FiringAlert, Prometheus
from chaos.clock import Clock, StorySeconds
from chaos.engine.judging import badness
from chaos.errors import ClientError
from chaos.experiment.units import Expectation
from chaos.record import Record
from chaos.worlds.system import Figure, Goal, series_label

EVERY = 1.0
"""Real seconds between two looks."""
ALERTS_EVERY = 0.25
"""Real seconds between two looks at the alerts: what people are told late they would answer late."""
STALE = 3.0
"""Real seconds that a value may be old and still be a value."""
NO_DATA_AT_LEAST = 5.0
"""Real seconds without data before a stop condition without a longer `for` fires for the want of it."""


HEARTBEAT = "none"
"""The severity of alerts that always fire, to show that alerts arrive at all; they say nothing of the system."""


class AlertSource(Protocol):
    """Where it is known which alerts fire."""

    async def firing(self) -> Sequence[FiringAlert]:
        """The alerts that fire now. Raises ClientError where that is not known."""


@dataclass(frozen=True)
class Alerting:
    """Where alerts are asked for, and who is told of them."""

    source: AlertSource
    tell: Callable[[Iterable[FiringAlert]], None]


@dataclass(frozen=True)
class StopCondition:
    """Fires when `query` has met `expect`, or has had no data, for `hold` of story time."""

    name: str
    query: str
    expect: Expectation
    hold: StorySeconds


class Watchman:
    """Decides whether a stop condition fires, sample by sample."""

    def __init__(self, condition: StopCondition, time_scale: float) -> None:
        self.condition = condition
        self._hold = condition.hold / time_scale
        self._met_since: float | None = None
        self._silent_since: float | None = None

    def see(self, moment: float, value: float | None) -> str:
        """Take in a sample; why the condition fires, empty while it does not."""
        silent = value is None or math.isnan(value)
        if value is None or silent:
            self._met_since = None
            self._silent_since = moment if self._silent_since is None else self._silent_since
            patience = max(self._hold, NO_DATA_AT_LEAST)
            if moment - self._silent_since >= patience:
                return f"`{self.condition.name}` has had no data for {moment - self._silent_since:.1f} s"
            return ""
        self._silent_since = None
        if not self.condition.expect.holds(value):
            self._met_since = None
            return ""
        self._met_since = moment if self._met_since is None else self._met_since
        if moment - self._met_since >= self._hold:
            return f"`{self.condition.name}`: {self.condition.query} is {value:.4g}, which is {self.condition.expect}"
        return ""


class Sampler:
    """Looks once a second, at everything at once, without drifting."""

    def __init__(
        self,
        prometheus: Prometheus,
        record: Record,
        clock: Clock,
        time_scale: float,
        *,
        alerting: Alerting,
        goals: Sequence[Goal],
        figures: Sequence[Figure],
        stops: Sequence[StopCondition],
        halt: Path,
        on_stop: Callable[[str], None],
    ) -> None:
        self._prometheus = prometheus
        self._alerting = alerting
        self._record = record
        self._clock = clock
        self._goals = [goal for goal in goals if not goal.once and goal.interval is None]
        self._figures = [figure for figure in figures if figure.live]
        self._watchmen = [Watchman(stop, time_scale) for stop in stops]
        self._halt = halt
        self._on_stop = on_stop
        self._firing: set[FiringAlertKey] = set()
        self.watching = False
        """Whether stop conditions count yet (from the baseline on)."""

    async def run(self) -> None:
        """Look until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._every(EVERY, self._look))
            group.create_task(self._every(ALERTS_EVERY, self._alerts))

    async def _every(self, interval: float, look: Callable[[], Awaitable[None]]) -> None:
        due = self._clock.monotonic()
        while True:
            await look()
            due = max(due + interval, self._clock.monotonic())
            await self._clock.sleep_until(due)

    async def _look(self) -> None:
        if self._halt.exists():
            self._on_stop("halted by `standby halt`")
        await asyncio.gather(
            *(self._goal(goal) for goal in self._goals),
            *(self._figure(figure) for figure in self._figures),
            *(self._stop(one) for one in self._watchmen),
        )

    async def _alerts(self) -> None:
        try:
            found = await self._alerting.source.firing()
        except ClientError as error:
            self._record.event("alerts_unknown", why=str(error))
            return
        firing = [one for one in found if one.labels.get("severity") != HEARTBEAT]
        now = {(alert.name, tuple(sorted(alert.labels.items()))) for alert in firing}
        for name, labels in sorted(now - self._firing):
            self._record.event("alert_firing", alert=name, labels=dict(labels))
        for name, labels in sorted(self._firing - now):
            self._record.event("alert_resolved", alert=name, labels=dict(labels))
        self._firing = now
        self._alerting.tell(firing)

    async def _goal(self, goal: Goal) -> None:
        value = await self._value(goal.query, goal.expect)
        holds = None if value is None else goal.expect.holds(value)
        self._record.event("sample", objective=goal.name, value=value, holds=holds, expect=str(goal.expect))

    async def _figure(self, figure: Figure) -> None:
        try:
            found = await self._prometheus.instant(figure.query, lookback=STALE)
        except ClientError:
            return
        for series in found:
            label = series_label(figure.label, series.labels)
            self._record.event("sample", figure=figure.name, label=label, value=series.samples[0][1])

    async def _stop(self, watchman: Watchman) -> None:
        if not self.watching:
            return
        value = await self._value(watchman.condition.query, None)
        why = watchman.see(self._clock.monotonic(), value)
        if why:
            self._record.event("stop_condition", name=watchman.condition.name, fired=True, why=why)
            self._on_stop(why)

    async def _value(self, query: str, expect: Expectation | None) -> float | None:
        try:
            found = await self._prometheus.instant(query, lookback=STALE)
        except ClientError:
            return None
        values = [value for series in found for _, value in series.samples if math.isfinite(value)]
        if not values:
            return None
        return max(values, key=badness(expect)) if expect else max(values)


FiringAlertKey = tuple[str, tuple[tuple[str, str], ...]]
