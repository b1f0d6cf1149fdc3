"""One listener: presses join, waits, hears, loses the sound, comes back, leaves."""

from __future__ import annotations

import json
from collections.abc import Callable
from enum import Enum, auto
from typing import TYPE_CHECKING

from chaos.clock import RealSeconds
from chaos.rooms.audience.people import Person
from chaos.rooms.audience.wheel import Timer
from chaos.rooms.audio import FRESH, SEGMENT_SECONDS, newest_in
from chaos.rooms.line import SWITCHING, Line

if TYPE_CHECKING:
    from chaos.rooms.audience.room import AudienceRoom

POLL_EVERY = SEGMENT_SECONDS
TECHNICAL_TIMEOUT = RealSeconds(10.0)  # a client gives up a connection or an answer after this
SPINNER_STORY_S = 30.0  # a person gives up the spinner after this (assumption) ...
LEAST_SPINNER = 2.0  # ... but not before so many real seconds
PRESSES = 4  # the first and three retries
HUMAN_PAUSE_STORY_S = 5.0  # median pause of a person before pressing again (assumption)
HUMAN_PAUSE_SIGMA = 0.5  # assumption
FIRST_REDIAL = 0.5  # real seconds; the client's own backoff, doubled each time
LONGEST_REDIAL = 4.0
HERD_SPREAD = 3.0  # real seconds over which clients notice that a room is elsewhere (assumption)
NO_SESSION_CLOSE = 4403


class Stage(Enum):
    """Where a listener is."""

    PRESSING = auto()
    PAUSING = auto()
    IN = auto()
    AWAY = auto()
    GONE = auto()


