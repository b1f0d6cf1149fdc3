"""The charts: what they render is valid, restricted, complete, and the same system as the local world's."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
from ruamel.yaml import YAML

from chaos.clients.tools import ensure
from chaos.engine.sampling import HEARTBEAT
from chaos.experiment.units import parse_duration
from chaos.outpost import TOKEN_ENV, WEBHOOK_TOKEN_ENV
from chaos.ports import Ports
from chaos.rooms.audience import __main__ as audience
from chaos.rooms.media import __main__ as media
from chaos.rooms.platform import __main__ as platform
from chaos.rooms.system.layout import layout
from chaos.worlds.heard import BELIEVED
from chaos.worlds.layout import ProcessSpec, scrape_target
from k8s import dask
from k8s.charts import CHARTS, releases
from k8s.charts import DASHBOARDS as SHIPPED_DASHBOARDS
from k8s.images import PUBLIC, needed

Manifest = Mapping[str, Any]

NAMESPACES = {
    "rooms": "rooms",
    "observability": "standby-observability",
    "runner": "standby-runner",
    "outpost": "shop",
    "dask": "standby-dask",
}
RULES = tuple(
    part for release in releases("standby:1") for part in release.settings if part.startswith("rules.")
)
DASHBOARDS = tuple(
    part for release in releases("standby:1") for part in release.settings if part.startswith("dashboards.")
)
VALUES: Mapping[str, Mapping[str, Sequence[str]]] = {
    "rooms": {
        "default": (),
        "as deployed": next(one.settings for one in releases("standby:1-abc") if one.chart == "rooms"),
        "large": (
            "--set=platform.replicas=4,audience.processes=3,tolerationSeconds=30",
            "--set=images.rooms.repository=registry.example/standby",
            f"--set=images.rooms.digest=sha256:{'a' * 64}",
            "--set=imagePullSecrets[0].name=registry",
        ),
        "small": ("--set=redis.enabled=false,networkPolicy.enabled=false,control.existingSecret=mine",),
    },
    "observability": {
        "default": (),
        "as deployed": next(
            one.settings for one in releases("standby:1-abc") if one.chart == "observability"
        ),
        "existing": ("--set=existing=true", *(f"--set-file={part}" for part in RULES)),
        "an empty grafana": ("--set=grafana.enabled=true",),
        "with everything": (
            "--set=grafana.enabled=true,alertmanager.webhook.url=http://outpost.rooms:8000/alerts",
            "--set=alertmanager.webhook.tokenSecret=webhook",
            *(f"--set-file={part}" for part in DASHBOARDS),
            *(f"--set-file={part}" for part in RULES),
        ),
    },
    "runner": {
        "default": (),
        "as deployed": next(one.settings for one in releases("standby:1-abc") if one.chart == "runner"),
        "by schedule": (
            "--set=job=false,schedule=0 3 * * 1,results.size=1Gi,placement.strict=true,faults.nodes=true",
            "--set=experiment.document=version: 1,experiment.arguments[0]=--seed=7",
            "--set=results.url=s3://bucket/folder,results.urlSecret=bucket",
        ),
        "links only": (
            "--set=faults.pods=false,faults.workloads=false,observability=",
            "--set=guardian.enabled=false,networkPolicy.enabled=false",
        ),
        "trials": (
            "--set=job=false,guardian.enabled=false,placement.strict=true,trials.parallelism=2",
            "--set=trials.names={trial-1,trial-2,trial-3}",
            '--set-json=trials.order="{}"',
        ),
    },
    "outpost": {
        "default": (),
        "with everything": (
            f"--set=image.repository=registry.example/standby,image.digest=sha256:{'a' * 64}",
            "--set=imagePullSecrets[0].name=registry,nodeSelector.role=tools",
        ),
    },
    "dask": {
        "default": (),
        "as made": dask.release("standby-study:1-abc", 3).settings,
        "for clients": (
            "--set=networkPolicy.clients={apps},workers.threads=4",
            f"--set=image.repository=registry.example/standby,image.digest=sha256:{'a' * 64}",
            "--set=imagePullSecrets[0].name=registry",
        ),
    },
}
CASES = [(chart, case) for chart, cases in VALUES.items() for case in cases]
each = pytest.mark.parametrize(("chart", "case"), CASES)
KUBERNETES = ("1.28", "1.34")
WORKLOADS = ("Deployment", "Job", "CronJob")
OF_THE_OPERATOR = "monitoring.coreos.com/v1"
NO_SECRETS_OF_THE_HOST = {"configMap", "emptyDir", "projected", "secret", "persistentVolumeClaim"}


@cache
def program() -> Path:
    """Helm, from the PATH or fetched."""
    return ensure("helm")


def helm(*arguments: str) -> subprocess.CompletedProcess[str]:
    """What Helm says to that."""
    return subprocess.run([program(), *arguments], capture_output=True, text=True, check=False, timeout=60)


def render(chart: str, *settings: str) -> subprocess.CompletedProcess[str]:
    """A chart rendered without a cluster, whose version must be told: a Helm that Go built assumes an old one."""
    return helm("template", chart, str(CHARTS / chart), "--kube-version", f"{KUBERNETES[-1]}.0", *settings)


@cache
def rendered(chart: str, *settings: str) -> tuple[Manifest, ...]:
    """All that the chart makes of these settings."""
    found = render(chart, "--namespace", NAMESPACES[chart], *settings)
    assert found.returncode == 0, found.stderr
    return tuple(one for one in YAML(typ="safe").load_all(found.stdout) if one)


def manifests(chart: str, case: str) -> tuple[Manifest, ...]:
    """The manifests of one of the cases above."""
    return rendered(chart, *VALUES[chart][case])


def named(found: Sequence[Manifest], kind: str) -> dict[str, Manifest]:
    """Those of one kind by name."""
    return {one["metadata"]["name"]: one for one in found if one["kind"] == kind}


def templates(found: Sequence[Manifest]) -> Iterator[tuple[str, Manifest]]:
    """Every pod template, with its workload's name."""
    for one in found:
        if one["kind"] in WORKLOADS:
            spec = one["spec"]["jobTemplate"]["spec"] if one["kind"] == "CronJob" else one["spec"]
            yield one["metadata"]["name"], spec["template"]


