"""Undo steps of a cluster: they put back what is ours, leave what is not, and wait for an API server that is away."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from chaos.clients.cluster import CORDONED_BY, Cluster
from chaos.errors import FaultError, UndoError
from chaos.testing.cluster import FakeCluster, deployment, node, pod, service
from chaos.testing.docker import FakeContainer, FakeDocker
from chaos.undo.journal import Journal, read
from chaos.undo.recovery import bounded
from chaos.worlds.cluster import mirror, nodes
from chaos.worlds.cluster.cordon import cordon_step
from chaos.worlds.cluster.mirror import KEY, MARK, Mirror, mirrored, name_of
from chaos.worlds.cluster.opening import end_step
from chaos.worlds.cluster.recovering import recover_target
from chaos.worlds.cluster.scaling import scale_step
from chaos.worlds.cluster.target import Target

ANSWERED = '[{"end":"answered","first":0.1,"last":0.1,"received":1,"pieces":1,"status":200}]'
SILENT = ANSWERED.replace("answered", "silent").replace("200", "0")


@pytest.fixture
def cluster() -> Iterator[FakeCluster]:
    """Two nodes, and a deployment with one pod."""
    with FakeCluster() as fake:
        fake.add("nodes", node("worker"))
        fake.add("nodes", node("other"))
        fake.add("deployments", deployment("media-1", "media"))
        fake.add("pods", pod("media-1-x", "media-1", "media", "worker"))
        fake.add("services", service("bridge", "bridge", {"api": 8474, "proxy": 21001}))
        fake.add("services", service("media-1", "media", {"http": 8000}))
        fake.add("secrets", {"metadata": {"name": "control"}, "data": {"token": "dG9rZW4="}})
        edge = {
            "name": "edge.media-1",
            "listen": "0.0.0.0:21001",
            "upstream": "media-1:8000",
            "enabled": True,
            "toxics": [],
        }
        told = {
            "/proxies": {"edge.media-1": edge},
            "/proxies/edge.media-1": edge,
            "/proxies/edge.media-1/toxics": [],
        }
        fake.proxied["services/bridge:8474"] = lambda _method, path, _body: (200, json.dumps(told[path]))
        fake.proxied["services/outpost:8000"] = lambda *_: (200, ANSWERED)
        yield fake


@pytest.fixture
async def docker(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeDocker]:
    """Docker with the container of the node `worker`, and one that is no node."""
    async with FakeDocker() as fake:
        monkeypatch.setenv("DOCKER_HOST", fake.address)
        fake.containers["somebody-elses"] = FakeContainer("c9")
        yield fake


def target(cluster: FakeCluster) -> Target:
    """The namespace of the fake."""
    return Target("kind", cluster.context, "rooms")


@pytest.mark.parametrize(("how", "act"), [("kill", "start"), ("stop", "start"), ("pause", "unpause")])
async def test_a_lost_node_comes_back_by_whoever_undoes_it(
    cluster: FakeCluster, docker: FakeDocker, how: nodes.How, act: str
) -> None:
    """The very container is brought back, twice is as good as once; it counts when all carries again."""
    here = target(cluster)
    docker.containers["worker"] = FakeContainer("c1", here.kind_cluster)
    await nodes.lose(here, "worker", "c1", how)
    assert docker.containers["worker"].state == ("paused" if how == "pause" else "exited")
    step = nodes.node_step(here, "worker", "uid", "c1", how)
    cluster.add("nodes", node("worker", ready=False))
    undoing = asyncio.create_task(bounded(step))
    while f"{act} worker" not in docker.log:
        await asyncio.sleep(0.01)
    assert not undoing.done(), "a node that is not Ready is not back"
    cluster.proxied["services/outpost:8000"] = lambda *_: (200, SILENT)
    cluster.add("nodes", node("worker", ready=True))
    while "POST /api/v1/namespaces/rooms/services/outpost:8000/proxy/probe" not in cluster.asked:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)
    assert not undoing.done(), "a link that stands still has not come back"
    cluster.proxied["services/outpost:8000"] = lambda *_: (200, ANSWERED)
    assert (await undoing).holds is True
    assert (await bounded(step)).holds is True
    assert docker.log == [f"{how} worker", f"{act} worker"]


async def test_no_container_but_the_node_itself_is_touched(cluster: FakeCluster, docker: FakeDocker) -> None:
    """One without kind's label, of another cluster, or made anew under the same name: left alone."""
    here = target(cluster)
    with pytest.raises(FaultError, match="is no node of the kind cluster"):
        await nodes.lose(here, "somebody-elses", "c9", "kill")
    docker.containers["worker"] = FakeContainer("c2", here.kind_cluster, state="exited")
    with pytest.raises(FaultError):
        await nodes.lose(here, "worker", "c1", "kill")
    proof = await bounded(nodes.node_step(here, "worker", "uid", "c1", "kill"))
    assert proof.holds is True
    assert "left alone" in proof.evidence
    assert docker.log == []


