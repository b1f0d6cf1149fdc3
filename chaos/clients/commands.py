"""A command of the user's own, run to its end or to its time, never left behind."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from chaos.errors import WorldError

LONGEST = 200
"""Letters of a command's output that are told."""


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code (None: it was ended because its time was over) and all that it printed."""

    code: int | None
    output: bytes

    @property
    def words(self) -> str:
        """The end of the output, in one line for a reader. Words are whole: half a secret would not be masked later."""
        words = self.output.decode(errors="replace").split()
        if not words:
            return "no output"
        told: list[str] = []
        for word in reversed(words):
            if sum(map(len, told)) + len(told) + len(word) > LONGEST:
                return " ".join(["...", *reversed(told)])
            told.append(word)
        return " ".join(reversed(told))


async def run_command(
    command: Sequence[str], *, folder: Path, timeout: float, env: Mapping[str, str] | None = None
) -> Ended:
    """Run a command in `folder` with `env` added to the environment; it and all that it started is ended afterwards.

    `timeout` is real seconds. Raises WorldError when it cannot be started.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=folder,
            env={**os.environ, **(env or {})},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        raise WorldError(f"`{command[0]}` cannot be started in {folder}: {error}") from error
    try:
        async with asyncio.timeout(timeout):
            output, _ = await process.communicate()
    except TimeoutError:
        return Ended(None, b"")
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
    return Ended(process.returncode, output)