def pods(found: Sequence[Manifest]) -> Iterator[tuple[str, Manifest]]:
    """Every pod's spec, with its workload's name."""
    for name, template in templates(found):
        yield name, template["spec"]


@pytest.mark.parametrize("chart", list(VALUES))
def test_helm_finds_nothing_to_complain_about(chart: str) -> None:
    """`helm lint --strict` passes with default values."""
    found = helm("lint", "--strict", "--quiet", str(CHARTS / chart))
    assert found.returncode == 0, found.stdout + found.stderr


@each
def test_every_manifest_is_valid(chart: str, case: str) -> None:
    """By the published JSON schemas of the oldest and the newest Kubernetes that the charts are for, strictly."""
    for one in manifests(chart, case):
        if one["apiVersion"] == OF_THE_OPERATOR:
            continue
        for version in KUBERNETES:
            kubernetes_validate.validate(one, version, strict=True)


@each
def test_every_pod_fits_the_restricted_standard(chart: str, case: str) -> None:
    """Pod Security Standards, restricted; and nobody writes to the image."""
    for name, pod in pods(manifests(chart, case)):
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys(), name
        for volume in pod.get("volumes", ()):
            assert (volume.keys() - {"name"}) <= NO_SECRETS_OF_THE_HOST, name
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }, name
            assert not any("hostPort" in port for port in container.get("ports", ())), name


@each
def test_every_pod_is_bounded_watched_and_somebody_of_its_own(chart: str, case: str) -> None:
    """Requests, a memory limit, probes, a ServiceAccount that is there, and a short stay on a lost node."""
    found = manifests(chart, case)
    accounts, seconds = named(found, "ServiceAccount"), 30 if case == "large" else 5
    for name, pod in pods(found):
        assert pod["serviceAccountName"] in accounts, name
        assert [one["tolerationSeconds"] for one in pod["tolerations"]] == [seconds, seconds], name
        for container in pod["containers"]:
            assert {"cpu", "memory"} <= container["resources"]["requests"].keys(), name
            assert "memory" in container["resources"]["limits"], name
            if container.get("ports"):  # whoever serves nobody has nothing to be asked
                assert {"startupProbe", "livenessProbe", "readinessProbe"} <= container.keys(), name
    may_speak = {name for name, pod in pods(found) if pod["automountServiceAccountToken"]}
    assert chart == "runner" or may_speak <= {"prometheus"}, "only who asks the API server has a token for it"


