"""A trial in a pod: one result whatever becomes of its pods, within the rights that the chart gives it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from chaos import trial
from chaos.clients.cluster import Cluster
from chaos.clients.processes import Identity
from chaos.errors import TargetBusyError
from chaos.experiment.loading import Loaded
from chaos.study.evenings import Ended
from chaos.study.handing_in import handed_in
from chaos.study.order import Order, order
from chaos.testing.cluster import FakeCluster, deployment
from chaos.undo.journal import Journal
from chaos.worlds.cluster import lease, living
from chaos.worlds.cluster.mirror import Mirror
from chaos.worlds.cluster.opening import end_step
from chaos.worlds.cluster.resting import RESTING
from chaos.worlds.cluster.scaling import scale_step
from chaos.worlds.cluster.target import Target
from tests.unit.study.test_order import study, wanted
from tests.unit.test_charts import rendered
from tests.unit.worlds.cluster.test_rights import asked_for

RESULTS = "standby-runner"
"""Where the chart is rendered for in these tests."""
INDEX = 1


@pytest.fixture
def ordered(tmp_path: Path) -> Order:
    """Four trials."""
    loaded = study(tmp_path)
    return order(loaded, wanted(loaded))


@pytest.fixture
def cluster(ordered: Order, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeCluster]:
    """The trial's namespace with an instance at rest; whatever the chart's Roles do not grant is refused."""
    monkeypatch.setenv("STANDBY_STATE", str(tmp_path / "pod"))
    monkeypatch.setattr(living, "LASTS", 0.2)
    rules: dict[str, list[Any]] = {}
    names = f"--set=job=false,guardian.enabled=false,trials.names={{{','.join(ordered.names)}}}"
    for one in rendered("runner", names, '--set-json=trials.order="{}"'):
        if one["kind"] == "Role":
            rules.setdefault(one["metadata"]["namespace"], []).extend(one["rules"])

    def refuses(method: str, path: str) -> bool:
        verb, namespace, resource, name = asked_for(method, path)
        return not any(
            resource in rule["resources"]
            and verb in rule["verbs"]
            and name in rule.get("resourceNames", [name])
            for rule in rules.get(namespace, ())
        )

    with FakeCluster() as fake:
        fake.refuses = refuses
        resting = deployment("media-1", "media", replicas=0)
        resting["metadata"]["annotations"] = {RESTING: "1"}
        fake.add("deployments", resting)
        fake.add("namespaces", {"metadata": {"name": ordered.names[INDEX]}})
        yield fake


@pytest.fixture
def runs(cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The seeds of the runs that were begun, on rooms that were awake; each leaves a record."""
    begun: list[int] = []

    async def ended(_stop: object, _loaded: Loaded, seed: int, folder: Path, _namespace: str) -> Ended:
        assert cluster.objects["deployments"]["media-1"]["spec"]["replicas"] == 1
        begun.append(seed)
        folder.mkdir(parents=True)
        (folder / "events.jsonl").write_text(f"{len(begun)}\n")
        return Ended(survived=len(begun) == 1)

    monkeypatch.setattr("chaos.cli.evenings.ended", ended)
    return begun


@pytest.fixture
def signals() -> Iterator[None]:
    """They are as they were afterwards."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


async def results(cluster: FakeCluster) -> dict[str, bool | None]:
    """The fate that each result tells, by the trial's name."""
    cluster.refuses = lambda _method, _path: False
    async with Cluster(cluster.context) as client:
        found = await handed_in(client, RESULTS)
    return {name: one.trial.ended.survived for name, one in found.items()}


async def test_a_trial_hands_in_its_result_and_its_namespace_goes(
    cluster: FakeCluster, ordered: Order, runs: list[int]
) -> None:
    """With the record of its run, under its own name; the trial is that of the pod's index."""
    assert await trial.attempt(ordered, INDEX, RESULTS, cluster.context) == 0
    assert runs == [ordered.trials[INDEX].seed]
    assert cluster.objects["namespaces"] == {}
    cluster.refuses = lambda _method, _path: False
    async with Cluster(cluster.context) as client:
        (one,) = (await handed_in(client, RESULTS)).values()
    assert (one.name, one.events) == (ordered.names[INDEX], b"1\n")
    assert (one.trial.arm, one.trial.value) == ("as-found", 2)
    assert one.trial.overrides == ordered.trials[INDEX].overrides


