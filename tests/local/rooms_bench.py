"""Short ways to plans, waits and a client's own calls for the tests of the rooms."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import aiohttp
from pydantic import JsonValue

from chaos.experiment.rooms import Plan, PlannedRoom, Shape
from chaos.rooms.standalone import Rooms

ROOM = "townhall"


def plan(
    listeners: int,
    join_over_s: float,
    *,
    scale: float = 1.0,
    time_scale: float = 1.0,
    planned_end_s: float = 100_000.0,
    host_patience_s: float = 90_000.0,
    shape: Shape = "linear",
    followers: int = 0,
) -> Plan:
    """One room, with a host who bears anything unless told otherwise."""
    room = PlannedRoom(
        room=ROOM,
        listeners=listeners,
        join_over_s=join_over_s,
        shape=shape,
        followers=followers,
        planned_end_s=planned_end_s,
        host_patience_s=host_patience_s,
    )
    return Plan(rooms=(room,), seed=11, scale=scale, time_scale=time_scale)


async def until(holds: Callable[[], Awaitable[bool]], within: float, *, what: str) -> float:
    """Wait until it holds; the real seconds that took. Fails after `within`."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    while not await holds():
        assert loop.time() - begun < within, f"{what}: not within {within:g} s"
        await asyncio.sleep(0.2)
    return loop.time() - begun


async def hearing(rooms: Rooms, room: str = ROOM) -> int:
    """How many hear now, by the audience's truth."""
    return int((await rooms.metrics("audience")).sum("rooms_listeners_hearing", room=room))


async def post(url: str, told: dict[str, JsonValue], timeout: float = 5.0) -> tuple[int, float]:
    """A client's own request: its status (0: not answered in time) and how long it took."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=timeout)) as session,
            session.post(url, json=told) as answer,
        ):
            await answer.read()
            return answer.status, loop.time() - begun
    except TimeoutError:
        return 0, loop.time() - begun


async def open_room(rooms: Rooms) -> None:
    """Open the room as a host would, without an audience."""
    status, _ = await post(rooms.url("platform") + "/rooms", {"room": ROOM, "host": "h"})
    assert status == 200


async def join(
    rooms: Rooms, listener: str, timeout: float = 5.0, media: str = "media-1"
) -> tuple[int, float]:
    """Join as a listener would, directly at an instance."""
    return await post(
        f"{rooms.url(media)}/rooms/{ROOM}/join", {"listener": listener, "again": False}, timeout
    )