@each
def test_budgets_and_policies_find_their_pods(chart: str, case: str) -> None:
    """A selector that matches no pod protects nothing; and a budget never makes a drain wait for ever."""
    found = manifests(chart, case)
    labels = [template["metadata"]["labels"] for _, template in templates(found)]
    for name, one in named(found, "PodDisruptionBudget").items():
        assert one["spec"]["maxUnavailable"] == 1
        if case != "small" or name != "redis":
            assert any(one["spec"]["selector"]["matchLabels"].items() <= told.items() for told in labels), (
                name
            )
    for name, one in named(found, "NetworkPolicy").items():
        if case != "small" or name != "redis":
            assert any(
                one["spec"]["podSelector"]["matchLabels"].items() <= told.items() for told in labels
            ), name
    for name, one in named(found, "Service").items():
        assert any(one["spec"]["selector"].items() <= told.items() for told in labels), name


@each
def test_nothing_is_left_of_a_template(chart: str, case: str) -> None:
    """All is in the release's namespace, carries its labels, and no value was missing."""
    for one in manifests(chart, case):
        if one["kind"] not in {"Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"}:
            assert one["metadata"]["namespace"] == NAMESPACES[chart]
        assert one["metadata"]["labels"]["app.kubernetes.io/part-of"] == "standby"
        text = json.dumps({key: value for key, value in one.items() if key != "data"})
        assert "<nil>" not in text
        assert "<no value>" not in text


def test_the_names_that_others_rely_on() -> None:
    """Services, Deployments and the Secret by which worlds and guides find the rooms, and who runs at first."""
    found = manifests("rooms", "default")
    tiers = {"platform", "media-1", "media-2", "media-3", "audience"}
    servers = {"bridge", "bridge-spare", "edge-media-1", "edge-media-2", "edge-media-3"}
    assert named(found, "Service").keys() == tiers | servers | {"redis", "outpost"}
    replicas = {name: one["spec"]["replicas"] for name, one in named(found, "Deployment").items()}
    assert replicas == {
        **dict.fromkeys(tiers | servers | {"redis", "outpost"}, 1),
        "platform": 2,
        "media-3": 0,
    }
    assert named(found, "Secret")["control"]["data"].keys() == {"token"}
    assert named(manifests("rooms", "large"), "Service").keys() >= {"audience", "audience-2", "audience-3"}
    assert not named(manifests("rooms", "small"), "Secret")


def test_the_bridge_has_the_links_of_the_local_world(tmp_path: Path) -> None:
    """The same proxies by name, between the same two ends, and links apart from each other on the same servers."""
    local = layout(tmp_path, Ports(), toxiproxy=tmp_path, prometheus=tmp_path)
    wanted = {proxy.name: (proxy.server, proxy.callee) for link in local.links for proxy in link.proxies}
    found = {}
    for server, one in named(manifests("rooms", "default"), "ConfigMap").items():
        for proxy in json.loads(one["data"]["proxies.json"]):
            assert proxy["enabled"] is True
            found[proxy["name"]] = (server, proxy["upstream"].removesuffix(":8000"))
    assert {name: callee for name, (_, callee) in found.items()} == {n: c for n, (_, c) in wanted.items()}
    together = {(one, other) for one in wanted for other in wanted if wanted[one][0] == wanted[other][0]}
    assert {(one, other) for one in found for other in found if found[one][0] == found[other][0]} == together


def test_every_address_that_a_tier_is_given_leads_somewhere() -> None:
    """Each HOST:PORT among the arguments is a port of a Service of the release."""
    found = manifests("rooms", "default")
    ports = {
        f"{name}:{port['port']}"
        for name, one in named(found, "Service").items()
        for port in one["spec"]["ports"]
    }
    for name, pod in pods(found):
        for argument in pod["containers"][0]["args"]:
            address = argument.rpartition("=")[2].rpartition("//")[2].removesuffix("/0")
            if ":" in address and not address.startswith("0.0.0.0"):
                assert address in ports, f"{name}: {argument}"


