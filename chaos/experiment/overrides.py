"""`--set path=value`: changes to a document on the command line, under the same rules as the document."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from chaos.errors import DocumentError, Problem
from chaos.experiment.source import parse_value
from chaos.experiment.tree import Entry, Mapping, Node, Place, Scalar, Sequence, problem
from chaos.experiment.words import nearest, one_of

LONGEST_OVERRIDE = 10_000
DEEPEST = 24
_PART = re.compile(r"\.?([A-Za-z_][\w-]*)|\[(\d{1,6})\]|\[([A-Za-z_]\w*)=([^\]]*)\]")


@dataclass(frozen=True)
class _Key:
    word: str


@dataclass(frozen=True)
class _Index:
    number: int


@dataclass(frozen=True)
class _Match:
    key: str
    word: str


def apply(root: Node, overrides: Iterable[str]) -> list[Problem]:
    """Change the tree in place, one override after the other; the problems of those that could not be applied."""
    problems: list[Problem] = []
    for override in overrides:
        try:
            _apply_one(root, override)
        except DocumentError as error:
            problems += error.problems
    return problems


def _apply_one(root: Node, override: str) -> None:
    shown = override if len(override) <= 100 else override[:97] + "..."
    place = Place(f"--set {shown}")
    path, equals, value = _split(override)
    if not equals or not path or len(override) > LONGEST_OVERRIDE:
        raise _refused(place, "", "is no override", "path=value, such as faults[0].delay=2s")
    parts = _parts(path, place)
    parent = root
    for index, part in enumerate(parts[:-1]):
        parent = _step(parent, part, parts[index + 1], _text(parts[: index + 1]), place)
    _put(parent, parts[-1], parse_value(value, place), path, place)


def _split(override: str) -> tuple[str, str, str]:
    """At the first `=` outside of brackets."""
    depth = 0
    for index, letter in enumerate(override):
        depth += (letter == "[") - (letter == "]")
        if letter == "=" and depth <= 0:
            return override[:index].strip(), "=", override[index + 1 :]
    return override, "", ""


def _parts(path: str, place: Place) -> list[_Key | _Index | _Match]:
    parts: list[_Key | _Index | _Match] = []
    position = 0
    while position < len(path):
        found = _PART.match(path, position)
        if found is None or (position == 0 and path[0] == ".") or (position and path[position] not in ".["):
            told = "keys and [indices], such as faults[0].delay or faults[name=slow].delay"
            raise _refused(place, path[:100], "is no path", told)
        word, number, key, value = found.groups()
        parts.append(_Key(word) if word else _Index(int(number)) if number else _Match(key, value))
        position = found.end()
    if len(parts) > DEEPEST:
        raise _refused(place, path[:100], "is too deep", f"at most {DEEPEST} keys")
    return parts


def _text(parts: list[_Key | _Index | _Match]) -> str:
    text = ""
    for part in parts:
        match part:
            case _Key(word):
                text += f".{word}" if text else word
            case _Index(number):
                text += f"[{number}]"
            case _Match(key, word):
                text += f"[{key}={word}]"
    return text


def _step(
    parent: Node, part: _Key | _Index | _Match, following: _Key | _Index | _Match, path: str, place: Place
) -> Node:
    """The value one step below `parent`, made when a mapping is asked for that is not there yet."""
    if isinstance(part, _Key):
        entries = _entries(parent, path, place)
        entry = entries.get(part.word)
        if entry is None or (isinstance(entry.node, Scalar) and entry.node.value is None):
            if not isinstance(following, _Key):
                raise _refused(
                    place, path, "is not in the document", one_of(entries), nearest(part.word, entries)
                )
            entry = entries[part.word] = Entry(place, Mapping(place))
        return entry.node
    return _item(parent, part, path, place)


def _put(parent: Node, part: _Key | _Index | _Match, value: Node, path: str, place: Place) -> None:
    if isinstance(part, _Key):
        _entries(parent, path, place)[part.word] = Entry(place, value)
        return
    old = _item(parent, part, path, place)
    if isinstance(parent, Sequence):
        parent.items[next(index for index, item in enumerate(parent.items) if item is old)] = value


def _entries(node: Node, path: str, place: Place) -> dict[str, Entry]:
    if not isinstance(node, Mapping):
        raise _refused(place, path, "does not stand in a mapping", "a path of the document")
    return node.entries


def _item(node: Node, part: _Index | _Match, path: str, place: Place) -> Node:
    if not isinstance(node, Sequence):
        raise _refused(place, path, "is not an item of a list", "a list before the brackets")
    if isinstance(part, _Index):
        if part.number >= len(node.items):
            raise _refused(
                place, path, f"the list has {len(node.items)} items", "a number from 0 on that is in it"
            )
        return node.items[part.number]
    words = [_word(item, part.key) for item in node.items]
    found = [item for item, word in zip(node.items, words, strict=True) if word == part.word]
    if len(found) != 1:
        there = [word for word in words if word]
        message = f"{len(found)} items have {part.key}={part.word}" if found else "no such item"
        raise _refused(
            place, path, message, one_of(there, "an index"), "" if found else nearest(part.word, there)
        )
    return found[0]


def _word(item: Node, key: str) -> str:
    entry = item.entries.get(key) if isinstance(item, Mapping) else None
    return entry.node.text if entry is not None and isinstance(entry.node, Scalar) else ""


def _refused(place: Place, path: str, message: str, expected: str, suggestion: str = "") -> DocumentError:
    told = problem(place, (path,) if path else (), message, expected=expected, suggestion=suggestion)
    return DocumentError([told])
