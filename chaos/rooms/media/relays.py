"""Relaying: an instance that serves another's room takes its segments, and its listeners, over the inside network."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import aiohttp
from pydantic import JsonValue, TypeAdapter, ValidationError

from chaos.clock import RealSeconds
from chaos.rooms.media.rooms import Room
from chaos.rooms.server import tier_headers

LONGEST_WAIT = RealSeconds(3.0)  # how long the origin holds a relay's question until a segment is finished
PEER_TIMEOUT = RealSeconds(5.0)
PAUSE = RealSeconds(0.5)
NUMBER_HEADER = "X-Segment"

_OBJECT: TypeAdapter[dict[str, JsonValue]] = TypeAdapter(dict[str, JsonValue])


class Peers:
    """The other media instances, spoken to directly: inside the media tier there is no bridge."""

    def __init__(self, addresses: Mapping[str, str]) -> None:
        self.addresses = dict(addresses)
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=PEER_TIMEOUT), headers=tier_headers()
        )

    async def close(self) -> None:
        await self._session.close()

    async def follow(self, room: Room) -> None:
        """Take every finished segment of the room's origin, for ever."""
        loop = asyncio.get_running_loop()
        while True:
            base = self.addresses[room.origin]
            url = f"{base}/internal/rooms/{room.name}/segments/next?after={room.number}"
            try:
                async with self._session.get(url) as response:
                    body = await response.read()
                    number = response.headers.get(NUMBER_HEADER, "")
            except (aiohttp.ClientError, OSError, TimeoutError):
                number, body = "", b""
            if number.isdigit() and body:
                room.take(body, int(number), loop.time())
            elif number != "0":
                await asyncio.sleep(PAUSE)

    async def hand_over(self, origin: str, number: str) -> dict[str, JsonValue] | None:
        """Have the origin give up one of its sessions to this instance; None where it has no such session."""
        url = f"{self.addresses[origin]}/internal/sessions/{number}/take"
        try:
            async with self._session.post(url) as response:
                body = await response.read()
                return _OBJECT.validate_json(body) if response.status == 200 else None
        except (aiohttp.ClientError, OSError, TimeoutError, ValidationError):
            return None
