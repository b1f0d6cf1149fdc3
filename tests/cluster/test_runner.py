"""The runner in the cluster: a run as a Job under an account of its own, and the guardian that outlives it."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import requests

from chaos.clients import routes
from chaos.clients.tools import ensure
from tests.cluster.kind import (
    CONTEXT,
    CONTROL_PLANE,
    LEASE,
    NAMESPACE,
    ROOT,
    RUNNERS,
    apply,
    docker,
    document,
    hurt,
    kubectl,
    left_in_cluster,
    plain_kubectl,
    proven,
)
from tests.local.standby import Standby
from tests.waiting import wait_until

RELEASE = "trial"
TOOLS, KEPT_IN = "standby-worker4", "/var/standby-trial"
"""The node on which runs go, and where a volume of the tests lies there."""
JOB = f"{RELEASE}-1"
"""The Job of the first revision of the release."""

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(420)]


def helm(*arguments: str) -> None:
    """A command of helm in the runners' namespace, which must succeed."""
    command = (str(ensure("helm")), *arguments, "--kube-context", CONTEXT, "--namespace", RUNNERS)
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def install(*settings: str) -> None:
    """The chart with the image that the guardian runs already; that one guardian is enough."""
    guardian = kubectl("-n", RUNNERS, "get", "deployment", "runner-guardian")
    image = guardian["spec"]["template"]["spec"]["containers"][0]["image"]
    repository, _, tag = image.rpartition(":")
    helm(
        "install", RELEASE, str(ROOT / "charts" / "runner"), "--set", f"image.repository={repository}",
        "--set-string", f"image.tag={tag}", "--set=placement.strict=true,guardian.enabled=false", *settings,
    )  # fmt: skip


@pytest.fixture
def release(standby: Standby) -> Iterator[Standby]:
    """Whatever a test installs is gone afterwards."""
    yield standby
    helm("uninstall", RELEASE, "--ignore-not-found")


def pods(job: str = JOB) -> list[Any]:
    """The pods of the run."""
    found: list[Any] = kubectl("-n", RUNNERS, "get", "pods", "-l", f"batch.kubernetes.io/job-name={job}")[
        "items"
    ]
    return found


def scheduled() -> list[str]:
    """The Jobs that the CronJob of the release has made."""
    return [
        one["metadata"]["name"]
        for one in kubectl("-n", RUNNERS, "get", "jobs")["items"]
        for owner in one["metadata"].get("ownerReferences", ())
        if (owner["kind"], owner["name"]) == ("CronJob", RELEASE)
    ]


def job_ended(job: str = JOB) -> bool:
    """Whether the Job has come to its end, either way."""
    status = kubectl("-n", RUNNERS, "get", "job", job)["status"]
    return any(
        one["type"] in ("Complete", "Failed") and one["status"] == "True"
        for one in status.get("conditions", ())
    )


@pytest.fixture
def claim() -> Iterator[str]:
    """A claim that is there already, on a volume of the tools' node: not every cluster makes volumes by itself."""
    docker("exec", TOOLS, "mkdir", "-m", "0777", "-p", KEPT_IN)
    volume = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": RELEASE},
        "spec": {
            "capacity": {"storage": "64Mi"},
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "",
            "hostPath": {"path": KEPT_IN},
        },
    }
    wanted = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": RELEASE, "namespace": RUNNERS},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "",
            "volumeName": RELEASE,
            "resources": {"requests": {"storage": "64Mi"}},
        },
    }
    for one in (volume, wanted):
        apply(one)
    yield RELEASE
    plain_kubectl("-n", RUNNERS, "delete", "pvc", RELEASE, "--wait=false")
    plain_kubectl("delete", "pv", RELEASE, "--wait=false")
    docker("exec", TOOLS, "rm", "-r", KEPT_IN)


