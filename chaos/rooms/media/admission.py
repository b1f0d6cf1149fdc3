"""Who gets in and who stays: joins and renewals, across the bridge unless the knobs or a repair spare it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter
from pydantic import JsonValue

from chaos.experiment.rooms import Settings
from chaos.rooms.bridge import Bridge, BridgeError
from chaos.rooms.contract import TOKEN_VALID_STORY_S
from chaos.rooms.media.egress import LISTENERS_PER_INSTANCE
from chaos.rooms.media.sessions import GRACE_STORY_S, LEAST_GRACE, Session, Sessions
from chaos.rooms.server import SettingsBox

SWEEP = 0.1  # real seconds between looks at what is due
JOIN_RESULTS = ("admitted", "cached", "bypassed", "shed", "full", "bridge", "denied", "room_gone")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a join was refused; `status` is the HTTP status that says so."""

    status: int
    reason: str


class Admission:
    """Joins and renewals of one instance."""

    def __init__(
        self,
        settings: SettingsBox,
        bridge: Bridge,
        registry: CollectorRegistry,
        thrown_out: Callable[[Session], None],
    ) -> None:
        self.sessions = Sessions(1.0, 1.0)
        self._settings = settings
        self._bridge = bridge
        self._thrown_out = thrown_out
        self._loop = asyncio.get_running_loop()
        self._random = random.Random()
        self._renewals: set[asyncio.Task[None]] = set()
        joins = Counter("media_joins_total", "Joins that ended.", ["result"], registry=registry)
        self.joins = {result: joins.labels(result) for result in JOIN_RESULTS}
        self._hits = Counter(
            "media_token_cache_hits_total",
            "Joins and renewals granted from the token cache.",
            registry=registry,
        )
        thrown = Counter(
            "media_thrown_out_total", "Listeners whose session media ended.", ["reason"], registry=registry
        )
        self._thrown = {reason: thrown.labels(reason) for reason in ("token_expired",)}
        settings.on_change(self._changed)
        self._changed(settings.now)

    def _changed(self, before: Settings) -> None:
        scale = self._settings.now.time_scale
        self.sessions.valid = TOKEN_VALID_STORY_S / scale
        self.sessions.grace = max(GRACE_STORY_S / scale, LEAST_GRACE)

    async def join(self, listener: str, room: str, again: bool) -> Session | Refusal:
        """Let a listener in. `again`: was in already and lost the way, so is no new join to be shed."""
        now = self._settings.now
        if not again and now.shed_joins > 0 and self._random.random() < now.shed_joins:
            return self._refused("shed", 503)
        capacity = LISTENERS_PER_INSTANCE * now.scale * now.capacity.media
        if now.knobs.admission and len(self.sessions.by_number) >= capacity:
            return self._refused("full", 503)
        if now.bypass:
            return self._admitted("bypassed", listener, room)
        if now.knobs.token_cache and self.sessions.holds_grant(listener, self._loop.time()):
            self._hits.inc()
            return self._admitted("cached", listener, room)
        try:
            answer = await self._bridge.call("POST", "/tokens", "join", _question(listener, room))
        except BridgeError:
            return self._refused("bridge", 503)
        if answer.status != 200:
            return self._refused("denied", 403)
        return self._admitted("admitted", listener, room)

    def _admitted(self, result: str, listener: str, room: str) -> Session:
        self.joins[result].inc()
        number = f"{self._random.getrandbits(64):016x}"
        return self.sessions.admit(number, listener, room, self._loop.time(), self._random.random())

    def _refused(self, reason: str, status: int) -> Refusal:
        self.joins[reason].inc()
        return Refusal(status, reason)

    async def keep_watch(self) -> None:
        """Renew what is due, throw out what is overdue, forget who is gone; for ever."""
        last_sweep = self._loop.time()
        while True:
            now = self._loop.time()
            for session in self.sessions.due(now):
                task = self._loop.create_task(self._renew(session))
                self._renewals.add(task)
                task.add_done_callback(self._renewals.discard)
            for session in list(self.sessions.overdue(now)):
                self._overdue(session, now)
            if now - last_sweep >= 1.0:
                last_sweep = now
                for session in self.sessions.silent(now):
                    self.sessions.end(session)
                self.sessions.forget_grants(now)
            await asyncio.sleep(SWEEP)

    async def _renew(self, session: Session) -> None:
        now = self._settings.now
        if now.bypass:
            self.sessions.renew(session, self._loop.time(), self._random.random())
            return
        try:
            answer = await self._bridge.call(
                "POST", "/tokens", "renewal", _question(session.listener, session.room)
            )
        except BridgeError:
            self._try_later(session)
            return
        if answer.status == 200 and session.number in self.sessions.by_number:
            self.sessions.renew(session, self._loop.time(), self._random.random())

    def _try_later(self, session: Session) -> None:
        """A renewal was given up: with a cache the old token does for now, without one time runs out."""
        if session.number not in self.sessions.by_number:
            return
        if self._settings.now.knobs.token_cache:
            self._hits.inc()
            self.sessions.keep(session, self._loop.time(), self._random.random())
        else:
            self.sessions.try_again(session, self._loop.time())

    def _overdue(self, session: Session, now: float) -> None:
        if self._settings.now.knobs.token_cache or self._settings.now.bypass:
            self._hits.inc()
            self.sessions.keep(session, now, self._random.random())
            return
        self.sessions.end(session)
        self._thrown["token_expired"].inc()
        self._thrown_out(session)

    async def close(self) -> None:
        for task in self._renewals:
            task.cancel()
        await asyncio.gather(*self._renewals, return_exceptions=True)


def _question(listener: str, room: str) -> dict[str, JsonValue]:
    return {"listener": listener, "room": room}
