from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from chaos.clock import StoryClock
from chaos.crew import core
from chaos.crew.alerts import Alert
from chaos.crew.live import LiveCrew, Repair, Setup
from chaos.crew.people import ATTENDING, People
from chaos.crew.runbook import Entry, Runbook
from chaos.errors import WorldError
from chaos.experiment.people import CrewSection, Mechanisms
from chaos.record import Event, Record
from chaos.testing.clock import FakeClock
from chaos.worlds.system import Repaired

RUNBOOK = Runbook(
    entries=(
        Entry(
            name="slow",
            alerts=("Slow",),
            match={"link": "bridge"},
            diagnosis="the bridge is slow",
            action="fail_over",
            confused_with=("down",),
        ),
        Entry(name="down", alerts=("Down",), key="instance", diagnosis="a process is dead", action="restart"),
    )
)
SLOW = Alert("Slow", {"link": "bridge", "severity": "page"})
DOWN = [Alert("Down", {"instance": f"media-{n}", "tier": "media"}) for n in range(4)]
CERTAIN = ATTENDING.model_copy(update={"knows": 1.0, "mistriage": 0.0})
SCALE = 12.0


@dataclass
class Scene:
    """A fake system: an alert fires until a right repair of it ended."""

    headcount: int = 2
    seed: int = 1
    people: People = CERTAIN
    repairs: bool = True
    takes: float = 2.0
    fails: tuple[str, ...] = ()
    late: float = 0.0
    firing: dict[str, Alert] = field(default_factory=dict)
    performed: list[Repair] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.clock = FakeClock(monotonic=1000.0)
        self.record = Record(clock=self.clock)
        setup = Setup(
            self.people,
            self.headcount,
            RUNBOOK,
            self.seed,
            mechanisms=Mechanisms(),
            repairs=self.repairs,
            places={"instance": ["media-0", "media-1"]},
        )
        story = StoryClock(SCALE, zero=1000.0)
        self.crew = LiveCrew(setup, story=story, clock=self.clock, record=self.record, perform=self.perform)

    async def perform(self, repair: Repair) -> Repaired:
        self.performed.append(repair)
        await self.clock.sleep_until(self.clock.monotonic() + self.takes)
        if repair.action in self.fails:
            raise WorldError("it did not start")
        if repair.right and not repair.noop:
            self.firing.pop(repair.incident, None)
        return Repaired(ok=True, detail="done")

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.crew.run())
        yield
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    async def pass_(self, seconds: int) -> None:
        """Real seconds in which Prometheus is asked once a second (a little late, if asked)."""
        for _ in range(seconds):
            self.crew.update(self.firing.values())
            await self.clock.advance(1.0 + self.late)

    def events(self, name: str) -> list[Event]:
        return [event for event in self.record.events if event.name == name]

    def stages(self, incident: str) -> list[str]:
        return [str(event["stage"]) for event in self.events("crew_stage") if event["incident"] == incident]


async def _played(scene: Scene, *alerts: tuple[str, Alert], seconds: int = 120) -> Scene:
    async with scene.running():
        scene.firing.update(alerts)
        await scene.pass_(seconds)
    return scene


async def test_an_alert_leads_to_its_repair_and_to_rest() -> None:
    """Alert, stages, the real action on the right target, and the end of the incident, all in the record."""
    scene = await _played(Scene(headcount=1), ("slow", SLOW))
    (repair,) = scene.performed
    assert (repair.action, dict(repair.target), repair.person) == ("fail_over", {"link": "bridge"}, 1)
    assert (repair.right, repair.noop, repair.incident) == (True, False, "slow")
    assert scene.stages("slow") == ["notice", "acknowledge", "triage", "decide", "act", "verify", "resolved"]
    (started,), (finished,) = scene.events("repair_started"), scene.events("repair_finished")
    assert (started["target"], finished["ok"], finished["seconds"]) == ("link=bridge", True, 2.0)
    last = scene.events("crew_stage")[-1]
    assert (last["diagnosis"], last["right"], last["person"]) == ("the bridge is slow", True, 1)


