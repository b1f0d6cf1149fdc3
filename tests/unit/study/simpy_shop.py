"""The repair shop once more, written with simpy by the rules alone; only the keyed draws are shared with the core.

Closed shops, the mechanism `parallel` (people lead one incident at a time) with or without `coverage`, nobody away and
nobody helping.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import simpy

from chaos.crew import core
from chaos.crew.people import People
from chaos.crew.runbook import Runbook, stable_key
from chaos.study import shop

Steps = Generator[simpy.Event, Any, None]


@dataclass
class Incident:
    """A machine that is down: since when, and who was paged (False) or has heard it (True)."""

    number: int
    since: float
    occurrence: int
    taken: simpy.Event
    paged: dict[int, bool] = field(default_factory=dict)


@dataclass
class SimpyShop:
    """One shop: its figures after `run`."""

    people: People
    runbook: Runbook
    crew: int
    machines: int
    mean_up: float
    mean_repair: float
    seed: int
    trial: int
    coverage: bool = False
    failed: int = 0
    repaired: int = 0
    waited: int = 0
    down: float = 0.0

    def run(self, until: float) -> None:
        """From the opening of the shop until it closes."""
        self.draw = core.compiled()
        self.key = core.Draws(self.seed, self.trial)
        self.env = simpy.Environment()
        self.free = [True] * self.crew
        self.waiting: list[Incident] = []
        self.open: dict[int, Incident] = {}
        self.known = cache(self._knows)
        self.medians = {
            stage: (self.people.stage(name).mu, self.people.stage(name).sigma)
            for name, stage in (
                ("notice", core.NOTICE), ("acknowledge", core.ACKNOWLEDGE), ("triage", core.TRIAGE),
                ("decide", core.DECIDE), ("act", core.ACT),
            )
        }  # fmt: skip
        for number in range(self.machines):
            self.env.process(self._machine(number))
        self.env.run(until)
        for number in sorted(self.open):
            self.down += until - self.open[number].since

    def _words(self, what: int, person: int, cause: int, occurrence: int, attempt: int) -> tuple[int, ...]:
        return tuple(self.draw.drawn(self.key, what, person, cause, occurrence, attempt))

    def _lasts(self, stage: int, person: int, incident: Incident, attempt: int = 0) -> float:
        a, b, _, _ = self._words(stage, person, incident.number, incident.occurrence, attempt)
        mu, sigma = self.medians[stage]
        return math.exp(mu + sigma * self.draw.normal(self.draw.uniform(a, b)))

    def _exponential(self, what: int, number: int, occurrence: int, attempt: int, mean: float) -> float:
        a, b, _, _ = self._words(what, core.NOBODY, number, occurrence, attempt)
        return -mean * math.log(self.draw.uniform(a, b))

    def _knows(self, person: int, kind: int) -> bool:
        if not self.coverage:
            return True
        a, b, _, _ = self._words(core.DRAW_SKILL, person, stable_key(self.runbook.entries[kind].name), 0, 0)
        return bool(self.draw.uniform(a, b) < self.people.knows)

    def _machine(self, number: int) -> Steps:
        occurrence = 0
        while True:
            up = self._exponential(shop.DRAW_UP, number, occurrence, 0, self.mean_up)
            yield self.env.timeout(up)
            incident = Incident(number, self.env.now, occurrence, self.env.event())
            self.open[number] = incident
            self.failed += 1
            self.waited += not any(self.free)
            yield self.env.timeout(self._lasts(core.NOTICE, core.NOBODY, incident))
            yield from self._answered(incident)
            self.down += self.env.now - incident.since
            self.repaired += 1
            del self.open[number]
            occurrence += 1

    def _answered(self, incident: Incident) -> Steps:
        """From the first page to the repair that worked."""
        self.waiting.append(incident)
        self._page(incident, only_free=False)
        self._settle()
        person = yield incident.taken
        kind = incident.number % len(self.runbook.entries)
        attempt = 0
        while True:
            triage = self._lasts(core.TRIAGE, person, incident, attempt)
            yield self.env.timeout(triage if self.known(person, kind) else triage * self.people.unskilled)
            diagnosis = self._diagnosis(incident, person, kind, attempt)
            yield self.env.timeout(self._lasts(core.DECIDE, person, incident, attempt))
            yield self.env.timeout(self._lasts(core.ACT, person, incident, attempt))
            yield self.env.timeout(
                self._exponential(
                    shop.DRAW_REPAIR, incident.number, incident.occurrence, attempt, self.mean_repair
                )
            )
            if diagnosis == kind:
                break
            attempt += 1
        self.free[person] = True
        self._settle()

    def _diagnosis(self, incident: Incident, person: int, kind: int, attempt: int) -> int:
        _, _, c, e = self._words(core.TRIAGE, person, incident.number, incident.occurrence, attempt)
        others = self.runbook.entries[kind].confused_with
        if others and (c + 0.5) * 2.0**-32 < self.people.mistriage:
            return self.runbook.index(others[e * len(others) >> 32])
        return kind

    def _page(self, incident: Incident, *, only_free: bool) -> None:
        """Page the first of the rota who was not paged: somebody free, else, the first time, anybody."""
        left = [person for person in range(self.crew) if person not in incident.paged]
        chosen = [person for person in left if self.free[person]] or ([] if only_free else left)
        if chosen:
            incident.paged[chosen[0]] = False
            self.env.process(self._hears(incident, chosen[0]))

    def _hears(self, incident: Incident, person: int) -> Steps:
        yield self.env.timeout(self._lasts(core.ACKNOWLEDGE, person, incident))
        incident.paged[person] = True
        self._settle()

    def _settle(self) -> None:
        """Whoever has heard and is free takes the oldest; whose paged are all busy pages a free one."""
        for incident in sorted(self.waiting, key=lambda one: (one.since, one.number)):
            for person in range(self.crew):
                if incident.paged.get(person) and self.free[person]:
                    self.free[person] = False
                    self.waiting.remove(incident)
                    incident.taken.succeed(person)
                    break
        for incident in sorted(self.waiting, key=lambda one: (one.since, one.number)):
            if not any(self.free[person] for person in incident.paged):
                self._page(incident, only_free=True)