async def test_a_scale_that_somebody_else_has_changed_is_left_and_said(cluster: FakeCluster) -> None:
    """What we left is put back to what was before; any other number is somebody's decision."""
    async with Cluster(cluster.context) as client:
        step = scale_step(target(cluster), await client.deployment("rooms", "media-1"), to=3)
    spec = cluster.objects["deployments"]["media-1"]["spec"]
    for replicas, afterwards in ((3, 1), (1, 1), (5, 5)):
        spec["replicas"] = replicas
        proof = await bounded(step)
        assert proof.holds is True
        assert spec["replicas"] == afterwards
        assert ("somebody else" in proof.evidence) is (replicas == 5)
    cluster.objects["deployments"]["media-1"]["metadata"]["uid"] = "anew"
    spec["replicas"] = 3
    assert "made anew" in (await bounded(step)).evidence
    assert spec["replicas"] == 3


async def test_a_cordon_is_lifted_unless_it_is_somebody_elses(cluster: FakeCluster) -> None:
    """Ours goes; one that another has laid on the node meanwhile stays."""
    uid = cluster.add("nodes", node("worker"))["metadata"]["uid"]
    step = cordon_step(target(cluster), "worker", uid, "run-f1")
    async with Cluster(cluster.context) as client:
        await client.cordon("worker", "run-f1")
        assert (await client.node("worker")).unschedulable
        assert (await bounded(step)).holds is True
        assert not (await client.node("worker")).unschedulable
        assert CORDONED_BY not in (await client.node("worker")).annotations
        cluster.objects["nodes"]["worker"]["spec"]["unschedulable"] = True
        proof = await bounded(step)
        assert "left as it is" in proof.evidence
        assert (await client.node("worker")).unschedulable


async def test_an_undo_waits_for_an_api_server_that_is_away(cluster: FakeCluster) -> None:
    """It is no failure, and no success, that nobody answers: the step goes on when somebody does."""
    async with Cluster(cluster.context) as client:
        step = scale_step(target(cluster), await client.deployment("rooms", "media-1"), to=0)
    cluster.objects["deployments"]["media-1"]["spec"]["replicas"] = 0
    cluster.away = True
    undoing = asyncio.create_task(bounded(step))
    await asyncio.sleep(0.7)
    assert not undoing.done()
    cluster.away = False
    assert (await undoing).holds is True
    assert cluster.objects["deployments"]["media-1"]["spec"]["replicas"] == 1


def test_an_act_that_is_not_announced_in_the_cluster_may_not_begin(
    cluster: FakeCluster, tmp_path: Path
) -> None:
    """Every intent is in the ConfigMap before `intend` returns, and raises where that cannot be."""
    journal = Journal(tmp_path / "run.jsonl")
    journal.mirror = Mirror(target(cluster), "run")
    journal.intend("f1", "one", [end_step(target(cluster), "run")], lease=1.0)
    config = cluster.objects["configmaps"][name_of("run")]
    assert config["metadata"]["labels"] == {MARK: "run"}
    assert '"f1"' in config["data"][KEY]
    cluster.away = True
    with pytest.raises(UndoError, match="nothing may be done"):
        journal.intend("f2", "two", [], lease=1.0)
    journal.undone("f1", "it is gone")  # what is not written there now goes along with the next line
    cluster.away = False
    journal.intend("f3", "three", [], lease=1.0)
    assert '"undone"' in cluster.objects["configmaps"][name_of("run")]["data"][KEY]
    journal.close()


