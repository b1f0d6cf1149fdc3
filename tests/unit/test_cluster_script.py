"""`python -m k8s`: what it makes, finds, brings back, loads and removes; with programs that write down their calls."""

from __future__ import annotations

import base64
import json
import os
import re
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from chaos.errors import ToolError, WorldError
from k8s import charts, images, nodes, steps
from k8s.__main__ import main
from k8s.charts import NAMESPACES, releases
from k8s.nodes import CONFIG, NODES, Node

ALL = [f"standby-{name}" for name in ("control-plane", "worker", "worker2", "worker3", "worker4")]


class Calls:
    """Stands in for `run`: keeps each command, and answers with the first answer whose words are all in it."""

    def __init__(self, answers: dict[str, str] | None = None) -> None:
        self.made: list[str] = []
        self._answers = answers or {}

    def __call__(self, *command: str, **_: object) -> str:
        line = " ".join(command)
        self.made.append(line)
        return next((told for words, told in self._answers.items() if words in line), "")

    def starting(self, words: str) -> list[str]:
        return [line for line in self.made if line.startswith(words)]


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Puts a `docker` with this script on an otherwise empty PATH."""

    def put(script: str) -> None:
        program = tmp_path / "docker"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)

    monkeypatch.setenv("PATH", str(tmp_path))
    return put


def _use(monkeypatch: pytest.MonkeyPatch, calls: Calls) -> Calls:
    for module in (nodes, images):
        monkeypatch.setattr(module, "run", calls)
        monkeypatch.setattr(module, "ensure", Path)
    return calls


def _items(*ready: str) -> str:
    def one(name: str) -> dict[str, object]:
        conditions = [{"type": "Ready", "status": "True" if name in ready else "Unknown"}]
        return {"metadata": {"name": name, "labels": {}}, "status": {"conditions": conditions}}

    return json.dumps({"items": [one(name) for name in ALL]})


@pytest.mark.usefixtures("docker")
def test_without_docker_the_cure_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """Each of the three ends with 1, says what is missing and what to do, and touches nothing."""
    for what in ("up", "deploy", "down"):
        assert main([what]) == 1
        told = capsys.readouterr().err
        assert "no `docker` on the PATH" in told
        assert "Install Docker" in told


def test_an_engine_that_does_not_answer_is_told_apart(docker: Callable[[str], None]) -> None:
    """The engine's own words, and how to start it."""
    docker("echo 'Cannot connect to the Docker daemon' >&2; exit 1")
    with pytest.raises(ToolError, match="Cannot connect to the Docker daemon\nStart it"):
        steps.need_docker()


def test_a_command_that_fails_is_quoted_with_the_end_of_its_output(docker: Callable[[str], None]) -> None:
    """What was run, with what it ended, and its last lines."""
    docker("i=0; while [ $i -lt 40 ]; do echo line $i; i=$((i+1)); done; echo 'no space left' >&2; exit 7")
    with pytest.raises(
        WorldError, match=r"(?s)`docker build \.` ended with 7:.*line 39.*no space left"
    ) as caught:
        steps.run("docker", "build", ".")
    assert "line 20\n" not in str(caught.value)


def test_a_command_that_takes_too_long_is_ended(docker: Callable[[str], None]) -> None:
    """Nothing is waited for without a bound."""
    docker("exec /bin/sleep 60")
    with pytest.raises(WorldError, match="took more than 0 s"):
        steps.run("docker", "pull", "x", longest=0.0)


def test_the_cluster_is_made_as_its_file_says() -> None:
    """Five nodes by role; faults are allowed on the tiers' nodes only, never on the control plane or the tools."""
    told = YAML(typ="safe").load(CONFIG)
    assert told["name"] == "standby"
    labels = [node.get("labels", {}) for node in told["nodes"]]
    assert [one.get("standby.chaos/role") for one in labels] == [None, "platform", "media", "media", "tools"]
    allowed = [one.get("standby.chaos/target") for one in labels]
    assert allowed == [None, "allowed", "allowed", "allowed", None]
    assert len(labels) == NODES
    cluster, kubelet = (YAML(typ="safe").load(patch) for patch in told["kubeadmConfigPatches"])
    assert cluster["controllerManager"]["extraArgs"] == {"node-monitor-grace-period": "10s"}
    assert kubelet["nodeStatusUpdateFrequency"] == "2s"