def test_the_guardian_undoes_a_run_that_is_gone_with_its_disk(release: Standby) -> None:
    """Killed with everything that it wrote: faults of links and of workloads, and settings, are put back within the
    lease and half a minute, from the journal in the namespace, by the Deployment's own account.
    """
    path = release.document(
        document(
            "fault: latency, link: media-to-platform, delay: 300ms, at: 0s",
            "fault: scale_down, process: media-2, at: 0s",
            faults="60m",
        )
    )
    install(f"--set-file=experiment.document={path}")
    wait_until(
        lambda: len(hurt("bridge")) > 0 and "media-2 has 0 replicas" in left_in_cluster(), 150, "both faults"
    )
    (pod,) = pods()
    docker("exec", pod["spec"]["nodeName"], "pkill", "-KILL", "-f", "chaos.cli run")
    died = time.monotonic()
    plain_kubectl("-n", RUNNERS, "delete", "job", JOB, "--cascade=foreground", "--grace-period=0", "--force")
    wait_until(lambda: pods() == [], LEASE, "the pod to be gone with its disk")
    assert hurt("bridge"), "it is not its own undoing that is looked at"
    wait_until(lambda: left_in_cluster() == [], LEASE + 30 - (time.monotonic() - died), "the guardian's work")
    told = plain_kubectl("-n", RUNNERS, "logs", "deployment/runner-guardian", "--since=90s")
    for what in ("undoing latency on", "undoing scale_down on", "undoing settings of", "undoing the hold on"):
        assert what in told, told


POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "intruder"},
    "spec": {"containers": [{"name": "one", "image": "redis:7.0"}]},
}
CORDON = {"spec": {"unschedulable": True}}
EVICTION = {
    "apiVersion": "policy/v1",
    "kind": "Eviction",
    "metadata": {"name": "x", "namespace": "kube-system"},
}
HERE = f"/api/v1/namespaces/{NAMESPACE}"
APPS = f"/apis/apps/v1/namespaces/{NAMESPACE}"
SYSTEM = "/api/v1/namespaces/kube-system"
OBSERVED = "/api/v1/namespaces/standby-observability"
NODE = f"/api/v1/nodes/{CONTROL_PLANE}"
ALLOWED = (
    f"{HERE}/pods",
    f"{HERE}/secrets/control",
    f"{HERE}/services/bridge:8474/proxy/proxies",
    f"{OBSERVED}/services/prometheus:9090/proxy/-/ready",
)
REFUSED: Mapping[str, tuple[tuple[str, str, Mapping[str, Any] | None], ...]] = {
    "another namespace": (
        ("GET", f"{SYSTEM}/pods", None),
        ("GET", "/api/v1/namespaces/default/configmaps", None),
        ("GET", f"/api/v1/namespaces/{RUNNERS}/secrets", None),
        ("GET", f"{OBSERVED}/pods", None),
        ("GET", "/api/v1/pods", None),
        ("DELETE", f"{OBSERVED}/pods/prometheus", None),
        ("PUT", f"{SYSTEM}/configmaps/kube-proxy", {}),
        (
            "PATCH",
            "/apis/apps/v1/namespaces/kube-system/deployments/coredns/scale",
            {"spec": {"replicas": 0}},
        ),
        ("POST", f"{SYSTEM}/pods/etcd-{CONTROL_PLANE}/eviction", EVICTION),
        ("GET", f"{OBSERVED}/services/alertmanager:9094/proxy/", None),
    ),
    "another verb": (
        ("POST", f"{HERE}/pods", POD),
        ("DELETE", f"{APPS}/deployments/platform", None),
        ("POST", f"{APPS}/deployments", {}),
        ("DELETE", f"{HERE}/services/platform", None),
        ("GET", f"{HERE}/secrets", None),
        ("GET", f"{HERE}/secrets/somebody-elses", None),
        ("PUT", f"{HERE}/secrets/control", {}),
        ("DELETE", HERE, None),
        ("PATCH", HERE, {"metadata": {"labels": {"standby.chaos/target": "allowed"}}}),
        ("POST", f"{HERE}/pods/platform/eviction", EVICTION),
        ("POST", f"/api/v1/namespaces/{RUNNERS}/serviceaccounts/runner-guardian/token", {}),
        ("PATCH", f"/apis/rbac.authorization.k8s.io/v1/namespaces/{NAMESPACE}/roles/runner", {"rules": []}),
    ),
    "the control plane's node": (
        ("GET", NODE, None),
        ("PATCH", NODE, CORDON),
        ("DELETE", NODE, None),
        ("GET", f"{NODE}/proxy/metrics", None),
        ("GET", "/api/v1/nodes", None),
        ("GET", f"{SYSTEM}/pods/kube-apiserver-{CONTROL_PLANE}", None),
        ("DELETE", f"{SYSTEM}/pods/kube-apiserver-{CONTROL_PLANE}", None),
        ("GET", f"{SYSTEM}/pods/etcd-{CONTROL_PLANE}/exec?command=id&stdout=true", None),
    ),
}


