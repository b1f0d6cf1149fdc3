"""The host: opens the room, sends sound, follows it where it goes, and gives up a room that stays broken."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import aiohttp
from pydantic import JsonValue, TypeAdapter, ValidationError

from chaos.clock import RealSeconds, StoryClock, StorySeconds
from chaos.rooms.audience.room import AudienceRoom, Placement
from chaos.rooms.audio import FRAME_SECONDS, FRESH, frame

LOOK_UP_EVERY = RealSeconds(1.0)
CALL_TIMEOUT = RealSeconds(10.0)
REDIAL = RealSeconds(1.0)
OPEN_AGAIN_STORY_S = 5.0  # the host's pause before trying again to open the room (assumption)
ENOUGH_HEAR = 0.5  # with fewer of the admitted hearing, the host takes the room for broken
MOST_FRAMES_BEHIND = 25  # half a second of sound: what a host is further behind is not sent any more
MOST_UNACKNOWLEDGED = 1000  # frames remembered, 20 s of sound: older ones would no longer be fresh

_OBJECT: TypeAdapter[dict[str, JsonValue]] = TypeAdapter(dict[str, JsonValue])


@dataclass
class HostPatience:
    """Gives up when the room was broken for longer than `limit` (real seconds) without a break. Pure."""

    limit: float
    broken_since: float | None = None

    def gives_up(self, now: float, *, on_air: bool, admitted: int, hearing: int, anybody_yet: bool) -> bool:
        """Tell how things are; whether the host has had enough.

        Broken: the host cannot send, or less than half of the admitted hear; with nobody left of those who once
        came, nobody hears.
        """
        heard = hearing >= ENOUGH_HEAR * admitted if admitted else not anybody_yet
        if on_air and heard:
            self.broken_since = None
            return False
        if self.broken_since is None:
            self.broken_since = now
        return now - self.broken_since > self.limit


class Host:
    """One room's host, from its opening to its end."""

    def __init__(
        self,
        room: AudienceRoom,
        *,
        clock: StoryClock,
        platform: str,
        edges: dict[str, str],
        session: aiohttp.ClientSession,
        log: Callable[..., object],
    ) -> None:
        self._room = room
        self._clock = clock
        self._platform = platform
        self._edges = edges
        self._session = session
        self._log = log
        self._patience = HostPatience(clock.real(StorySeconds(room.plan.host_patience_s)))
        self._sent: dict[int, float] = {}
        self._acknowledged = float("-inf")
        """When the newest frame that media acknowledged was sent."""
        self._anybody = False
        self._number = 0

    async def run(self) -> None:
        """Open at the planned moment, then send, until the room is over; then close it."""
        await asyncio.sleep(max(0.0, self._clock.at(StorySeconds(self._room.plan.from_s)) - self._room.now()))
        async with asyncio.TaskGroup() as tasks:
            working = tasks.create_task(self._open_and_send())
            judging = tasks.create_task(self._judge())
            await judging
            working.cancel()
        self._room.counted.on_air.set(0)
        await self._close()

    def on_air(self) -> bool:
        """Whether media has lately acknowledged fresh sound."""
        return self._room.now() - self._acknowledged < FRESH

    async def _judge(self) -> None:
        """Twice a second: is it time, is it hopeless? Returns when the room is over."""
        room, ends = self._room, self._clock.at(StorySeconds(self._room.plan.planned_end_s))
        while not room.over:
            await asyncio.sleep(min(0.5, max(0.0, ends - room.now())))
            room.counted.on_air.set(self.on_air())
            self._anybody = self._anybody or bool(room.present)
            now = room.now()
            hopeless = self._patience.gives_up(
                now,
                on_air=self.on_air(),
                admitted=len(room.present),
                hearing=room.hearing,
                anybody_yet=self._anybody,
            )
            if now >= ends:
                room.end("planned")
            elif hopeless:
                room.end("host_gave_up")
        self._log("room over", room=room.name, reason=room.over)

    async def _open_and_send(self) -> None:
        placed = await self._ask_open()
        while placed is None:
            await asyncio.sleep(max(0.5, self._clock.real(StorySeconds(OPEN_AGAIN_STORY_S))))
            placed = await self._ask_open()
        self._room.has_opened()
        self._room.placed(placed)
        self._log("room opened", room=self._room.name, instance=placed.instance)
        while True:
            await self._send(self._room.placement or placed)
            await asyncio.sleep(REDIAL)

    async def _ask_open(self) -> Placement | None:
        told: dict[str, JsonValue] = {
            "room": self._room.name,
            "host": f"host of {self._room.name}",
            "followers": self._room.plan.followers,
        }
        answer = await ask_platform(self._session, "POST", f"{self._platform}/rooms", told)
        return Placement.read(answer) if answer is not None else None

    async def _close(self) -> None:
        await ask_platform(self._session, "POST", f"{self._platform}/rooms/{self._room.name}/close", {})

    async def _send(self, placement: Placement) -> None:
        """Send sound to where the room is, until it is elsewhere or the line is down."""
        edge = self._edges.get(placement.instance)
        if edge is None:
            return
        url = f"http://{edge}/rooms/{self._room.name}/host"
        try:
            async with (
                asyncio.timeout(CALL_TIMEOUT) as opening,
                self._session.ws_connect(url, compress=0, autoclose=True) as socket,
            ):
                opening.reschedule(None)
                hearing = asyncio.create_task(self._take_acknowledgements(socket))
                try:
                    await self._stream(socket, placement, hearing)
                finally:
                    hearing.cancel()
        except (aiohttp.ClientError, OSError, TimeoutError):
            return

    async def _stream(
        self, socket: aiohttp.ClientWebSocketResponse, placement: Placement, hearing: asyncio.Task[None]
    ) -> None:
        now = self._room.now
        due = now()
        while not hearing.done() and self._room.placement is not None:
            if self._room.placement.generation != placement.generation:
                return
            await asyncio.sleep(max(0.0, due - now()))
            behind = int((now() - due) / FRAME_SECONDS)
            due += FRAME_SECONDS * (1 + max(0, behind - MOST_FRAMES_BEHIND))
            self._number += 1
            sent_at = now()
            self._sent[self._number] = sent_at
            if len(self._sent) > MOST_UNACKNOWLEDGED:
                del self._sent[next(iter(self._sent))]
            async with asyncio.timeout(CALL_TIMEOUT):
                await socket.send_bytes(frame(self._room.mark, self._number, sent_at))

    async def _take_acknowledgements(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Note what media has heard; ends with the line."""
        async for message in socket:
            if message.type is aiohttp.WSMsgType.TEXT and str(message.data).isdigit():
                number = int(message.data)
                self._acknowledged = max(self._acknowledged, self._sent.get(number, float("-inf")))
                for old in [one for one in self._sent if one <= number]:
                    del self._sent[old]


async def ask_platform(
    session: aiohttp.ClientSession, method: str, url: str, told: dict[str, JsonValue] | None = None
) -> dict[str, JsonValue] | None:
    """A client's own call to the main platform; None where it was not answered with an object and 200."""
    try:
        async with session.request(
            method, url, json=told, timeout=aiohttp.ClientTimeout(total=CALL_TIMEOUT)
        ) as response:
            body = await response.read()
            return _OBJECT.validate_json(body) if response.status == 200 else None
    except (aiohttp.ClientError, OSError, TimeoutError, ValidationError):
        return None


async def follow(
    room: AudienceRoom, platform: str, session: aiohttp.ClientSession, *, hosted_here: bool
) -> None:
    """Look the room up every second until it is over; a room closed by somebody else is over."""
    seen_open = False
    while not room.over:
        asked_at = room.now()
        if room.opened or not hosted_here:
            answer = await ask_platform(session, "GET", f"{platform}/rooms/{room.name}")
            placement = Placement.read(answer) if answer is not None else None
            if placement is not None and placement.state == "closed":
                if seen_open:
                    room.end("closed")
            elif placement is not None:
                seen_open = True
                room.placed(placement)
                if not room.opened:
                    room.has_opened()
        await asyncio.sleep(max(0.0, asked_at + LOOK_UP_EVERY - room.now()))
