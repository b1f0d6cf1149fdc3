"""Serving what was measured before: what Grafana is started with, and what is said where it cannot be."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from chaos.cli import dashboards
from chaos.cli.dashboards import Sources
from chaos.errors import PreflightError, ToolError, UsageError
from chaos.testing.events import example_run, write_events
from chaos.worlds.local import replay
from chaos.worlds.local.replay import Ports

PORTS = Ports(9191, 9192, 9193)


def _docker(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    program = folder / "docker"
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


async def test_an_image_that_is_there_is_not_pulled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No network is needed then."""
    _docker(tmp_path, monkeypatch, '[ "$1" = image ] && [ "$3" = ' + replay.IMAGE + " ]")
    await replay.pulled()


async def test_it_is_said_why_there_is_no_grafana(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No Docker, or none that can have the image: with Docker's own last word."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolError, match="Docker is not here"):
        await replay.pulled()
    _docker(tmp_path, monkeypatch, 'echo "trying" >&2; echo "no such host" >&2; exit 1')
    with pytest.raises(ToolError, match=r"cannot have the image grafana/grafana:\S+: no such host"):
        await replay.pulled()


def test_grafana_listens_on_loopback_and_nobody_can_sign_in_or_change_anything(tmp_path: Path) -> None:
    """Its container has the provisioning read-only, runs as this user, and is gone when it ends."""
    spec = replay.layout(tmp_path, PORTS, Path("/bin/prometheus")).process(replay.GRAFANA)
    line = " ".join(spec.argv)
    assert spec.spare, "it is started only once Docker has its image"
    assert "GF_SERVER_HTTP_ADDR=127.0.0.1" in line
    assert "GF_AUTH_ANONYMOUS_ORG_ROLE=Viewer" in line
    assert "GF_AUTH_DISABLE_LOGIN_FORM=true" in line
    assert f"{tmp_path}/grafana:/etc/standby:ro" in line
    assert "--rm" in spec.argv


def test_prometheus_keeps_series_however_old_they_are(tmp_path: Path) -> None:
    """A run of last year is served: what is older than the retention, Prometheus would delete at its start."""
    spec = replay.layout(tmp_path, PORTS, Path("/bin/prometheus")).process("prometheus")
    assert f"--storage.tsdb.retention.time={replay.FOR_EVER}" in spec.argv
    assert "--web.listen-address=127.0.0.1:9192" in spec.argv


def test_the_dashboards_open_at_the_time_of_the_run_and_link_to_its_report(tmp_path: Path) -> None:
    """What Grafana is given: the data source on loopback, and the dashboards about runs at the run's own time."""
    events = example_run()
    write_events(events, tmp_path / "run")
    made = dashboards._dashboards(Sources((tmp_path / "run",), ()), PORTS)
    replay.provision(tmp_path, PORTS, made)
    told = json.loads((tmp_path / "grafana" / "json" / "experiment.json").read_text(encoding="utf-8"))
    assert told["time"]["from"].startswith("2025-11-21T13:59:5")
    report = next(one for one in told["templating"]["list"] if one["name"] == "report")
    assert report["query"] == "http://127.0.0.1:9191/"
    study = json.loads((tmp_path / "grafana" / "json" / "headcount.json").read_text(encoding="utf-8"))
    assert study["time"]["from"] == "now-90d"
    source = json.loads((tmp_path / "grafana" / "datasources" / "standby.yaml").read_text(encoding="utf-8"))
    assert source["datasources"][0]["url"] == "http://127.0.0.1:9192"


def test_what_cannot_be_served_is_refused_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that keeps none says why in its record; a folder of something else; a name of nothing; a port in use."""
    monkeypatch.setenv("STANDBY_STATE", str(tmp_path / "state"))
    with pytest.raises(UsageError, match=r"no run in .* keeps its series"):
        dashboards._found([])
    with pytest.raises(UsageError, match="there is no run or study `nothing`"):
        dashboards._found(["nothing"])
    (tmp_path / "other").mkdir()
    with pytest.raises(UsageError, match="neither the record of a run"):
        dashboards._found([str(tmp_path / "other")])
    write_events(example_run(), tmp_path / "run")
    with pytest.raises(UsageError, match="keeps no series; it was cut off"):
        dashboards._found([str(tmp_path / "run")])
    with pytest.raises(UsageError, match="cannot be had"):
        dashboards._ports(70_000)


def test_the_newest_run_that_has_its_series_is_meant_unless_told_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With every study beside it; a newer run without series is passed over."""
    monkeypatch.setenv("STANDBY_STATE", str(tmp_path))
    for name, kept in (("20260101-1", True), ("20260102-1", True), ("20260103-1", False)):
        write_events(example_run(), tmp_path / "runs" / name)
        if kept:
            (tmp_path / "runs" / name / "prometheus").mkdir()
    study = tmp_path / "studies" / "headcount"
    study.mkdir(parents=True)
    (study / "study.openmetrics").write_text("# EOF\n", encoding="utf-8")
    assert dashboards._found([]) == Sources((tmp_path / "runs" / "20260102-1",), (study,))


def test_a_history_that_cannot_be_imported_is_told(tmp_path: Path) -> None:
    """With what promtool says."""
    promtool = tmp_path / "promtool"
    promtool.write_text("#!/bin/sh\necho 'next token was \"x\"' >&2\nexit 1\n", encoding="utf-8")
    promtool.chmod(0o755)
    history = tmp_path / "study.openmetrics"
    history.write_text("x\n", encoding="utf-8")
    with pytest.raises(PreflightError, match=r"cannot be imported: next token was"):
        replay.fill(tmp_path / "served", [], [history], promtool)
