"""The recording and alerting rules, by Prometheus' own tool."""

from __future__ import annotations

import subprocess
from importlib import resources
from pathlib import Path

import pytest

from chaos.clients.tools import ensure

pytestmark = pytest.mark.local

RULES = Path(str(resources.files("chaos.rooms") / "rules"))


def _promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ensure("promtool"), *arguments], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("name", ["recording.yaml", "alerts.yaml"])
def test_the_rules_say_what_their_cases_say(name: str) -> None:
    """Every case beside the rules holds: what is recorded, who is paged for what, and what pages nobody."""
    done = _promtool("test", "rules", RULES / "tests" / name)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_rules_are_sound() -> None:
    """Promtool's linter finds nothing, duplicate rules included."""
    done = _promtool("check", "rules", "--lint-fatal", *sorted(RULES.glob("*.yaml")))
    assert done.returncode == 0, done.stdout + done.stderr
