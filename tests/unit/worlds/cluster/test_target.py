"""What may be touched in a cluster, and who has it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from chaos.clients.cluster import Cluster
from chaos.clients.cluster_objects import Node
from chaos.errors import TargetBusyError, UsageError
from chaos.testing.cluster import FakeCluster
from chaos.worlds.cluster import lease
from chaos.worlds.cluster.target import ALLOWED, Target, may_lose, permitted, target_of


@pytest.fixture
def cluster() -> Iterator[FakeCluster]:
    """One namespace that may be touched, and one that may not."""
    with FakeCluster() as fake:
        fake.add("namespaces", {"metadata": {"name": "rooms", "labels": {ALLOWED: "allowed"}}})
        fake.add("namespaces", {"metadata": {"name": "others"}})
        yield fake


def target(cluster: FakeCluster, namespace: str = "rooms") -> Target:
    """A namespace of the fake."""
    return Target("kind", cluster.context, namespace)


def test_the_current_context_is_never_used_silently() -> None:
    """`kubernetes` needs both names; `kind` has its own; the local world takes none."""
    assert target_of("kind", None, None) == Target("kind", "kind-standby", "rooms")
    assert target_of("local", None, None) is None
    for context, namespace in ((None, None), ("prod", None), (None, "rooms")):
        with pytest.raises(UsageError, match="never used silently"):
            target_of("kubernetes", context, namespace)
    with pytest.raises(UsageError, match="has none"):
        target_of("local", "prod", None)


async def test_only_a_namespace_that_allows_it_may_be_touched(cluster: FakeCluster) -> None:
    """Without the label, without the namespace or without the context: refused, and nothing was written."""
    await permitted(target(cluster))
    with pytest.raises(UsageError, match="does not carry the label"):
        await permitted(target(cluster, "others"))
    with pytest.raises(UsageError, match="there is no namespace"):
        await permitted(target(cluster, "nowhere"))
    with pytest.raises(UsageError, match="context `nowhere` cannot be used"):
        await permitted(Target("kind", "nowhere", "rooms"))
    assert all(asked.startswith("GET ") for asked in cluster.asked)


def test_a_control_plane_and_an_unlabelled_node_may_never_be_lost() -> None:
    """The label alone makes a node a target, and never one of the control plane."""
    control = "node-role.kubernetes.io/control-plane"
    assert not may_lose(Node("a", "1", True, None, False, {ALLOWED: "allowed"}))
    assert "does not carry" in may_lose(Node("a", "1", True, None, False, {}))
    assert "control plane" in may_lose(Node("a", "1", True, None, False, {ALLOWED: "allowed", control: ""}))


async def test_one_run_at_a_time_and_the_second_hears_who_has_it(cluster: FakeCluster) -> None:
    """A hold keeps others out until it is released, or until it was not renewed for its time."""
    here = target(cluster)
    async with Cluster(cluster.context) as client:
        await lease.take(client, here, "first")
        with pytest.raises(TargetBusyError, match="first"):
            await lease.take(client, here, "second")
        await lease.release(client, here, "second")
        assert await lease.held(client, here) == lease.Hold("first", expired=False)
        await lease.release(client, here, "first")
        assert await lease.held(client, here) is None
        await lease.take(client, here, "second")
        past = datetime.now(UTC) - timedelta(seconds=lease.LASTS + 1)
        cluster.objects["leases"][lease.NAME]["spec"]["renewTime"] = past.isoformat()
        assert await lease.held(client, here) == lease.Hold("second", expired=True)
        await lease.take(client, here, "third")


async def test_two_that_take_at_the_same_moment_do_not_both_have_it(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between reading and writing somebody else was quicker: refused, by the version of what was read."""
    here = target(cluster)
    async with Cluster(cluster.context) as client:
        await lease.take(client, here, "first")
        await lease.release(client, here, "first")
        read = lease._read

        async def and_then_somebody_else(*arguments: object) -> object:
            found = await read(*arguments)  # type: ignore[arg-type]
            monkeypatch.setattr(lease, "_read", read)
            await lease.take(client, here, "quicker")
            return found

        monkeypatch.setattr(lease, "_read", and_then_somebody_else)
        with pytest.raises(TargetBusyError, match="same moment"):
            await lease.take(client, here, "slower")
        assert await lease.held(client, here) == lease.Hold("quicker", expired=False)


async def test_whoever_loses_the_hold_hears_of_it(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run whose hold somebody else has must not go on."""
    monkeypatch.setattr(lease, "RENEW_EVERY", 0.01)
    here = target(cluster)
    heard: list[str] = []
    async with Cluster(cluster.context) as client:
        await lease.take(client, here, "first")
        async with lease.kept(client, here, "first", heard.append):
            cluster.objects["leases"][lease.NAME]["spec"]["holderIdentity"] = "thief"
            for _ in range(500):
                if heard:
                    break
                await asyncio.sleep(0.01)
    assert heard == [f"the hold on {here} was lost to thief"]
