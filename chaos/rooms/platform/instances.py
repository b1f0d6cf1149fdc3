"""Platform's calls to the media instances: keep-alive with occupancy, open, relay, revoke."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from prometheus_client import CollectorRegistry
from pydantic import JsonValue

from chaos.clock import RealSeconds
from chaos.rooms.bridge import Answer, Bridge, BridgeError, BridgeMetrics
from chaos.rooms.contract import PLATFORM_TO_MEDIA
from chaos.rooms.server import SettingsBox

KEEP_ALIVE = RealSeconds(1.0)
REVOKE_TRIES = 2
"""The first may be one of the calls that are given up when the tier is calmed."""
KINDS = ("keepalive", "open", "relay", "revoke")


class Instances:
    """The media instances by name, each behind its own addresses and circuit breaker."""

    def __init__(
        self,
        primary: Mapping[str, str],
        spare: Mapping[str, str],
        settings: SettingsBox,
        registry: CollectorRegistry,
        heard: Callable[[str, Mapping[str, JsonValue], float], Awaitable[None]],
    ) -> None:
        metrics = BridgeMetrics("platform", PLATFORM_TO_MEDIA, KINDS, registry)
        self._heard = heard
        self.bridges = {
            name: Bridge(name, base, spare.get(name, base), settings, metrics)
            for name, base in primary.items()
        }

    async def keep_alive(self, name: str) -> None:
        """Ask an instance every second what rooms it has, for ever."""
        loop = asyncio.get_running_loop()
        while True:
            asked_at = loop.time()
            try:
                answer = await self.bridges[name].call("GET", "/internal/occupancy", "keepalive")
            except BridgeError:
                answer = None
            if answer is not None and answer.status == 200:
                rooms = answer.told.get("rooms")
                if isinstance(rooms, dict):
                    await self._heard(name, rooms, asked_at)
            await asyncio.sleep(max(0.0, asked_at + KEEP_ALIVE - loop.time()))

    async def open(self, name: str, room: str, host: str, generation: int) -> Answer:
        """Have the instance open the room. Raises BridgeError."""
        told: dict[str, JsonValue] = {"host": host, "generation": generation}
        return await self.bridges[name].call("PUT", f"/internal/rooms/{room}", "open", told)

    async def relay(self, name: str, room: str, origin: str, generation: int) -> Answer:
        """Have the instance serve the room's segments from its origin. Raises BridgeError."""
        told: dict[str, JsonValue] = {"origin": origin, "generation": generation}
        return await self.bridges[name].call("PUT", f"/internal/rooms/{room}/relay", "relay", told)

    async def revoke(self, name: str, room: str, generation: int) -> None:
        """Have the instance close the room up to this generation; not being heard twice is nothing to wait for."""
        path = f"/internal/rooms/{room}?generation={generation}"
        for _ in range(REVOKE_TRIES):
            try:
                await self.bridges[name].call("DELETE", path, "revoke")
            except BridgeError:
                continue
            return

    def abandon(self) -> None:
        """Give up all calls under way."""
        for bridge in self.bridges.values():
            bridge.abandon()

    def collect(self) -> None:
        """Bring the gauges up to date."""
        for bridge in self.bridges.values():
            bridge.collect()

    async def close(self) -> None:
        for bridge in self.bridges.values():
            await bridge.close()