async def test_stages_begin_at_their_due_times_in_story_seconds() -> None:
    """Each stage begins exactly when the one before was due, whatever moment the loop woke."""
    scene = await _played(Scene(headcount=1), ("slow", SLOW))
    rows = scene.events("crew_stage")
    for before, after in itertools.pairwise(rows[:5]):
        assert after["begins"] == before["due"]
    assert rows[0]["begins"] == 0.0


async def test_the_same_seed_and_alerts_give_the_same_events() -> None:
    """A run of the crew repeats to the last event under the same seed, and differs under another."""
    alerts = [("slow", SLOW), *((f"down media-{n}", DOWN[n]) for n in range(4))]
    one, two = [await _played(Scene(seed=5, people=ATTENDING), *alerts, seconds=200) for _ in range(2)]
    other = await _played(Scene(seed=6, people=ATTENDING), *alerts, seconds=200)
    assert one.record.events == two.record.events
    assert one.record.events != other.record.events


async def test_a_late_loop_changes_no_drawn_time() -> None:
    """Polling later moves what depends on alerts, not how long a stage takes: stages start from due times."""
    times = []
    for lateness in (0.0, 0.37):
        scene = await _played(Scene(headcount=1, late=lateness), ("slow", SLOW), seconds=60)
        drawn = [
            event for event in scene.events("crew_stage") if event["stage"] in ("triage", "decide", "act")
        ]
        times.append([event["begins"] for event in drawn])
    assert times[0] == times[1]
    assert len(times[0]) == 3


async def test_a_wrong_diagnosis_really_does_the_wrong_thing() -> None:
    """With mis-triage certain, the action of the confused entry is carried out on a known place, and told as wrong."""
    people = CERTAIN.model_copy(update={"mistriage": 1.0})
    scene = await _played(Scene(headcount=1, people=people), ("slow", SLOW), seconds=60)
    assert scene.performed
    repair = scene.performed[0]
    assert (repair.action, repair.right) == ("restart", False)
    assert repair.target["instance"] in ("media-0", "media-1")
    assert scene.events("repair_started")[0]["right"] is False
    attempts = [event["attempt"] for event in scene.events("crew_stage") if event["stage"] == "triage"]
    assert attempts[:2] == [1, 2]
    assert "resolved" not in scene.stages("slow")


async def test_a_repair_that_raises_is_a_repair_that_did_not_work() -> None:
    """A StandbyError from the act is recorded as not ok with its reason, and the person tries again."""
    scene = await _played(Scene(headcount=1, fails=("restart",)), ("down media-1", DOWN[1]), seconds=90)
    finished = scene.events("repair_finished")
    assert (finished[0]["ok"], finished[0]["detail"]) == (False, "it did not start")
    assert "verify" not in scene.stages("down media-1")
    assert len(scene.performed) >= 2


async def test_a_mistake_in_a_repair_is_not_swallowed() -> None:
    """Any other exception of the act ends the crew's run with that exception."""
    scene = Scene(headcount=1)

    async def broken(_: Repair) -> Repaired:
        raise ZeroDivisionError

    scene.crew._perform = broken
    task = asyncio.create_task(scene.crew.run())
    scene.firing["slow"] = SLOW
    await scene.pass_(60)
    with pytest.raises(ZeroDivisionError):
        await task


async def test_with_repairs_off_every_act_is_a_pretence() -> None:
    """The control: actions are told as no-ops, and nothing gets better."""
    scene = await _played(Scene(headcount=1, repairs=False), ("slow", SLOW), seconds=60)
    assert scene.performed
    assert all(repair.noop for repair in scene.performed)
    assert "resolved" not in scene.stages("slow")


