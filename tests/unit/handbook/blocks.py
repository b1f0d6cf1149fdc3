"""The blocks of code in the documentation, each with what it says about how it is tested."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

ROOT = Path(__file__).parents[3]
PAGES = sorted(
    [
        *(ROOT / name for name in ("README.md", "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md")),
        *(ROOT / "docs").rglob("*.md"),
    ]
)
_FENCE = re.compile(
    r"^(?P<indent> *)(?P<fence>```+|~~~+)(?P<language>[\w-]*)[^\n]*\n(?P<text>.*?)^(?P=indent)(?P=fence)[ ]*$",
    re.MULTILINE | re.DOTALL,
)
_NOTE = re.compile(r"<!--\s*(?P<note>(?:(?!-->).)*?)\s*-->\s*\Z", re.DOTALL)
_COMMENT = re.compile(r"(?:^|\s)#(?=\s).*$")


@dataclass(frozen=True)
class Block:
    """One fenced block: where it stands, its language, what the HTML comment just above it says, and its text."""

    page: Path
    line: int
    language: str
    note: str
    text: str

    @property
    def place(self) -> str:
        """Where it is, for a message."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page: Path) -> list[Block]:
    """All fenced blocks of a page."""
    text = page.read_text(encoding="utf-8")
    found: list[Block] = []
    for fence in _FENCE.finditer(text):
        above = text[: fence.start()].rstrip()
        note = _NOTE.search(above)
        indent = len(fence["indent"])
        body = "".join(
            line[indent:] if line.strip() else line for line in fence["text"].splitlines(keepends=True)
        )
        line = text.count("\n", 0, fence.start()) + 1
        found.append(Block(page, line, fence["language"], note["note"] if note else "", body))
    return found


def every(*languages: str) -> list[Block]:
    """The blocks of these languages in all pages."""
    return [block for page in PAGES for block in blocks(page) if block.language in languages]


def commands(text: str) -> Iterator[list[str]]:
    """The commands of a shell block as words, without comments and redirections; `\\` joins a line with the next."""
    for line in text.replace("\\\n", " ").splitlines():
        bare = _COMMENT.sub("", line).strip()
        if bare:
            words = shlex.split(bare)
            yield list(takewhile(lambda word: word not in (">", ">>", "2>", "|", "&"), words))


def without_blocks(page: Path) -> str:
    """A page's prose."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))
