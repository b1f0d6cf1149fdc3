"""Finds the programs that Standby runs, and fetches those that are missing.

A program is taken from the first of these places whose version fits: the PATH; the tools folder; a pinned
release, downloaded and checked; a build with Go. What is fetched goes to the tools folder and nowhere else.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from chaos.clients.tool_fetch import Say, WayFailedError, build, download, say_on_stderr
from chaos.clients.tool_pins import CLUSTER_KITS, KITS, Kit, Tool
from chaos.errors import ToolError

PROBE_TIMEOUT = 20.0
"""Real seconds that a program gets to tell its version."""

ALL_KITS = KITS + CLUSTER_KITS

_VERSION = re.compile(r"""\b(?:version[:\s"]+|kind\s+)v?(\d+)\.(\d+)(?:\.(\d+))?""", re.IGNORECASE)
"""`version 3.5.0`, helm's `Version:"v3.18.6"` (`v3.18` where Go built it), `kind v0.30.0`."""


@dataclass(frozen=True)
class Judgement:
    """Whether a program fits, and why; `version` is empty where the program does not know its own."""

    program: Path
    fits: bool
    because: str
    version: str = ""


@dataclass(frozen=True)
class _Search:
    """Where one look for one program goes."""

    kit: Kit
    tool: Tool
    folder: Path
    path: str | None

    @classmethod
    def of(cls, name: str, folder: Path | None, path: str | None, kits: Sequence[Kit]) -> _Search:
        for kit in kits:
            for tool in kit.tools:
                if tool.name == name:
                    return cls(kit, tool, folder or tools_folder(), path)
        names = ", ".join(tool.name for kit in kits for tool in kit.tools)
        raise ToolError(f"`{name}` is not a program that Standby knows how to get; it knows {names}.")

    @property
    def wanted(self) -> str:
        return f"{self.tool.name} {self.tool.wanted}"

    @property
    def fetched(self) -> Path:
        return self.folder / self.tool.name


def tools_folder() -> Path:
    """Where fetched programs live: `$STANDBY_TOOLS`, else `.standby/tools` of the checkout or the cwd."""
    if chosen := os.environ.get("STANDBY_TOOLS"):
        return Path(chosen).absolute()
    checkout = Path(__file__).resolve().parents[2]
    home = checkout if (checkout / "pyproject.toml").is_file() else Path.cwd()
    return home / ".standby" / "tools"


def judge(tool: Tool, program: Path) -> Judgement:
    """Ask `program` for its version, or for an ability where it prints none, and say whether it fits."""
    answer = _ask(program, tool.version_arguments)
    if isinstance(answer, str):
        return Judgement(program, fits=False, because=answer)
    if found := _VERSION.search(answer.stdout):
        version = ".".join(part for part in found.groups() if part)
        fits = tool.at_least <= (int(found[1]), int(found[2])) < tool.below
        return Judgement(program, fits, f"its version is {version}, wanted is {tool.wanted}", version)
    if tool.ability is None or answer.returncode != 0 or tool.name not in answer.stdout:
        return Judgement(program, fits=False, because=f"it tells no version, wanted is {tool.wanted}")
    proof = _ask(program, tool.ability.arguments, tool.ability.stdin)
    able = not isinstance(proof, str) and proof.returncode == 0 and tool.ability.proof in proof.stdout
    seen = f"but it {tool.ability.about}" if able else f"and it is not one that {tool.ability.about}"
    return Judgement(program, able, f"it tells no version, {seen}")


def find(
    name: str, *, folder: Path | None = None, path: str | None = None, kits: Sequence[Kit] = ALL_KITS
) -> Path:
    """The fitting program called `name`, on the `path` (default: `$PATH`) or in the tools folder.

    Fetches nothing, and takes about a tenth of a second, because it asks the program for its version.
    Raises ToolError, with every candidate and why it was refused.
    """
    search = _Search.of(name, folder, path, kits)
    found, refusals = _look(search)
    if found is not None:
        return found.program
    raise ToolError(
        "\n  ".join([f"{search.wanted} is needed and is not here:", *refusals])
        + f"\nTo fetch {search.kit.name} {search.kit.version}, run `make setup`"
        + f" or `python -m chaos.clients.tools`; or {search.kit.remedy}."
    )


def ensure(
    name: str,
    *,
    folder: Path | None = None,
    path: str | None = None,
    kits: Sequence[Kit] = ALL_KITS,
    say: Say = say_on_stderr,
) -> Path:
    """The fitting program called `name`, fetched into the tools folder if it is nowhere yet.

    Takes up to minutes where it has to download or build, and tells its progress through `say`.
    Raises ToolError, with what was tried on each way, why it failed, and the remedy.
    """
    search = _Search.of(name, folder, path, kits)
    found, tried = _look(search)
    if found is not None:
        return found.program
    try:
        search.folder.mkdir(parents=True, exist_ok=True)
        with _lock(search.folder / ".lock", say):
            # Whoever held the lock before may have fetched it.
            if _fits_fetched(search) or _fetch(search, say, tried):
                return search.fetched
    except OSError as error:
        tried.append(f"in the tools folder {search.folder}: {error}")
    raise ToolError(
        "\n  ".join([f"{search.wanted} is needed and cannot be had:", *tried])
        + f"\nEither let this machine reach the download, or install Go, or {search.kit.remedy}."
    )


def _look(search: _Search) -> tuple[Judgement | None, list[str]]:
    """The first fitting candidate, and a sentence for each one that was refused before it."""
    refusals: list[str] = []
    path = search.path if search.path is not None else os.environ.get("PATH", os.defpath)
    for place in dict.fromkeys(entry for entry in path.split(os.pathsep) if entry):
        if (program := shutil.which(search.tool.name, path=place)) is None:
            continue
        judgement = judge(search.tool, Path(program).absolute())
        if judgement.fits:
            return judgement, refusals
        refusals.append(f"on the PATH: {judgement.program}: {judgement.because}")
    if not refusals:
        refusals.append(f"on the PATH: no {search.tool.name}")
    if not search.fetched.exists():
        return None, [*refusals, f"in the tools folder {search.folder}: no {search.tool.name}"]
    judgement = judge(search.tool, search.fetched)
    if judgement.fits:
        return judgement, refusals
    return None, [*refusals, f"in the tools folder: {judgement.program}: {judgement.because}"]


def _fits_fetched(search: _Search) -> bool:
    return search.fetched.exists() and judge(search.tool, search.fetched).fits


def _ask(program: Path, arguments: Sequence[str], stdin: str = "") -> subprocess.CompletedProcess[str] | str:
    """The program's answer with stderr in stdout, or why there is none."""
    try:
        return subprocess.run(
            [program, *arguments],
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=PROBE_TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"`{' '.join(arguments)}` was not answered within {PROBE_TIMEOUT:g} s"
    except OSError as error:
        return f"it cannot be run: {error.strerror or error}"


def _fetch(search: _Search, say: Say, tried: list[str]) -> bool:
    """Put the kit's programs into the folder by the first way that works; add each failure to `tried`."""
    kit = search.kit
    ways: dict[str, Callable[[Path], None]] = {
        "download": lambda stage: download(kit, stage, say),
        "build with Go": lambda stage: build(kit, stage, say, search.path),
    }
    for left_behind in search.folder.glob(".fetch-*"):
        shutil.rmtree(left_behind)  # by a process that was killed; no other fetches while the lock is held
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=search.folder) as scratch:
        for number, (name, way) in enumerate(ways.items()):
            stage = Path(scratch) / str(number)
            stage.mkdir()
            try:
                way(stage)
                _install(kit, stage, search.folder)
            except (WayFailedError, OSError) as failure:
                tried.append(f"{name}: {failure}")
                say(f"{kit.name} {kit.version}: {name} failed: {failure}")
            else:
                say(f"{kit.name} {kit.version}: ready in {search.folder}")
                return True
    return False


def _install(kit: Kit, stage: Path, folder: Path) -> None:
    """Move the kit's programs from `stage` to `folder`, each at once, after all of them were seen to fit."""
    for tool in kit.tools:
        (stage / tool.name).chmod(0o755)
        judgement = judge(tool, stage / tool.name)
        if not judgement.fits:
            raise WayFailedError(f"what came of it does not fit: {tool.name}: {judgement.because}")
    for tool in kit.tools:
        (stage / tool.name).replace(folder / tool.name)


@contextlib.contextmanager
def _lock(file: Path, say: Say) -> Iterator[None]:
    """Hold `file` locked, so that two processes do not fetch the same program at once."""
    with file.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"Waiting for another process that fetches programs into {file.parent}")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def main(arguments: Sequence[str] | None = None) -> int:
    """Fetch the programs named (default: those of the local world), tell where each is; 0 if all are there."""
    local, names = ([tool.name for kit in kits for tool in kit.tools] for kits in (KITS, ALL_KITS))
    parser = argparse.ArgumentParser(prog="python -m chaos.clients.tools", description=__doc__)
    known = f"one of {', '.join(names)} (default: {', '.join(local)})"
    parser.add_argument("names", nargs="*", metavar="NAME", help=known)
    parser.add_argument("--quiet", action="store_true", help="tell nothing about what is there already")
    options = parser.parse_args(arguments)
    try:
        for name in options.names or local:
            program = ensure(name)
            if not options.quiet:
                sys.stdout.write(f"{name}: {program}\n")
    except ToolError as error:
        say_on_stderr(str(error))
        return 1
    return 0


def _end_on_sigterm(number: int, frame: FrameType | None) -> None:
    del frame
    raise SystemExit(128 + number)


if __name__ == "__main__":
    # An exception, where the default is sudden death, so that a build in progress is ended as well.
    signal.signal(signal.SIGTERM, _end_on_sigterm)
    raise SystemExit(main())