def test_only_the_rooms_may_be_targets_and_all_namespaces_are_restricted() -> None:
    """By their labels; every release goes to one of these namespaces."""
    found = {
        one["metadata"]["name"]: one["metadata"]["labels"] for one in YAML(typ="safe").load_all(NAMESPACES)
    }
    assert {name for name, labels in found.items() if "standby.chaos/target" in labels} == {"rooms"}
    assert {labels["pod-security.kubernetes.io/enforce"] for labels in found.values()} == {"restricted"}
    assert {release.namespace for release in releases("standby:1")} <= found.keys()


def test_a_cluster_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the image that $KIND_IMAGE names; DNS is moved off the control plane."""
    monkeypatch.setenv("KIND_IMAGE", "registry.example/node:v1")
    calls = _use(monkeypatch, Calls({"get nodes": _items(*ALL), "patch deployment": "patched"}))
    nodes.up()
    (created,) = calls.starting("kind create cluster")
    assert "--image registry.example/node:v1" in created
    assert [line for line in calls.made if "rollout status deployment coredns" in line]


class Clock:
    """A clock that only `sleep` moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_sleeping_nodes_are_brought_back_and_must_be_ready_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    """Paused ones go on, stopped ones start; a node that is ready only by what was known before does not count."""
    states = dict(zip(ALL, ("exited", "running", "paused", "running", "running"), strict=True))
    listed = "\n".join(f"{name} {state}" for name, state in states.items())
    calls = _use(
        monkeypatch, Calls({"docker ps": listed, "get nodes": _items(*ALL), "patch deployment": "no change"})
    )
    monkeypatch.setattr(nodes, "_has_context", lambda: True)
    clock = Clock()
    monkeypatch.setattr(nodes, "time", clock)
    lapses = iter([[], [], [ALL[2]], [ALL[2]]])
    monkeypatch.setattr(nodes, "not_ready", lambda: next(lapses, []))
    nodes.up()
    assert f"docker start {ALL[0]}" in calls.made
    assert f"docker unpause {ALL[2]}" in calls.made
    assert not calls.starting("kind")
    assert clock.now >= 4 + nodes.STEADY


def test_nodes_that_never_become_ready_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the time that was waited, and what to do."""
    _use(monkeypatch, Calls({"get nodes": _items(*ALL[:4])}))
    monkeypatch.setattr(nodes, "time", Clock())
    with pytest.raises(WorldError, match=rf"not ready: {ALL[4]}\.(?s:.*)make clean cluster"):
        nodes.wait_until_ready(0.0)


def test_a_cluster_that_lacks_nodes_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody removed one: what is left is named, and how to make it anew."""
    _use(monkeypatch, Calls({"docker ps": f"{ALL[0]} running\n{ALL[1]} running"}))
    with pytest.raises(WorldError, match=r"has 2 nodes in place of 5(?s:.*)make clean cluster"):
        nodes.up()


