"""What `standby new` finds out about a world that runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.local.standby import Standby
from tests.waiting import wait_until

pytestmark = [pytest.mark.local, pytest.mark.full, pytest.mark.timeout(180)]


def test_a_world_that_runs_tells_what_there_is(tmp_path: Path) -> None:
    """The kept world by its own folder, then what its real Prometheus scrapes; valid documents of both."""
    standby = Standby(tmp_path)
    up = standby.run("up", "--world", "local")
    assert up.returncode == 0, up.stdout + up.stderr
    try:
        prometheus = up.stdout.split("Prometheus: ")[1].strip()
        shown = standby.run("new", "--of", "kept", "--show").stdout
        assert "media-to-platform: media calls platform" in shown
        assert "edge: audience calls media" in shown
        wait_until(
            lambda: "  up\n" in standby.run("new", "--of", "kept", "--show").stdout, 60, "a first scrape"
        )
        scraped = standby.run("new", "--of", prometheus, "--show").stdout
        assert "a Prometheus does not know who calls whom" in scraped
        assert "up\n" in scraped
        for name, of, fault in (("kept", "kept", "latency"), ("scraped", prometheus, "none")):
            on = ["--on", "edge"] if fault != "none" else []
            file = tmp_path / f"{name}.yaml"
            made = standby.run("new", file, "--of", of, "--fault", fault, *on)
            assert made.returncode == 0, made.stderr
            assert standby.run("validate", file).returncode == 0
    finally:
        assert standby.run("down", "--world", "local").returncode == 0
    assert standby.left() == []
