"""The reference of the commands, from the command line itself."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from chaos.cli.app import app

INTRODUCTION = """
Exit codes of `standby run`: 0 pass, 1 fail, 2 the document or the command line is wrong and nothing was touched, 3
inconclusive, 4 something could not be undone, 5 aborted by a stop condition or `standby halt`, 130 and 143
interrupted and undone. Of several files the first in the order 4, 130 or 143, 2, 5, 1, 3, 0 counts.
"""


@cache
def root() -> TyperGroup:
    """`standby` with all that is below it."""
    made = get_command(app)
    assert isinstance(made, TyperGroup)
    return made


def commands(group: TyperGroup, path: str = "standby") -> Iterator[tuple[str, TyperCommand]]:
    """Every command below a group, with the words that call it."""
    for name, command in group.commands.items():
        words = f"{path} {name}"
        if isinstance(command, TyperGroup):
            yield from commands(command, words)
        elif isinstance(command, TyperCommand):
            yield words, command


def commands_page() -> str:
    """Each command with what it takes."""
    parts = [
        "# Commands\n",
        INTRODUCTION,
    ]
    for words, command in commands(root()):
        context = command.make_context(
            words, [], resilient_parsing=True, terminal_width=100, max_content_width=100
        )
        parts.append(f"## {words}\n\n```text\n{command.get_help(context).strip()}\n```\n")
    return "\n".join(parts)
