"""The rooms as a system under test: set up, loaded, repaired for real, and put back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

from chaos.clients.prometheus import Prometheus
from chaos.clock import RealSeconds, StorySeconds
from chaos.errors import ClientError, WorldError
from chaos.experiment.repairs import ROOMS_REPAIRS
from chaos.experiment.rooms import RELAUNCH_SUFFIX, RoomsSection, config_hash
from chaos.experiment.units import Expectation
from chaos.proof import Proof
from chaos.record import Json, Record
from chaos.rooms.system.control import abandon, ask, load_step, settings_of, settings_step
from chaos.rooms.system.layout import MEDIA, SPARE_MEDIA
from chaos.undo.acts import Acts
from chaos.undo.journal import Journal
from chaos.worlds.base import RunWorld
from chaos.worlds.cluster.instances import instances
from chaos.worlds.system import Figure, Goal, Repaired

PROVEN_WITHIN = 15.0
"""Real seconds in which Prometheus must show the new settings on every tier."""
TRIED_FOR = 10.0
"""Real seconds after which a control request that fails is not tried again."""
TRIED_EVERY = 0.5
"""Real seconds between two tries."""
LAG_ALLOWED = 0.5
"""Real seconds that the audience may lag behind its own schedule before it counts as not keeping up."""
LINE_ALLOWED = 0.5
"""The largest share of any 10 s that a process may stand in line for a processor. The kernel counts it, so that it
cannot be missed with a scrape; no fault and no load of the rooms makes it, only a machine with too little left."""
SETTLED = ("platform", *MEDIA)
"""The processes that are given their settings when they start anew by themselves."""
JUDGED = ("faults", "recovery", "after")
"""The phases in which a room must survive."""


class RoomsSystem:
    """The reference rooms in a world; see `chaos.worlds.system.System`."""

    def __init__(
        self,
        section: RoomsSection,
        world: RunWorld,
        prometheus: Prometheus,
        record: Record,
        journal: Journal,
        *,
        seed: int,
        time_scale: float,
        planned_end: StorySeconds,
    ) -> None:
        self._section = section
        self._world = world
        self._prometheus = prometheus
        self._record = record
        self._acts = Acts(journal, record)
        self._seed = seed
        self._time_scale = time_scale
        self._planned_end = planned_end
        self._rooms: dict[str, str] = {}
        self._configured = False
        self._arrived: list[tuple[str, str]] = []
        world.find_by(self.locate)
        world.arrivals(lambda name, url: self._arrived.append((name, url)))

    async def configure(self) -> Proof:
        wanted = self._section.settings(self._time_scale)
        self._configured = True
        tiers = 0
        for name in ("platform", *self._running_media(), "audience"):
            tiers += await self._set(name, wanted.model_dump(mode="json"), "the document's settings")
            await abandon(self._world.control(name), self._world.token)
        plan = self._section.plan(seed=self._seed, time_scale=self._time_scale, planned_end=self._planned_end)
        await self._control("PUT", "audience", "plan", plan.model_dump(mode="json"))
        return await self._prove(config_hash(wanted), tiers)

    async def begin(self) -> None:
        self._acts.intend("the load", load_step(self._url("audience"), self._world.secret))
        await self._control("POST", "audience", "start", {})

    def goals(self, room: str | None = None) -> Sequence[Goal]:
        limits = self._section.survival
        rooms = [group.room for group in self._section.audience if room in (None, group.room)]
        found: list[Goal] = []
        for name in rooms:
            tried, succeeded = (
                f'rooms_joins_tried_total{{room="{name}"}}',
                f'rooms_joins_succeeded_total{{room="{name}"}}',
            )
            found += [
                Goal(
                    f"{name} is not closed before its end", f'rooms:room_open:bool{{room="{name}"}}',
                    Expectation.parse("== 1"), JUDGED, survival=True, counts=False,
                ),
                Goal(
                    f"joins of {name} succeed", f"increase({succeeded}[$window]) / increase({tried}[$window])",
                    Expectation.parse(f">= {limits.joins!r}"), JUDGED, once=True, survival=True, counts=False,
                ),
                Goal(
                    f"{name} is heard", f'rooms:hearing:ratio{{room="{name}"}}',
                    Expectation.parse(f">= {limits.hearing!r}"), JUDGED, StorySeconds(limits.may_break_for), None,
                    max_gap=RealSeconds(5.0), survival=True, counts=False,
                ),
            ]  # fmt: skip
        return found

    def figures(self) -> Sequence[Figure]:
        return (
            Figure("listeners", "planned", "listeners", "rooms_listeners_planned", live=True),
            Figure("listeners", "admitted", "listeners", "rooms_listeners_admitted", live=True),
            Figure("listeners", "hearing", "listeners", "rooms_listeners_hearing", live=True),
            Figure("on air", "host on air", "", "rooms_host_on_air"),
            Figure("given up", "given up by the host", "", 'rooms_room_ended{reason="host_gave_up"}'),
            Figure("joins", "join success", "ratio", "rooms:join_success:ratio"),
            Figure("rush", "joins let in", "joins", "sum by (room) (rooms_joins_succeeded_total)"),
            Figure(
                "rush",
                "joins under way",
                "joins",
                "sum by (room) (rooms_joins_tried_total) - sum by (room) (rooms_joins_succeeded_total)"
                " - sum by (room) (rooms_joins_failed_total)",
            ),
            Figure(
                "join seconds",
                "from pressing join to being in",
                "s",
                "sum by (room) (increase(rooms_join_seconds_sum[5s]))"
                " / (sum by (room) (increase(rooms_join_seconds_count[5s])) > 0)",
            ),
            Figure(
                "sound seconds",
                "from being in to fresh sound",
                "s",
                "sum by (room) (increase(rooms_until_sound_seconds_sum[5s]))"
                " / (sum by (room) (increase(rooms_until_sound_seconds_count[5s])) > 0)",
            ),
            Figure(
                "ways back",
                "clients that came back by themselves",
                "listeners",
                'rooms_reconnects_total{result="ok"}',
            ),
            Figure("bridge", "slowest tenth of calls", "s", "bridge:calls:p90_seconds"),
            Figure("bridge errors", "failing calls", "ratio", "bridge:calls:error_ratio"),
            Figure("tokens", "wait for a token", "s", "platform_token_queue_seconds"),
            Figure(
                "token load",
                "tokens asked for, of what can be served",
                "ratio",
                "sum by (tier) (rate(platform_tokens_total[5s])) / sum by (tier) (platform_token_capacity)",
            ),
            Figure(
                "token load",
                "work done, of what can be done",
                "ratio",
                "sum by (tier) (rate(platform_work_total[5s])) / sum by (tier) (platform_token_capacity)",
            ),
            Figure("announcements", "announcement backlog", "s", "platform_announcements_backlog_seconds"),
            Figure("egress", "media egress in use", "ratio", "media_egress_utilisation"),
            Figure(
                "egress",
                "sound sent, of what can be sent",
                "ratio",
                "sum by (instance) (rate(media_segments_sent_total[5s]))"
                " / sum by (instance) (media_egress_capacity)",
            ),
            Figure("audience lag", "audience behind its schedule", "s", "rooms:audience_lag:seconds"),
            Figure("starved", "time in line for a processor", "ratio", "rooms:cpu_wait:ratio"),
        )

    async def load_check(self, start: float, end: float) -> Proof:
        window = f"{round((end - start) * 1000)}ms"
        lag = await self._one(f"quantile_over_time(0.99, rooms_audience_lag_seconds[{window}])", end)
        worst = await self._one(f"max_over_time(rooms_audience_lag_seconds[{window}])", end)
        tried = await self._one(f"sum(increase(rooms_joins_tried_total[{window}]))", end)
        if lag is None or worst is None or tried is None:
            return Proof(None, "the audience did not tell how it kept up")
        text = f"the audience lagged {lag * 1000:.0f} ms at its 99th percentile, {worst * 1000:.0f} ms at the worst"
        if lag > LAG_ALLOWED:
            return Proof(False, f"{text}: it could not keep up ({LAG_ALLOWED * 1000:.0f} ms are allowed)")
        if tried < 1:
            return Proof(False, "nobody tried to join")
        line = await self._one(f"max(max_over_time(rooms:cpu_wait:ratio[{window}]))", end)
        if line is not None:
            text = f"{text}; at the worst one stood in line for a processor for {line:.0%} of 10 s"
        if line is not None and line > LINE_ALLOWED:
            return Proof(False, f"{text}: this machine has too little left ({LINE_ALLOWED:.0%} is allowed)")
        return Proof(True, f"{text}; {tried:.0f} joins were tried")

    async def lost(self, start: float, end: float) -> float | None:
        window = f"{round((end - start) * 1000)}ms"
        seconds = await self._one(f"sum(increase(rooms_lost_listener_seconds_total[{window}]))", end)
        return None if seconds is None else seconds / 60

    def locate(self, select: Mapping[str, str]) -> Sequence[str]:
        if "room" in select:
            place = self._rooms.get(select["room"])
            return [place] if place else []
        return [select["instance"]] if "instance" in select else []

    async def follow(self) -> None:
        """Keep track of which instance each room lives on, and of instances that appear, until cancelled."""
        platform = self._url("platform")
        while True:
            await self._settle_arrived()
            for group in self._section.audience:
                for room in (group.room, group.room + RELAUNCH_SUFFIX):
                    try:
                        answer = await ask("GET", f"{platform}/rooms/{room}", self._world.token)
                    except ClientError:
                        continue
                    place = answer.get("instance") if isinstance(answer, Mapping) else None
                    if isinstance(place, str) and place:
                        self._rooms[room] = place
            await asyncio.sleep(0.5)

    async def perform(self, action: str, target: Mapping[str, str]) -> Repaired:
        repairs: Sequence[Callable[[Mapping[str, str]], Awaitable[Repaired]]] = (
            self._fail_over,
            self._bypass,
            self._shed_announcements,
            self._shed_joins,
            self._restart,
            self._node_back,
            self._scale_out,
            self._reopen,
            self._relaunch,
            self._clear_link,
        )
        if action not in ROOMS_REPAIRS:
            raise WorldError(f"the rooms know no repair `{action}`; they know {', '.join(ROOMS_REPAIRS)}")
        return await repairs[ROOMS_REPAIRS.index(action)](target)

    def mends(self, action: str, target: Mapping[str, str], fault: Mapping[str, Json]) -> bool:
        kind, link = str(fault.get("fault", "")), str(fault.get("link", ""))
        hurt = " ".join(str(one) for one in self._listed(fault.get("targets")))
        match action:
            case "fail_over_bridge":
                return (
                    bool(link)
                    and not link.endswith("-spare")
                    and (link == target.get("link") or "link" not in target)
                )
            case "bypass_tokens":
                return link == "media-to-platform"
            case "clear_link":
                return bool(link) and link == target.get("link")
            case "restart_process":
                return (
                    kind in ("process_kill", "process_pause", "node_loss")
                    and target.get("instance", "?") in hurt
                )
            case "bring_node_back":
                return kind == "node_loss" and target.get("node", "?") in hurt
        return False

    async def restore(self) -> Sequence[str]:
        return await self._acts.restore()

    async def _fail_over(self, target: Mapping[str, str]) -> Repaired:
        return await self._everywhere(
            self._callers(target), {"bridge": "spare"}, "bridge failed over to the spare"
        )

    async def _clear_link(self, target: Mapping[str, str]) -> Repaired:
        """A provider's fix: the fault itself is taken away, by whoever waits for this repair of its link."""
        if "link" not in target:
            raise WorldError("a provider must be told which link to clear")
        return Repaired(True, f"the provider cleared {target['link']}")

    async def _bypass(self, target: Mapping[str, str]) -> Repaired:
        return await self._everywhere(self._running_media(), {"bypass": True}, "goes on with cached tokens")

    async def _shed_announcements(self, target: Mapping[str, str]) -> Repaired:
        return await self._everywhere(["platform"], {"shed_announcements": True}, "announcements are shed")

    async def _shed_joins(self, target: Mapping[str, str]) -> Repaired:
        return await self._everywhere(
            self._running_media(), {"shed_joins": 0.5}, "half of the new joins are refused"
        )

    async def _everywhere(self, names: Sequence[str], patch: Mapping[str, Json], done: str) -> Repaired:
        for name in names:
            await self._set(name, patch, done)
        return Repaired(True, f"{done} on {', '.join(names)}")

    async def _set(self, name: str, patch: Mapping[str, Json], why: str) -> int:
        """Change the settings of every instance that serves a process; how many there are."""
        address, token = self._world.control(name), self._world.token
        found = await instances(address)
        if not found:
            raise WorldError(f"no instance of {name} can be spoken to")
        before = await settings_of(found[0], token)
        self._acts.intend(f"settings of {name}: {why}", settings_step(address, self._world.secret, before))
        answer: Json = None
        for url in found:
            answer = await ask("PUT", f"{url}/control/settings", token, patch)
        self._record.event("settings_applied", target=name, settings=answer, why=why)
        return len(found)

    async def _restart(self, target: Mapping[str, str]) -> Repaired:
        name = target.get("instance", "")
        if name not in {info.name for info in self._world.processes()}:
            raise WorldError(f"there is no process `{name}` to restart")
        await self._world.end_process(name, grace=1.0)
        info = await self._world.start_process(name)
        await self._settle(name)
        return Repaired(True, f"{name} restarted with {info.told}")

    async def _node_back(self, target: Mapping[str, str]) -> Repaired:
        node = target.get("node", "")
        names = await self._world.bring_node_back(node)
        for name in names:
            if name in SETTLED:  # a bridge that was made anew meanwhile has no settings
                await self._settle(name)
        return Repaired(True, f"{node} is back with {', '.join(names)}")

    async def _scale_out(self, target: Mapping[str, str]) -> Repaired:
        if not self._world.process(SPARE_MEDIA).runs:
            self._acts.intend(f"{SPARE_MEDIA} started", self._world.undo_start(SPARE_MEDIA))
            await self._world.start_process(SPARE_MEDIA)
            await self._settle(SPARE_MEDIA)
        served = [room for room, place in self._rooms.items() if place == target.get("instance", place)]
        if not served:
            return Repaired(
                True, f"{SPARE_MEDIA} runs; no room lives on {target.get('instance', 'any instance')}"
            )
        for room in served:
            await self._control("POST", "platform", "relay", {"room": room, "instance": SPARE_MEDIA})
        return Repaired(True, f"{SPARE_MEDIA} also serves {', '.join(served)}")

    async def _relaunch(self, target: Mapping[str, str]) -> Repaired:
        answer = await self._control("POST", "audience", "relaunch", {"room": self._room(target)})
        return Repaired(True, f"relaunched from another account: {answer}")

    async def _reopen(self, target: Mapping[str, str]) -> Repaired:
        room = self._room(target)
        lost = self._rooms.get(room, "")
        healthy = [name for name in self._running_media() if name != lost] or self._running_media()
        if not healthy:
            raise WorldError(f"no media instance runs on which {room} could be reopened")
        await self._control("POST", "platform", "reopen", {"room": room, "instance": healthy[0]})
        return Repaired(True, f"{room} reopened on {healthy[0]}")

    async def _settle(self, name: str) -> None:
        """A process that starts anew has default settings: give it those of a fellow, or the document's."""
        for url in await instances(self._world.control(name)):
            await self._settle_one(name, url)

    async def _settle_one(self, name: str, url: str) -> None:
        wanted, token = self._section.settings(self._time_scale), self._world.token
        fellows = (
            [other for other in self._running_media() if other != name]
            if name.startswith("media")
            else [name]
        )
        for fellow in fellows[:1]:
            others = [one for one in await instances(self._world.control(fellow)) if one != url]
            if others:
                wanted = await settings_of(others[0], token)
        await ask("PUT", f"{url}/control/settings", token, wanted.model_dump(mode="json"))

    async def _settle_arrived(self) -> None:
        """Give instances that appeared by themselves, as pods do, their settings; before `configure` there are none."""
        arrived, self._arrived = self._arrived, []
        for name, url in arrived:
            if not self._configured or name not in SETTLED:
                continue
            try:
                if url not in await instances(self._world.control(name)):
                    continue  # it has gone again
                await self._settle_one(name, url)
            except ClientError as error:
                self._record.event("control_failed", target=name, what="settings", why=str(error))
                self._arrived.append((name, url))
                continue
            self._record.event("instance_settled", target=name, url=url)

    async def _prove(self, wanted: str, tiers: int) -> Proof:
        """Wait until every tier shows the settings in Prometheus."""
        until = time.monotonic() + PROVEN_WITHIN
        while True:
            found = await self._prometheus.instant("rooms_config_info", lookback=3.0)
            right = [one.labels.get("instance", "") for one in found if one.labels.get("config") == wanted]
            if len(right) >= tiers:
                return Proof(True, f"configuration {wanted} shown by {', '.join(sorted(right))}")
            if time.monotonic() > until:
                return Proof(
                    False,
                    f"configuration {wanted} shown by {len(right)} of {tiers} tiers after {PROVEN_WITHIN:g} s",
                )
            await asyncio.sleep(0.2)

    async def _one(self, query: str, at: float) -> float | None:
        found = await self._prometheus.instant(query, at=at)
        return max((value for one in found for _, value in one.samples), default=None)

    async def _control(self, method: str, name: str, what: str, body: Mapping[str, Json]) -> Json:
        """A control request, tried again as a runbook's script would: what it asks for is the same twice as once.

        An instance that has just started may be behind a breaker that has yet to notice.
        """
        url = f"{self._url(name)}/control/{what}"
        until = time.monotonic() + TRIED_FOR
        while True:
            try:
                return await ask(method, url, self._world.token, body)
            except ClientError as error:
                if time.monotonic() > until:
                    raise
                self._record.event("control_failed", target=name, what=what, why=str(error))
            await asyncio.sleep(TRIED_EVERY)

    def _callers(self, target: Mapping[str, str]) -> list[str]:
        link = target.get("link", "")
        if link.startswith("platform-to-media"):
            return ["platform"]
        if link.startswith("media-to-platform"):
            return self._running_media()
        return ["platform", *self._running_media()]

    def _running_media(self) -> list[str]:
        return [name for name in MEDIA if self._world.process(name).runs]

    def _room(self, target: Mapping[str, str]) -> str:
        return target.get("room") or self._section.audience[0].room

    def _url(self, name: str) -> str:
        health = self._world.process(name).health
        assert health is not None
        return health.removesuffix("/healthz")

    @staticmethod
    def _listed(value: Json) -> Sequence[Json]:
        return value if isinstance(value, Sequence) and not isinstance(value, str) else ()
