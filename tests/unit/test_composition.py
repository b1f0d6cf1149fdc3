from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest

import chaos
from chaos import state
from chaos.clients.prometheus import NoPrometheus
from chaos.clock import RealSeconds, StoryClock, StorySeconds
from chaos.composition import Composition, setup_of
from chaos.crew.live import LiveCrew
from chaos.engine.parts import Parts
from chaos.errors import DocumentError
from chaos.record import Record
from chaos.subjects import subject_of
from chaos.testing.world import FakeWorld
from chaos.undo.guard import Guard
from chaos.undo.journal import begun
from chaos.worlds.base import Link, ProcessInfo, Proxy
from chaos.worlds.system import Goal

SERVICES = """
version: 1
title: A shop
time_scale: 2
timeline: {baseline: 1s, faults: 9s, after: 1s}
prometheus: {url: "http://127.0.0.1:9"}
system:
  tiers: {front: {command: [front], address: "127.0.0.1:8"}, stock: {address: "127.0.0.1:9"}}
  links: {way: {from: front, to: stock}}
objectives:
  - {name: it answers, http: {url: "http://$LINK_WAY/"}, interval: 2s}
  - {name: few errors, query: errors, expect: "< 1", may_break_for: 3s}
  - {name: few errors in all, query: errors, expect: "< 1", may_break_in_all: 3s}
max_affected: {processes: 2, pods: 50%}
faults:
  - {fault: latency, link: way, delay: 10ms, at: 0s, lasts: 1s, proof: {command: [one], expect: "> 0"}}
  - {fault: process_pause, process: front, at: 0s, lasts: 1s}
  - {fault: process_kill, tier: stock, at: 0s, lasts: 1s}
"""
CREW = """
crew: {headcount: 2, runbooks: runbook.yaml}
"""
RUNBOOK = """
entries: [{name: slow, alerts: [Slow], key: link, diagnosis: it is slow, action: clear_link}]
"""
ROOMS = """
version: 1
title: A room
timeline: {baseline: 1s, faults: 9s, after: 1s}
rooms:
  audience:
    - {room: hall, listeners: 10, from: 0s, join_over: 1s}
    - {room: den, listeners: 10, from: 0s, join_over: 1s}
objectives: [{name: the hall lives, survives: hall}]
"""


class Shop:
    """In the place of a system: two survival goals for each room."""

    def goals(self, room: str | None = None) -> Sequence[Goal]:
        """Shown for all rooms, and asked for by one."""
        rooms = ("hall", "den") if room is None else (room,)
        expect = cast(Any, None)
        return [
            Goal(f"{one} {what}", "q", expect, ("after",), counts=False) for one in rooms for what in "ab"
        ]


def world() -> FakeWorld:
    """A link, a process of this machine, and a workload of three pods."""
    infos = [
        ProcessInfo("front", "front", "a", 0, 0, ""),
        ProcessInfo("stock", "stock", "b", 0, 0, "", pods={"stock-1": "1", "stock-2": "2", "stock-3": "3"}),
    ]
    proxy = Proxy("way", "http://127.0.0.1:7", "127.0.0.1:6", "127.0.0.1:9", "front", "stock")
    return FakeWorld(link_list=[Link("way", (proxy,))], infos={info.name: info for info in infos})


async def composed(text: str, folder: Path) -> Parts:
    """The parts of a run of a document."""
    loaded = chaos.loads(text, folder=folder)
    stop: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    with begun(folder / "r.jsonl") as journal:
        composition = Composition(
            loaded, subject_of(loaded), "r", 7, setup_of(loaded, 7), Record(), journal, stop
        )
        guard = Guard(journal, print)
        return composition.parts(cast(Any, world()), NoPrometheus(), cast(Any, Shop()), guard, owned=True)


async def test_faults_have_their_limits_and_what_proves_them(tmp_path: Path) -> None:
    """A link has no limit, processes have the document's, of a workload's pods its share may be touched."""
    parts = await composed(SERVICES, tmp_path)
    assert [(one.id, one.fault.id, one.most) for one in parts.injections] == [
        ("f1", "r-f1", None),
        ("f2", "r-f2", 2),
        ("f3", "r-f3", 1),
    ]
    assert [one.proves is not None for one in parts.injections] == [True, False, False]


async def test_objectives_become_goals_with_their_sources(tmp_path: Path) -> None:
    """A request is asked by its own source, through the link's address; a query by Prometheus."""
    parts = await composed(SERVICES, tmp_path)
    assert list(parts.sources) == ["it answers"]
    answers, errors, in_all = parts.goals[:3]
    assert "GET http://127.0.0.1:6/ is answered 200" in answers.query
    assert (answers.interval, errors.interval, errors.query) == (RealSeconds(2), None, "errors")
    assert (errors.may_break_for, errors.may_break_in_all) == (StorySeconds(3), None)
    assert (in_all.may_break_for, in_all.may_break_in_all) == (StorySeconds(3), StorySeconds(3))


async def test_a_room_that_must_survive_counts_and_the_others_are_shown(tmp_path: Path) -> None:
    """Each survival goal once: those of the room that is named stand for the objective."""
    parts = await composed(ROOMS, tmp_path)
    assert [(goal.name, goal.counts, goal.owner) for goal in parts.goals] == [
        ("hall a", True, "the hall lives"),
        ("hall b", True, "the hall lives"),
        ("den a", False, ""),
        ("den b", False, ""),
    ]


async def test_whoever_answers_knows_the_places_of_the_world(tmp_path: Path) -> None:
    """Nobody answers without a crew; a crew is told what there is once the world is there."""
    (tmp_path / "runbook.yaml").write_text(RUNBOOK)
    nobody = (await composed(SERVICES, tmp_path)).make_crew(StoryClock(2.0))
    assert not isinstance(nobody, LiveCrew)
    crew = (await composed(SERVICES + CREW, tmp_path)).make_crew(StoryClock(2.0))
    assert isinstance(crew, LiveCrew)
    assert crew._setup.seed == 7
    assert crew._setup.places == {"instance": ["stock"], "node": ["b"], "link": ["way"]}


def test_a_wrong_runbook_is_refused_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No record and no journal is left of a run that could not have had its crew."""
    monkeypatch.setenv("STANDBY_STATE", str(tmp_path / "state"))
    (tmp_path / "runbook.yaml").write_text(RUNBOOK.replace("clear_link", "pray"))
    with pytest.raises(DocumentError, match="pray"):
        chaos.run(chaos.loads(SERVICES + CREW, folder=tmp_path), out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert list(state.journals().glob("*")) == []