@pytest.mark.parametrize("case", ["default", "small"])
def test_the_tiers_take_their_arguments(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each program is run up to the point where it would serve."""
    served: list[str] = []
    programs = {"audience": audience, "media": media, "platform": platform}
    for module in programs.values():
        monkeypatch.setattr(module, "serve", lambda listen, _build: served.append(listen))
    tiers = 0
    for name, pod in pods(manifests("rooms", case)):
        tier, command = pod["containers"][0]["name"], pod["containers"][0]["args"]
        if tier in programs:
            assert command[:3] == ["python", "-m", f"chaos.rooms.{tier}"], name
            monkeypatch.setattr("sys.argv", command[2:])
            programs[tier].main()
            tiers += 1
    assert served == ["0.0.0.0:8000"] * tiers


def test_targets_carry_the_labels_of_the_local_world() -> None:
    """The rules rest on job, tier, instance and node; every second, as there."""
    config = YAML(typ="safe").load(
        named(manifests("observability", "default"), "ConfigMap")["prometheus"]["data"]["prometheus.yml"]
    )
    local = scrape_target(
        ProcessSpec(name="media-1", tier="media", node="n", argv=(), metrics="http://127.0.0.1:1/metrics")
    )["labels"]
    assert isinstance(local, dict)
    wanted = {label for label in local if not label.startswith("__")}
    relabelled = {one.get("target_label") for one in config["scrape_configs"][0]["relabel_configs"]}
    assert wanted <= relabelled
    assert config["global"] == {
        "scrape_interval": "1s",
        "scrape_timeout": "900ms",
        "evaluation_interval": "1s",
    }
    for name, template in scraped():
        labels = template["metadata"]["labels"]
        assert labels["standby.chaos/tier"] in {"platform", "media", "audience", "outpost"}, name
        assert labels["standby.chaos/instance"] == name


def scraped() -> Iterator[tuple[str, Manifest]]:
    """The pod templates of the rooms that have a port called `http`."""
    for name, template in templates(manifests("rooms", "default")):
        if any(port.get("name") == "http" for port in template["spec"]["containers"][0]["ports"]):
            yield name, template


def test_the_rules_are_those_of_the_package() -> None:
    """One source: the files in the package are what the cluster's Prometheus, or the operator, is given."""
    files = dict(part.removeprefix("rules.").split("=", 1) for part in RULES)
    assert files.keys() == {"recording", "alerts"}
    deployed = named(manifests("observability", "as deployed"), "ConfigMap")["prometheus"]["data"]
    operated = named(manifests("observability", "existing"), "PrometheusRule")
    for name, path in files.items():
        text = Path(path).read_text(encoding="utf-8")
        assert deployed[f"{name}.rules.yml"] == text
        assert operated[f"standby-{name}"]["spec"] == YAML(typ="safe").load(text)


def test_alertmanager_repeats_itself_to_the_outpost_that_takes_its_token() -> None:
    """Every few seconds, with an alert that always fires, so that its silence says that it is dead; the Secret with the
    token is the same one on both sides, and the outpost begins without it. Without a webhook there is no heartbeat.
    """
    found = manifests("observability", "as deployed")
    config = YAML(typ="safe").load(named(found, "ConfigMap")["alertmanager"]["data"]["alertmanager.yml"])
    (receiver,) = config["receivers"][0]["webhook_configs"]
    assert receiver["url"] == "http://outpost.rooms:8000/alerts"
    assert receiver["http_config"]["authorization"] == {"credentials_file": "/etc/webhook/token"}
    assert 3 * _seconds(config["route"]["repeat_interval"]) <= BELIEVED
    rules = named(found, "ConfigMap")["prometheus"]["data"]["watchdog.rules.yml"]
    ((alert,),) = [group["rules"] for group in YAML(typ="safe").load(rules)["groups"]]
    assert (alert["expr"], alert["labels"]) == ("vector(1)", {"severity": HEARTBEAT})
    files = named(manifests("observability", "default"), "ConfigMap")["prometheus"]["data"]
    assert "watchdog.rules.yml" not in files
    pod = named(found, "Deployment")["alertmanager"]["spec"]["template"]["spec"]
    (secret,) = [one["secret"]["secretName"] for one in pod["volumes"] if "secret" in one]
    for chart in ("rooms", "outpost"):
        listener = named(manifests(chart, "default"), "Deployment")["outpost"]["spec"]["template"]["spec"]
        env = {one["name"]: one for one in listener["containers"][0]["env"]}
        assert env[WEBHOOK_TOKEN_ENV]["valueFrom"]["secretKeyRef"] == {
            "name": secret, "key": "token", "optional": True,
        }  # fmt: skip
        assert env[TOKEN_ENV]["valueFrom"]["secretKeyRef"]["name"] != secret


def _seconds(text: str) -> float:
    return float(parse_duration(text))


def test_for_an_existing_stack_nothing_is_run() -> None:
    """`existing` makes only what the stack's operator and its Grafana look for, with the stack's labels."""
    found = manifests("observability", "existing")
    assert {one["kind"] for one in found} == {"ServiceMonitor", "PrometheusRule"}
    assert all(one["metadata"]["labels"]["release"] == "kube-prometheus-stack" for one in found)


def _rights(case: str, kind: str = "Role") -> dict[str, set[str]]:
    """What the runner may do in the target namespace (or, as ClusterRole, anywhere): verbs by resource."""
    found: dict[str, set[str]] = {}
    for one in manifests("runner", case):
        if one["kind"] == kind and one["metadata"].get("namespace", "rooms") == "rooms":
            for rule in one["rules"]:
                for resource in rule["resources"]:
                    found.setdefault(resource, set()).update(rule["verbs"])
    return found


def test_a_run_has_no_more_rights_than_its_faults_need() -> None:
    """By family, in the target namespace; nothing is cluster-wide unless nodes are asked for, and nothing is `*`."""
    links, usual, nodes = (_rights(case) for case in ("links only", "default", "by schedule"))
    assert links["pods"] == {"get", "list", "watch"}
    assert links["deployments"] == {"get", "list", "watch"}
    assert links["secrets"] == {"get"}
    assert "delete" in usual["pods"]
    assert "patch" in usual["deployments/scale"]
    assert "pods/eviction" not in usual
    assert nodes["pods/eviction"] == {"create"}
    assert _rights("default", "ClusterRole") == {}
    assert _rights("by schedule", "ClusterRole") == {"nodes": {"get", "list", "watch", "patch"}}
    for verbs in (*links.values(), *usual.values(), *nodes.values()):
        assert "*" not in verbs
    bound = {
        one["metadata"]["namespace"]: one
        for one in manifests("runner", "default")
        if one["kind"] == "RoleBinding"
    }
    assert bound.keys() == {"rooms", "standby-observability"}
    for one in bound.values():
        assert [subject["name"] for subject in one["subjects"]] == ["runner", "runner-guardian"]


def test_a_run_is_one_run() -> None:
    """A Job is never tried again, two never overlap, each has an end; reports outlive the release."""
    (job,) = named(manifests("runner", "default"), "Job").values()
    cron = named(manifests("runner", "by schedule"), "CronJob")["runner"]
    for spec in (job["spec"], cron["spec"]["jobTemplate"]["spec"]):
        assert (spec["backoffLimit"], spec["template"]["spec"]["restartPolicy"]) == (0, "Never")
        assert spec["activeDeadlineSeconds"] == 3600
    assert cron["spec"]["concurrencyPolicy"] == "Forbid"
    claim = named(manifests("runner", "by schedule"), "PersistentVolumeClaim")["runner"]
    assert claim["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    arguments = cron["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["args"]
    assert arguments == [
        "/experiment/experiment.yaml", "--world=kubernetes", "--namespace=rooms",
        "--store=s3://bucket/folder", "--history=/results/history.jsonl", "--seed=7",
    ]  # fmt: skip


def test_the_trials_of_a_study_are_begun_anew_one_by_one_and_bound_to_their_namespaces() -> None:
    """An index for each name; a pod takes another one's place when that one has ended, wherever the others stand. Its
    account may delete its namespaces and nothing of another name, and in its own one only hand in what is asked for.
    """
    found = manifests("runner", "trials")
    spec = named(found, "Job")["runner"]["spec"]
    assert (spec["completionMode"], spec["completions"], spec["parallelism"]) == ("Indexed", 3, 2)
    assert (spec["backoffLimitPerIndex"], spec["podReplacementPolicy"]) == (3, "Failed")
    assert named(found, "ConfigMap")["runner-order"]["data"] == {"order.json": "{}"}
    rights = {one["metadata"]["namespace"]: one["rules"] for one in found if one["kind"] == "Role"}
    assert rights.keys() == {"trial-1", "trial-2", "trial-3", NAMESPACES["runner"]}
    for name in ("trial-1", "trial-2", "trial-3"):
        (own,) = [rule for rule in rights[name] if rule["resources"] == ["namespaces"]]
        assert (own["resourceNames"], own["verbs"]) == ([name], ["get", "delete"])
    assert rights[NAMESPACES["runner"]] == [
        {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create"]},
        {
            "apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"],
            "resourceNames": ["trial-1", "trial-2", "trial-3"],
        },
    ]  # fmt: skip
    assert not named(found, "ClusterRole")


def test_only_its_own_pods_reach_a_dask_cluster() -> None:
    """Whoever speaks to a scheduler runs code on its workers: no namespace but its own unless one is named."""
    (policy,) = named(manifests("dask", "default"), "NetworkPolicy").values()
    (callers,) = policy["spec"]["ingress"]
    assert callers == {"from": [{"podSelector": policy["spec"]["podSelector"]}]}
    (policy,) = named(manifests("dask", "for clients"), "NetworkPolicy").values()
    (_, client) = policy["spec"]["ingress"][0]["from"]
    assert client == {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "apps"}}}


