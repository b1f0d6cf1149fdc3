"""Recovery from a namespace: of the dead alone, of all that they left, under whatever name this machine has for it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from chaos import rescue
from chaos.clients.cluster import Cluster
from chaos.clients.processes import Identity
from chaos.rescue import guard_target
from chaos.testing.cluster import FakeCluster, deployment
from chaos.undo.journal import Journal
from chaos.undo.steps import UndoStep
from chaos.worlds.cluster import lease, living, recovering
from chaos.worlds.cluster.mirror import Mirror, name_of, seen_from
from chaos.worlds.cluster.opening import end_step
from chaos.worlds.cluster.recovering import recover_target
from chaos.worlds.cluster.scaling import scale_step
from chaos.worlds.cluster.target import Target

RUN = "run"
LASTS = 1.0
"""Real seconds that a hold lasts in these tests."""
TICK = 0.01


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine never had the run's journal, and holds last for a second."""
    monkeypatch.setenv("STANDBY_STATE", str(tmp_path / "elsewhere"))
    monkeypatch.setattr(living, "LASTS", LASTS)
    monkeypatch.setattr(lease, "RENEW_EVERY", LASTS / 10)


@pytest.fixture(autouse=True)
async def unhurried(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """Holds are timed by a clock that goes on only while this event loop does: a machine that has no time for it lets
    neither the clock go on nor a run renew its hold.
    """
    clock = 0.0

    async def tick() -> None:
        nonlocal clock
        while True:
            await asyncio.sleep(TICK)
            clock += TICK

    holds = partial(living.Holds, now=lambda: clock)
    monkeypatch.setattr(recovering, "Holds", holds)
    monkeypatch.setattr(rescue, "Holds", holds)
    ticking = asyncio.create_task(tick())
    yield
    ticking.cancel()


@pytest.fixture
def cluster() -> Iterator[FakeCluster]:
    """A namespace with one deployment."""
    with FakeCluster() as fake:
        fake.add("deployments", deployment("media-1", "media"))
        yield fake


def target(cluster: FakeCluster) -> Target:
    """The namespace, as this machine names it."""
    return Target("kubernetes", cluster.context, "rooms")


async def left_by(cluster: FakeCluster, folder: Path, *more: UndoStep, known_as: str = "") -> None:
    """What a run leaves that scaled a deployment to nothing, with its hold as fresh as can be.

    `known_as` is the name that its own machine had for the cluster.
    """
    here = target(cluster)
    there = Target("kubernetes", known_as or cluster.context, "rooms")
    async with Cluster(cluster.context) as client:
        step = scale_step(there, await client.deployment("rooms", "media-1"), to=0)
        await lease.take(client, here, RUN)
    with closing(Journal(folder / "there.jsonl")) as journal:
        journal.begin(RUN, Identity(1, 1, "another machine"), there.address, owned=False)
        journal.reflect_in(Mirror(here, RUN))
        journal.intend("world", "the hold", [end_step(there, RUN)], lease=1.0)
        journal.intend("f1", "scaled", [step, *more], lease=1.0)
    cluster.objects["deployments"]["media-1"]["spec"]["replicas"] = 0


def replicas(cluster: FakeCluster) -> int:
    """How many pods the deployment is to have now."""
    found: int = cluster.objects["deployments"]["media-1"]["spec"]["replicas"]
    return found


def holder(cluster: FakeCluster) -> str:
    """Who has the target."""
    return str(cluster.objects["leases"][lease.NAME]["spec"]["holderIdentity"])


async def test_a_run_that_died_a_moment_ago_is_waited_for_and_undone(
    cluster: FakeCluster, tmp_path: Path
) -> None:
    """Its hold has not ended: until the lease tells whether it lives, and then all is undone; said, and in one call."""
    await left_by(cluster, tmp_path)
    said: list[str] = []
    begun = time.monotonic()
    undoing = asyncio.create_task(recover_target(target(cluster), None, said.append))
    await asyncio.sleep(LASTS / 2)
    assert replicas(cluster) == 0, "it might have lived"
    (recovered,) = await undoing
    assert time.monotonic() - begun >= LASTS
    assert recovered.failed == ()
    assert (replicas(cluster), holder(cluster)) == (1, "")
    assert cluster.objects["configmaps"] == {}
    assert len([text for text in said if "waiting for it to renew" in text]) == 1


@pytest.mark.parametrize("clock", ["right", "wrong"])
async def test_a_run_that_lives_is_left_to_itself(cluster: FakeCluster, tmp_path: Path, clock: str) -> None:
    """It renews its hold, be it one that has ended by this clock: nothing of it is touched, and it is said."""
    here = target(cluster)
    await left_by(cluster, tmp_path)
    if clock == "wrong":
        past = datetime.now(UTC) - timedelta(minutes=5)
        cluster.objects["leases"][lease.NAME]["spec"]["renewTime"] = past.isoformat()
    said: list[str] = []
    async with Cluster(cluster.context) as client, lease.kept(client, here, RUN, pytest.fail):
        assert await recover_target(here, None, said.append) == []
    assert (replicas(cluster), holder(cluster)) == (0, RUN)
    assert name_of(RUN) in cluster.objects["configmaps"]
    assert said[-1] == f"{RUN}: still going; it undoes its own faults"


async def test_a_pods_journal_is_undone_by_whoever_names_the_cluster_otherwise(
    cluster: FakeCluster, tmp_path: Path
) -> None:
    """What a run in the cluster calls `in-cluster` is, for this machine, the context that it was told; nothing else."""
    await left_by(cluster, tmp_path, known_as="in-cluster")
    (recovered,) = await recover_target(target(cluster), RUN, lambda _: None)
    assert recovered.failed == ()
    assert (replicas(cluster), cluster.objects["configmaps"]) == (1, {})


def test_only_the_runs_own_name_of_its_cluster_is_changed() -> None:
    """As a context and as the head of an address; not where a text happens to be the same, nor another context."""
    rows: list[dict[str, Any]] = [
        {"entry": "run", "run": "one", "world": "kubernetes://one/rooms"},
        {
            "entry": "intent",
            "what": "one",
            "steps": [
                {"args": {"context": "one", "at": ["kubernetes://one/rooms/pods/a:1"], "name": "one"}},
                {"args": {"context": "two", "at": ["kubernetes://one-more/rooms/pods/a:1"]}},
            ],
        },
    ]
    text = "".join(f"{json.dumps(row)}\n" for row in rows)
    changed = [json.loads(line) for line in seen_from("here", text).splitlines()]
    assert changed[0] == rows[0] | {"world": "kubernetes://here/rooms"}
    assert changed[1]["what"] == "one"
    assert changed[1]["steps"] == [
        {"args": {"context": "here", "at": ["kubernetes://here/rooms/pods/a:1"], "name": "one"}},
        {"args": {"context": "two", "at": ["kubernetes://one-more/rooms/pods/a:1"]}},
    ]
    assert seen_from("here", "{cut") == "{cut"


async def test_what_cannot_be_undone_keeps_the_journal_and_the_hold(
    cluster: FakeCluster, tmp_path: Path
) -> None:
    """Whoever can undo it finds it there, as long as anything is left; with a second try it all goes."""
    await left_by(cluster, tmp_path, UndoStep("of-a-plugin-that-is-not-here", {}))
    said: list[str] = []
    for _ in range(2):
        (recovered,) = await recover_target(target(cluster), None, said.append)
        assert [text.partition(":")[0] for text in recovered.failed] == ["scaled", "the hold"]
        assert name_of(RUN) in cluster.objects["configmaps"]
        assert (replicas(cluster), holder(cluster)) == (1, RUN)


async def test_the_guardian_of_a_namespace_undoes_the_dead_and_lets_the_living_be(
    cluster: FakeCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that lives through an outage of the API server, longer than its hold lasts, is not taken for dead."""
    monkeypatch.setattr("chaos.rescue.LOOK_AT_TARGET_EVERY", LASTS / 20)
    here = target(cluster)
    await left_by(cluster, tmp_path)
    guarding = asyncio.create_task(guard_target(here))
    try:
        async with Cluster(cluster.context) as client, lease.kept(client, here, RUN, pytest.fail):
            await asyncio.sleep(LASTS / 2)
            cluster.away = True
            await asyncio.sleep(1.5 * LASTS)
            cluster.away = False
            await asyncio.sleep(1.5 * LASTS)
            assert (replicas(cluster), holder(cluster)) == (0, RUN)
        async with asyncio.timeout(60):
            while holder(cluster):
                await asyncio.sleep(0.05)
        assert (replicas(cluster), cluster.objects["configmaps"]) == (1, {})
    finally:
        guarding.cancel()
        await asyncio.gather(guarding, return_exceptions=True)
