"""Media's routes: joins, segments and pushed sound for listeners, the host's frames, platform's orders."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Coroutine, Mapping
from functools import partial
from uuid import uuid4

from aiohttp import web
from prometheus_client import Counter, Gauge
from pydantic import JsonValue

from chaos.clock import RealSeconds
from chaos.experiment.rooms import Settings
from chaos.rooms.audio import FRESH
from chaos.rooms.bridge import Bridge, BridgeError, BridgeMetrics
from chaos.rooms.contract import EDGE, MEDIA_TO_PLATFORM, PLATFORM_TO_MEDIA, ROOM_NAME
from chaos.rooms.media.admission import Admission, Refusal
from chaos.rooms.media.egress import Egress, segments_per_second
from chaos.rooms.media.relays import LONGEST_WAIT, NUMBER_HEADER, Peers
from chaos.rooms.media.rooms import Room, push_slots
from chaos.rooms.media.sessions import Session
from chaos.rooms.media.sockets import HostSocket, push_to
from chaos.rooms.quick import Asked, Reply
from chaos.rooms.served import Served
from chaos.rooms.server import Tier, json_object, number_of, object_in, problem, refusal, text_of

KINDS = ("join", "renewal", "report")
REPORT_EVERY = RealSeconds(1.0)


class Media:
    """The state behind the routes; nothing of it outlives the process."""

    def __init__(self, tier: Tier, platform: str, platform_spare: str, peers: Mapping[str, str]) -> None:
        self._tier = tier
        self._loop = asyncio.get_running_loop()
        self._boot = uuid4().hex[:12]
        metrics = BridgeMetrics("media", MEDIA_TO_PLATFORM, KINDS, tier.registry)
        self._bridge = Bridge("platform", platform, platform_spare, tier.settings, metrics)
        self._admission = Admission(tier.settings, self._bridge, tier.registry, self._thrown_out)
        self._sessions = self._admission.sessions
        self._peers = Peers(peers)
        self._egress = Egress(1.0)
        self._rooms: dict[str, Room] = {}
        self._closed: set[str] = set()
        self._hosts: dict[str, HostSocket] = {}
        self._following: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._listeners = Gauge("media_listeners", "Sessions.", ["room"], registry=tier.registry)
        self._open = Gauge(
            "media_room_open", "1 for each room that lives here.", ["room"], registry=tier.registry
        )
        self._room_count = Gauge(
            "media_rooms", "Rooms served, relayed ones included.", registry=tier.registry
        )
        self._utilisation = Gauge(
            "media_egress_utilisation", "Demand as a share of what can be sent.", registry=tier.registry
        )
        self._delay = Gauge(
            "media_egress_delay_seconds", "Real seconds that a segment waits.", registry=tier.registry
        )
        self._capacity = Gauge(
            "media_egress_capacity", "Segments that can be sent per real second.", registry=tier.registry
        )
        self._sent = Counter("media_segments_sent_total", "Segments sent.", registry=tier.registry)
        self._told = 0.0
        tier.settings.on_change(self._changed)
        self._changed(tier.settings.now)
        tier.abandons.append(self._bridge.abandon)
        tier.collects.append(self._collect)
        tier.app.cleanup_ctx.append(self._live)
        tier.app.on_shutdown.append(self._shut_down)
        self._add_routes()

    def _add_routes(self) -> None:
        routes, served = self._tier.app.router, Served("media", self._tier.registry)
        self._tier.hot("GET", "/rooms/{room}/segments/latest", served.hot(EDGE, "segment", self._latest))
        self._tier.hot("POST", "/rooms/{room}/join", served.hot(EDGE, "join", self._join))
        self._tier.hot("POST", "/rooms/{room}/leave", served.hot(EDGE, "leave", self._leave))
        routes.add_get("/rooms/{room}/listen", self._listen)
        routes.add_get("/rooms/{room}/host", self._host)
        across = partial(served.route, PLATFORM_TO_MEDIA)
        self._tier.control("GET", "/internal/occupancy", across("keepalive", self._occupancy))
        self._tier.control("PUT", "/internal/rooms/{room}", across("open", self._open_room))
        self._tier.control("PUT", "/internal/rooms/{room}/relay", across("relay", self._relay_room))
        self._tier.control("DELETE", "/internal/rooms/{room}", across("revoke", self._close_room))
        self._tier.control("GET", "/internal/rooms/{room}/segments/next", self._next_segment)
        self._tier.control("POST", "/internal/sessions/{number}/take", self._give_up_session)

    # --- life --------------------------------------------------------------------------------------------------

    async def _live(self, app: web.Application) -> AsyncIterator[None]:
        self._spawn(self._admission.keep_watch())
        self._spawn(self._report())
        yield
        for task in (*self._tasks, *self._following.values()):
            task.cancel()
        await asyncio.gather(*self._tasks, *self._following.values(), return_exceptions=True)
        await self._admission.close()
        await self._bridge.close()
        await self._peers.close()

    async def _shut_down(self, app: web.Application) -> None:
        for room in self._rooms.values():
            room.stop("room_gone")
        for host in list(self._hosts.values()):
            await host.close()

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _changed(self, before: Settings) -> None:
        now = self._tier.settings.now
        self._egress.change_rate(segments_per_second(now.scale, now.capacity.media), self._loop.time())

    def _collect(self) -> None:
        now = self._loop.time()
        self._bridge.collect()
        self._utilisation.set(self._egress.utilisation(now))
        self._delay.set(self._egress.delay(now))
        self._capacity.set(self._egress.rate)
        sent = self._egress.sent
        self._sent.inc(sent - self._told)
        self._told = sent
        self._room_count.set(len(self._rooms))
        self._listeners.clear()
        self._open.clear()
        for room in self._rooms.values():
            self._listeners.labels(room.name).set(self._sessions.counts.get(room.name, 0))
            if not room.origin:
                self._open.labels(room.name).set(1)

    async def _report(self) -> None:
        """Tell platform over the bridge every second how many are here, for ever."""
        reported_at = self._loop.time()
        while True:
            asked_at = self._loop.time()
            told: dict[str, JsonValue] = {
                "instance": self._tier.name,
                "listeners": len(self._sessions.by_number),
                "rooms": self._account(),
                "since": asked_at - reported_at,
            }
            try:
                await self._bridge.call("POST", "/occupancy", "report", told)
                reported_at = asked_at
            except BridgeError as error:
                self._tier.log.debug("report given up", result=error.result)
            await asyncio.sleep(max(0.0, asked_at + REPORT_EVERY - self._loop.time()))

    def _account(self) -> dict[str, JsonValue]:
        return {
            room.name: {
                "listeners": self._sessions.counts.get(room.name, 0),
                "generation": room.generation,
                "host": room.host,
                "origin": not room.origin,
            }
            for room in self._rooms.values()
        }

    # --- listeners ---------------------------------------------------------------------------------------------

    def _room(self, request: web.Request) -> Room | web.Response:
        name = request.match_info["room"]
        room = self._rooms.get(name)
        return room if room is not None else problem(*self._absence(name))

    def _absence(self, name: str) -> tuple[int, str]:
        """Why a room is not here, as status and reason."""
        return (410, "room_closed") if name in self._closed else (404, "room_gone")

    async def _join(self, asked: Asked) -> Reply:
        told = object_in(asked.body) or {}
        listener = text_of(told, "listener")
        room = self._rooms.get(asked.room)
        if room is None:
            self._admission.joins["room_gone"].inc()
            return refusal(*self._absence(asked.room))
        if not listener:
            return refusal(422, "a join names its listener")
        granted = await self._admission.join(listener, room.name, told.get("again") is True)
        if isinstance(granted, Refusal):
            return refusal(granted.status, granted.reason)
        if self._rooms.get(room.name) is not room:
            self._sessions.end(granted)
            return refusal(404, "room_gone")
        granted.pushed = self._take_slot(room, granted)
        return Reply(200, json.dumps({"session": granted.number, "push": granted.pushed}).encode())

    def _take_slot(self, room: Room, session: Session) -> bool:
        most = push_slots(self._tier.settings.now.scale)
        if not room.origin and len(room.slots) >= most:
            room.slots = {number for number in room.slots if number in self._sessions.by_number}
        if room.origin or len(room.slots) >= most:
            return False
        room.slots.add(session.number)
        return True

    def _session(self, number: str, room: Room) -> Session | None:
        """The session with this number, if it is the room's."""
        session = self._sessions.by_number.get(number)
        return session if session is not None and session.room == room.name else None

    async def _session_anywhere(self, number: str, room: Room) -> Session | None:
        """The same; one that the origin holds is handed over to this relay."""
        if number not in self._sessions.by_number and room.origin and number:
            told = await self._peers.hand_over(room.origin, number)
            if told is not None and number not in self._sessions.by_number:
                now = self._loop.time()
                moved = Session(
                    number, text_of(told, "listener"), room.name, now + number_of(told, "left"), now
                )
                self._sessions.take_over(moved, now, 0.0)
        return self._session(number, room)

    def _latest(self, asked: Asked) -> Reply | Coroutine[object, object, Reply]:
        room = self._rooms.get(asked.room)
        if room is None:
            return refusal(*self._absence(asked.room))
        session = self._session(asked.session, room)
        if session is None:
            return self._latest_for_a_stranger(asked.session, room)
        return self._segment(room, session)

    async def _latest_for_a_stranger(self, number: str, room: Room) -> Reply:
        session = await self._session_anywhere(number, room)
        if session is None:
            return refusal(403, "no_session")
        found = self._segment(room, session)
        return found if isinstance(found, Reply) else await found

    def _segment(self, room: Room, session: Session) -> Reply | Coroutine[object, object, Reply]:
        now = self._loop.time()
        session.seen = now
        if not room.live(now):
            return Reply(204)
        wait = self._egress.delay(now)
        if wait > FRESH and self._tier.settings.now.knobs.deadlines:
            return refusal(503, "saturated")
        self._egress.reserve(now)
        reply = Reply(200, room.segment, "audio/basic")
        if wait > 0.0:
            return self._later(wait, reply)
        self._egress.went()
        return reply

    async def _later(self, seconds: float, reply: Reply) -> Reply:
        await asyncio.sleep(seconds)
        self._egress.went()
        return reply

    def _leave(self, asked: Asked) -> Reply:
        session = self._sessions.by_number.get(asked.session)
        if session is not None:
            self._sessions.end(session)
        return Reply(204)

    async def _listen(self, request: web.Request) -> web.StreamResponse:
        room = self._room(request)
        if isinstance(room, web.Response):
            return room
        session = await self._session_anywhere(request.query.get("s", ""), room)
        if session is None:
            return problem(403, "no_session")
        if not session.pushed:
            return problem(409, "not_pushed")
        return await push_to(request, room, session, self._loop)

    def _thrown_out(self, session: Session) -> None:
        room = self._rooms.get(session.room)
        push = room.pushes.get(session.number) if room is not None else None
        if push is not None:
            push.stop("no_session")

    # --- the host ----------------------------------------------------------------------------------------------

    async def _host(self, request: web.Request) -> web.StreamResponse:
        room = self._room(request)
        if isinstance(room, web.Response):
            return room
        if room.origin:
            return problem(409, "not_the_origin")
        before = self._hosts.get(room.name)
        if before is not None:
            await before.close()
        socket = self._hosts[room.name] = HostSocket(room, self._egress, self._loop)
        try:
            return await socket.run(request)
        finally:
            if self._hosts.get(room.name) is socket:
                del self._hosts[room.name]

    # --- platform's orders, and the other instances -------------------------------------------------------------

    async def _occupancy(self, request: web.Request) -> web.Response:
        return web.json_response({"boot": self._boot, "rooms": self._account()})

    async def _open_room(self, request: web.Request) -> web.Response:
        name, told = request.match_info["room"], await json_object(request) or {}
        if not ROOM_NAME.fullmatch(name):
            return problem(422, "a room's name is lower-case letters, digits and hyphens")
        generation = int(number_of(told, "generation"))
        room = self._rooms.get(name)
        if room is not None and not room.origin and room.generation == generation:
            return web.json_response({"opened": False})
        if room is not None and room.generation > generation:
            return problem(409, f"{name} is here in generation {room.generation} already")
        self._stop_following(name)
        if room is None:
            self._rooms[name] = Room(name, text_of(told, "host"), generation)
        else:
            room.generation, room.origin = generation, ""
        self._closed.discard(name)
        self._tier.log.info("room opened", room=name, generation=generation)
        return web.json_response({"opened": True})

    async def _relay_room(self, request: web.Request) -> web.Response:
        name, told = request.match_info["room"], await json_object(request) or {}
        origin, generation = text_of(told, "origin"), int(number_of(told, "generation"))
        if origin not in self._peers.addresses:
            return problem(422, f"origin must be one of {', '.join(sorted(self._peers.addresses))}")
        room = self._rooms.get(name)
        if room is not None and not room.origin and room.generation >= generation:
            return problem(409, "this instance is the origin")
        if room is None:
            room = self._rooms[name] = Room(name, "", generation)
        room.origin, room.generation = origin, generation
        self._stop_following(name)
        self._following[name] = self._loop.create_task(self._peers.follow(room))
        self._closed.discard(name)
        self._tier.log.info("room relayed", room=name, origin=origin, generation=generation)
        return web.json_response({"relaying": True})

    async def _close_room(self, request: web.Request) -> web.Response:
        name = request.match_info["room"]
        room = self._rooms.get(name)
        told = request.query.get("generation", "")
        if room is None or (told.isdigit() and room.generation > int(told)):
            return web.json_response({"closed": False})
        del self._rooms[name]
        self._closed.add(name)
        self._stop_following(name)
        room.stop("room_closed")
        if name in self._hosts:
            await self._hosts[name].close()
        self._sessions.end_all(name)
        self._tier.log.info("room closed", room=name)
        return web.json_response({"closed": True})

    def _stop_following(self, name: str) -> None:
        following = self._following.pop(name, None)
        if following is not None:
            following.cancel()

    async def _next_segment(self, request: web.Request) -> web.Response:
        """The newest segment, held back until it is newer than the one that the relay has."""
        room = self._room(request)
        if isinstance(room, web.Response):
            return room
        after = request.query.get("after", "0")
        if after == str(room.number) or room.number == 0:
            try:
                async with asyncio.timeout(LONGEST_WAIT):
                    await room.finished.wait()
            except TimeoutError:
                return web.Response(status=204, headers={NUMBER_HEADER: "0"})
        wait = self._egress.reserve(self._loop.time())
        segment, number = room.segment, room.number
        if wait > 0.0:
            await asyncio.sleep(wait)
        self._egress.went()
        return web.Response(body=segment, headers={NUMBER_HEADER: str(number)})

    async def _give_up_session(self, request: web.Request) -> web.Response:
        session = self._sessions.by_number.get(request.match_info["number"])
        if session is None:
            return problem(404, "no_session")
        self._sessions.end(session)
        left = session.expires - self._loop.time()
        return web.json_response({"listener": session.listener, "left": left})
