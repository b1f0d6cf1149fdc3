"""What the dashboards ask is answered: every query of every panel, by a real Prometheus, after a real run."""

from __future__ import annotations

import gzip
import http.server
import json
import math
import os
import re
import signal
import threading
import urllib.error
import urllib.request
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
timeline: {{warm_up: 150s, baseline: 1m, faults: 7m, recovery: 30s, after: 30s}}
rooms:
  profile: hardened
  audience:
    - {{room: townhall, listeners: 100_000, from: 0m, join_over: 1m, shape: linear, host_patience: 60m}}
    - {{room: foyer, listeners: 200_000, from: 0m, join_over: 12m, shape: linear, host_patience: 60m}}
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


@contextmanager
def served_by_the_command(folder: Path) -> Iterator[Served]:
    """One run with a crew, and one study conducted twice, served by the command on ports of its own."""
    standby = Standby(folder)
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


async def _without_data(prometheus: Prometheus, served: Served) -> list[str]:
    """The queries to which there is no value that is a number, over the time of the run (and of both studies)."""
    empty = []
    for title, asked in _queries():
        length = served.ended - served.begun + 4000 * ("chaos_study" in asked["expr"])
        expr = _filled(asked["expr"], _variables(length))
        if asked.get("instant"):
            found = await prometheus.instant(expr, at=served.ended)
        else:
            found = await prometheus.range(expr, start=served.begun, end=served.ended, step=1)
        if not any(not math.isnan(value) for one in found for _, value in one.samples):
            empty.append(f"{title}: {expr}")
    return empty


async def _without_values(prometheus: Prometheus, served: Served) -> list[str]:
    """The variables for whose label there is no value over the time of the run."""
    empty = []
    length = f"{served.ended - served.begun:.0f}s"
    for path in FOLDER.glob("*.json"):
        for variable in json.loads(path.read_text(encoding="utf-8"))["templating"]["list"]:
            if variable["type"] != "query":
                continue
            asked = re.fullmatch(r"label_values\((\S+), (\w+)\)", variable["query"])
            assert asked is not None
            expr = f"group by ({asked[2]}) (last_over_time({asked[1]}[{length}]))"
            found = await prometheus.instant(expr, at=served.ended)
            if not any(one.labels.get(asked[2]) for one in found):
                empty.append(f"{path.stem}: {variable['name']}")
    return empty


async def _export_is_whole(prometheus: Prometheus, served: Served, folder: Path) -> None:
    """What a run on a cluster keeps: promtool takes it in, and every sample of the run is there once."""
    folder.mkdir()
    await series._export(prometheus, folder, served.begun, served.ended, [])
    replay.fill(folder, [], [folder / series.EXPORT], tools.find("promtool"))
    assert list((folder / "prometheus").glob("*/meta.json"))
    counted = await prometheus.instant(
        f"sum(count_over_time(rooms_listeners_hearing[{served.ended - served.begun:.0f}s]))", at=served.ended
    )
    with gzip.open(folder / series.EXPORT, "rt", encoding="utf-8") as file:
        lines = [line for line in file if line.startswith("rooms_listeners_hearing{")]
    assert len(lines) == len(set(lines)) == counted[0].samples[0][1]


def _posted_in_time(served: Served) -> None:
    """The run, both faults and a repair are in Grafana, each within the run; the token stands nowhere."""
    kinds = [one["tags"][1] for one in served.posted]
    assert (kinds.count("run"), kinds.count("fault")) == (1, 2)
    assert kinds.count("repair") >= 1
    begun, ended = round(served.begun * 1000), round(served.ended * 1000)
    assert all(begun <= one["time"] <= one["timeEnd"] <= ended for one in served.posted)
    assert not [path for path in served.run.glob("*.*") if b"a-token" in path.read_bytes()]


def _kept_small(served: Served) -> None:
    """The snapshot is a Prometheus' own, taken after the verdict, with its size in the record."""
    lines = (served.run / "events.jsonl").read_text(encoding="utf-8").splitlines()
    events = {told["event"]: told for told in map(json.loads, lines)}
    assert 10_000 < events["series_kept"]["bytes"] < 20_000_000
    assert list((served.run / "prometheus").glob("*/meta.json"))
    assert events["series_kept"]["t"] > events["verdict"]["t"]


def _report_is_served(served: Served) -> None:
    """On loopback under the run's own line, and to nobody who came by another name."""
    address = re.search(rf"{re.escape(str(served.run))}: (http://127\.0\.0\.1:\d+/0/)", served.output)
    assert address is not None
    with urllib.request.urlopen(address[1], timeout=10) as page:  # noqa: S310 - our own server
        assert "A run with something in every panel" in page.read().decode()
    other = urllib.request.Request(address[1], headers={"Host": "evil.example"})  # noqa: S310
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(other, timeout=10)  # noqa: S310


@pytest.mark.timeout(240)
async def test_what_was_measured_is_served_again_and_answers_every_panel(tmp_path: Path) -> None:
    """One run with a crew and one study conducted twice: every query of every panel has data, every variable values.

    The run keeps its series and leaves its annotations; what moved between the studies is a query; without Grafana's
    image that is said, and the rest is served; nothing is left when it ends.
    """
    with served_by_the_command(tmp_path) as served:
        async with Prometheus(served.prometheus) as prometheus:
            assert await _without_data(prometheus, served) == []
            assert await _without_values(prometheus, served) == []
            drift = await prometheus.instant("idelta(chaos_study_survival_ratio[2h])", at=served.ended)
            assert {value for one in drift for _, value in one.samples} == {0.0}, "nothing moved between them"
            await _export_is_whole(prometheus, served, tmp_path / "exported")
        _posted_in_time(served)
        _kept_small(served)
        _report_is_served(served)
        assert "no Grafana: Docker cannot have the image" in served.output
        assert str(FOLDER) in served.output
