"""The faults of a cluster against an API server and a Docker that are fakes: what they touch, and what they leave."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from chaos.clients.cluster import Cluster
from chaos.engine.injection import PROOF_BOUND
from chaos.errors import FaultError, PreflightError
from chaos.faults.base import Fault, Plan
from chaos.faults.kubernetes import workloads
from chaos.faults.registry import registry
from chaos.testing.cluster import FakeCluster, deployment, node, pod, service
from chaos.testing.docker import FakeContainer, FakeDocker
from chaos.undo.recovery import bounded
from chaos.worlds.base import Link
from chaos.worlds.cluster.images import BROKEN
from chaos.worlds.cluster.scope import Scope
from chaos.worlds.cluster.sight import TIER, Sight
from chaos.worlds.cluster.target import ALLOWED, Target
from chaos.worlds.cluster.world import ClusterWorld
from chaos.worlds.outpost import answers_text

MAY = {ALLOWED: "allowed"}


async def no_links(_sight: Sight) -> dict[str, Link]:
    """None."""
    return {}


ROOMS = Scope(no_links, lambda one: one.labels.get(TIER) in ("platform", "media"), "control", own=True)


@pytest.fixture
def cluster() -> Iterator[FakeCluster]:
    """Two nodes that may be lost, each with a media instance; one with the tools, which may not; an outpost."""
    with FakeCluster() as fake:
        for name, labels in (("worker2", MAY), ("worker3", MAY), ("tools", {})):
            fake.add("nodes", node(name, labels=labels))
        for number, on in ((1, "worker2"), (2, "worker3")):
            fake.add("deployments", deployment(f"media-{number}", "media"))
            fake.add("pods", pod(f"media-{number}-x", f"media-{number}", "media", on))
        fake.add("deployments", deployment("audience", "audience"))
        fake.add("pods", pod("audience-x", "audience", "audience", "tools"))
        fake.add("services", service("bridge", "bridge", {"api": 8474}))
        fake.add("secrets", {"metadata": {"name": "control"}, "data": {"token": "dG9rZW4="}})
        fake.proxied["services/bridge:8474"] = lambda *_: (200, "{}")
        yield fake


@pytest.fixture
async def world(cluster: FakeCluster) -> AsyncIterator[ClusterWorld]:
    """The world of that cluster."""
    target = Target("kind", cluster.context, "rooms")
    async with Cluster(cluster.context) as client:
        sight = Sight(target, client, lambda *_, **__: None)
        await sight.look()
        yield ClusterWorld(target, sight, {}, "token", ROOMS)


@pytest.fixture
async def docker(cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeDocker]:
    """Docker with the containers of the nodes."""
    async with FakeDocker() as fake:
        monkeypatch.setenv("DOCKER_HOST", fake.address)
        for name in cluster.objects["nodes"]:
            fake.containers[name] = FakeContainer(f"c-{name}", cluster.context)
        yield fake


def made(world: ClusterWorld, name: str, **parameters: object) -> Fault[Any]:
    """A fault by name and the parameters of a document."""
    kind = registry()[name]
    return kind(kind.spec_type.model_validate({"fault": name, **parameters}), world, id="run-f1")


async def lived(fault: Fault[Any]) -> Plan:
    """From check to proof of being in force."""
    await fault.check()
    plan = await fault.plan()
    await fault.apply(plan)
    assert (await fault.observe(plan)).holds is True
    return plan


async def undone(fault: Fault[Any], plan: Plan) -> None:
    """From undo to proof of being gone."""
    for step in reversed(plan.undo):
        assert (await bounded(step)).holds is True
    assert (await fault.prove_gone(plan)).holds is True


async def test_only_nodes_that_may_be_lost_are_meant(world: ClusterWorld, docker: FakeDocker) -> None:
    """By tier, by instance, by name: what carries no label is refused, with the reason."""
    assert await made(world, "node_loss", tier="media").check() == (
        "node worker2 (media-1)",
        "node worker3 (media-2)",
    )
    told = await made(world, "node_loss", tier="media", select={"instance": "media-2"}).check()
    assert told == ("node worker3 (media-2)",)
    with pytest.raises(PreflightError, match="does not carry the label"):
        await made(world, "node_loss", node="tools").check()
    with pytest.raises(PreflightError, match="no node that may be hurt"):
        await made(world, "node_loss", tier="audience").check()
    with pytest.raises(PreflightError, match="has no node `nowhere`"):
        await made(world, "node_loss", node="nowhere").check()
    assert docker.log == []


async def test_a_node_of_kind_is_lost_and_back(
    world: ClusterWorld, docker: FakeDocker, cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In force only when none of its pods answers any more; a container that runs on is not lost."""
    monkeypatch.setattr("chaos.faults.kubernetes.kind_node.NOTICED_WITHIN", 0.0)
    silent = '[{"end":"silent","first":null,"last":1.0,"received":0,"pieces":0,"status":0}]'
    cluster.proxied["services/outpost:8000"] = lambda *_: (200, silent)
    fault = made(world, "node_loss", tier="media", select={"instance": "media-1"})
    plan = await lived(fault)
    assert plan.targets == ("node worker2 (media-1)",)
    assert docker.log == ["kill worker2"]
    answering = (
        silent.replace('"silent"', '"answered"').replace("null", "0.1").replace('"status":0', '"status":200')
    )
    cluster.proxied["services/outpost:8000"] = lambda *_: (200, answering)
    assert (await fault.observe(plan)).holds is False, "something else answers in its place"
    await undone(fault, plan)
    docker.containers["worker2"].deaf = True
    await fault.apply(plan)
    assert (await fault.observe(plan)).holds is False, "Docker said yes and did nothing"
    assert answers_text([]) == "[]"


