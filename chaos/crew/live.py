"""The crew in a live run: alerts in, stages told, repairs really carried out.

The wall clock drives the same pure function as the simulator does. A timer is delivered with its due time, however late
the loop wakes, and before whatever came after it; so a run's stages depend on its seed and on when alerts and repairs
began and ended, never on the load of the machine.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TypeAlias

from chaos.clock import Clock, RealSeconds, StoryClock, StorySeconds
from chaos.crew import core
from chaos.crew.alerts import Board, Change, FiringAlert
from chaos.crew.parameters import STAGE_NAMES, parameters
from chaos.crew.people import Assumption, People, assumptions, describe, people_of
from chaos.crew.runbook import NO_KEY, Entry, Runbook, stable_key
from chaos.errors import StandbyError
from chaos.experiment.people import CrewSection, Mechanisms
from chaos.record import Json, Record
from chaos.worlds.system import Repaired

CLEARING = RealSeconds(10.0)
"""A scrape and a rule evaluation of a second each, a range of 5 s, a look at the alerts, and the hold of 2 s."""


@dataclass(frozen=True)
class Repair:
    """An action to carry out now.

    `target` has the labels that the diagnosis is about (`{"instance": "media-1"}`; one that nobody could name is
    missing). `person` counts from 1. `right`: the diagnosis is the right one. `noop`: only pretend (a control).
    """

    action: str
    target: Mapping[str, str]
    incident: str
    person: int
    right: bool
    noop: bool = False


Perform: TypeAlias = Callable[[Repair], Awaitable[Repaired]]
"""Carries out a repair; a StandbyError that it raises is a repair that did not work."""


@dataclass(frozen=True)
class Setup:
    """Who answers, with what, and under which seed.

    `places` has the known values of labels (`{"instance": ["media-1", "media-2"]}`): where a wrong diagnosis is about
    something that the alert does not name, one of them is drawn. `clearing` is how long the monitoring needs to show
    that an alert is gone.
    """

    people: People
    headcount: int
    runbook: Runbook
    seed: int
    attending: bool = False
    mechanisms: Mechanisms = field(default_factory=Mechanisms)
    repairs: bool = True
    places: Mapping[str, Sequence[str]] = field(default_factory=dict)
    clearing: RealSeconds = CLEARING

    @classmethod
    def of(cls, section: CrewSection, runbook: Runbook, seed: int) -> Setup:
        """What a document's `crew` asks for, in a world whose places are not known yet."""
        return cls(
            people_of(section),
            section.headcount,
            runbook,
            seed,
            section.attending,
            section.mechanisms,
            section.repairs,
        )

    def describe(self) -> dict[str, Json]:
        """The crew as `run_started` tells it."""
        allowance = Assumption(
            "whoever verifies allows for the monitoring",
            f"{self.clearing:g} real seconds beside the time to verify",
            "scrape, rule, range window and hold of the alerts; nothing is called useless before they can show it",
        )
        return {
            "headcount": self.headcount,
            "attending": self.attending,
            "repairs": self.repairs,
            "mechanisms": ", ".join(name for name, on in self.mechanisms if on),
            "people": describe(self.people),
            "assumptions": [
                asdict(each) for each in (*assumptions(self.people, attending=self.attending), allowance)
            ],
        }