class Listener:
    """A person with a client. Keeps the client's promises and the person's patience, and tells only the truth.

    In `AWAY` the client tries by itself to come back to where it was or to where the room is now; it presses nothing.
    """

    __slots__ = (
        "_asked_at", "_attempts", "_generation", "_instance", "_late", "_let_in_at", "_line", "_poll", "_pressed_at",
        "_presses", "_pushed", "_redials", "_room", "_session", "_timer", "admitted", "heard_until", "hearing",
        "leaves_at", "patience", "person", "silent_since", "stage",
    )  # fmt: skip

    def __init__(self, person: Person, room: AudienceRoom, leaves_at: float, patience: float) -> None:
        self.person = person
        self.stage = Stage.PAUSING
        self.leaves_at = leaves_at
        self.patience = patience
        self.admitted = False
        self.hearing = False
        self.heard_until = 0.0
        self.silent_since = 0.0
        self._room = room
        self._line: Line | None = None
        self._timer: Timer | None = None
        self._session = ""
        self._generation = 0
        self._instance = ""
        self._poll = b""
        self._pushed = False
        self._late = False
        self._asked_at = 0.0
        self._let_in_at = 0.0
        self._pressed_at = 0.0
        self._presses = 0
        self._attempts = 0
        self._redials = 0

    # --- joining ------------------------------------------------------------------------------------------------

    def press(self) -> None:
        """Press join, as everyone does on arrival and after a pause."""
        self._timer = None
        if self.stage is Stage.GONE:
            return
        room = self._room
        self.stage = Stage.PRESSING
        self._presses += 1
        self._pressed_at = room.now()
        room.counted.tried.inc()
        if room.over:
            self._failed("room_ended")
            return
        self._wait(room.spinner, self._spun_out)
        if room.placement is None:
            room.at_the_door.add(self)
        else:
            self._dial()

    def door_opens(self) -> None:
        """The room is there; who stands at its door goes in."""
        if self.stage is Stage.PRESSING and self._line is None:
            self._dial()

    def _spun_out(self) -> None:
        self._timer = None
        self._failed("timeout")

    def _failed(self, reason: str) -> None:
        """The press led nowhere."""
        self._hang_up()
        self._room.counted.failed[reason].inc()
        if reason == "room_ended" or (self._presses >= PRESSES and not self.admitted):
            self._room.forget(self)
            self.stage = Stage.GONE
            return
        self._pause_and_press()

    def _pause_and_press(self) -> None:
        self.stage = Stage.PAUSING
        self._attempts += 1
        self._wait(self._room.human_pause(self.person, self._attempts), self.press)

    def _let_in(self, body: bytes) -> None:
        try:
            told = json.loads(body)
            self._session, self._pushed = str(told["session"]), bool(told["push"])
        except (ValueError, KeyError, TypeError):
            self._answer_is_no("refused")
            return
        room = self._room
        if self.stage is Stage.PRESSING:
            room.counted.succeeded.inc()
            room.counted.seconds.observe(room.now() - self._pressed_at)
            self._presses = 0
        else:
            room.counted.reconnects["ok"].inc()
        self._let_in_at = room.now()
        if not self.admitted:
            self.admitted = True
            self.silent_since = room.now()
            room.present.add(self)
        self.stage = Stage.IN
        self._poll = (
            f"GET /rooms/{room.name}/segments/latest?s={self._session} HTTP/1.1\r\nHost: media\r\n\r\n"
        ).encode()
        self._listen_or_poll()

    def _answer_is_no(self, reason: str) -> None:
        """A join was answered, but not with a way in."""
        if self.stage is Stage.PRESSING:
            self._failed(reason)
        else:
            self._room.counted.reconnects["failed"].inc()
            self._go_away()

    # --- the line -----------------------------------------------------------------------------------------------

    def _dial(self) -> None:
        placement = self._room.placement
        assert placement is not None
        self._instance = placement.serving[self.person.number % len(placement.serving)]
        if self._session and placement.generation != self._generation:
            self._session = ""
        self._generation = placement.generation
        self._line = Line(self)
        self._room.dial(self._line, self._instance, self._unreachable)

    def _unreachable(self, line: Line) -> None:
        """Nobody answered at the edge."""
        if line is self._line:
            self._line = None
            self._no_line()

    def connected(self, line: Line) -> None:
        if line is not self._line or self.stage is Stage.GONE:
            line.drop()
        elif self._session and self.stage is not Stage.PRESSING:
            self.stage = Stage.IN
            self._listen_or_poll()
        else:
            again = "false" if self.stage is Stage.PRESSING else "true"
            body = f'{{"listener":"{self.person.name}","again":{again}}}'
            line.ask(
                f"POST /rooms/{self._room.name}/join HTTP/1.1\r\nHost: media\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
            )

    def lost(self, line: Line, code: int) -> None:
        if line is not self._line:
            return
        self._line = None
        if code == NO_SESSION_CLOSE and self.stage is Stage.IN:
            self._thrown_out()
        else:
            self._no_line()

    def _no_line(self) -> None:
        if self.stage is Stage.PRESSING:
            self._failed("unreachable")
        elif self.stage in (Stage.IN, Stage.AWAY):
            self._go_away()

    def _hang_up(self, farewell: bytes = b"") -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        line, self._line = self._line, None
        if line is not None:
            line.drop(farewell)

    def _wait(self, seconds: float, then: Callable[[], None]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._room.wheel.call_later(seconds, then)

    # --- being in -----------------------------------------------------------------------------------------------

    def _listen_or_poll(self) -> None:
        assert self._line is not None
        self._late = False
        self._asked_at = self._room.now()
        if self._pushed:
            self._line.ask(
                f"GET /rooms/{self._room.name}/listen?s={self._session} HTTP/1.1\r\nHost: media\r\n"
                "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                "Sec-WebSocket-Key: c3RhbmRieS1saXN0ZW5lcg==\r\n\r\n".encode()
            )
        else:
            self._line.ask(self._poll)
        self._wait(POLL_EVERY, self._tick)

    def _tick(self) -> None:
        """Every two seconds: fetch the next segment, or see that the last answer is overdue."""
        self._timer = None
        now, placement = self._room.now(), self._room.placement
        if self.stage is not Stage.IN or self._line is None or placement is None:
            return
        serving = placement.serving[self.person.number % len(placement.serving)]
        if self._pushed:
            overdue = now - max(self._asked_at, self.heard_until - FRESH) >= TECHNICAL_TIMEOUT
        else:
            overdue = self._asked_at > 0.0 and now - self._asked_at >= TECHNICAL_TIMEOUT
        if overdue:
            self._hang_up()
            self._go_away()
        elif placement.generation != self._generation or (serving != self._instance and not self._pushed):
            self._hang_up()
            self.stage = Stage.AWAY
            self._come_back()
        elif self._pushed:
            self._wait(POLL_EVERY, self._tick)
        elif self._asked_at > 0.0:
            self._late = True
            self._wait(max(0.0, self._asked_at + TECHNICAL_TIMEOUT - now), self._tick)
        else:
            self._listen_or_poll()

    def answered(self, line: Line, status: int, body: bytes) -> None:
        if line is not self._line:
            return
        if self.stage is not Stage.IN:
            if status == 200:
                self._let_in(body)
            else:
                self._answer_is_no(_reason(status, body))
            return
        if status == SWITCHING:
            return
        self._asked_at = 0.0
        if status == 200:
            self._hear(newest_in(self._room.mark, body))
        elif status in (404, 410):
            self._session = ""
            self._hang_up()
            self._go_away()
            return
        elif status == 403:
            self._thrown_out()
            return
        elif status == 409:
            self._pushed = False
        if self._late:
            self._listen_or_poll()

    def pushed(self, line: Line, data: bytes) -> None:
        if line is self._line:
            self._hear(newest_in(self._room.mark, data))

    def _hear(self, found: tuple[int, float] | None) -> None:
        """Sound came. It counts only if it is the host's, and only until it is no longer live."""
        if found is not None and found[1] + FRESH > max(self.heard_until, self._room.now()):
            self.heard_until = found[1] + FRESH
            self._redials = 0
            if self._let_in_at > 0.0:
                self._room.counted.until_sound.observe(self._room.now() - self._let_in_at)
                self._let_in_at = 0.0

    # --- losing it and coming back ------------------------------------------------------------------------------

    def _thrown_out(self) -> None:
        """Media has ended the session: the person sees the room closed before them, and presses again."""
        self._session = ""
        self._presses = 0
        self._hang_up()
        self._pause_and_press()

    def _go_away(self) -> None:
        """The client has lost the room and looks for it by itself."""
        self._hang_up()
        self.stage = Stage.AWAY
        pause = min(LONGEST_REDIAL, FIRST_REDIAL * 2.0**self._redials)
        self._redials += 1
        self._wait(pause * (0.5 + self._room.chance() / 2), self._come_back)

    def room_moved(self) -> None:
        """The directory has the room elsewhere: clients notice within seconds."""
        if self.stage is Stage.AWAY:
            self._hang_up()
            self._redials = 0
            self._wait(HERD_SPREAD * self._room.chance(), self._come_back)

    def _come_back(self) -> None:
        self._timer = None
        if self.stage is Stage.AWAY:
            self._wait(TECHNICAL_TIMEOUT, self._still_away)
            self._dial()

    def _still_away(self) -> None:
        self._timer = None
        if self.stage is Stage.AWAY:
            self._room.counted.reconnects["failed"].inc()
            self._go_away()

    # --- leaving ------------------------------------------------------------------------------------------------

    def leave(self, reason: str) -> None:
        """Go for good; `reason` counts only for who was let in."""
        if self.stage is Stage.GONE:
            return
        farewell = b""
        if self.stage is Stage.IN and self._session:
            farewell = (
                f"POST /rooms/{self._room.name}/leave?s={self._session} HTTP/1.1\r\nHost: media\r\n"
                "Content-Length: 0\r\n\r\n".encode()
            )
        if self.stage is Stage.PRESSING:
            self._room.counted.failed["room_ended" if reason == "room_ended" else "timeout"].inc()
        self._hang_up(farewell)
        self.stage = Stage.GONE
        if self.admitted:
            self._room.counted.left[reason].inc()
        self._room.forget(self)


def _reason(status: int, body: bytes) -> str:
    """Why a join was answered with no, as one of truth.FAIL_REASONS."""
    if status in (404, 410):
        return "room_gone"
    try:
        told = json.loads(body)
    except ValueError:
        return "refused"
    reason = told.get("reason") if isinstance(told, dict) else None
    return reason if reason in ("shed", "full", "bridge", "denied") else "refused"
