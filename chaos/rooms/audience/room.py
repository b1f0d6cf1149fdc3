"""One room as the audience lives it: its people, where it is, who hears, and how it ends."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from chaos.clock import StoryClock, StorySeconds
from chaos.experiment.rooms import PlannedRoom
from chaos.rooms.audience.draws import Draws
from chaos.rooms.audience.listener import (
    HUMAN_PAUSE_SIGMA,
    HUMAN_PAUSE_STORY_S,
    LEAST_SPINNER,
    SPINNER_STORY_S,
    TECHNICAL_TIMEOUT,
    Listener,
)
from chaos.rooms.audience.people import Person, Schedule
from chaos.rooms.audience.truth import Counted
from chaos.rooms.audience.wheel import Wheel
from chaos.rooms.audio import mark
from chaos.rooms.lag import Lag
from chaos.rooms.line import Line
from chaos.rooms.server import address, number_of, text_of

ARRIVAL_STEP = 0.005  # real seconds: those who arrive closer together come together, at the time of the last
DIALS_AT_ONCE = 1000  # connections being made; further ones wait their turn


@dataclass(frozen=True)
class Placement:
    """Where the directory has a room."""

    instance: str
    serving: tuple[str, ...]
    generation: int
    state: str

    @classmethod
    def read(cls, told: Mapping[str, JsonValue]) -> Placement | None:
        """The placement in a directory's answer; None where it holds none."""
        serving = told.get("serving")
        names = tuple(name for name in serving if isinstance(name, str)) if isinstance(serving, list) else ()
        instance = text_of(told, "instance")
        if not instance or not names:
            return None
        return cls(instance, names, int(number_of(told, "generation")), text_of(told, "state"))


