"""What the dashboards ask is answered: every query of every panel, by a real Prometheus, after a real run."""

from __future__ import annotations

import gzip
import http.server
import json
import math
import os
import re
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from chaos import series
from chaos.cli import studying
from chaos.clients import tools
from chaos.clients.prometheus import Prometheus
from chaos.study.conduct import conduct
from chaos.worlds.local import replay
from dashboards.__main__ import FOLDER
from tests.local.standby import Standby
from tests.unit.study.standin import STUDY, simulate, written

pytestmark = [pytest.mark.local, pytest.mark.full]

EVERYTHING = f"""
version: 1
title: A run with something in every panel
question: Does every panel show something?
time_scale: 30
seed: 7
timeline: {{warm_up: 1m, baseline: 1m, faults: 7m, recovery: 30s, after: 30s}}
rooms:
  profile: hardened
  audience:
    - {{room: townhall, listeners: 300_000, from: 0m, join_over: 10m, shape: linear, host_patience: 60m}}
objectives:
  - {{name: joins succeed, query: 'rooms:join_success:ratio{{room="townhall"}}', expect: ">= 0.9", may_break_for: 1h}}
  - {{name: it hears, query: 'rooms:hearing:ratio{{room="townhall"}}', expect: ">= 0.5", may_break_for: 1h}}
faults:
  - {{fault: latency, link: media-to-platform, delay: 900ms, at: 30s, lasts: 3m}}
  - {{fault: node_loss, tier: media, select: {{instance: media-2}}, how: kill, at: 1m, until: repaired}}
crew:
  headcount: 4
  attending: true
  runbooks: {Path(__file__).parents[2] / "experiments" / "crew" / "runbooks.yaml"}
"""
"""Twenty seconds in which people have something to repair, and the tiers something to say."""


@dataclass
class Served:
    """What `standby dashboards` serves, and the run that it is about."""

    prometheus: str
    output: str
    run: Path
    begun: float
    ended: float
    posted: list[dict[str, Any]]
    """What the run left in Grafana."""


@contextmanager
def grafana(posted: list[dict[str, Any]]) -> Iterator[str]:
    """A server that takes annotations from whoever has the token; its address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            known = self.headers["Authorization"] == "Bearer a-token" and self.path == "/api/annotations"
            if known:
                posted.append(json.loads(body))
            self.send_response(200 if known else 401)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as it is called there
            """Nothing is logged."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One run with a crew, and one study conducted twice, served by the command on ports of its own."""
    standby = Standby(tmp_path_factory.mktemp("dashboards"))
    run, study = standby.folder / "run", standby.folder / "study"
    posted: list[dict[str, Any]] = []
    with pytest.MonkeyPatch.context() as patch, grafana(posted) as address:
        patch.setenv("STANDBY_GRAFANA_TOKEN", "a-token")
        done = standby.run("run", standby.document(EVERYTHING), "--out", run, "--quiet", "--grafana", address)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    moments = [float(str(event["unix"])) for event in standby.events(run)]
    study.mkdir()
    result = conduct(written(study, STUDY.replace("{simulated: 2000}", "{simulated: 100}")), simulate)
    for before in (3600.0, 0.0):
        studying.write(study, result, "standby study s.yaml", moments[-1] - before)
    docker = standby.folder / "bin" / "docker"
    docker.parent.mkdir()
    docker.write_text("#!/bin/sh\necho no such host >&2\nexit 1\n", encoding="utf-8")
    docker.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{docker.parent}:{os.environ['PATH']}")
        process = standby.start("dashboards", run, study, "--port", "0")
    try:
        assert process.stdout is not None
        said = ""
        while "Ctrl-C ends this" not in said:
            line = process.stdout.readline()
            assert line, said
            said += line
        found = re.search(r"Prometheus: (http://[^/]+)", said)
        assert found is not None
        yield Served(found[1], said, run, moments[0], moments[-1], posted)
    finally:
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=30)
    assert process.returncode == 0, rest
    assert standby.left() == []
    assert not list((standby.state / "dashboards").iterdir())


def _queries() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted(FOLDER.glob("*.json")):
        told = json.loads(path.read_text(encoding="utf-8"))
        for panel in told["panels"]:
            for asked in panel.get("targets", ()):
                yield f"{path.stem}: {panel['title']} {asked['refId']}", asked
        for query in told["annotations"]["list"]:
            if "expr" in query:
                yield f"{path.stem}: annotation {query['name']}", query


