"""Two replicas of platform with a real Redis between them, and who may order media about."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest

from chaos.rooms.contract import CONTROL_HEADER
from chaos.rooms.platform.redis_store import RedisStore
from chaos.rooms.platform.store import StoreError
from chaos.rooms.standalone import Rooms
from chaos.testing.services import free_port
from tests.local.redis_server import redis_folder
from tests.local.rooms_bench import ROOM, until

pytestmark = [pytest.mark.local, pytest.mark.timeout(300)]


@dataclass
class RedisServer:
    """A Redis of the test's own; what it kept is gone when it ends."""

    folder: Path
    port: int = field(default_factory=free_port)
    process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    async def start(self) -> None:
        program = redis_folder() / "redis-server"
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self.folder)]
        self.process = await asyncio.create_subprocess_exec(program, *options, stdout=subprocess.DEVNULL)
        store = RedisStore(self.url)
        try:
            await until(lambda: _answers(store), 60.0, what="redis")
        finally:
            await store.close()

    async def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            await self.process.wait()
            self.process = None


async def _answers(store: RedisStore) -> bool:
    try:
        await store.read()
    except StoreError:
        return False
    return True


@asynccontextmanager
async def two_replicas(folder: Path) -> AsyncIterator[tuple[Rooms, RedisServer]]:
    """Platform twice, two media instances, and the Redis between the replicas."""
    server = RedisServer(folder)
    try:
        await server.start()
        async with Rooms(media=("media-1", "media-2"), audiences=0, platforms=2, redis=server.url) as rooms:
            yield rooms, server
    finally:
        await server.kill()


async def listing(rooms: Rooms, replica: str) -> dict[str, object]:
    """The room as a replica tells it; empty where it has none."""
    status, told = await rooms.get(replica, f"/rooms/{ROOM}")
    assert isinstance(told, dict)
    return dict(told) if status == 200 else {}


async def open_through(rooms: Rooms, replica: str) -> dict[str, object]:
    """Open the room as a host would: whose order came too late is told so, and asks again."""
    found: dict[str, object] = {}

    async def opened() -> bool:
        async with (
            aiohttp.ClientSession() as client,
            client.post(f"{rooms.url(replica)}/rooms", json={"room": ROOM, "host": "h"}) as answer,
        ):
            found.update(await answer.json())
            return answer.status == 200

    await until(opened, 60.0, what=f"the room opened through {replica}")
    return found


async def test_replicas_share_one_directory_and_the_capacity(tmp_path: Path) -> None:
    """Opened through one and at once through both: one room, everywhere the same; closed through one, closed in all.

    Each replica has half of the tier's capacity.
    """
    async with two_replicas(tmp_path) as (rooms, _):
        told = await asyncio.gather(*(open_through(rooms, one) for one in rooms.platform_names()))
        await until(lambda: _told_alike(rooms), 60.0, what="the same told by both")
        instance = str((await listing(rooms, "platform"))["instance"])
        assert {str(one["room"]) for one in told} == {ROOM}
        await until(lambda: _lives_only_on(rooms, instance), 60.0, what="the room on one instance")
        await rooms.kill(instance)
        await rooms.start(instance)
        await until(lambda: _state(rooms, "platform-2", "lost"), 60.0, what="the loss, seen by the other")
        async with (
            aiohttp.ClientSession() as client,
            client.post(f"{rooms.url('platform-2')}/rooms/{ROOM}/close", json={}) as answer,
        ):
            assert answer.status == 200
        assert (await listing(rooms, "platform"))["state"] == "closed"
        capacity = [
            (await rooms.metrics(one)).sum("platform_token_capacity") for one in rooms.platform_names()
        ]
        assert capacity == [3.0, 3.0], "6,000 per second at full scale, 6 at the default scale"


async def test_a_lost_redis_takes_no_room_along(tmp_path: Path) -> None:
    """Without it rooms are still found but none is opened; when it is back, empty, everything is known again."""
    async with two_replicas(tmp_path) as (rooms, server):
        before = await open_through(rooms, "platform")
        await until(lambda: _state(rooms, "platform-2", "open"), 60.0, what="the room, seen by the other")
        await server.kill()
        await until(lambda: _unreachable(rooms), 60.0, what="the loss of redis in the metrics")
        for replica in rooms.platform_names():
            assert await listing(rooms, replica) == before
        async with (
            aiohttp.ClientSession() as client,
            client.post(f"{rooms.url('platform')}/rooms", json={"room": "another", "host": "h"}) as answer,
        ):
            assert answer.status == 503
            assert "room directory" in (await answer.json())["reason"]
        await server.start()
        await until(lambda: _same_again(rooms, before), 60.0, what="the room listed by both again")


async def test_media_refuses_an_older_order_and_takes_the_token_from_either_header() -> None:
    """A late order of an earlier generation would otherwise take a reopened room back to what it was."""
    async with Rooms(audiences=0) as rooms, aiohttp.ClientSession() as client:
        url = f"{rooms.url('media-1')}/internal/rooms/{ROOM}"

        async def order(generation: int, headers: dict[str, str]) -> int:
            told = {"host": "h", "generation": generation}
            async with client.put(url, json=told, headers=headers) as answer:
                return answer.status

        mine = {CONTROL_HEADER: rooms.token}
        assert await order(3, mine) == 200
        assert await order(2, {"Authorization": f"Bearer {rooms.token}"}) == 409
        assert await order(3, mine) == 200
        assert await order(4, mine) == 200
        assert await order(5, {CONTROL_HEADER: "wrong"}) == 401
        assert await order(5, {"Authorization": rooms.token}) == 401


async def _told_alike(rooms: Rooms) -> bool:
    return await listing(rooms, "platform") == await listing(rooms, "platform-2") != {}


async def _lives_only_on(rooms: Rooms, instance: str) -> bool:
    found = [
        name for name in rooms.media if (await rooms.metrics(name)).sum("media_room_open", room=ROOM) == 1
    ]
    return found == [instance]


async def _state(rooms: Rooms, replica: str, wanted: str) -> bool:
    return (await listing(rooms, replica)).get("state") == wanted


async def _unreachable(rooms: Rooms) -> bool:
    told = [(await rooms.metrics(one)).sum("platform_directory_reachable") for one in rooms.platform_names()]
    return told == [0, 0]


async def _same_again(rooms: Rooms, before: dict[str, object]) -> bool:
    for replica in rooms.platform_names():
        if (await rooms.metrics(replica)).sum("platform_directory_reachable") != 1:
            return False
        if await listing(rooms, replica) != before:
            return False
    return True