@pytest.fixture(scope="module")
def account() -> Iterator[requests.Session]:
    """Requests with a token of the account under which runs go, and with nothing else."""
    way = routes.access(CONTEXT)
    with requests.Session() as session:
        session.trust_env = False
        session.verify = str(way.configuration.ssl_ca_cert)
        token = plain_kubectl("-n", RUNNERS, "create", "token", "runner", "--duration=10m").strip()
        session.headers["Authorization"] = f"Bearer {token}"
        yield session


def asked(account: requests.Session, method: str, path: str, body: object = None) -> requests.Response:
    """What the API server says to that; should it be allowed after all, nothing would come of it."""
    dry = {} if method == "GET" else {"dryRun": "All"}
    patch = {"Content-Type": "application/merge-patch+json"} if method == "PATCH" else {}
    return account.request(
        method, f"{routes.access(CONTEXT).server}{path}", params=dry, json=body, headers=patch, timeout=20
    )


def test_the_account_of_a_run_may_do_its_work(account: requests.Session) -> None:
    """What the refusals below are to be compared with: the same token, in its own place."""
    for path in ALLOWED:
        found = asked(account, "GET", path)
        assert found.status_code == 200, (path, found.text)


@pytest.mark.parametrize("what", list(REFUSED))
def test_the_account_of_a_run_is_refused_everything_else(account: requests.Session, what: str) -> None:
    """By real requests with a real token: forbidden, by name of the account, whatever the object is."""
    for method, path, body in REFUSED[what]:
        found = asked(account, method, path, body)
        assert found.status_code == 403, (method, path, found.status_code, found.text)
        assert f"system:serviceaccount:{RUNNERS}:runner" in found.text, (method, path, found.text)


@pytest.mark.usefixtures("release")
def test_a_job_ends_with_the_verdict_that_its_experiment_expects(claim: str) -> None:
    """Under an account of its own, which reaches the cluster as `in-cluster`; its results outlive its pod."""
    install(f"--set=experiment.name=cluster/redis-loss,results.existingClaim={claim}")
    wait_until(job_ended, 300, "the Job to end")
    (pod,) = pods()
    (container,) = pod["status"]["containerStatuses"]
    told = plain_kubectl("-n", RUNNERS, "logs", pod["metadata"]["name"])
    assert container["state"]["terminated"]["exitCode"] == 0, told[-3000:]
    assert pod["spec"]["serviceAccountName"] == RELEASE
    helm("uninstall", RELEASE)
    report = json.loads(docker("exec", TOOLS, "sh", "-c", f"cat {KEPT_IN}/runs/*/run.json"))
    assert (report["verdict"], report["exit_code"]) == ("pass", 0), report["why"]
    assert proven(report), report["faults"]
    assert left_in_cluster() == []


@pytest.mark.experiments
@pytest.mark.usefixtures("release")
def test_the_schedule_makes_a_job_that_ends_with_results(claim: str) -> None:
    """Kubernetes itself begins the run at its minute; report, journal and a line of the history are on the claim."""
    install(
        "--set=experiment.name=slow-bridge,job=false",
        f"--set=results.existingClaim={claim}",
        "--set-string=schedule=* * * * *",
    )
    wait_until(lambda: len(scheduled()) > 0, 90, "the schedule to come to its minute")
    plain_kubectl("-n", RUNNERS, "patch", "cronjob", RELEASE, "-p", '{"spec": {"suspend": true}}')
    (job,) = scheduled()
    wait_until(lambda: job_ended(job), 240, "the Job to end")
    (pod,) = pods(job)
    (container,) = pod["status"]["containerStatuses"]
    told = plain_kubectl("-n", RUNNERS, "logs", pod["metadata"]["name"])
    assert container["state"]["terminated"]["exitCode"] == 0, told[-3000:]
    report = json.loads(docker("exec", TOOLS, "sh", "-c", f"cat {KEPT_IN}/runs/*/run.json"))
    assert (report["verdict"], report["cluster"]["context"]) == ("pass", "in-cluster"), report["why"]
    assert proven(report), report["faults"]
    kept = docker("exec", TOOLS, "sh", "-c", f"ls {KEPT_IN}/runs/*")
    assert {"report.html", "summary.md", "junit.xml", "events.jsonl"} <= set(kept.split())
    (line,) = docker("exec", TOOLS, "cat", f"{KEPT_IN}/history.jsonl").splitlines()
    assert json.loads(line)["run"] == report["run"]
    assert left_in_cluster() == []
