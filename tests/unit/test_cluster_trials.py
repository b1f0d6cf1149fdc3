"""`python -m k8s trials`: what it lays out, and how it keeps what comes back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest

from chaos.clients.cluster import Cluster
from chaos.errors import UsageError, WorldError
from chaos.study.evenings import Ended
from chaos.study.handing_in import hand_in
from chaos.study.live import Kept
from chaos.study.order import Order, order
from chaos.testing.cluster import FakeCluster
from k8s import trials
from k8s.__main__ import main
from k8s.laying_out import RELEASE, STUDY, Layout, at_rest, namespace, path_of, rooms, runner
from tests.unit.study.test_order import study, wanted

LAYOUT = Layout("registry.example:5000/standby:1-abc", 2, strict=True)
VERSION = "v1.34.0"


@pytest.fixture
def ordered(tmp_path: Path) -> Order:
    """Four trials."""
    loaded = study(tmp_path)
    return order(loaded, wanted(loaded))


def test_a_trials_namespace_has_all_of_the_rooms_at_rest(ordered: Order) -> None:
    """What observes them as well, all of it valid and in that namespace, and none of it runs a pod; each deployment
    remembers how many it is there for. The namespace says that it is a target and where its Prometheus is.
    """
    name = ordered.names[0]
    found = rooms(ordered, name, LAYOUT, VERSION)
    for one in (*found, namespace(ordered, name)):
        kubernetes_validate.validate(one, "1.34", strict=True)
        assert one["metadata"].get("namespace", name) == name
    deployments = {one["metadata"]["name"]: one for one in found if one["kind"] == "Deployment"}
    assert {"platform", "media-1", "bridge", "audience", "prometheus", "alertmanager"} <= deployments.keys()
    assert {one["spec"]["replicas"] for one in deployments.values()} == {0}
    awake = {
        each: one["metadata"]["annotations"]["standby.chaos/replicas"] for each, one in deployments.items()
    }
    assert (awake["platform"], awake["media-1"], awake["media-3"]) == ("2", "1", "0")
    (image,) = {
        one["spec"]["template"]["spec"]["containers"][0]["image"]
        for each, one in deployments.items()
        if each.startswith("media")
    }
    assert image == LAYOUT.image
    assert namespace(ordered, name)["metadata"]["annotations"] == {"standby.chaos/observability": name}
    assert "standby.chaos/target" not in namespace(ordered, ordered.study)["metadata"]["labels"]
    assert not [one["kind"] for one in found if one["kind"].startswith("Cluster")]


def test_the_job_comes_last(ordered: Order) -> None:
    """Where it is, everything else is; it has the trials with it, and one index for each."""
    *others, job = runner(ordered, LAYOUT, VERSION)
    assert (job["kind"], job["spec"]["completions"], job["spec"]["parallelism"]) == ("Job", 4, 2)
    assert "Job" not in {one["kind"] for one in others}
    (text,) = [one["data"]["order.json"] for one in others if one["kind"] == "ConfigMap"]
    assert Order.read(text) == ordered
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert container["image"] == LAYOUT.image


@pytest.mark.parametrize(
    ("version", "kind", "within", "path"),
    [
        ("v1", "Namespace", "", "/api/v1/namespaces/x"),
        ("v1", "ConfigMap", "n", "/api/v1/namespaces/n/configmaps/x"),
        (
            "networking.k8s.io/v1",
            "NetworkPolicy",
            "n",
            "/apis/networking.k8s.io/v1/namespaces/n/networkpolicies/x",
        ),
    ],
)
def test_objects_are_sent_where_the_api_has_them(version: str, kind: str, within: str, path: str) -> None:
    """By group, kind and namespace."""
    metadata = {"name": "x"} | ({"namespace": within} if within else {})
    assert path_of({"apiVersion": version, "kind": kind, "metadata": metadata}) == path


def test_what_runs_no_pods_is_left_as_it_is() -> None:
    """A Service rests by itself."""
    service = {"kind": "Service", "metadata": {"name": "x"}, "spec": {}}
    assert at_rest(service) is service


class _Job:
    """A study's namespace with a Job that ends after so many looks at it."""

    def __init__(self, fake: FakeCluster, ordered: Order, monkeypatch: pytest.MonkeyPatch) -> None:
        self.fake, self.ordered = fake, ordered
        self.looks = 0
        self.steps: dict[int, Sequence[int]] = {}
        """The trials that hand in their results before each look."""
        self.ends_at = 1
        fake.add("jobs", {"metadata": {"name": RELEASE}, "status": {}})
        text = ordered.model_dump_json()
        fake.add("configmaps", {"metadata": {"name": f"{RELEASE}-order"}, "data": {"order.json": text}})
        for name in (ordered.study, *ordered.names):
            fake.add("namespaces", {"metadata": {"name": name, "labels": {STUDY: ordered.study}}})

        async def sleep(_seconds: float) -> None:
            await self.step()

        monkeypatch.setattr(trials, "pause", sleep)

    async def step(self) -> None:
        self.looks += 1
        for number in self.steps.get(self.looks, ()):
            await self.hand_in(number)
        if self.looks >= self.ends_at:
            self.fake.objects["jobs"][RELEASE]["status"] = {
                "conditions": [{"type": "Complete", "status": "True"}]
            }

    async def hand_in(self, number: int) -> None:
        one = self.ordered.trials[number]
        async with Cluster(self.fake.context) as client:
            how = Ended(survived=True, lost_listener_minutes=float(number))
            await hand_in(client, self.ordered.study, self.ordered.name(one), one.ended(how), Path("none"))