async def test_the_journal_in_the_namespace_is_enough(
    cluster: FakeCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a machine that never had the run's journal: its acts are undone, its journal and its hold are gone."""
    monkeypatch.setenv("STANDBY_STATE", str(tmp_path / "elsewhere"))
    here = target(cluster)
    async with Cluster(cluster.context) as client:
        step = scale_step(here, await client.deployment("rooms", "media-1"), to=0)
        journal = Journal(tmp_path / "run.jsonl")
        journal.mirror = Mirror(here, "run")
        journal.intend("world", "the hold", [end_step(here, "run")], lease=1.0)
        journal.intend("f1", "scaled", [step], lease=1.0)
        journal.close()
        cluster.objects["deployments"]["media-1"]["spec"]["replicas"] = 0
        said: list[str] = []
        (recovered,) = await recover_target(here, None, said.append)
        assert recovered.failed == ()
        assert len(recovered.undone) == 2
        assert cluster.objects["deployments"]["media-1"]["spec"]["replicas"] == 1
        assert await mirrored(client, here) == []
    assert read(tmp_path / "elsewhere" / "journal" / "elsewhere" / "run.jsonl").closed
    assert mirror.name_of("run") not in cluster.objects["configmaps"]


async def test_a_bridge_that_stands_still_is_started_anew_only_if_nothing_is_lost(
    cluster: FakeCluster, docker: FakeDocker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dial to a pod that is gone keeps a proxy for minutes; its server is restarted, but never with a toxic on it."""
    monkeypatch.setattr("chaos.worlds.cluster.carrying.PATIENCE", 0.0)
    here = target(cluster)
    docker.containers["worker"] = FakeContainer("c1", here.kind_cluster, state="exited")
    cluster.add("deployments", deployment("bridge", "bridge"))
    cluster.add("pods", pod("bridge-x", "bridge", "bridge", "other"))
    cluster.proxied["services/outpost:8000"] = lambda _method, _path, body: (
        200,
        SILENT if '"bridge:' in body else ANSWERED,
    )
    toxics: list[dict[str, object]] = [
        {"name": "f2", "type": "latency", "stream": "downstream", "toxicity": 1, "attributes": {}}
    ]
    edge = cluster.proxied["services/bridge:8474"]
    other = {
        "name": "edge.media-2",
        "listen": "0.0.0.0:21002",
        "upstream": "media-2:8000",
        "enabled": True,
        "toxics": [],
    }

    def two(method: str, path: str, body: str) -> tuple[int, str]:
        if path == "/proxies":
            return 200, json.dumps({**json.loads(edge(method, path, body)[1]), "edge.media-2": other})
        if path.startswith("/proxies/edge.media-2"):
            return 200, json.dumps(toxics if path.endswith("/toxics") else other)
        return edge(method, path, body)

    cluster.add("services", service("media-2", "media", {"http": 8000}))
    cluster.proxied["services/bridge:8474"] = two
    undoing = asyncio.create_task(bounded(nodes.node_step(here, "worker", "uid", "c1", "kill")))
    probe = "POST /api/v1/namespaces/rooms/services/outpost:8000/proxy/probe"
    while cluster.asked.count(probe) < 3:
        await asyncio.sleep(0.01)
    assert "bridge-x" in cluster.objects["pods"], "a toxic of another fault would have been lost"
    toxics.clear()
    while "bridge-x" in cluster.objects["pods"]:
        await asyncio.sleep(0.01)
    cluster.proxied["services/outpost:8000"] = lambda *_: (200, ANSWERED)
    proof = await undoing
    assert proof.holds is True
    assert "bridge stood still and was started anew" in proof.evidence