@pytest.mark.parametrize("left", [True, False])
async def test_a_result_that_is_there_is_the_one(
    left: bool, cluster: FakeCluster, ordered: Order, runs: list[int]
) -> None:
    """The successor of a pod that died after it had handed in runs nothing, and takes the namespace away if it is
    there still.
    """
    await trial.attempt(ordered, INDEX, RESULTS, cluster.context)
    if left:
        cluster.add("namespaces", {"metadata": {"name": ordered.names[INDEX]}})
    assert await trial.attempt(ordered, INDEX, RESULTS, cluster.context) == 0
    assert len(runs) == 1
    assert cluster.objects["namespaces"] == {}
    assert await results(cluster) == {ordered.names[INDEX]: True}


async def test_of_two_results_the_first_counts(
    cluster: FakeCluster, ordered: Order, runs: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever did not see that there is one already cannot put another in its place."""
    await trial.attempt(ordered, INDEX, RESULTS, cluster.context)

    async def unseen(*_: object) -> bool:
        return False

    monkeypatch.setattr(trial, "is_handed_in", unseen)
    monkeypatch.setenv("STANDBY_STATE", str(tmp_path / "another pod"))
    assert await trial.attempt(ordered, INDEX, RESULTS, cluster.context) == 0
    assert len(runs) == 2
    assert await results(cluster) == {ordered.names[INDEX]: True}


async def test_what_a_killed_pod_left_is_undone_before_the_trial_begins_anew(
    cluster: FakeCluster, ordered: Order, runs: list[int], tmp_path: Path
) -> None:
    """Its journal and its hold are in the namespace, its disk is gone."""
    here = Target("kubernetes", cluster.context, ordered.names[INDEX])
    granted, cluster.refuses = cluster.refuses, lambda _method, _path: False
    async with Cluster(cluster.context) as client:
        await lease.take(client, here, "dead")
        with closing(Journal(tmp_path / "dead.jsonl")) as journal:
            journal.begin("dead", Identity(1, 1, "another machine"), here.address, owned=False)
            journal.reflect_in(Mirror(here, "dead"))
            journal.intend("world", "the hold", [end_step(here, "dead")], lease=1.0)
            hurt = scale_step(here, await client.deployment(here.namespace, "media-1"), to=2)
            journal.intend("f1", "hurt", [hurt], lease=1.0)
        await client.scale(here.namespace, "media-1", 2)
    cluster.refuses = granted
    cluster.asked.clear()
    assert await trial.attempt(ordered, INDEX, RESULTS, cluster.context) == 0
    assert len(runs) == 1
    scaled = [one for one in cluster.asked if one.startswith("PATCH") and one.endswith("/scale")]
    assert len(scaled) == 2, "undone (nothing is left to put to rest), woken"
    assert not [name for name in cluster.objects["configmaps"] if "journal" in name]


async def test_a_namespace_whose_run_lives_is_left_to_it(
    cluster: FakeCluster, ordered: Order, runs: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is begun beside a run that holds it; the pod fails, and another one tries again."""
    monkeypatch.setattr(trial, "HELD_FOR", 0.1)
    here = Target("kubernetes", cluster.context, ordered.names[INDEX])
    async with Cluster(cluster.context) as client:
        await lease.take(client, here, "alive")
        with pytest.raises(TargetBusyError, match="the run alive still goes on"):
            await trial.attempt(ordered, INDEX, RESULTS, cluster.context)
    assert runs == []
    assert cluster.objects["namespaces"] != {}


async def test_a_run_that_is_interrupted_leaves_the_trial_to_the_next_pod(
    cluster: FakeCluster, ordered: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No result, and the namespace stays."""

    async def interrupted(*_: object) -> int:
        return 143

    monkeypatch.setattr("chaos.cli.evenings.ended", interrupted)
    assert await trial.attempt(ordered, INDEX, RESULTS, cluster.context) == 143
    assert await results(cluster) == {}
    assert cluster.objects["namespaces"] != {}


@pytest.mark.usefixtures("signals")
@pytest.mark.parametrize(("text", "code"), [("{", 2), (None, 1)])
def test_a_wrong_order_is_not_tried_again(
    text: str | None,
    code: int,
    ordered: Order,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """2 tells the Job so; whatever else is in the way may be over the next time (1)."""
    path = tmp_path / "order.json"
    path.write_text(ordered.model_dump_json() if text is None else text)

    async def away(*_: object) -> int:
        raise TargetBusyError("in use")

    monkeypatch.setattr(trial, "attempt", away)
    monkeypatch.setattr("sys.argv", ["trial", str(path), RESULTS])
    monkeypatch.setenv("JOB_COMPLETION_INDEX", "0")
    assert trial.main() == code