@pytest.fixture
def job(ordered: Order, monkeypatch: pytest.MonkeyPatch) -> Iterator[_Job]:
    """The Job of four trials."""
    with FakeCluster() as fake:
        yield _Job(fake, ordered, monkeypatch)


async def run(job: _Job, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The trials that are kept in the end; laying out more of them is an error of its own."""

    async def none_more(*_: object) -> None:
        raise AssertionError("everything was there")

    monkeypatch.setattr(trials, "lay_out", none_more)
    loaded = study(folder)
    kept = Kept(folder / "live.jsonl", resume=True)
    await trials._run(loaded, wanted(loaded), kept, folder, job.fake.context, LAYOUT)
    return [json.loads(line) for line in (folder / "live.jsonl").read_text().splitlines()]


async def test_results_are_kept_in_the_trials_order_each_once(
    job: _Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In whatever order they come; an earlier call's are gone on with, and what it kept is not kept again. Afterwards
    no namespace of the study is left.
    """
    job.steps, job.ends_at = {1: [2], 2: [0], 3: [1, 3]}, 4
    first = job.ordered.trials[0]
    Kept(tmp_path / "live.jsonl", resume=True).add(
        first.ended(Ended(survived=True, lost_listener_minutes=0.0))
    )
    found = await run(job, tmp_path, monkeypatch)
    assert [one["ended"]["lost_listener_minutes"] for one in found] == [0.0, 1.0, 2.0, 3.0]
    assert job.fake.objects["namespaces"] == {}


async def test_a_trial_without_a_result_is_named(
    job: _Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What came is kept; what did not is tried once more, and then told."""
    job.steps, job.ends_at = {1: [3, 0]}, 2
    laid: list[int] = []

    async def lay_out(_cluster: object, wanted_: Order, _layout: object) -> None:
        laid.append(len(wanted_.trials))
        job.fake.add(
            "jobs",
            {"metadata": {"name": RELEASE}, "status": {"conditions": [{"type": "Failed", "status": "True"}]}},
        )

    monkeypatch.setattr(trials, "lay_out", lay_out)
    loaded = study(tmp_path)
    kept = Kept(tmp_path / "live.jsonl", resume=True)
    with pytest.raises(
        WorldError, match="as-found at 2 with seed 7, hardened at 1 with seed 7; run the command again"
    ):
        await trials._run(loaded, wanted(loaded), kept, tmp_path, job.fake.context, LAYOUT)
    assert laid == [2]
    assert [one.ended.lost_listener_minutes for one in kept.trials] == [0.0, 3.0]


def test_another_cluster_needs_an_image_that_it_can_pull(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 2, and nothing is touched."""
    assert main(["trials", "study.yaml", "--context", "staging"]) == 2
    assert "--context staging: needs --image" in capsys.readouterr().err
    with pytest.raises(UsageError):
        trials.trials(trials.Asked(Path("study.yaml"), context="staging"))
