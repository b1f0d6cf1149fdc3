from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from chaos.cli.app import run_app
from chaos.experiment import loads
from chaos.experiment.model import Experiment
from chaos.faults.specs import spec_types
from chaos.interchange.chaostoolkit import Conversion, convert
from chaos.interchange.files import written
from chaos.interchange.links import Proxy

APP = Proxy("app", "[::]:6666", "127.0.0.1:8080")
TEN = sorted((Path(__file__).parents[2] / "local" / "chaostoolkit").glob("*.*"))
KNOWN = spec_types()

Source = dict[str, JsonValue]


def converted(source: Mapping[str, JsonValue], *proxies: Proxy) -> tuple[Conversion, Experiment]:
    """A conversion and its document as it loads after it was written."""
    made = convert(source, faults=KNOWN, proxies=proxies)
    return made, loads(written(made, "it.json"), faults=KNOWN).experiment


def probe(provider: Source, tolerance: JsonValue = True, **more: JsonValue) -> Source:
    """A probe with its tolerance."""
    return {"type": "probe", "name": "it works", "tolerance": tolerance, "provider": provider, **more}


def action(module: str, func: str, pause: float = 0, **arguments: JsonValue) -> Source:
    """An action of an extension."""
    provider: Source = {"type": "python", "module": module, "func": func, "arguments": arguments}
    return {"type": "action", "name": func, "provider": provider, "pauses": {"after": pause}}


def experiment(*probes: JsonValue, method: list[JsonValue] | None = None, **more: JsonValue) -> Source:
    """An experiment with a steady state."""
    return {
        "title": "What if?",
        "description": "We want to know.",
        "steady-state-hypothesis": {"title": "All is well", "probes": list(probes)},
        "method": method or [],
        **more,
    }


def parts(source: Mapping[str, JsonValue]) -> int:
    """How many parts an experiment has: counted here without the converter."""
    count = 0
    hypothesis = source.get("steady-state-hypothesis")
    lists = [source.get("method"), source.get("rollbacks")]
    if isinstance(hypothesis, dict):
        lists.append(hypothesis.get("probes"))
        count += controls(hypothesis.get("controls"))
    elif hypothesis is not None:
        lists.append(hypothesis)
    for several in lists:
        if isinstance(several, list):
            count += len(several)
            count += sum(
                controls(one.get("controls")) for one in several if isinstance(one, dict) and "ref" not in one
            )
        elif several is not None:
            count += 1
    count += controls(source.get("controls")) + leaves(source.get("configuration"))
    secrets = source.get("secrets")
    if isinstance(secrets, dict):
        count += sum(leaves(target) for target in secrets.values())
    elif secrets:
        count += 1
    heading = {"version", "title", "description", "tags", "steady-state-hypothesis", "method", "rollbacks"}
    return count + len(set(source) - heading - {"configuration", "secrets", "controls"})


def controls(several: JsonValue) -> int:
    """Each is a part; a section that is no list is one."""
    return len(several) if isinstance(several, list) else int(several is not None)


def leaves(section: JsonValue) -> int:
    """Each named value is a part; a section that is none is one."""
    return len(section) if isinstance(section, dict) else int(section is not None)


