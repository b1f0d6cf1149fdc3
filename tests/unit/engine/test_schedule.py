from __future__ import annotations

import asyncio
import tempfile
from contextlib import closing
from pathlib import Path
from typing import ClassVar, Literal, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.clients.prometheus import NoPrometheus
from chaos.clock import StoryClock, StorySeconds
from chaos.engine.injection import Injection, repairing
from chaos.experiment.fault import FaultSpec
from chaos.faults.base import Fault, Plan
from chaos.proof import Proof
from chaos.record import Record
from chaos.testing.clock import FakeClock
from chaos.testing.world import FakeWorld
from chaos.undo.journal import Journal, read
from chaos.undo.steps import Args, UndoStep, undoes
from chaos.worlds.system import System

FAULTS_LAST = StorySeconds(600.0)
IN_FORCE: dict[str, FakeClock] = {}
HAPPENED: list[tuple[str, str, float]] = []


@undoes("test-schedule")
async def undo_it(args: Args) -> Proof:
    """The undo of the fault below."""
    clock = IN_FORCE.pop(str(args["id"]), None)
    if clock is not None:
        HAPPENED.append((str(args["id"]), "undone", clock.monotonic()))
    return Proof(True, "gone")


class OddSpec(FaultSpec):
    """A fault that only notes when it comes and goes."""

    fault: Literal["odd"] = "odd"


class Odd(Fault[OddSpec]):
    """Comes and goes."""

    name = "odd"
    spec_type = OddSpec
    clock: ClassVar[FakeClock]

    async def check(self) -> tuple[str, ...]:
        return ("it",)

    async def prove_path(self) -> Proof:
        return Proof(True, "")

    async def plan(self) -> Plan:
        return Plan(("it",), (UndoStep("test-schedule", {"id": self.id}),))

    async def apply(self, plan: Plan) -> None:
        IN_FORCE[self.id] = self.clock
        HAPPENED.append((self.id, "applied", self.clock.monotonic()))

    async def observe(self, plan: Plan) -> Proof:
        return Proof(self.id in IN_FORCE, "")

    async def prove_gone(self, plan: Plan) -> Proof:
        return Proof(self.id not in IN_FORCE, "")


@given(
    faults=st.lists(
        st.tuples(st.integers(0, 500), st.integers(5, 600), st.one_of(st.none(), st.integers(1, 700))),
        min_size=1,
        max_size=4,
    ),
    time_scale=st.sampled_from([1.0, 12.0, 60.0]),
)
def test_every_fault_comes_at_its_moment_and_goes_at_its_end_or_when_repaired(
    faults: list[tuple[int, int, int | None]], time_scale: float
) -> None:
    """On the run's clock: applied when due, undone at its planned end (that of the phase at the latest) or at its
    repair, once, announced in the journal before, and nothing pending after."""
    asyncio.run(_play(faults, time_scale))