def _filled(expr: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        expr = expr.replace(f"${name}", value)
    assert "$" not in expr, expr
    return expr


def _variables(length: float) -> dict[str, str]:
    return {
        "__rate_interval": "4s",
        "__range": f"{length:.0f}s",
        "room": ".+",
        "objective": ".+",
        "study": "A small study",
        "arm": ".+",
    }


@pytest.mark.parametrize("asked", [pytest.param(asked, id=title) for title, asked in _queries()])
async def test_every_panels_query_has_data_after_a_real_run(served: Served, asked: dict[str, Any]) -> None:
    """Over the time of the run (and of both studies) there is at least one value that is a number."""
    length = served.ended - served.begun + 4000 * ("chaos_study" in asked["expr"])
    expr = _filled(asked["expr"], _variables(length))
    async with Prometheus(served.prometheus) as prometheus:
        if asked.get("instant"):
            found = await prometheus.instant(expr, at=served.ended)
        else:
            found = await prometheus.range(expr, start=served.begun, end=served.ended, step=1)
    assert any(not math.isnan(value) for series in found for _, value in series.samples), expr


async def test_every_variable_has_values(served: Served) -> None:
    """Rooms, objectives, studies and arms are found by the labels that the variables ask for."""
    async with Prometheus(served.prometheus) as prometheus:
        for path in FOLDER.glob("*.json"):
            for variable in json.loads(path.read_text(encoding="utf-8"))["templating"]["list"]:
                if variable["type"] == "query":
                    metric, label = re.fullmatch(r"label_values\((\S+), (\w+)\)", variable["query"]).groups()  # type: ignore[union-attr]
                    length = served.ended - served.begun
                    found = await prometheus.instant(
                        f"group by ({label}) (last_over_time({metric}[{length:.0f}s]))", at=served.ended
                    )
                    assert all(series.labels[label] for series in found)
                    assert found, variable["name"]


async def test_two_studies_are_a_drift(served: Served) -> None:
    """What moved between two studies is one query: here nothing did."""
    async with Prometheus(served.prometheus) as prometheus:
        found = await prometheus.instant("idelta(chaos_study_survival_ratio[2h])", at=served.ended)
    assert found
    assert {value for series in found for _, value in series.samples} == {0.0}


def test_the_run_left_itself_its_faults_and_its_repairs_in_grafana(served: Served) -> None:
    """Each at its time in milliseconds, within the run, and the token nowhere in what the run wrote."""
    kinds = [one["tags"][1] for one in served.posted]
    assert kinds.count("run") == 1
    assert kinds.count("fault") == 2
    assert kinds.count("repair") >= 1
    begun, ended = round(served.begun * 1000), round(served.ended * 1000)
    assert all(begun <= one["time"] <= one["timeEnd"] <= ended for one in served.posted)
    assert not [path for path in served.run.glob("*.*") if "a-token" in path.read_text(encoding="utf-8")]


def test_the_run_keeps_its_series_small_and_says_so(served: Served) -> None:
    """The snapshot lies in the run's folder, its size stands in the record, and it is a Prometheus' own."""
    events = [
        json.loads(line) for line in (served.run / "events.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    kept = [event for event in events if event["event"] == "series_kept"]
    assert len(kept) == 1
    assert 10_000 < kept[0]["bytes"] < 20_000_000
    assert list((served.run / "prometheus").glob("*/meta.json"))
    verdict = next(event for event in events if event["event"] == "verdict")
    assert kept[0]["t"] > verdict["t"]


async def test_what_is_read_from_a_prometheus_elsewhere_is_all_of_it(served: Served, tmp_path: Path) -> None:
    """As a run on a cluster keeps it: promtool takes it in, and every sample of the run is there once."""
    async with Prometheus(served.prometheus) as prometheus:
        await series._export(prometheus, tmp_path, served.begun, served.ended, [])
        length = f"{served.ended - served.begun:.0f}s"
        counted = await prometheus.instant(
            f"sum(count_over_time(rooms_listeners_hearing[{length}]))", at=served.ended
        )
    replay.fill(tmp_path, [], [tmp_path / series.EXPORT], tools.find("promtool"))
    assert list((tmp_path / "prometheus").glob("*/meta.json"))
    with gzip.open(tmp_path / series.EXPORT, "rt", encoding="utf-8") as file:
        lines = [line for line in file if line.startswith("rooms_listeners_hearing{")]
    assert len(lines) == len(set(lines)) == counted[0].samples[0][1]


def test_without_grafana_it_says_so_and_where_the_dashboards_are(served: Served) -> None:
    """Prometheus and the report are served all the same."""
    assert "no Grafana: Docker cannot have the image" in served.output
    assert str(FOLDER) in served.output


def test_the_addresses_lead_somewhere(served: Served) -> None:
    """The report is served on loopback under the run's own line, to nobody who came by another name."""
    address = re.search(rf"{re.escape(str(served.run))}: (http://127\.0\.0\.1:(\d+)/0/)", served.output)
    assert address is not None
    page = subprocess.run(["curl", "-sf", address[1]], capture_output=True, text=True, check=True).stdout
    assert "A run with something in every panel" in page
    other = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-H", "Host: evil.example", address[1]]
    assert subprocess.run(other, capture_output=True, text=True, check=True).stdout == "403"