ODD: list[JsonValue] = [
    None, True, 0, -1, 1.5, 10**9, "", "x", "a: b", "${host}", "${", "\x07", "\ud800", "FALSE", [], [None], ["x", 2],
    {}, {"a": 1}, {"FALSE": [0.5]}, {"\x1b": "x"}, {"type": "env"}, [[{}]],
]  # fmt: skip
"""What nobody means to write, and somebody does."""
ANY = st.sampled_from(ODD)
URLS = (
    st.sampled_from(
        ["http://localhost:6666/", "http://x/${host}", "${url}", "ftp://x", "http://127.0.0.1:6666"]
    )
    | ANY
)
TOLERANCES = (
    st.sampled_from([True, False, 0, 200, [200, 201], "ok", 1.5])
    | st.fixed_dictionaries({"type": st.sampled_from(["regex", "jsonpath", "range", "probe"])}, optional={
        "pattern": st.sampled_from(["a+", "("]) | ANY, "path": st.sampled_from(["$.a[0].b", "$..a", "a"]) | ANY,
        "range": st.just([1, 2.5]) | ANY, "target": st.just("body") | ANY, "expect": ANY, "count": ANY})
    | ANY
)  # fmt: skip
FUNCTIONS = st.sampled_from([
    ("chaostoxi.toxic.actions", "create_toxic"), ("chaostoxi.toxic.actions", "create_latency_toxic"),
    ("chaostoxi.toxic.actions", "delete_toxic"), ("chaostoxi.proxy.actions", "create_proxy"),
    ("chaostoxi.proxy.actions", "disable_proxy"), ("chaostoxi.proxy.actions", "reset"),
    ("chaosk8s.pod.actions", "terminate_pods"), ("chaosk8s.deployment.actions", "scale_deployment"),
    ("chaosk8s.node.actions", "drain_nodes"), ("chaosprometheus.probes", "query"), ("mine", "act"),
])  # fmt: skip
ARGUMENTS = st.fixed_dictionaries({}, optional={
    "for_proxy": st.sampled_from(["app", "db"]) | ANY, "proxy_name": st.sampled_from(["app", "db"]) | ANY,
    "toxic_name": st.just("t") | ANY, "toxic_type": st.sampled_from(["latency", "reset_peer", "slow_close"]) | ANY,
    "latency": st.just(300) | ANY, "attributes": st.just({"latency": 300}) | ANY, "stream": ANY, "toxicity": ANY,
    "upstream_host": st.just("127.0.0.1") | ANY, "upstream_port": st.just(8080) | ANY, "listen_port": ANY,
    "label_selector": st.sampled_from(["app=web", "tier in (a)"]) | ANY, "qty": ANY, "grace_period": ANY,
    "name": st.sampled_from(["web", "${host}"]) | ANY, "replicas": st.just(0) | ANY, "query": st.just("up") | ANY,
})  # fmt: skip
PROVIDERS = st.one_of(
    st.fixed_dictionaries({"type": st.just("http"), "url": URLS}, optional={
        "timeout": st.sampled_from([1, [1, 2]]) | ANY, "method": st.sampled_from(["GET", "post"]) | ANY, "headers": ANY,
        "arguments": ANY, "verify_tls": ANY, "max_retries": ANY}),
    st.fixed_dictionaries({"type": st.just("process"), "path": st.just("true") | ANY}, optional={"arguments": ANY}),
    st.builds(
        lambda function, arguments: {
            "type": "python", "module": function[0], "func": function[1], "arguments": arguments
        },
        FUNCTIONS, ARGUMENTS,
    ),
    ANY,
)  # fmt: skip
ACTIVITIES = st.fixed_dictionaries(
    {"type": st.sampled_from(["probe", "action"]), "name": st.sampled_from(["a", "b"]) | ANY, "provider": PROVIDERS},
    optional={"tolerance": TOLERANCES, "pauses": st.just({"after": 2}) | ANY, "controls": ANY, "background": ANY},
) | st.fixed_dictionaries({"ref": st.just("a") | ANY}) | ANY  # fmt: skip
ENTRIES = (
    st.fixed_dictionaries(
        {"type": st.sampled_from(["env", "vault", "probe"])}, optional={"key": ANY, "default": ANY}
    )
    | ANY
)
EXPERIMENTS = st.fixed_dictionaries({}, optional={
    "title": ANY, "description": ANY, "tags": ANY, "runtime": ANY, "extensions": ANY, "controls": ANY,
    "configuration": st.dictionaries(st.sampled_from(["host", "url", "prometheus_base_url"]), ENTRIES) | ANY,
    "secrets": st.dictionaries(st.just("k"), st.dictionaries(st.sampled_from(["host", "url"]), ENTRIES)) | ANY,
    "steady-state-hypothesis": st.fixed_dictionaries(
        {"title": ANY, "probes": st.lists(ACTIVITIES, max_size=4)}, optional={"controls": ANY}) | ANY,
    "method": st.lists(ACTIVITIES, max_size=5) | ANY,
    "rollbacks": st.lists(ACTIVITIES, max_size=3) | ANY,
})  # fmt: skip


