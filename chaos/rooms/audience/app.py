"""The audience's control: take a plan, start it, relaunch a room, stop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web
from prometheus_client import Gauge
from pydantic import ValidationError

from chaos.clock import StoryClock
from chaos.experiment.rooms import RELAUNCH_SUFFIX, Plan, PlannedRoom
from chaos.rooms.audience.draws import Draws
from chaos.rooms.audience.host import Host, follow
from chaos.rooms.audience.people import Person, people_of
from chaos.rooms.audience.room import AudienceRoom
from chaos.rooms.audience.truth import Counted, Families
from chaos.rooms.lag import Lag
from chaos.rooms.server import Tier, json_object, problem, reasons, text_of

SETTLE_EVERY = 0.5  # real seconds between looks at who hears
RELAUNCH_SHARE = 0.45  # of those who lost the first room; of 678,000 about 304,000 came back
RELAUNCH_MEDIAN_S = 300.0  # story seconds until word of the relaunch has reached one (assumption)
RELAUNCH_SIGMA = 0.6  # assumption
RELAUNCH_FOLLOWERS = 1 / 100  # of the first account's: another, smaller one (assumption)


@dataclass
class Show:
    """A plan that was started: everything of it ends together."""

    plan: Plan
    clock: StoryClock
    draws: Draws
    session: aiohttp.ClientSession
    rooms: dict[str, AudienceRoom] = field(default_factory=dict)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def spawn(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            asyncio.get_running_loop().call_exception_handler(
                {"message": "a part of the audience failed", "exception": task.exception(), "task": task}
            )


class Audience:
    """The state behind the routes."""

    def __init__(self, tier: Tier, platform: str, edges: dict[str, str]) -> None:
        self._tier = tier
        self._platform = platform
        self._edges = edges
        self._families = Families(tier.registry)
        self._lag = Lag()
        """Of the arrivals; the loop's own is the tier's."""
        self._seconds = Gauge(
            "rooms_audience_lag_seconds",
            "How far behind the audience is: the worst of the last second, of its loop and of its arrivals.",
            registry=tier.registry,
        )
        self._plan: Plan | None = None
        self._show: Show | None = None
        tier.collects.append(self._collect)
        tier.app.cleanup_ctx.append(self._live)
        tier.control("PUT", "/control/plan", self._take_plan)
        tier.control("POST", "/control/start", self._start)
        tier.control("POST", "/control/relaunch", self._relaunch)
        tier.control("POST", "/control/stop", self._stop)

    def _collect(self) -> None:
        now = asyncio.get_running_loop().time()
        self._seconds.set(max(self._lag.worst(now), self._tier.lag.worst(now)))
        if self._show is not None:
            for room in self._show.rooms.values():
                room.settle()

    async def _live(self, app: web.Application) -> AsyncIterator[None]:
        yield
        await self._end_show()

    async def _take_plan(self, request: web.Request) -> web.Response:
        body = await request.read()
        try:
            plan = Plan.model_validate_json(body)
        except ValidationError as error:
            return problem(422, reasons(error))
        if self._show is not None:
            return problem(409, "a plan is under way; stop it first")
        names = [name for room in plan.rooms for name in (room.room, room.room + RELAUNCH_SUFFIX)]
        if len(set(names)) < len(names):
            return problem(
                422, "rooms: two rooms have the same name, or one that another is relaunched under"
            )
        self._plan = plan
        self._families.clear()
        live = sum(max(1, round(room.listeners * plan.scale)) for room in plan.rooms)
        return web.json_response({"rooms": len(plan.rooms), "live_listeners": live})

    async def _start(self, request: web.Request) -> web.Response:
        plan, settings = self._plan, self._tier.settings.now
        if plan is None:
            return problem(409, "there is no plan to start")
        if self._show is not None:
            return problem(409, "the plan is under way already")
        if (plan.scale, plan.time_scale) != (settings.scale, settings.time_scale):
            return problem(
                409,
                f"the plan's scale {plan.scale:g} and time_scale {plan.time_scale:g} are not those of the settings "
                f"({settings.scale:g}, {settings.time_scale:g})",
            )
        clock = StoryClock(plan.time_scale, asyncio.get_running_loop().time())
        session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        show = self._show = Show(plan, clock, Draws(plan.seed), session)
        for room in plan.rooms:
            self._open(show, room, people_of(room, plan.scale, show.draws, plan.shard, plan.shards))
        show.spawn(self._keep_settling(show))
        self._tier.log.info("story begins", rooms=[room.room for room in plan.rooms], seed=plan.seed)
        return web.json_response({"started": True})

    def _open(
        self, show: Show, plan: PlannedRoom, people: list[Person], *, is_relaunch: bool = False
    ) -> AudienceRoom:
        room = AudienceRoom(
            plan,
            people,
            clock=show.clock,
            scale=show.plan.scale,
            draws=show.draws,
            counted=Counted(self._families, plan.room),
            edges=self._edges,
            is_relaunch=is_relaunch,
        )
        show.rooms[plan.room] = room
        hosted_here = show.plan.shard == 0
        if hosted_here:
            host = Host(
                room,
                clock=show.clock,
                platform=self._platform,
                edges=self._edges,
                session=show.session,
                log=self._tier.log.info,
            )
            show.spawn(host.run())
        show.spawn(follow(room, self._platform, show.session, hosted_here=hosted_here))
        show.spawn(room.arrivals(self._lag))
        return room

    async def _keep_settling(self, show: Show) -> None:
        while True:
            for room in list(show.rooms.values()):
                room.settle()
            await asyncio.sleep(SETTLE_EVERY)

    async def _relaunch(self, request: web.Request) -> web.Response:
        """Open the room again from another, smaller account: a new room, for a share of those who lost the first."""
        name = text_of(await json_object(request) or {}, "room")
        show = self._show
        first = show.rooms.get(name) if show is not None else None
        if show is None or first is None:
            return problem(404, f"there is no room {name!r} to relaunch")
        again = name + RELAUNCH_SUFFIX
        if again in show.rooms:
            return problem(409, f"{name} was relaunched already, as {again}")
        now = show.clock.now(asyncio.get_running_loop().time())
        if now >= first.plan.planned_end_s:
            return problem(409, f"the planned end of {name} has passed")
        first.end("closed")
        plan = first.plan.model_copy(
            update={
                "room": again,
                "from_s": float(now),
                "followers": round(first.plan.followers * RELAUNCH_FOLLOWERS),
            }
        )
        people = returning(first.people, float(now), show.draws)
        first.relaunched = self._open(show, plan, people, is_relaunch=True)
        self._tier.log.info("room relaunched", room=name, again=again)
        return web.json_response({"room": again})

    async def _stop(self, request: web.Request) -> web.Response:
        await self._end_show()
        return web.json_response({"started": False})

    async def _end_show(self) -> None:
        show, self._show = self._show, None
        if show is None:
            return
        for task in list(show.tasks):
            task.cancel()
        await asyncio.gather(*show.tasks, return_exceptions=True)
        for room in show.rooms.values():
            room.close()
        await self._close_rooms(show)
        await show.session.close()

    async def _close_rooms(self, show: Show) -> None:
        """The hosts leave with everybody else; a platform that does not answer is not waited for."""

        async def close(room: AudienceRoom) -> None:
            try:
                async with (
                    asyncio.timeout(1.0),
                    show.session.post(f"{self._platform}/rooms/{room.name}/close", json={}) as answer,
                ):
                    await answer.read()
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                self._tier.log.warning("room not closed", room=room.name, error=str(error))

        await asyncio.gather(*(close(room) for room in show.rooms.values() if room.opened and not room.over))


def returning(people: Sequence[Person], now: float, draws: Draws) -> list[Person]:
    """Who comes to the relaunched room, and when: a share of those who came, and of those still to come."""
    found = [
        Person(
            name=person.name,
            number=person.number,
            arrives=max(now, person.arrives)
            + draws.lognormal(RELAUNCH_MEDIAN_S, RELAUNCH_SIGMA, person.name, "word of the relaunch"),
            stays=person.stays,
            patience=person.patience,
        )
        for person in people
        if draws.uniform(person.name, "comes back") < RELAUNCH_SHARE
    ]
    return sorted(found, key=lambda person: person.arrives)
