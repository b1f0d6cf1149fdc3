"""Markdown that the reference pages are made of."""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence


def cell(text: str) -> str:
    """A text as a table's cell: one line, and no bar that would end it."""
    return " ".join(text.split()).replace("|", r"\|")


def code(text: str) -> str:
    """A text as code in a table's cell, where a bar ends nothing; empty for none."""
    return f"`{' '.join(text.split())}`" if text else ""


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; its cells are Markdown already. A last column with nothing in it is left out."""
    if rows and not any(row[-1] for row in rows):
        head, rows = head[:-1], [row[:-1] for row in rows]
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def prose(text: str | None) -> str:
    """A docstring as Markdown: its indented examples become blocks."""
    found: list[str] = []
    for part in inspect.cleandoc(text or "").split("\n\n"):
        if all(line.startswith("    ") for line in part.splitlines()) and part:
            found.append(f"```text\n{inspect.cleandoc(part)}\n```")
        else:
            found.append(part)
    return "\n\n".join(found) + "\n"


def first_sentence(text: str | None) -> str:
    """The first sentence of a docstring, in one line."""
    whole = " ".join((text or "").strip().split("\n\n")[0].split())
    return re.split(r"(?<=[.!?])\s+(?=[A-Z`])", whole, maxsplit=1)[0]
