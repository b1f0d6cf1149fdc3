"""A run whose own parts fail, and one whose machine is too slow for it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Literal, cast

import pytest

from chaos.clients.prometheus import FiringAlert, NoPrometheus
from chaos.clock import StoryClock, StorySeconds, SystemClock
from chaos.engine.injection import Injection
from chaos.engine.judgement import Verdict
from chaos.engine.parts import Nobody, Parts
from chaos.engine.run import _Run, execute
from chaos.engine.sources import Found
from chaos.engine.verdict import Outcome
from chaos.errors import ClientError
from chaos.experiment import loads
from chaos.experiment.fault import FaultSpec
from chaos.faults.base import Fault, Plan
from chaos.faults.specs import spec_types
from chaos.proof import Proof
from chaos.record import Record
from chaos.testing.clock import FakeClock
from chaos.testing.world import FakeWorld
from chaos.undo.journal import Journal
from chaos.worlds.system import Figure, Goal

DOCUMENT = """
version: 1
title: An hour
timeline: {baseline: 1h, faults: 1h}
system: {tiers: {one: {command: [sleep, "60"]}}}
prometheus: {url: none}
objectives: [{name: it is ready, python: "checks:ready"}]
"""


class Still:
    """A system that is there and does nothing."""

    async def configure(self) -> Proof:
        return Proof(True, "")

    async def begin(self) -> None:
        return

    def figures(self) -> Sequence[Figure]:
        return ()

    async def load_check(self, start: float, end: float) -> Proof:
        return Proof(True, "")

    async def lost(self, start: float, end: float) -> float | None:
        return None


class Broken:
    """A source, and an alert source, with a mistake of its own."""

    text = "checks:ready()"

    async def ask(self) -> Found:
        raise KeyError("rooms")

    async def firing(self) -> Sequence[FiringAlert]:
        raise LookupError("nobody is called")


def parts_of(folder: Path, journal: Journal, text: str = DOCUMENT, **given: Any) -> Parts:
    """A run of a document with these parts in place of parts that do nothing."""
    experiment = loads(text, faults=spec_types()).experiment
    (one,) = experiment.objectives
    goal = Goal(
        one.name, "", one.expectation, tuple(one.during), one.longest_break, None, one.max_gap,
        interval=one.interval,
    )  # fmt: skip
    return Parts(**{
        "experiment": experiment, "halt": folder / "halt", "injections": [], "goals": [goal],
        "sources": {}, "stops": [], "system": Still(), "prometheus": NoPrometheus(),
        "alerts": NoPrometheus(), "record": Record(), "journal": journal, "clock": SystemClock(),
        "story": StoryClock(1.0), "make_crew": lambda _: Nobody(),
        "stop": asyncio.get_running_loop().create_future(), "guarded": Still().configure, **given,
    })  # fmt: skip


async def outcome_of(folder: Path, text: str = DOCUMENT, **given: Any) -> Outcome:
    """What comes of it."""
    with closing(Journal(folder / "run.jsonl")) as journal:
        async with asyncio.timeout(60):
            return await execute(parts_of(folder, journal, text, **given))


@pytest.mark.parametrize(
    ("sources", "alerts", "told"),
    [
        ({"it is ready": Broken()}, NoPrometheus(), "KeyError: 'rooms'"),
        ({}, Broken(), "LookupError: nobody is called"),
    ],
    ids=["prober", "sampler"],
)
async def test_a_part_of_the_run_that_fails_ends_it_and_is_told(
    tmp_path: Path, sources: dict[str, Broken], alerts: Any, told: str
) -> None:
    """At once and not after its hours, for stop conditions may not be looked at any more; in the error's own words."""
    outcome = await outcome_of(tmp_path, sources=sources, alerts=alerts)
    assert outcome.verdict is Verdict.INCONCLUSIVE
    assert outcome.why == f"a part of the run itself failed: {told}"


class Ready:
    """A source whose value is always good."""

    text = "checks:ready()"

    async def ask(self) -> Found:
        return Found(1.0)


class OddSpec(FaultSpec):
    """A fault that takes its time."""

    fault: Literal["odd"] = "odd"


class Odd(Fault[OddSpec]):
    """Its act, or the first look at it, lasts until *faults* is over; then it is in force, or is not."""

    spec_type = OddSpec
    slow = ""
    in_force = True

    async def check(self) -> tuple[str, ...]:
        return ("it",)

    async def prove_path(self) -> Proof:
        return Proof(True, "")

    async def plan(self) -> Plan:
        return Plan(("it",), ())

    async def apply(self, plan: Plan) -> None:
        await self._last("act")

    async def observe(self, plan: Plan) -> Proof:
        await self._last("look")
        return Proof(self.in_force, "")

    async def prove_gone(self, plan: Plan) -> Proof:
        return Proof(True, "")

    async def _last(self, what: str) -> None:
        if self.slow == what:
            self.slow = ""
            await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("slow", "in_force", "why"),
    [
        ("act", True, "odd was not applied: *faults* was over before this machine came to it"),
        ("look", False, "odd was not seen in force (before undo): "),
        ("look", True, "the one objective held, and every fault was shown to be in force and gone"),
    ],
    ids=["act", "look, gone", "look, in force"],
)
async def test_a_fault_that_nobody_saw_is_never_concluded_from(
    tmp_path: Path, slow: str, in_force: bool, why: str
) -> None:
    """*Faults* ends while it is being applied, or looked at for the first time: it is looked at before its undo."""
    spec = OddSpec.model_validate({"fault": "odd", "at": "0s"})
    fault = Odd(spec, FakeWorld(), id="f1")
    fault.slow, fault.in_force = slow, in_force
    injection = Injection("f1", spec, cast("Fault[FaultSpec]", fault), StorySeconds(0.2), NoPrometheus())
    text = DOCUMENT.replace("{baseline: 1h, faults: 1h}", "{baseline: 100ms, faults: 200ms, after: 100ms}")
    outcome = await outcome_of(tmp_path, text, injections=[injection], sources={"it is ready": Ready()})
    assert outcome.why == why


class Listening:
    """An alert source that has listened for long enough from a moment on."""

    def __init__(self, clock: FakeClock, known_from: float) -> None:
        self._clock, self._from = clock, known_from

    async def firing(self) -> Sequence[FiringAlert]:
        if self._clock.monotonic() < self._from:
            raise ClientError("it has not listened for long enough")
        return ()


@pytest.mark.parametrize(
    ("known_from", "unknown"), [(15.0, ""), (25.0, "it has not listened for long enough")]
)
async def test_who_only_just_listens_for_alerts_is_given_time_but_not_for_ever(
    tmp_path: Path, known_from: float, unknown: str
) -> None:
    """A run that follows a deployment at once waits until it is known which alerts fire, at most 20 s."""
    clock = FakeClock()
    with closing(Journal(tmp_path / "run.jsonl")) as journal:
        parts = parts_of(tmp_path, journal, clock=clock, alerts=Listening(clock, known_from))
        asked = asyncio.create_task(_Run(parts)._alerts_unknown())
        await clock.advance(21.0)
        assert await asked == unknown
