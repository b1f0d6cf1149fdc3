"""A run whose own parts fail."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from chaos.clients.prometheus import FiringAlert, NoPrometheus
from chaos.clock import StoryClock, SystemClock
from chaos.engine.judgement import Verdict
from chaos.engine.parts import Nobody, Parts
from chaos.engine.run import execute
from chaos.engine.sources import Found
from chaos.experiment import loads
from chaos.faults.specs import spec_types
from chaos.proof import Proof
from chaos.record import Record
from chaos.undo.journal import Journal
from chaos.worlds.system import Figure, Goal, System

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


class Broken:
    """A source, and an alert source, with a mistake of its own."""

    text = "checks:ready()"

    async def ask(self) -> Found:
        raise KeyError("rooms")

    async def firing(self) -> Sequence[FiringAlert]:
        raise LookupError("nobody is called")


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
    loaded = loads(DOCUMENT, faults=spec_types())
    (one,) = loaded.experiment.objectives
    goal = Goal(
        one.name, "", one.expectation, tuple(one.during), one.longest_break, None, one.max_gap,
        interval=one.interval,
    )  # fmt: skip
    with closing(Journal(tmp_path / "run.jsonl")) as journal:
        parts = Parts(
            experiment=loaded.experiment, halt=tmp_path / "halt", injections=[], goals=[goal],
            sources=sources, stops=[], system=cast(System, Still()), prometheus=NoPrometheus(), alerts=alerts,
            record=Record(), journal=journal, clock=SystemClock(), story=StoryClock(1.0),
            make_crew=lambda _: Nobody(), stop=asyncio.get_running_loop().create_future(),
            guarded=cast(Any, SimpleNamespace()),
        )  # fmt: skip
        async with asyncio.timeout(60):
            outcome = await execute(parts)
    assert outcome.verdict is Verdict.INCONCLUSIVE
    assert outcome.why == f"a part of the run itself failed: {told}"
