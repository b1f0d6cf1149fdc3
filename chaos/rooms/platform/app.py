"""Platform's routes: tokens, occupancy, the room directory, and the control of where rooms live."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Coroutine, Mapping

from aiohttp import web
from prometheus_client import Gauge
from pydantic import JsonValue

from chaos.clock import RealSeconds
from chaos.rooms.bridge import BridgeError
from chaos.rooms.contract import MEDIA_TO_PLATFORM, ROOM_NAME, TOKEN_VALID_STORY_S
from chaos.rooms.platform.directory import Directory, Listing, RoomState
from chaos.rooms.platform.instances import Instances
from chaos.rooms.platform.shared import SharedDirectory
from chaos.rooms.platform.store import MemoryStore, Store, StoreError
from chaos.rooms.platform.tokens import Outcome, TokenService
from chaos.rooms.quick import Asked, Reply
from chaos.rooms.served import Served
from chaos.rooms.server import Handler, Tier, json_object, number_of, object_in, problem, refusal, text_of

LONGEST_CONTROL = RealSeconds(4.0)  # an order that the instance has not carried out by then has failed
LONGEST_REPORT_GAP = RealSeconds(5.0)  # a late report announces no more than this long


class Platform:
    """The state behind the routes."""

    def __init__(
        self,
        tier: Tier,
        media: Mapping[str, str],
        media_spare: Mapping[str, str],
        store: Store | None = None,
        replicas: int = 1,
    ) -> None:
        self._tier = tier
        self._loop = asyncio.get_running_loop()
        self._replicas = replicas
        self._tokens = TokenService(tier.settings, tier.registry, replicas)
        self._directory = SharedDirectory(Directory(tuple(media)), store or MemoryStore(), self._loop.time)
        self._instances = Instances(
            media, media_spare, tier.settings, tier.registry, self._directory.heard_from
        )
        self._placing: dict[str, asyncio.Lock] = {}
        self._reported_at: dict[str, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        rooms = Gauge("platform_rooms", "Rooms listed.", ["state"], registry=tier.registry)
        self._rooms = {state: rooms.labels(state.value) for state in RoomState}
        self._listed = Gauge(
            "platform_room_listed",
            "1 while the directory says that the room is there to be joined (open, or lost and not yet reopened).",
            ["room"],
            registry=tier.registry,
        )
        self._reachable = Gauge(
            "platform_directory_reachable", "1 while the room directory can be read.", registry=tier.registry
        )
        self._number = 0
        tier.abandons += [self._tokens.abandon, self._instances.abandon]
        tier.collects.append(self._collect)
        tier.app.cleanup_ctx.append(self._live)
        tier.app.middlewares.append(_out_of_reach)
        routes = tier.app.router
        served = Served("platform", tier.registry)
        tier.hot("POST", "/tokens", served.hot(MEDIA_TO_PLATFORM, "token", self._token))
        tier.hot("POST", "/occupancy", served.hot(MEDIA_TO_PLATFORM, "report", self._occupancy))
        routes.add_get("/rooms/{room}", self._look_up)
        routes.add_post("/rooms", self._open)
        routes.add_post("/rooms/{room}/close", self._close)
        tier.control("POST", "/control/reopen", self._reopen)
        tier.control("POST", "/control/relay", self._relay)

    async def _live(self, app: web.Application) -> AsyncIterator[None]:
        for name in self._directory.directory.instances:
            self._spawn(self._instances.keep_alive(name))
        yield
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._instances.close()
        await self._directory.close()

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _collect(self) -> None:
        self._tokens.collect()
        self._instances.collect()
        for state, gauge in self._rooms.items():
            gauge.set(self._directory.directory.count(state))
        self._reachable.set(self._directory.reachable)
        for listing in self._directory.rooms.values():
            self._listed.labels(listing.room).set(listing.state is not RoomState.CLOSED)

    # --- what media asks across the bridge -------------------------------------------------------------------

    async def _token(self, asked: Asked) -> Reply:
        outcome = await self._tokens.take(_deadline(asked.deadline))
        if outcome is Outcome.REFUSED:
            return refusal(503, "overloaded")
        if outcome is Outcome.DROPPED:
            return refusal(504, "too late")
        self._number += 1
        told = {"token": f"t{self._number}", "valid_story_s": TOKEN_VALID_STORY_S}
        return Reply(200, json.dumps(told).encode())

    def _occupancy(self, asked: Asked) -> Reply:
        told = object_in(asked.body)
        if told is None:
            return refusal(422, "an occupancy report is a JSON object")
        instance, now = text_of(told, "instance"), self._loop.time()
        gap = min(LONGEST_REPORT_GAP, self._gap(told, now - self._reported_at.get(instance, now)))
        self._reported_at[instance] = now
        # Every listener is news to be spread for every second of the story: units, like the rates, are scaled.
        self._tokens.announce(number_of(told, "listeners") * gap * self._tier.settings.now.time_scale)
        return Reply(200, b'{"taken": true}')

    def _gap(self, told: Mapping[str, JsonValue], since_heard: float) -> float:
        """The real seconds that a report speaks for; where replicas share the reports, only the report knows."""
        return since_heard if self._replicas == 1 else max(0.0, number_of(told, "since"))

    # --- what clients ask ------------------------------------------------------------------------------------

    async def _look_up(self, request: web.Request) -> web.Response:
        listing = await self._directory.look_up(request.match_info["room"])
        if listing is None:
            return problem(404, "there is no such room")
        return web.json_response(listing.told())

    async def _open(self, request: web.Request) -> web.Response:
        told = await json_object(request) or {}
        room, host = text_of(told, "room"), text_of(told, "host")
        if not ROOM_NAME.fullmatch(room):
            return problem(422, "room must be lower-case letters, digits and hyphens")
        followers = int(number_of(told, "followers"))
        async with self._placing.setdefault(room, asyncio.Lock()):
            before = await self._directory.look_up(room)
            if before is not None and before.state is not RoomState.CLOSED:
                return web.json_response(before.told())
            directory = self._directory.directory
            name = directory.least_loaded(self._loop.time())
            directory.promised.append(name)
            try:
                placed = await self._place(room, name, host, followers)
            finally:
                directory.promised.remove(name)
            if placed is None:
                before = await self._directory.look_up(room)
                if before is not None and before.state is not RoomState.CLOSED:
                    return web.json_response(before.told())  # another replica has opened it meanwhile
                return problem(503, f"{name} did not open the room")
        self._tokens.announce(followers * self._tier.settings.now.scale)
        return web.json_response(placed.told())

    async def _close(self, request: web.Request) -> web.Response:
        name = request.match_info["room"]
        before = await self._directory.look_up(name)
        listing = await self._directory.change(name, _mark_closed)
        if before is None or listing is None:
            return problem(404, "there is no such room")
        if before.state is not RoomState.CLOSED:
            self._tier.log.info("room closed", room=listing.room)
            for serving in (listing.instance, *listing.relays):
                self._spawn(self._instances.revoke(serving, listing.room, listing.generation))
        return web.json_response(listing.told())

    # --- repairs ---------------------------------------------------------------------------------------------

    async def _reopen(self, request: web.Request) -> web.Response:
        """The same room, its identity kept, on the instance named."""
        asked = await self._order(request)
        if isinstance(asked, web.Response):
            return asked
        before, name = asked
        if before.state is RoomState.CLOSED:
            return problem(409, f"{before.room} was closed; it can only be relaunched")
        relays = [relay for relay in before.relays if relay != name]
        try:
            async with (
                asyncio.timeout(LONGEST_CONTROL),
                self._placing.setdefault(before.room, asyncio.Lock()),
            ):
                placed = await self._place(before.room, name, before.host, before.followers)
        except TimeoutError:
            placed = None
        if placed is None:
            return problem(504, f"{name} did not open {before.room} within {LONGEST_CONTROL:g} s")
        for relay in relays:
            self._spawn(self._have_relayed(placed, relay))
        return web.json_response(placed.told())

    async def _relay(self, request: web.Request) -> web.Response:
        """One more instance serves the room's segments."""
        asked = await self._order(request)
        if isinstance(asked, web.Response):
            return asked
        listing, name = asked
        if listing.state is not RoomState.OPEN:
            return problem(409, f"{listing.room} is {listing.state.value}: there is nothing to relay")
        if name == listing.instance or name in listing.relays:
            return web.json_response(listing.told())
        try:
            async with asyncio.timeout(LONGEST_CONTROL):
                await self._have_relayed(listing, name)
        except TimeoutError:
            return problem(504, f"{name} did not relay {listing.room} within {LONGEST_CONTROL:g} s")
        now = self._directory.rooms.get(listing.room, listing)
        if name not in now.relays:
            return problem(502, f"{name} did not relay {listing.room}")
        return web.json_response(now.told())

    async def _order(self, request: web.Request) -> tuple[Listing, str] | web.Response:
        told = await json_object(request) or {}
        listing, name = await self._directory.look_up(text_of(told, "room")), text_of(told, "instance")
        if listing is None:
            return problem(404, f"there is no room {text_of(told, 'room')!r}")
        instances = self._directory.directory.instances
        if name not in instances:
            return problem(422, f"instance must be one of {', '.join(instances)}")
        return listing, name

    async def _place(self, room: str, name: str, host: str, followers: int) -> Listing | None:
        """Open the room on an instance and list it there.

        None when the instance did not open it, or another replica placed it later: then it is closed here again.
        """
        generation = await self._directory.number(room)
        try:
            answer = await self._instances.open(name, room, host, generation)
        except BridgeError:
            return None
        if answer.status != 200:
            return None
        placed = Listing(room, host, followers, name, self._loop.time(), generation)
        before, listed = await self._directory.place(placed)
        if not listed:
            self._spawn(self._instances.revoke(name, room, generation))
            return None
        if before is not None and before.state is not RoomState.CLOSED and before.instance != name:
            self._spawn(self._instances.revoke(before.instance, room, before.generation))
        self._tier.log.info("room placed", room=room, on=name, generation=generation)
        return placed

    async def _have_relayed(self, listing: Listing, name: str) -> None:
        try:
            answer = await self._instances.relay(name, listing.room, listing.instance, listing.generation)
        except BridgeError:
            return
        if answer.status != 200:
            return

        def relayed(now: Listing) -> None:
            if now.generation == listing.generation and name not in now.relays:
                now.relays.append(name)

        await self._directory.change(listing.room, relayed)
        self._tier.log.info("room relayed", room=listing.room, on=name)


def _mark_closed(listing: Listing) -> None:
    listing.state = RoomState.CLOSED


@web.middleware
async def _out_of_reach(request: web.Request, handler: Handler) -> web.StreamResponse:
    """What cannot be kept is not done: placing, closing and relaying need the directory's store."""
    try:
        return await handler(request)
    except StoreError as error:
        return problem(503, str(error))


def _deadline(header: str) -> float | None:
    try:
        return float(header)
    except ValueError:
        return None