@given(EXPERIMENTS)
def test_whatever_the_source_the_result_is_valid_and_nothing_is_dropped(source: Source) -> None:
    """No experiment, however broken, makes the converter fail; each part is converted or listed with a reason, once."""
    made, _ = converted(source, APP)
    assert len(made.converted) + len(made.left_out) == parts(source)
    assert len({item.place for item in made.items}) == len(made.items)
    assert all(item.why for item in made.left_out)


@pytest.mark.parametrize("path", TEN, ids=lambda path: path.stem)
def test_the_ten_are_converted_whole(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """JSON and YAML; every part has an equivalent, and the counts are told."""
    proxies = path.parent / "proxies" / "toxiproxy.json"
    assert run_app(["import", "chaostoolkit", str(path), "--proxies", str(proxies)]) == 0
    told = capsys.readouterr()
    found, whole = told.err.split(": ")[1].split(" parts")[0].split(" of ")
    assert found == whole
    assert "left out" not in told.err
    loads(told.out, faults=KNOWN)


def test_there_are_ten() -> None:
    """And they use every kind of probe, tolerance and fault that this is claimed for."""
    assert len(TEN) == 10
    text = "".join(path.read_text() for path in TEN)
    for word in (
        "regex",
        "jsonpath",
        "range",
        "process",
        "chaosprometheus",
        "secrets",
        "create_latency_toxic",
    ):
        assert word in text, word


def test_a_probe_becomes_the_source_that_says_the_same() -> None:
    """A status by `http`, a truth by `python`, a number of Prometheus by `query`; the rest by Chaos Toolkit's rules."""
    _, made = converted(
        experiment(
            probe({"type": "http", "url": "http://localhost:6666/health", "timeout": 3}, 204),
            probe({"type": "python", "module": "m", "func": "f", "arguments": {"a": [1]}}),
            probe(
                {
                    "type": "python",
                    "module": "chaosprometheus.probes",
                    "func": "query",
                    "arguments": {"query": "up"},
                },
                {"type": "jsonpath", "path": "$.data.result[*].value[1]", "expect": "1"},
            ),
            probe({"type": "process", "path": "true"}, 0),
        ),
        APP,
    )
    http, python, query, process = made.objectives
    assert http.http is not None
    assert (http.http.url, http.http.status, http.timeout) == ("http://$LINK_APP/health", 204, 3.0)
    assert (python.python, python.arguments) == ("m:f", {"a": [1]})
    assert (query.query, str(query.expect)) == ("up", "== 1")
    assert process.python == "chaos.interchange.probes:process"
    assert made.prometheus is not None
    assert made.prometheus.url == "http://localhost:9090"


def test_a_fault_lasts_as_the_method_says_and_is_undone_by_standby() -> None:
    """Pauses become moments; one that the method ends has its length, one that a rollback ends lasts on."""
    toxic = "chaostoxi.toxic.actions"
    ended, lasting = (
        action(toxic, "create_latency_toxic", 4, for_proxy="app", toxic_name=name, latency=300, jitter=20)
        for name in ("one", "two")
    )
    end_one, end_two = (
        action(toxic, "delete_toxic", 1, for_proxy="app", toxic_name=name) for name in ("one", "two")
    )
    works = probe({"type": "http", "url": "http://127.0.0.1:6666/"}, 200)
    made, document = converted(experiment(works, method=[ended, end_one, lasting], rollbacks=[end_two]), APP)
    assert made.left_out == []
    first, second = document.faults
    assert (float(first.at), first.lasts and float(first.lasts)) == (0.0, 4.0)
    assert float(second.at) == 5.0
    assert second.lasts is None
    assert first.model_dump()["jitter"] == 0.02
    assert document.objectives[0].during == ("baseline", "faults")
    made, document = converted(experiment(works, method=[ended, end_one]), APP)
    assert document.objectives[0].during == ("baseline", "after")


def test_workloads_of_a_cluster_are_tiers_of_theirs() -> None:
    """Kubernetes' actions: the world, the tiers and what the author is to do with the namespace."""
    made, document = converted(
        experiment(
            probe({"type": "http", "url": "http://shop.example/"}, 200),
            method=[
                action(
                    "chaosk8s.pod.actions", "terminate_pods", 3, label_selector="app=web", qty=2, ns="shop"
                ),
                action(
                    "chaosk8s.deployment.actions", "scale_deployment", name="stock", replicas=0, ns="shop"
                ),
                action("chaosk8s.node.actions", "drain_nodes", name="worker-2"),
            ],
        )
    )
    assert made.left_out == []
    assert document.world == "kubernetes"
    assert document.system is not None
    assert set(document.system.tiers) == {"web", "stock"}
    assert [one.fault for one in document.faults] == ["pod_kill", "scale_down", "node_loss"]
    notes = [note for item in made.items for note in item.notes]
    assert any("--namespace shop" in note for note in notes)
    assert sum("max_affected" in note for note in notes) == 3
    assert [one.name for one in document.faults] == ["terminate_pods", "scale_deployment", "drain_nodes"]


def test_no_secret_gets_into_a_document() -> None:
    """A secret in clear text is left out, and so is what needs it; one of the environment stays there."""
    source = experiment(
        probe({"type": "http", "url": "http://x/", "headers": {"A": "${clear}"}}, 200),
        probe({"type": "http", "url": "http://x/", "headers": {"A": "Bearer ${token}"}}, 200),
        probe({"type": "http", "url": "http://x/", "headers": {"A": "${token}s cost $5"}}, 200),
        secrets={"s": {"clear": "hunter2", "token": {"type": "env", "key": "SHOP_TOKEN"}}},
    )
    made, document = converted(source)
    assert {item.place for item in made.left_out} == {"secrets.s.clear", "steady-state-hypothesis.probes[0]"}
    assert "hunter2" not in written(made, "it")
    plain, odd = document.objectives
    assert plain.http is not None
    assert plain.http.headers == {"A": "Bearer $SHOP_TOKEN"}
    assert odd.arguments["headers"] == {"A": "${SHOP_TOKEN}s cost $5"}


def test_a_safeguard_that_asks_prometheus_stops_the_run() -> None:
    """The one control with an equivalent; any other is listed."""
    watch = probe(
        {"type": "python", "module": "chaosprometheus.probes", "func": "query", "arguments": {"query": "up"}},
        {"type": "jsonpath", "path": "$.data.result[0].value[1]", "expect": "1"},
    )
    guard: Source = {
        "type": "python",
        "module": "chaosaddons.controls.safeguards",
        "arguments": {"probes": [watch]},
    }
    source = experiment(
        probe({"type": "process", "path": "true"}, 0),
        controls=[
            {"name": "stop", "provider": guard},
            {"name": "log", "provider": {"type": "python", "module": "x"}},
        ],
    )
    made, document = converted(source)
    assert [item.place for item in made.left_out] == ["controls[1]"]
    assert [(one.query, str(one.expect)) for one in document.stop_when] == [("up", "!= 1")]


def test_a_document_without_a_probe_is_valid_and_never_passes() -> None:
    """Its one objective cannot hold, and says what to do."""
    _, document = converted(experiment())
    assert document.objectives[0].command == ("false",)


def test_a_file_that_is_none_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 2 with the reason, nothing on standard output."""
    path = tmp_path / "it.json"
    for text in ("{", "- a", "a: [", ""):
        path.write_text(text)
        assert run_app(["import", "chaostoolkit", str(path)]) == 2
    path.write_text(json.dumps(experiment()))
    assert run_app(["import", "chaostoolkit", str(path), "--proxies", str(tmp_path / "no.json")]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert "Traceback" not in told.err
