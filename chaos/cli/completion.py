"""What a shell offers while a command is typed. Each is asked for by the shell alone, and imports little."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout, suppress
from pathlib import Path

from chaos.errors import UsageError
from chaos.experiment.words import one_of

WORLDS = (
    ("local", "processes on this machine"),
    ("kind", "the cluster that `make cluster` makes"),
    ("kubernetes", "the context and namespace that are named"),
)

SHELLS = ("bash", "zsh", "fish")
_ASKED_BY = "_STANDBY_COMPLETE"
"""The variable by which a shell's script asks the command for words, and this module for the script."""
_ON_THE_WAY = "    [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == */ ]] && compopt -o nospace\n"
"""In bash: no blank after a folder, in which something is still to be chosen."""


def script(shell: str, app: Callable[..., object]) -> str:
    """What the shell has to read to complete `standby`. Raises UsageError for a shell that is not known."""
    if shell not in SHELLS:
        raise UsageError(f"no completion for `{shell}`; expected {one_of(SHELLS)}")
    told = io.StringIO()
    os.environ[_ASKED_BY] = f"source_{shell}"
    try:
        with redirect_stdout(told), suppress(SystemExit):
            app([], prog_name="standby")
    finally:
        del os.environ[_ASKED_BY]
    return told.getvalue().replace("    return 0\n", f"{_ON_THE_WAY}    return 0\n")


def shells(incomplete: str) -> Iterator[str]:
    """The shells that are known."""
    return (shell for shell in SHELLS if shell.startswith(incomplete))


def worlds(incomplete: str) -> Iterator[tuple[str, str]]:
    """The worlds, each with what it is."""
    return (pair for pair in WORLDS if pair[0].startswith(incomplete))


def faults(incomplete: str) -> Iterator[tuple[str, str]]:
    """The names of the faults, each with what it does."""
    from chaos.faults.specs import spec_types

    for name, spec in sorted(spec_types().items()):
        if name.startswith(incomplete):
            yield name, (spec.__doc__ or "").strip().split("\n")[0]


def documents(incomplete: str) -> Iterator[str]:
    """YAML files, and the folders on the way to more of them."""
    typed = Path(incomplete)
    folder = typed if incomplete.endswith("/") else typed.parent
    try:
        found = sorted(folder.iterdir()) if folder.is_dir() else []
    except OSError:
        return
    for path in found:
        shown = str(path)
        if path.name.startswith(".") or not shown.startswith(incomplete.removeprefix("./")):
            continue
        if path.is_dir():
            yield f"{shown}/"
        elif path.suffix in (".yaml", ".yml"):
            yield shown


def systems(incomplete: str) -> Iterator[str]:
    """What a new document may be about."""
    yield from (word for word in ("rooms", "kept") if word.startswith(incomplete))
    yield from documents(incomplete)