class AudienceRoom:
    """The people of one room and the truth about them. Moments are of the loop's clock."""

    def __init__(
        self,
        plan: PlannedRoom,
        people: Sequence[Person],
        *,
        clock: StoryClock,
        scale: float,
        draws: Draws,
        counted: Counted,
        edges: Mapping[str, str],
        is_relaunch: bool = False,
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.now: Callable[[], float] = self.loop.time
        self.wheel = Wheel(self.loop)
        """The timers of its listeners."""
        self.name = plan.room
        self.plan = plan
        self.people = people
        self.counted = counted
        self.mark = mark(plan.room)
        self.placement: Placement | None = None
        self.over = ""
        """Why the room has ended; "" while it has not."""
        self.opened = False
        self.present: set[Listener] = set()
        """Those let in once who have not left."""
        self.everyone: set[Listener] = set()
        """Those who have come and not gone."""
        self.at_the_door: set[Listener] = set()
        self.hearing = 0
        self.relaunched: AudienceRoom | None = None
        """The room that this one was relaunched as: who hears there has not lost the event."""
        self.is_relaunch = is_relaunch
        """Whether this is one: its people are the first room's, and what they lose is counted there."""
        self._clock = clock
        self._scale = scale
        self._draws = draws
        self._edges = {name: address(where) for name, where in edges.items()}
        self._schedule = Schedule(people, plan.planned_end_s)
        self._random = random.Random()
        self._dials: set[asyncio.Task[None]] = set()
        self._dialling = asyncio.Semaphore(DIALS_AT_ONCE)
        self._settled_at = self.loop.time()
        self.spinner = min(TECHNICAL_TIMEOUT, max(LEAST_SPINNER, clock.real(StorySeconds(SPINNER_STORY_S))))

    # --- what listeners ask of it ---------------------------------------------------------------------------------

    def human_pause(self, person: Person, attempt: int) -> float:
        """Real seconds until the person presses again; drawn, so the same in every arm."""
        pause = self._draws.lognormal(HUMAN_PAUSE_STORY_S, HUMAN_PAUSE_SIGMA, person.name, "pause", attempt)
        return self._clock.real(StorySeconds(pause))

    def chance(self) -> float:
        """A number in [0, 1) for what no person decides: a client's jitter."""
        return self._random.random()

    def dial(self, line: Line, instance: str, unreachable: Callable[[Line], None]) -> None:
        """Connect the line to an instance's edge; `unreachable` hears if that fails at once."""
        task = self.loop.create_task(self._dial(line, instance, unreachable))
        self._dials.add(task)
        task.add_done_callback(self._dials.discard)

    async def _dial(self, line: Line, instance: str, unreachable: Callable[[Line], None]) -> None:
        where = self._edges.get(instance)
        if where is None:
            unreachable(line)
            return
        try:
            async with self._dialling:
                if not line.dropped:
                    await self.loop.create_connection(lambda: line, *where)
        except OSError:
            unreachable(line)

    def forget(self, listener: Listener) -> None:
        """This one is gone."""
        self.everyone.discard(listener)
        self.present.discard(listener)
        self.at_the_door.discard(listener)

    # --- what happens to it ----------------------------------------------------------------------------------------

    async def arrivals(self, lag: Lag) -> None:
        """Bring everyone in at their time, whatever happens to those before them."""
        for person in self.people:
            due = self._clock.at(StorySeconds(person.arrives))
            if due > self.now():
                await asyncio.sleep(max(ARRIVAL_STEP, due - self.now()))
            lag.note(self.now(), max(0.0, self.now() - due))
            listener = Listener(
                person,
                self,
                leaves_at=due + self._clock.real(StorySeconds(person.stays)),
                patience=self._clock.real(StorySeconds(person.patience)),
            )
            self.everyone.add(listener)
            listener.press()

    def placed(self, placement: Placement) -> None:
        """The directory has told where the room is."""
        before, self.placement = self.placement, placement
        if self.over or before == placement:
            return
        if before is None:
            waiting, self.at_the_door = self.at_the_door, set()
            for listener in waiting:
                listener.door_opens()
        elif before.generation != placement.generation:
            for listener in self.everyone:
                listener.room_moved()

    def has_opened(self) -> None:
        """The host has opened the room."""
        self.opened = True
        self.counted.open.set(1)

    def end(self, reason: str) -> None:
        """The room is over, for everybody."""
        if self.over:
            return
        self.settle()
        self.over = reason
        self.counted.open.set(0)
        self.counted.ended[reason].set(1)
        for listener in list(self.everyone):
            listener.leave("room_ended")
        self._show()

    def settle(self) -> None:
        """Bring the truth up to date: who hears now, who has had enough, what was lost since the last time."""
        now = self.now()
        hearing = 0
        for listener in list(self.present):
            hears = listener.heard_until > now
            if listener.hearing and not hears:
                self.counted.interruptions.inc()
                listener.silent_since = now
            listener.hearing = hears
            if now >= listener.leaves_at:
                listener.leave("stayed")
            elif not hears and now - listener.silent_since > listener.patience:
                listener.leave("patience")
            else:
                hearing += hears
        self.hearing = hearing
        elsewhere = self.relaunched.hearing if self.relaunched is not None else 0
        missing = 0 if self.is_relaunch else max(0, self.planned() - hearing - elsewhere)
        story = float(self._clock.time_scale) * (now - self._settled_at)
        self.counted.lost.inc(missing * story / self._scale)
        self._settled_at = now
        self._show()

    def planned(self) -> int:
        """How many should be there by schedule."""
        return self._schedule.planned(self._clock.now(self.now()))

    def _show(self) -> None:
        self.hearing = sum(listener.hearing for listener in self.present)
        self.counted.admitted.set(len(self.present))
        self.counted.hearing.set(self.hearing)
        self.counted.planned.set(self.planned())

    def close(self) -> None:
        """Stop everything at once; nothing is counted any more."""
        for task in self._dials:
            task.cancel()
        for listener in list(self.everyone):
            listener.leave("room_ended")
        self.wheel.stop()
