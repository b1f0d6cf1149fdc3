"""Who is in, on what token, and which tokens are due: media's memory of its listeners. Pure."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field

GRACE_STORY_S = 30.0  # after a token's end, until its listener is thrown out (assumption)
LEAST_GRACE = 2.0  # real seconds
LATER_SPREAD = 0.2  # first renewals come anywhere in the validity, later ones in its last fifth (assumption)
SHORTEST_RETRY = 0.5  # real seconds: with less time left a renewal is not tried again
GONE_AFTER = 15.0  # real seconds without a sign of life after which a session is forgotten (assumption)


@dataclass(slots=True)
class Session:
    """One listener's stay on this instance. Moments are of the loop's clock, real seconds."""

    number: str
    listener: str
    room: str
    expires: float
    seen: float
    pushed: bool = False
    listening: bool = False
    """Whether a push socket is open: a sign of life by itself."""


@dataclass
class Sessions:
    """All sessions of one instance; `valid` and `grace` are real seconds and change with time_scale."""

    valid: float
    grace: float
    by_number: dict[str, Session] = field(default_factory=dict)
    by_listener: dict[tuple[str, str], Session] = field(default_factory=dict)
    grants: dict[str, float] = field(default_factory=dict)
    """Until when a listener's last token holds: the token cache."""
    counts: dict[str, int] = field(default_factory=dict)
    _due: list[tuple[float, str]] = field(default_factory=list)
    _ends: list[tuple[float, str]] = field(default_factory=list)

    def admit(self, number: str, listener: str, room: str, now: float, draw: float) -> Session:
        """A new session on a fresh token; one that the listener had in this room ends. `draw` in [0, 1)."""
        return self.take_over(Session(number, listener, room, now + self.valid, now), now, draw)

    def take_over(self, session: Session, now: float, draw: float) -> Session:
        """A session that comes as it is, from a token or from another instance."""
        before = self.by_listener.get((session.room, session.listener))
        if before is not None:
            self.end(before)
        self.by_number[session.number] = session
        self.by_listener[session.room, session.listener] = session
        self.counts[session.room] = self.counts.get(session.room, 0) + 1
        self.grants[session.listener] = session.expires
        self._schedule(session, now, draw)
        return session

    def renew(self, session: Session, now: float, draw: float) -> None:
        """The session's token is good for its whole validity again."""
        session.expires = now + self.valid
        self.grants[session.listener] = session.expires
        self._schedule(session, now, draw * LATER_SPREAD)

    def keep(self, session: Session, now: float, draw: float) -> None:
        """The session stays on its old token; its renewal is tried again, spread over half a validity."""
        session.expires = now + self.valid
        heapq.heappush(self._due, (now + self.valid * (0.5 + draw / 2), session.number))
        heapq.heappush(self._ends, (session.expires + self.grace, session.number))

    def try_again(self, session: Session, now: float) -> None:
        """Renew once more half-way to the moment at which the listener would be thrown out, if time is left."""
        left = session.expires + self.grace - now
        if left > SHORTEST_RETRY:
            heapq.heappush(self._due, (now + left / 2, session.number))

    def end(self, session: Session) -> None:
        """Forget the session; its grant stays in the cache."""
        if self.by_number.pop(session.number, None) is None:
            return
        if self.by_listener.get((session.room, session.listener)) is session:
            del self.by_listener[session.room, session.listener]
        self.counts[session.room] -= 1

    def end_all(self, room: str) -> list[Session]:
        """Forget every session of a room."""
        ended = [session for session in self.by_number.values() if session.room == room]
        for session in ended:
            self.end(session)
        self.counts.pop(room, None)
        return ended

    def due(self, now: float) -> Iterator[Session]:
        """Sessions whose token is to be renewed by now, each once."""
        while self._due and self._due[0][0] <= now:
            session = self.by_number.get(heapq.heappop(self._due)[1])
            if session is not None:
                yield session

    def overdue(self, now: float) -> Iterator[Session]:
        """Sessions whose token has ended and whose grace is over, each once."""
        while self._ends and self._ends[0][0] <= now:
            session = self.by_number.get(heapq.heappop(self._ends)[1])
            if session is not None and session.expires + self.grace <= now:
                yield session

    def silent(self, now: float) -> list[Session]:
        """Sessions without a sign of life for too long."""
        return [one for one in self.by_number.values() if not one.listening and now - one.seen > GONE_AFTER]

    def holds_grant(self, listener: str, now: float) -> bool:
        """Whether the cache has a token of this listener that is still good."""
        return self.grants.get(listener, 0.0) > now

    def forget_grants(self, now: float) -> None:
        """Drop the cache's tokens that are no longer good."""
        for listener in [one for one, until in self.grants.items() if until <= now]:
            del self.grants[listener]

    def next_moment(self) -> float | None:
        """When the next token is due or overdue."""
        heads = [heap[0][0] for heap in (self._due, self._ends) if heap]
        return min(heads, default=None)

    def _schedule(self, session: Session, now: float, early: float) -> None:
        """Renew the share `early` of what is left of the token before its end."""
        left = max(0.0, session.expires - now)
        heapq.heappush(self._due, (session.expires - left * early, session.number))
        heapq.heappush(self._ends, (session.expires + self.grace, session.number))