async def _play(faults: list[tuple[int, int, int | None]], time_scale: float) -> None:
    clock, story, record = FakeClock(), StoryClock(time_scale), Record()
    Odd.clock = clock
    HAPPENED.clear()
    IN_FORCE.clear()
    with tempfile.TemporaryDirectory() as folder:
        journal = Journal(Path(folder) / "j.jsonl")
        injections = []
        for number, (at, lasts, repaired) in enumerate(faults):
            asked = {"fault": "odd", "at": f"{at}s"}
            bound = (
                {"lasts": f"{lasts}s"} if repaired is None else {"until": "repaired", "at_most": f"{lasts}s"}
            )
            spec = OddSpec.model_validate({**asked, **bound})
            fault = Odd(spec, FakeWorld(), id=f"f{number}")
            injections.append(
                Injection(fault.id, spec, cast(Fault[FaultSpec], fault), FAULTS_LAST, NoPrometheus())
            )
        begin = clock.monotonic() + 1.0
        tasks = [asyncio.create_task(one.run(begin, story, clock, record, journal)) for one in injections]
        repairs = sorted(
            (begin + (at + repaired) / time_scale, number)
            for number, (at, _, repaired) in enumerate(faults)
            if repaired is not None
        )
        for moment, number in repairs:
            await clock.advance(max(0.0, moment - clock.monotonic()))
            injections[number].repaired.set()
            await clock.settle()
        await clock.advance(1000.0)
        await asyncio.gather(*tasks)
        assert read(journal.path).pending == ()
        journal.close()
    for number, (at, lasts, repaired) in enumerate(faults):
        mine = [(what, moment) for id, what, moment in HAPPENED if id == f"f{number}"]
        due = begin + at / time_scale
        end = begin + min(at + lasts, float(FAULTS_LAST)) / time_scale
        if repaired is not None:
            end = min(end, max(due, begin + (at + repaired) / time_scale))
        assert [what for what, _ in mine] == ["applied", "undone"]
        assert abs(mine[0][1] - due) < 1e-6
        assert abs(mine[1][1] - end) < 1e-6, (mine, end)


class Sleepy(FakeClock):
    """The clock of a machine that wakes up a second late, whenever it is to."""

    async def sleep_until(self, moment: float) -> None:
        await super().sleep_until(moment + 1.0)


async def test_a_fault_is_looked_at_before_its_undo_however_late_the_machine_is(tmp_path: Path) -> None:
    """It vanished after its first look, and the second one is due after its end: seen all the same, so a doubt."""
    clock, record = Sleepy(), Record()
    Odd.clock = clock
    spec = OddSpec.model_validate({"fault": "odd", "at": "0s", "lasts": "10s"})
    one = Injection(
        "f1", spec, cast(Fault[FaultSpec], Odd(spec, FakeWorld(), id="f1")), FAULTS_LAST, NoPrometheus()
    )
    with closing(Journal(tmp_path / "j.jsonl")) as journal:
        task = asyncio.create_task(one.run(1.0, StoryClock(1.0), clock, record, journal))
        await clock.advance(3.0)
        assert [event["in_force"] for event in record.events if event.name == "fault_observed"] == [True]
        del IN_FORCE["f1"]
        await clock.advance(100.0)
        await task
    assert [event["in_force"] for event in record.events if event.name == "fault_observed"] == [True, False]
    assert "not seen in force (before undo)" in one.doubts[0]


@pytest.mark.parametrize("succeeds", [True, False])
async def test_what_a_repair_takes_away_is_looked_at_before_it(
    tmp_path: Path, succeeds: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node that is brought back was in force to the last; if the repair fails, it is looked at again at its end."""
    monkeypatch.setattr(Odd, "taken_away_by_repairs", True)
    clock, record = FakeClock(), Record()
    Odd.clock = clock
    spec = OddSpec.model_validate({"fault": "odd", "at": "0s", "lasts": "10s", "until": "repaired"})
    one = Injection(
        "f1", spec, cast(Fault[FaultSpec], Odd(spec, FakeWorld(), id="f1")), FAULTS_LAST, NoPrometheus()
    )
    with closing(Journal(tmp_path / "j.jsonl")) as journal:
        task = asyncio.create_task(one.run(1.0, StoryClock(1.0), clock, record, journal))
        await clock.advance(3.0)
        async with repairing([one], cast(System, Mending()), "bring_node_back", {}, record) as succeeded:
            del IN_FORCE["f1"]
            if succeeds:
                succeeded()
        await clock.advance(FAULTS_LAST + 100.0)
        await task
    seen = [event["in_force"] for event in record.events if event.name == "fault_observed"]
    assert seen == ([True, True] if succeeds else [True, True, False])
    assert bool(one.doubts) is not succeeds


class Mending:
    """A system in which every repair mends every fault."""

    def mends(self, _action: str, _target: object, _fault: object) -> bool:
        return True
