"""What the options of a session ask of each run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from chaos.pytest_plugin.turns import TURNS, used_by

if TYPE_CHECKING:
    from chaos.experiment import Loaded
    from chaos.report.model import RunReport


def overrides_of(config: pytest.Config) -> list[str]:
    """The texts of `--standby-set`, and `--standby-world` as one of them."""
    world = config.getoption("--standby-world")
    return [*config.getoption("--standby-set"), *([f"world={world}"] if world else [])]


def run_document(config: pytest.Config, loaded: Loaded, *, folder: str, seed: int | None = None) -> RunReport:
    """Run it as the session asks, when it is its turn; its reports go to `folder` below `--standby-out`, if given."""
    from chaos.api import run

    out: Path | None = config.getoption("--standby-out")
    with config.stash[TURNS].taken(used_by(loaded)):
        return run(
            loaded,
            seed=config.getoption("--standby-seed") if seed is None else seed,
            out=None if out is None else out / _inside(folder),
            context=config.getoption("--standby-context"),
            namespace=config.getoption("--standby-namespace"),
        )


def _inside(folder: str) -> Path:
    """The folder of a test, which may lie outside of the root folder, as one that lies inside another."""
    return Path(*(part for part in Path(folder).parts if part not in ("/", "..")))
