"""Commands that may take a while: told before they begin, told again while they last, quoted when they fail."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence

from chaos.errors import ToolError, WorldError

FIRST_WORD = 15.0
"""Real seconds after which a command that still runs is mentioned, and again after as many."""
LONGEST = 1800.0
"""Real seconds after which a command is ended."""
QUOTED = 12
"""Lines of a failed command's output that are shown."""


def say(line: str) -> None:
    """One line of progress."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def run(
    *command: str,
    what: str = "",
    stdin: bytes = b"",
    env: Mapping[str, str] | None = None,
    longest: float = LONGEST,
) -> str:
    """Run a command to its end and return its stdout; `what` says what for, and is told with the time it takes.

    Raises WorldError, with the end of what it printed, when it fails or takes longer than `longest` real seconds.
    """
    if what:
        say(f"{what}...")
    begun = time.monotonic()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, tempfile.TemporaryFile() as given:
        given.write(stdin)
        given.seek(0)
        process = subprocess.Popen(command, stdin=given, stdout=out, stderr=err, env=env)
        try:
            code = _wait(process, what or command[0], begun, longest)
        except BaseException:
            process.kill()
            process.wait()
            raise
        out.seek(0)
        err.seek(0)
        told, complained = out.read().decode(errors="replace"), err.read().decode(errors="replace")
    if code != 0:
        end = "\n  ".join((told + complained).strip().splitlines()[-QUOTED:]) or "no output"
        raise WorldError(f"`{shlex.join(command)}` ended with {code}:\n  {end}")
    return told


def _wait(process: subprocess.Popen[bytes], what: str, begun: float, longest: float) -> int:
    while time.monotonic() - begun < longest:
        try:
            return process.wait(timeout=FIRST_WORD)
        except subprocess.TimeoutExpired:
            say(f"{what}: {time.monotonic() - begun:.0f} s so far")
    raise WorldError(f"{what} took more than {longest:.0f} s; it was ended")


def succeeds(*command: str) -> bool:
    """Whether a quick command ends well."""
    return subprocess.run(command, capture_output=True, check=False, timeout=60).returncode == 0


def need_docker() -> None:
    """Raises ToolError, which names the cure, when there is no Docker engine to speak to."""
    if shutil.which("docker") is None:
        raise ToolError(
            "The cluster runs in Docker, and there is no `docker` on the PATH.\n"
            "Install Docker Engine (docs.docker.com/engine/install) or Docker Desktop, and try again."
        )
    asked = subprocess.run(
        ["docker", "info", "--format", "{{.ServerVersion}}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if asked.returncode != 0:
        raise ToolError(
            "The cluster runs in Docker, and its engine does not answer:"
            f" {asked.stderr.strip() or asked.stdout.strip()}\n"
            "Start it (`systemctl start docker`, or Docker Desktop), or let this user use it (group `docker`)."
        )


def lines(text: str) -> Sequence[str]:
    """The lines that say something."""
    return [line.strip() for line in text.splitlines() if line.strip()]