async def test_nobody_on_call_lets_it_wait() -> None:
    """Headcount 0: the incident is noticed by the pager and then waits without a due time."""
    scene = await _played(Scene(headcount=0), ("slow", SLOW), seconds=60)
    assert scene.stages("slow") == ["notice", "waiting"]
    last = scene.events("crew_stage")[-1]
    assert (last["person"], last["due"]) == (None, None)


async def test_two_people_work_on_two_incidents_at_once() -> None:
    """Two incidents are repaired by two different people; with one person, by the same."""
    alerts = [(f"down media-{n}", DOWN[n]) for n in range(2)]
    two = await _played(Scene(headcount=2), *alerts)
    one = await _played(Scene(headcount=1), *alerts)
    assert {repair.person for repair in two.performed} == {1, 2}
    assert [repair.person for repair in one.performed] == [1, 1]
    assert not two.firing
    assert not one.firing


async def test_an_incident_that_ends_by_itself_lets_the_person_go() -> None:
    """The alert ends during triage: `resolved` follows two real seconds later, and no repair begins."""
    scene = Scene(headcount=1)
    async with scene.running():
        scene.firing["slow"] = SLOW
        while "triage" not in scene.stages("slow"):
            await scene.pass_(1)
        scene.firing.clear()
        await scene.pass_(4)
        assert scene.stages("slow")[-1] == "resolved"
        await scene.pass_(60)
    assert scene.performed == []


async def test_repairs_under_way_end_with_the_crew() -> None:
    """Cancelling the run cancels a repair that still goes on; no task is left."""
    scene = Scene(headcount=1, takes=1e6)
    await _played(scene, ("slow", SLOW), seconds=60)
    assert len(scene.performed) == 1
    assert scene.events("repair_finished") == []
    assert [task for task in asyncio.all_tasks() if "repair" in task.get_name()] == []


async def test_more_incidents_than_fit_are_told_and_left() -> None:
    """An incident beyond the state's room is recorded as one that nobody takes up; the others go on."""
    scene = Scene(headcount=0)
    alerts = [Alert("Down", {"instance": f"m{n:03}"}) for n in range(core.INCIDENTS + 2)]
    scene.crew.update(alerts)
    assert len(scene.events("crew_overwhelmed")) == 2
    assert len(scene.events("crew_stage")) == core.INCIDENTS


def test_the_record_says_who_is_there_and_what_is_assumed() -> None:
    """The first event tells the draws that hold for the whole run; `describe` is the crew of `run_started`."""
    scene = Scene(headcount=3)
    (begun,) = scene.events("crew_begun")
    assert begun["available"] == [1, 2, 3]
    assert begun["knows"] == {str(person): ["slow", "down"] for person in (1, 2, 3)}
    section = CrewSection.model_validate({"headcount": 3, "runbooks": "r.yaml"})
    told = Setup.of(section, RUNBOOK, 1).describe()
    assert told["headcount"] == 3
    assert told["attending"] is False
    assert isinstance(told["assumptions"], list)


async def test_a_run_is_replayed_from_its_seed_and_its_outer_events() -> None:
    """Alerts and ends of repairs, with their story times, are all that a simulator needs to come to the same state."""
    scene = Scene(seed=11, headcount=2, people=ATTENDING)
    delivered: list[core.Event] = []
    deliver = scene.crew._deliver

    def note(event: core.Event) -> None:
        delivered.append(event)
        deliver(event)

    scene.crew._deliver = note  # type: ignore[method-assign]
    await _played(scene, ("slow", SLOW), *((f"down media-{n}", DOWN[n]) for n in range(3)), seconds=150)
    params, draws = scene.crew._params, scene.crew._draws
    state = core.fresh(params, draws)
    for event in (each for each in delivered if each.kind != core.TIMER):
        while (due := core.next_timer(core.view(state)))[0] <= event.t:
            state = core.step(state, params, draws, core.Event(core.TIMER, due[1], float(due[0])))
        state = core.step(state, params, draws, event)
    assert len(scene.performed) >= 4
    assert state.tobytes() == scene.crew._state.tobytes()
