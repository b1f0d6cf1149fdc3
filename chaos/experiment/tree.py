"""A document as a tree in which every key and every value knows its place."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TypeAlias

from chaos.errors import DocumentError, Problem

LONGEST_VALUE = 60
UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")
"""What YAML does not allow as it stands, and a document not as an escape either."""

Data: TypeAlias = "bool | int | float | str | list[Data] | dict[str, Data] | None"
Path_: TypeAlias = tuple[str | int, ...]


@dataclass(frozen=True)
class Place:
    """Where something is written; `line` and `column` count from 1, or are 0 outside a file."""

    file: str
    line: int = 0
    column: int = 0


@dataclass
class Scalar:
    """A single value; `text` is as it was written."""

    place: Place
    value: bool | int | float | str | None
    text: str
    size: int = 1
    depth: int = 1


@dataclass
class Sequence:
    """A list. `size` and `depth` count what is in it, through aliases too."""

    place: Place
    items: list[Node] = field(default_factory=list)
    size: int = 1
    depth: int = 1


@dataclass
class Entry:
    """A key with its place, and its value."""

    place: Place
    node: Node


@dataclass
class Mapping:
    """Keys and values in the order in which they are written."""

    place: Place
    entries: dict[str, Entry] = field(default_factory=dict)
    size: int = 1
    depth: int = 1


Node: TypeAlias = "Scalar | Sequence | Mapping"


def data(node: Node) -> Data:
    """The tree as plain values."""
    match node:
        case Scalar():
            return node.value
        case Sequence():
            return [data(item) for item in node.items]
        case Mapping():
            return {key: data(entry.node) for key, entry in node.entries.items()}


def path_text(path: Path_) -> str:
    """`("faults", 1, "delay")` as `faults[1].delay`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def unshared(node: Node, place: Place | None = None) -> Node:
    """A copy in which no two aliases share a value, so that one can be changed alone; all at `place`, if given."""
    here = place or node.place
    match node:
        case Scalar():
            return Scalar(here, node.value, node.text)
        case Sequence():
            return Sequence(here, [unshared(item, place) for item in node.items], node.size, node.depth)
        case Mapping():
            entries = {
                key: Entry(place or entry.place, unshared(entry.node, place))
                for key, entry in node.entries.items()
            }
            return Mapping(here, entries, node.size, node.depth)


def refused(place: Place, message: str, *, expected: str = "", suggestion: str = "") -> DocumentError:
    """A DocumentError of a single problem that concerns the document as a whole."""
    return DocumentError([problem(place, (), message, expected=expected, suggestion=suggestion)])


def problem(
    place: Place, path: Path_, message: str, *, value: str = "", expected: str = "", suggestion: str = ""
) -> Problem:
    """A Problem at a place, in words that any terminal can show."""
    told = (path_text(path), message, value, expected, suggestion)
    return Problem(printable(place.file), place.line, place.column, *map(printable, told))


def unprintable(letter: str) -> str:
    """The complaint about a character that nobody can see."""
    return f"contains the character U+{ord(letter):04X}, which YAML does not allow"


def printable(text: str) -> str:
    """The text in one line, with what cannot be shown as escapes."""
    shown = UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)
    return " ".join(shown.splitlines())


def short(text: str) -> str:
    """A text as it fits into a message."""
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 3] + "..."


# --- scalars -----------------------------------------------------------------------------------------------------

_NULLS = frozenset(("", "~", "null", "Null", "NULL"))
_BOOLS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?[0-9][0-9_]*")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9]+)?")
_SPECIAL = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
LONGEST_NUMBER = 64


def scalar(text: str) -> bool | int | float | str | None:
    """What a plain scalar means by YAML 1.2's core schema; underscores may group digits (`600_000`)."""
    if text in _NULLS:
        return None
    if text in _BOOLS:
        return _BOOLS[text]
    if len(text) > LONGEST_NUMBER:
        return text
    if _INT.fullmatch(text):
        return int(text.replace("_", ""))
    if _BASED.fullmatch(text):
        return int(text, 0)
    if _FLOAT.fullmatch(text):
        return float(text.replace("_", ""))
    if _SPECIAL.fullmatch(text):
        return float(text.replace(".", "", 1))
    return text