def test_a_misspelt_value_is_refused() -> None:
    """Each chart's schema knows all values: a typo is an error, not a default."""
    for chart, typo in (
        ("rooms", "platform.replica=3"),
        ("rooms", "media.instances[0].replicas=2"),
        ("observability", "placement.strikt=true"),
        ("runner", "faults.node=true"),
        ("runner", "trials.name=one"),
        ("dask", "workers.replica=3"),
    ):
        found = render(chart, "--set", typo)
        assert found.returncode != 0, typo
        assert "don't meet the specifications of the schema" in found.stderr


def test_a_tier_without_its_proxy_is_refused() -> None:
    """An instance that no proxy leads to is named, before anything is installed."""
    found = render("rooms", "--set-json", 'media.instances=[{"name":"media-4","replicas":1}]')
    assert found.returncode != 0
    assert "declares no proxy" in found.stderr
    assert ".media-4" in found.stderr


def test_images_are_chosen_by_value_and_by_digest() -> None:
    """A digest is added to the tag; strict placement keeps the other images on the tools node."""
    deployments = named(manifests("rooms", "large"), "Deployment")
    image = deployments["platform"]["spec"]["template"]["spec"]["containers"][0]["image"]
    assert image == f"registry.example/standby:0.1.0@sha256:{'a' * 64}"
    deployed = [chart for chart, cases in VALUES.items() if "as deployed" in cases]
    for chart in deployed:
        for name, pod in pods(manifests(chart, "as deployed")):
            terms = pod["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
            (expression,) = terms["nodeSelectorTerms"][0]["matchExpressions"]
            for role in expression["values"]:
                assert pod["containers"][0]["image"] in needed("standby:1-abc", role), f"{name} on {role}"
    used = {
        pod["containers"][0]["image"]
        for chart in deployed
        for _, pod in pods(manifests(chart, "as deployed"))
    }
    assert used == {"standby:1-abc", *PUBLIC}


def test_a_scheduled_run_adds_to_a_history_that_outlasts_it() -> None:
    """Beside its reports on the claim; where nothing lasts there is no history either."""
    for case, lasts in (("by schedule", True), ("default", False)):
        job = next(one for one in manifests("runner", case) if one["kind"] in ("Job", "CronJob"))
        spec = job["spec"]["jobTemplate"]["spec"] if job["kind"] == "CronJob" else job["spec"]
        container = spec["template"]["spec"]["containers"][0]
        assert ("--history=/results/history.jsonl" in container["args"]) == lasts
        assert {"name": "results", "mountPath": "/results"} in container["volumeMounts"]


def test_grafana_is_given_the_dashboards_as_they_ship() -> None:
    """What `make deploy` gives the chart: each in a ConfigMap, unchanged by Helm, and mounted where Grafana looks."""
    shipped = {path.stem: path.read_text(encoding="utf-8") for path in SHIPPED_DASHBOARDS.glob("*.json")}
    found = manifests("observability", "with everything")
    maps = named(found, "ConfigMap")
    for name, text in shipped.items():
        assert json.loads(maps[f"dashboard-{name}"]["data"][f"{name}.json"]) == json.loads(text)
    grafana = dict(pods(found))["grafana"]
    mounted = next(one for one in grafana["volumes"] if one["name"] == "dashboards")["projected"]["sources"]
    assert {one["configMap"]["name"] for one in mounted} == {f"dashboard-{name}" for name in shipped}
