"""The token service: a line in front of the workers, and what admission and deadlines do to it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from enum import StrEnum

from prometheus_client import CollectorRegistry, Counter, Gauge

from chaos.clock import RealSeconds
from chaos.experiment.rooms import Settings
from chaos.rooms.platform.workers import TOKENS_PER_STORY_SECOND, UNIT_COST, Done, Workers
from chaos.rooms.server import SettingsBox

LEAST_WAIT = RealSeconds(0.001)  # between two looks at the line: uvloop takes less for no wait at all
LONGEST_ADMITTED_WAIT = RealSeconds(1.0)  # with admission: a longer wait is refused at once


class Outcome(StrEnum):
    """What became of a token asked for."""

    SERVED = "served"
    REFUSED = "refused"
    DROPPED = "dropped"


class TokenService:
    """Serves tokens and announcements at the rate that scale, time_scale and capacity leave.

    The capacity is that of all `replicas` together; each serves its part of it, alive or not.
    """

    def __init__(self, settings: SettingsBox, registry: CollectorRegistry, replicas: int = 1) -> None:
        self._settings = settings
        self._replicas = replicas
        self._loop = asyncio.get_running_loop()
        self._workers: Workers[asyncio.Future[Outcome]] = Workers(rate=1.0)
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        outcomes = Counter(
            "platform_tokens_total", "Tokens asked for that ended.", ["result"], registry=registry
        )
        self._outcomes = {outcome: outcomes.labels(outcome.value) for outcome in Outcome}
        self._seconds = Gauge(
            "platform_token_queue_seconds",
            "Real seconds that a token asked for now would wait.",
            registry=registry,
        )
        self._capacity = Gauge(
            "platform_token_capacity", "Tokens that can be served per real second.", registry=registry
        )
        self._length = Gauge("platform_token_queue_length", "Tokens in the line.", registry=registry)
        self._backlog = Gauge(
            "platform_announcements_backlog", "Announcement units not yet sent, scaled.", registry=registry
        )
        self._backlog_seconds = Gauge(
            "platform_announcements_backlog_seconds",
            "Story seconds of announcement work at the present sharing.",
            registry=registry,
        )
        self._work = Counter(
            "platform_work_total",
            "Work done, in tokens: tokens served, and announcements at what they cost.",
            registry=registry,
        )
        self._sent = 0.0
        settings.on_change(self._changed)
        self._changed(settings.now)

    async def take(self, deadline: float | None) -> Outcome:
        """Wait in the line for one token. `deadline`: Unix seconds after which the caller no longer waits."""
        knobs = self._settings.now.knobs
        self._advance()
        if knobs.admission and self._workers.wait() > LONGEST_ADMITTED_WAIT:
            self._outcomes[Outcome.REFUSED].inc()
            return Outcome.REFUSED
        turn: asyncio.Future[Outcome] = self._loop.create_future()
        # The deadline is brought from the caller's calendar to the loop's clock, which the workers live by.
        due = None if deadline is None or not knobs.deadlines else self._loop.time() + deadline - time.time()
        self._finish(self._workers.ask(turn, due, self._loop.time()))
        self._set_timer()
        return await turn

    def announce(self, units: float) -> None:
        """Queue so many announcement units (already scaled); none while announcements are shed."""
        if units > 0 and not self._settings.now.shed_announcements:
            self._finish(self._workers.announce(units, self._loop.time()))
            self._set_timer()

    def abandon(self) -> None:
        """Drop everybody who stands in the line, and what is not yet announced."""
        self._advance()
        self._finish(self._workers.abandon())
        self._set_timer()

    def collect(self) -> None:
        """Bring the gauges up to date."""
        self._advance()
        self._work.inc((self._workers.sent - self._sent) * UNIT_COST)
        self._sent = self._workers.sent
        self._seconds.set(self._workers.wait())
        self._capacity.set(self._workers.rate)
        self._length.set(len(self._workers.line))
        self._backlog.set(self._workers.backlog)
        self._backlog_seconds.set(self._workers.backlog_seconds() * self._settings.now.time_scale)

    def _changed(self, before: Settings) -> None:
        self._advance()
        now = self._settings.now
        whole = TOKENS_PER_STORY_SECOND * now.scale * now.time_scale * now.capacity.platform
        self._workers.rate = whole / self._replicas
        self._workers.bulkhead = now.knobs.bulkhead
        if now.shed_announcements:
            self._workers.backlog = 0.0
        self._set_timer()

    def _advance(self) -> None:
        self._finish(self._workers.advance(self._loop.time()))

    def _finish(self, done: Iterable[Done[asyncio.Future[Outcome]]]) -> None:
        for one in done:
            outcome = Outcome.SERVED if one.served else Outcome.DROPPED
            self._outcomes[outcome].inc()
            if one.served:
                self._work.inc()
            if not one.item.done():
                one.item.set_result(outcome)

    def _tick(self) -> None:
        self._timer = None
        self._advance()
        self._set_timer()

    def _set_timer(self) -> None:
        """Have the workers advance when they must; a timer that comes sooner than needed stays, and sets the next."""
        now = self._loop.time()
        moment = self._workers.next_moment(now)
        if moment is not None:
            moment = max(moment, now + LEAST_WAIT)
        if self._timer is not None:
            if moment is not None and self._timer_at <= moment:
                return
            self._timer.cancel()
            self._timer = None
        if moment is not None:
            self._timer, self._timer_at = self._loop.call_at(moment, self._tick), moment
