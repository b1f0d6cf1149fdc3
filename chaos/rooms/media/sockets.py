"""The two WebSockets of media: the host's frames in, pushed frames out."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from aiohttp import WSMsgType, web

from chaos.clock import RealSeconds
from chaos.rooms.audio import FRAME_BYTES, mark, read_frame
from chaos.rooms.media.egress import Egress
from chaos.rooms.media.rooms import Push, Room
from chaos.rooms.media.sessions import Session

ACKNOWLEDGE_EVERY = RealSeconds(0.5)
CLOSE_CODES = {"no_session": 4403, "room_gone": 4404, "room_closed": 4410}
CLOSE_TIMEOUT = 0.2  # real seconds that a peer gets to answer a closing socket


class HostSocket:
    """The host of one room, sending."""

    def __init__(self, room: Room, egress: Egress, loop: asyncio.AbstractEventLoop) -> None:
        self._room = room
        self._egress = egress
        self._loop = loop
        self._mark = mark(room.name)
        self._socket = web.WebSocketResponse(compress=False, timeout=CLOSE_TIMEOUT)

    async def close(self) -> None:
        """Tell the host that this is over."""
        if self._socket.prepared:
            await self._socket.close()

    async def run(self, request: web.Request) -> web.WebSocketResponse:
        """Take frames until the host goes; acknowledge the newest twice a second."""
        await self._socket.prepare(request)
        with suppress(ConnectionResetError):  # the host is gone; it comes back by itself
            await self._listen()
        return self._socket

    async def _listen(self) -> None:
        acknowledged_at = 0.0
        async for message in self._socket:
            if message.type is not WSMsgType.BINARY or len(message.data) != FRAME_BYTES:
                continue
            found = read_frame(self._mark, message.data)
            if found is None:
                continue
            now = self._loop.time()
            self._room.heard = found[0]
            self._room.hear(message.data, self._egress, now)
            if now - acknowledged_at >= ACKNOWLEDGE_EVERY:
                acknowledged_at = now
                await self._socket.send_str(str(found[0]))


async def push_to(
    request: web.Request, room: Room, session: Session, loop: asyncio.AbstractEventLoop
) -> web.WebSocketResponse:
    """Push the room's frames to one listener until one of the two goes."""
    socket = web.WebSocketResponse(compress=False, timeout=CLOSE_TIMEOUT, autoping=True)
    await socket.prepare(request)
    assert request.transport is not None
    push = Push(request.transport)
    before = room.pushes.get(session.number)
    if before is not None:
        before.stop("")
    room.pushes[session.number] = push
    session.listening = True
    closing = loop.create_task(_close_when_over(socket, push))
    try:
        async for _ in socket:
            session.seen = loop.time()
    finally:
        closing.cancel()
        session.listening = False
        session.seen = loop.time()
        if room.pushes.get(session.number) is push:
            del room.pushes[session.number]
    return socket


async def _close_when_over(socket: web.WebSocketResponse, push: Push) -> None:
    await push.ended.wait()
    await socket.close(code=CLOSE_CODES.get(push.over, 1001))