class LiveCrew:
    """Answers alerts until cancelled. `update` and `run` belong to one event loop."""

    def __init__(
        self, setup: Setup, *, story: StoryClock, clock: Clock, record: Record, perform: Perform
    ) -> None:
        self._setup = setup
        self._story = story
        self._clock = clock
        self._record = record
        self._perform = perform
        self._board = Board(setup.runbook)
        self._draws = core.Draws(setup.seed & core.M32, (setup.seed >> 32) & core.M32)
        self._params = parameters(
            setup.people,
            setup.headcount,
            setup.mechanisms,
            setup.runbook,
            clearing=story.story(setup.clearing),
        )
        self._state = core.fresh(self._params, self._draws)
        self._slots: dict[str, int] = {}
        self._labels: dict[int, Mapping[str, str]] = {}
        self._last = StorySeconds(-math.inf)
        self._wake = asyncio.Event()
        self._repairing: set[asyncio.Task[None]] = set()
        self._introduce()

    def update(self, firing: Iterable[FiringAlert]) -> None:
        """What fires now. Called about once a second; incidents begin and end between two calls."""
        now = self._clock.monotonic()
        self._catch_up(now)
        for change in self._board.look(firing, now):
            self._turn(change, now)
        self._wake.set()

    def incidents(self) -> Sequence[str]:
        """The incidents whose alerts fire now."""
        return self._board.open

    async def run(self) -> None:
        """Work until cancelled, and cancel what repairs go on. Raises what a repair raised that is no StandbyError."""
        try:
            while True:
                self._wake.clear()
                self._catch_up(self._clock.monotonic())
                for task in [task for task in self._repairing if task.done()]:
                    self._repairing.discard(task)
                    task.result()
                await self._next()
        finally:
            for task in self._repairing:
                task.cancel()
            await asyncio.gather(*self._repairing, return_exceptions=True)

    async def _next(self) -> None:
        """Sleep until a timer is due or something happened."""
        due, _ = core.next_timer(core.view(self._state))
        if due == math.inf:
            await self._wake.wait()
            return
        sleeping = asyncio.create_task(self._clock.sleep_until(self._story.at(StorySeconds(float(due)))))
        woken = asyncio.create_task(self._wake.wait())
        try:
            await asyncio.wait({sleeping, woken}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            woken.cancel()
            await asyncio.gather(sleeping, woken, return_exceptions=True)

    # --- events in ---------------------------------------------------------------------------------------------------

    def _catch_up(self, monotonic: float) -> None:
        """Deliver every timer that is due by now, each with its own due time."""
        while True:
            due, incident = core.next_timer(core.view(self._state))
            if due == math.inf or self._story.at(StorySeconds(float(due))) > monotonic:
                return
            self._deliver(core.Event(core.TIMER, incident, float(due)))

    def _now(self, monotonic: float) -> float:
        """The story moment; never before what was delivered already."""
        return max(self._story.now(monotonic), self._last)

    def _turn(self, change: Change, monotonic: float) -> None:
        slot = self._slot(change)
        if slot is None:
            return
        self._labels[slot] = change.labels
        kind = core.FIRING if change.firing else core.RESOLVED
        cause = stable_key(change.incident)
        self._deliver(core.Event(kind, slot, self._now(monotonic), cause, change.kind))

    def _slot(self, change: Change) -> int | None:
        """The place of an incident in the state; None for one too many, which nobody takes up."""
        slot = self._slots.get(change.incident)
        if slot is None:
            if len(self._slots) >= core.INCIDENTS:
                if change.firing:
                    self._record.event("crew_overwhelmed", incident=change.incident, most=core.INCIDENTS)
                return None
            slot = self._slots[change.incident] = len(self._slots)
        return slot

    def _deliver(self, event: core.Event) -> None:
        before = core.view(self._state)
        self._state = core.step(self._state, self._params, self._draws, event)
        self._last = StorySeconds(event.t)
        after = core.view(self._state)
        for n in range(int(after.counts[core.OUT])):
            incident, what = int(after.out_incident[n]), int(after.out_what[n])
            if what == core.REPAIR:
                self._start_repair(after, incident)
            elif after.stage[incident] != core.EXECUTE:
                self._tell(before, after, incident, event.t)

    # --- actions out -------------------------------------------------------------------------------------------------

    def _entry(self, number: int) -> Entry:
        return self._setup.runbook.entries[number]

    def _name(self, slot: int) -> str:
        return next(name for name, number in self._slots.items() if number == slot)

    def _introduce(self) -> None:
        """Record who is there and who knows what: the draws that hold for the whole run."""
        state, params = core.view(self._state), core.params_view(self._params)
        known = {
            str(person + 1): [
                entry.name
                for kind, entry in enumerate(self._setup.runbook.entries)
                if core.knows(params, self._draws, person, kind)
            ]
            for person in range(self._setup.headcount)
        }
        self._record.event(
            "crew_begun",
            headcount=self._setup.headcount,
            attending=self._setup.attending,
            seed=self._setup.seed,
            available=[person + 1 for person in range(self._setup.headcount) if state.able[person]],
            knows=known,
        )

    def _tell(self, before: core.State, after: core.State, i: int, t: float) -> None:
        """Record where an incident stands now."""
        stage = STAGE_NAMES[int(after.stage[i])]
        due = min(float(after.due[i]), float(after.escalate[i]))
        person = int(after.owner[i])
        if stage == "acknowledge":
            person = int(after.rung[i])
            if after.waiting[i]:
                stage, person = "waiting", -1
        elif stage == "resolved":
            person = int(before.owner[i])
        diagnosis = int(after.diagnosis[i])
        self._record.event(
            "crew_stage",
            incident=self._name(i),
            kind=self._entry(int(after.kind[i])).name,
            stage=stage,
            person=person + 1 if person >= 0 else None,
            attempt=int(after.attempt[i]) + 1,
            helpers=int(after.helpers[i]),
            begins=round(t, 3),
            due=round(due, 3) if due != math.inf else None,
            diagnosis=self._entry(diagnosis).diagnosis if diagnosis >= 0 else None,
            right=diagnosis == int(after.kind[i]) if diagnosis >= 0 else None,
        )

    def _start_repair(self, state: core.State, i: int) -> None:
        diagnosis = int(state.diagnosis[i])
        repair = Repair(
            action=self._entry(diagnosis).action,
            target=self._target(state, i, self._entry(diagnosis)),
            incident=self._name(i),
            person=int(state.owner[i]) + 1,
            right=diagnosis == int(state.kind[i]),
            noop=not self._setup.repairs,
        )
        task = asyncio.create_task(self._carry_out(repair, i), name=f"repair {repair.incident}")
        task.add_done_callback(lambda _: self._wake.set())
        self._repairing.add(task)

    def _target(self, state: core.State, i: int, entry: Entry) -> dict[str, str]:
        """What a diagnosis is about: the entry's own labels, the alert's, or one of the known places."""
        target = dict(entry.match)
        if entry.key == NO_KEY:
            return target
        value = self._labels[i].get(entry.key, "")
        known = self._setup.places.get(entry.key, ())
        if not value and known:
            key = (int(state.cause[i]), int(state.occurrence[i]), int(state.attempt[i]))
            word, *_ = core.drawn(self._draws, core.DRAW_TARGET, int(state.owner[i]), *key)
            value = known[word % len(known)]
        return {**target, entry.key: value} if value else target

    async def _carry_out(self, repair: Repair, i: int) -> None:
        begun = self._clock.monotonic()
        told = {
            "action": repair.action,
            "target": ", ".join(f"{key}={value}" for key, value in sorted(repair.target.items())),
            "incident": repair.incident,
        }
        self._record.event(
            "repair_started", **told, person=repair.person, right=repair.right, noop=repair.noop
        )
        try:
            outcome = await self._perform(repair)
        except StandbyError as error:
            outcome = Repaired(ok=False, detail=str(error))
        now = self._clock.monotonic()
        self._record.event(
            "repair_finished", **told, ok=outcome.ok, seconds=round(now - begun, 3), detail=outcome.detail
        )
        self._catch_up(now)
        self._deliver(core.Event(core.DONE, i, self._now(now), value=int(outcome.ok)))
