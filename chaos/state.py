"""Where Standby keeps its state: `.standby/` in the current folder, or `$STANDBY_STATE`."""

from __future__ import annotations

import os
import secrets
from datetime import UTC, datetime
from pathlib import Path

from chaos.errors import PreflightError


def state_folder() -> Path:
    """The folder of journals, runs and kept worlds, made for this user alone when it is not there."""
    return _made(Path(os.environ.get("STANDBY_STATE") or ".standby").absolute())


def journals() -> Path:
    """The folder of the write-ahead journals."""
    return state_folder() / "journal"


def runs() -> Path:
    """The folder of the runs."""
    return state_folder() / "runs"


def new_run() -> str:
    """A name for a run: the time it began (UTC) and four random characters."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def halts() -> Path:
    """The folder in which a file with a run's name asks that run to halt."""
    return _made(state_folder() / "halt")


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise PreflightError(
            f"the state folder {folder} cannot be made ({error}); set $STANDBY_STATE to a folder that can be written"
        ) from error
    return folder