async def test_what_hurts_processes_of_this_machine_names_what_comes_nearest(world: ClusterWorld) -> None:
    """`process_kill` and `process_pause` are refused in a cluster, and `drain` in the local world."""
    with pytest.raises(PreflightError, match="`pod_kill` with `grace: 0s` comes nearest"):
        await made(world, "process_kill", tier="media").check()
    with pytest.raises(PreflightError, match="`node_loss` with `how: pause` comes nearest"):
        await made(world, "process_pause", tier="media").check()


async def test_pods_are_killed_by_uid(world: ClusterWorld, cluster: FakeCluster) -> None:
    """The pods that were meant when it was due, and no successor of the same name."""
    fault = made(world, "pod_kill", tier="media", grace="0s", select={"count": 1})
    plan = await fault.plan()
    name = plan.targets[0].split()[1]
    uid = cluster.objects["pods"][name]["metadata"]["uid"]
    assert uid in plan.targets[0]
    await fault.apply(plan)
    assert name not in cluster.objects["pods"]
    assert (await fault.observe(plan)).holds is True
    cluster.add("pods", pod(name, name.removesuffix("-x"), "media", "worker3"))
    await undone(fault, plan)
    await world.sight.look()
    with pytest.raises(FaultError, match="gone already"):
        await fault.apply(plan)


async def test_a_deployment_is_scaled_down_and_back(world: ClusterWorld, cluster: FakeCluster) -> None:
    """In force when its pods are gone, not when it was asked for."""
    fault = made(world, "scale_down", process="media-1")
    await fault.check()
    plan = await fault.plan()
    await fault.apply(plan)
    assert cluster.objects["deployments"]["media-1"]["spec"]["replicas"] == 0
    left = cluster.objects["pods"].pop("media-1-x")
    assert (await fault.observe(plan)).holds is True
    cluster.objects["pods"]["media-1-x"] = left
    await undone(fault, plan)
    assert cluster.objects["deployments"]["media-1"]["spec"]["replicas"] == 1


async def test_a_drained_node_is_empty_and_takes_pods_again(
    world: ClusterWorld, cluster: FakeCluster
) -> None:
    """Cordoned under the fault's id and evicted; afterwards nothing of that is left."""
    fault = made(world, "node_loss", tier="media", how="drain", select={"instance": "media-1"})
    plan = await lived(fault)
    assert cluster.objects["nodes"]["worker2"]["spec"]["unschedulable"] is True
    assert all(one["spec"]["nodeName"] != "worker2" for one in cluster.objects["pods"].values())
    await undone(fault, plan)
    assert "unschedulable" not in cluster.objects["nodes"]["worker2"]["spec"]
    assert not cluster.objects["nodes"]["worker2"]["metadata"]["annotations"]


async def test_a_cordoned_node_keeps_its_pods(world: ClusterWorld, cluster: FakeCluster) -> None:
    """It takes no new ones, and that is undone."""
    fault = made(world, "node_cordon", node="worker2")
    plan = await lived(fault)
    assert cluster.objects["nodes"]["worker2"]["spec"]["unschedulable"] is True
    assert "media-1-x" in cluster.objects["pods"]
    await undone(fault, plan)


async def test_a_restarted_deployment_has_other_pods(world: ClusterWorld, cluster: FakeCluster) -> None:
    """In force when the pods that were there are being replaced; that it was asked for proves nothing."""
    fault = made(world, "rollout_restart", process="media-1")
    await fault.check()
    plan = await fault.plan()
    await fault.apply(plan)
    template = cluster.objects["deployments"]["media-1"]["spec"]["template"]
    assert template["metadata"]["annotations"]
    del cluster.objects["pods"]["media-1-x"]
    assert (await fault.observe(plan)).holds is True
    cluster.add("pods", pod("media-1-y", "media-1", "media", "worker2"))
    await undone(fault, plan)


async def test_links_that_do_not_carry_cannot_make_a_proof_late(
    world: ClusterWorld, cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pods are back and are the proof; the links get what is left of its time, which ends before the run's own."""
    assert workloads.WHOLE_WITHIN < PROOF_BOUND
    monkeypatch.setattr(workloads, "WHOLE_WITHIN", 0.5)
    cluster.proxied["services/bridge:8474"] = lambda *_: (500, "")
    fault = made(world, "scale_down", process="media-1", to=0)
    async with asyncio.timeout(15):
        proof = await fault.prove_gone(await fault.plan())
    assert proof.holds is True
    assert "not every link carries requests" in proof.evidence


async def test_an_image_is_broken_and_put_back(
    world: ClusterWorld, cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In force when a pod is there that cannot start; what somebody else has set meanwhile is left."""
    monkeypatch.setattr("chaos.faults.kubernetes.workloads.SEEN_WITHIN", 0.0)
    fault = made(world, "image_break", process="media-1")
    plan = await fault.plan()
    await fault.apply(plan)
    containers = cluster.objects["deployments"]["media-1"]["spec"]["template"]["spec"]
    assert containers["containers"][0]["image"] == BROKEN
    assert (await fault.observe(plan)).holds is False, "no pod has it yet"
    new = cluster.add("pods", pod("media-1-y", "media-1", "media", "worker2", ready=False))
    new["spec"]["containers"][0]["image"] = BROKEN
    assert (await fault.observe(plan)).holds is True
    await undone(fault, plan)
    assert containers["containers"][0]["image"] == "standby:1"
    containers["containers"][0]["image"] = "somebody:2"
    assert (await bounded(plan.undo[0])).holds is True
    assert containers["containers"][0]["image"] == "somebody:2"
