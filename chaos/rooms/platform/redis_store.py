"""The room directory in Redis. Imported only where it is used: a local world has no replicas, and no use for it."""

from __future__ import annotations

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from chaos.clock import RealSeconds
from chaos.rooms.platform.store import StoreError

TIMEOUT = RealSeconds(1.0)
LISTINGS = "standby:rooms:listings"
GENERATIONS = "standby:rooms:generations"
SWAP = """
local now = redis.call('HGET', KEYS[1], ARGV[1]) or ''
if now ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1
"""
NUMBER = """
local number = math.max(tonumber(redis.call('HGET', KEYS[1], ARGV[1]) or '0'), tonumber(ARGV[2])) + 1
redis.call('HSET', KEYS[1], ARGV[1], number)
return number
"""


class RedisStore:
    """Kept in two hashes of a Redis at `url`, such as `redis://redis:6379/0`."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._redis = Redis.from_url(
            url,
            decode_responses=True,
            socket_connect_timeout=TIMEOUT,
            socket_timeout=TIMEOUT,
            retry=Retry(NoBackoff(), 1),  # a connection that a restart of the server has cut
        )

    async def read(self) -> dict[str, str]:
        found = await self._ask("HGETALL", LISTINGS)
        assert isinstance(found, dict)
        return found

    async def swap(self, room: str, before: str, after: str) -> bool:
        return bool(await self._ask("EVAL", SWAP, 1, LISTINGS, room, before, after))

    async def number(self, room: str, above: int) -> int:
        given = await self._ask("EVAL", NUMBER, 1, GENERATIONS, room, above)
        assert isinstance(given, int)
        return given

    async def close(self) -> None:
        await self._redis.aclose()

    async def _ask(self, *command: str | int) -> object:
        try:
            answer: object = await self._redis.execute_command(*command)  # type: ignore[no-untyped-call]
        except (RedisError, OSError, TimeoutError) as error:
            raise StoreError(f"the room directory at {self._url} cannot be reached: {error}") from error
        return answer