@pytest.mark.parametrize(
    ("entry", "expected"), [("kind-standby", True), ("kind-other", False), (None, False), ("garbled", False)]
)
def test_the_context_is_looked_for_in_the_kubeconfig(
    entry: str | None, expected: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In every file that $KUBECONFIG names; one that is missing or no YAML has none."""
    file = tmp_path / "config"
    if entry is not None:
        file.write_text("{" if entry == "garbled" else json.dumps({"contexts": [{"name": entry}]}))
    monkeypatch.setenv("KUBECONFIG", os.pathsep.join((str(tmp_path / "none"), str(file))))
    assert nodes._has_context() is expected


@pytest.mark.parametrize(("others", "removed"), [("", True), ("f00", False)])
def test_clean_removes_the_network_unless_another_cluster_needs_it(
    others: str, removed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one network of all kind clusters is removed with the last of them."""
    listed = {f"cluster={nodes.CLUSTER}": f"{ALL[0]} exited"}
    calls = _use(monkeypatch, Calls({**listed, "network inspect": "0\n", "ps --all --quiet": others}))
    monkeypatch.setattr(nodes, "succeeds", lambda *_: True)
    nodes.down()
    assert calls.starting("kind delete cluster --name standby")
    assert bool(calls.starting("docker network rm kind")) is removed


def test_nothing_to_clean_needs_no_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a cluster, a context and a network, nothing is removed and nothing fetched."""
    calls = _use(monkeypatch, Calls())
    monkeypatch.setattr(nodes, "_has_context", lambda: False)
    monkeypatch.setattr(nodes, "succeeds", lambda *_: False)
    nodes.down()
    assert calls.made == calls.starting("docker ps")


@pytest.mark.parametrize(
    ("image", "listed"),
    [
        ("redis:7.0", "docker.io/library/redis:7.0"),
        ("prom/prometheus:v3.5.0", "docker.io/prom/prometheus:v3.5.0"),
        ("ghcr.io/shopify/toxiproxy:2.12.0", "ghcr.io/shopify/toxiproxy:2.12.0"),
        ("localhost:5000/standby:1", "localhost:5000/standby:1"),
        ("localhost/standby:1", "localhost/standby:1"),
    ],
)
def test_images_are_known_by_the_name_that_nodes_list(image: str, listed: str) -> None:
    """There with the registry spelt out."""
    assert images.full_name(image) == listed


def test_a_node_is_given_only_what_it_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours goes to all that lack it at once, the public ones to the tools alone; the control plane gets nothing."""
    own = "standby:1-abc"
    roles = dict(zip(ALL, ("", "platform", "media", "media", "tools"), strict=True))
    have: dict[str, Sequence[str]] = {ALL[1]: ["docker.io/library/standby:1-abc"]}
    monkeypatch.setattr(images, "roles", lambda: roles)
    monkeypatch.setattr(images, "_on_node", lambda node: have.get(node, ()))
    calls = _use(monkeypatch, Calls())
    images.load(own)
    images.load_public()
    ours, public = calls.starting("kind load")
    assert own in ours
    assert ours.endswith(f"--nodes {ALL[2]},{ALL[3]},{ALL[4]}")
    assert all(image in public for image in images.PUBLIC)
    assert public.endswith(f"--nodes {ALL[4]}")
    have |= {node: [images.full_name(own)] for node in ALL[2:4]}
    have[ALL[4]] = [images.full_name(image) for image in (own, *images.PUBLIC)]
    images.load(own)
    images.load_public()
    assert calls.starting("kind load") == [ours, public]


def test_public_images_are_loaded_while_ours_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither waits for the other; ours is loaded once it is there."""
    done: list[str] = []
    loaded = threading.Event()

    def build() -> str:
        assert loaded.wait(20), "the public images waited for ours"
        return "standby:1-abc"

    monkeypatch.setattr(images, "build", build)
    monkeypatch.setattr(images, "pull", lambda: done.append("pulled"))
    monkeypatch.setattr(images, "load_public", loaded.set)
    monkeypatch.setattr(images, "load", done.append)
    assert images.build_and_load() == "standby:1-abc"
    assert done == ["pulled", "standby:1-abc"]


def test_public_images_that_cannot_be_loaded_are_left_to_the_nodes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Said, with the reason; our own image is to be had nowhere else, so there it is an error."""
    refused = {"redis:7.0"}

    def run(*command: str, **_: object) -> str:
        if refused.intersection(command):
            raise WorldError("content digest not found")
        return ""

    monkeypatch.setattr(images, "run", run)
    monkeypatch.setattr(images, "ensure", Path)
    monkeypatch.setattr(images, "roles", lambda: {ALL[4]: "tools"})
    images.load_public()
    assert "the nodes have to pull them themselves: content digest not found" in capsys.readouterr().err
    refused.add("standby:1-abc")
    with pytest.raises(WorldError, match="content digest"):
        images.load("standby:1-abc")


def test_the_images_name_changes_with_what_is_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Code, requirements, the Dockerfile: any change is another image; caches are none of it."""
    for name in ("k8s/Dockerfile", ".dockerignore", "requirements.txt", "chaos/a.py", "experiments/e.yaml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    monkeypatch.setattr(images, "ROOT", tmp_path)
    monkeypatch.setattr(images, "DOCKERFILE", tmp_path / "k8s" / "Dockerfile")
    ids = [images.content_id()]
    for name in ("chaos/a.py", "requirements.txt", "k8s/Dockerfile"):
        (tmp_path / name).write_text("changed")
        ids.append(images.content_id())
    (tmp_path / "chaos" / "a.py").rename(tmp_path / "chaos" / "b.py")
    ids.append(images.content_id())
    assert len(set(ids)) == 5
    (tmp_path / "chaos" / "__pycache__").mkdir()
    (tmp_path / "chaos" / "__pycache__" / "a.pyc").write_bytes(b"")
    assert images.content_id() == ids[-1]


def test_our_image_is_built_once_and_former_ones_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that has it builds nothing."""
    asked: list[Any] = []
    there = False

    def succeeds(*command: str) -> bool:
        asked.append(command)
        return there

    monkeypatch.setattr(images, "succeeds", succeeds)
    calls = _use(monkeypatch, Calls({"docker image ls": "standby:0-old"}))
    image = images.build()
    assert calls.starting("docker build")
    assert ("docker", "image", "rm", "standby:0-old") in asked
    there = True
    calls.made.clear()
    assert images.build() == image
    assert not calls.made


def test_a_dask_cluster_has_an_image_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the simulator and the Python that is asked for; the rooms' image stays as small as it is. Only the tools'
    nodes that lack it get it.
    """
    monkeypatch.setattr(images, "succeeds", lambda *_: False)
    calls = _use(monkeypatch, Calls())
    image = images.build(images.STUDY_REQUIREMENTS, "3.12")
    assert image.startswith("standby-study-py3.12:")
    assert image.partition(":")[2] != images.build().partition(":")[2]
    study, rooms = calls.starting("docker build")
    assert "--build-arg REQUIREMENTS=requirements-study.txt --build-arg PYTHON=3.12" in study
    assert "--build-arg REQUIREMENTS=requirements.txt --build-arg PYTHON=3.13" in rooms
    monkeypatch.setattr(images, "roles", lambda: {ALL[1]: "platform", ALL[4]: "tools"})
    monkeypatch.setattr(images, "_on_node", lambda _: ())
    images.load(image, ("tools",))
    (loaded,) = calls.starting("kind load")
    assert loaded.endswith(f"--nodes {ALL[4]}")
    monkeypatch.setattr(images, "_on_node", lambda _: (images.full_name(image),))
    images.load(image, ("tools",))
    assert calls.starting("kind load") == [loaded]


def test_a_dask_cluster_has_the_versions_of_whoever_uses_it() -> None:
    """Other versions of numpy or numba are refused: what is pinned for it is pinned here."""
    pinned = {
        name: set(re.findall(r"^[\w.-]+==[^\\\n]+", (images.ROOT / name).read_text(), re.MULTILINE))
        for name in (images.STUDY_REQUIREMENTS, "requirements-dev.txt")
    }
    assert {"numba", "dask", "numpy"} <= {one.partition("==")[0] for one in pinned[images.STUDY_REQUIREMENTS]}
    assert {one.partition(";")[0].strip() for one in pinned[images.STUDY_REQUIREMENTS]} <= {
        one.partition(";")[0].strip() for one in pinned["requirements-dev.txt"]
    }


def test_nodes_are_read_from_docker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever their state."""
    _use(monkeypatch, Calls({"docker ps": "standby-worker paused\nstandby-control-plane running\n"}))
    assert nodes.nodes() == [Node("standby-control-plane", "running"), Node("standby-worker", "paused")]


def test_two_namespaces_share_one_token_that_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Made once, given to whoever lacks it or has another, and never changed afterwards."""
    kept: dict[str, str] = {}

    def kubectl(*arguments: str, stdin: bytes = b"") -> str:
        if "get" in arguments:
            return base64.b64encode(kept.get(arguments[1], "").encode()).decode()
        secret = json.loads(stdin)
        kept[secret["metadata"]["namespace"]] = secret["stringData"]["token"]
        return ""

    monkeypatch.setattr(charts, "kubectl", kubectl)
    charts.share_token("webhook", "a", "b")
    assert len(kept["a"]) >= 32
    first = dict(kept)
    charts.share_token("webhook", "a", "b")
    assert kept == first
    kept["b"] = "another"
    charts.share_token("webhook", "a", "b")
    assert kept == first
