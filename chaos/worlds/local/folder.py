"""What lies in a local world's folder: the world's state, and files that are whole whenever somebody reads them."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import BaseModel

from chaos.clients.processes import Identity
from chaos.errors import WorldError
from chaos.worlds.layout import Layout


class State(BaseModel):
    """What `world.json` says: by which mark the world's processes are known, what it is made of, and what runs."""

    id: str
    layout: Layout
    running: dict[str, Identity] = {}


def holds_world(folder: Path) -> bool:
    """Whether there is a world in a folder.

    An empty `world.json` is what a loss of power may leave of one; nothing that it told of runs any more.
    """
    path = folder / "world.json"
    return path.exists() and path.stat().st_size > 0


def write_private(path: Path, text: str) -> None:
    """Write a file whole or not at all, for its owner alone. Raises WorldError.

    It is not waited for until it is on disk: what it tells of is gone with the power, too.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    content = text.encode()
    try:
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            written = os.write(handle, content)
        finally:
            os.close(handle)
        if written != len(content):
            raise OSError(f"only {written} of {len(content)} bytes could be written")
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise WorldError(f"{path} could not be written: {error}; free some space there") from error
