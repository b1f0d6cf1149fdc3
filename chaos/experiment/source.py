"""Reading YAML into a tree in which every key and every value knows its place.

YAML 1.2 as ruamel.yaml scans it, within bounds that any honest document keeps: one document, no tags, no merge keys,
no repeated key, and no more size, depth and aliases than a person writes. Whatever is wrong becomes a `Problem`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from chaos.errors import DocumentError, Problem
from chaos.experiment.tree import Data as Data
from chaos.experiment.tree import Entry as Entry
from chaos.experiment.tree import Mapping as Mapping
from chaos.experiment.tree import Node as Node
from chaos.experiment.tree import Path_ as Path_
from chaos.experiment.tree import Place as Place
from chaos.experiment.tree import Scalar as Scalar
from chaos.experiment.tree import Sequence as Sequence
from chaos.experiment.tree import data as data
from chaos.experiment.tree import problem as problem
from chaos.experiment.tree import refused as refused
from chaos.experiment.tree import unshared as unshared

LARGEST_FILE = 256 * 1024
MOST_VALUES = 10_000
DEEPEST = 24


def read_text(path: Path) -> str:
    """The text of a file. Raises DocumentError when it cannot be read, is too large or is not UTF-8."""
    name = str(path)
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST_FILE + 1)
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise refused(Place(name), f"cannot be read: {reason}", expected="a readable YAML file") from None
    except ValueError:
        raise refused(Place(repr(name)), "is no file name", expected="a readable YAML file") from None
    if len(raw) > LARGEST_FILE:
        raise refused(Place(name), "is too large", expected=f"at most {LARGEST_FILE // 1024} KiB")
    return decode(raw, name)


def decode(raw: bytes, name: str) -> str:
    """The bytes of a document as text. Raises DocumentError at the first byte that is not UTF-8."""
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8", "replace")
        place = _place_in(name, before, len(before))
        raise refused(
            place, f"is not UTF-8 (byte 0x{raw[error.start]:02x})", expected="a text in UTF-8"
        ) from None


def parse(text: str, name: str) -> tuple[Node, list[Problem]]:
    """The tree of a document and the problems that leave it readable (repeated keys, tags).

    Raises DocumentError when there is no tree to be had.
    """
    if len(text) > LARGEST_FILE:
        raise refused(Place(name), "is too large", expected=f"at most {LARGEST_FILE // 1024} KiB")
    if bad := _UNPRINTABLE.search(text):
        place = _place_in(name, text, bad.start())
        raise refused(place, f"contains the character U+{ord(bad[0]):04X}, which YAML does not allow")
    composer = _Composer(name)
    try:
        node = composer.compose(_events(text))
    except MarkedYAMLError as error:
        raise _not_yaml(error, name) from None
    except YAMLError as error:
        raise refused(Place(name, 1, 1), f"is not YAML: {_one_line(error)}") from None
    except _SCANNER_SLIPS as error:
        raise refused(Place(name, 1, 1), f"is not YAML: {_one_line(error)}") from None
    if node is None or (isinstance(node, Scalar) and node.value is None):
        raise refused(Place(name, 1, 1), "is empty", expected="a mapping of keys and values")
    return node, composer.problems


def parse_value(text: str, place: Place) -> Node:
    """One value as `--set` takes it: a scalar, or a list or mapping in brackets. Raises DocumentError."""
    if not text.lstrip().startswith(("[", "{", '"', "'")):
        return Scalar(place, scalar(text.strip()), text.strip())
    try:
        node, problems = parse(text, place.file)
    except DocumentError as error:
        raise DocumentError([_moved(problem, place) for problem in error.problems]) from None
    if problems:
        raise DocumentError([_moved(problem, place) for problem in problems])
    return unshared(node, place)


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


# --- the tree ----------------------------------------------------------------------------------------------------

_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SCANNER_SLIPS = (ValueError, IndexError, KeyError, TypeError, AttributeError, AssertionError)
"""What ruamel.yaml's scanner raises, besides its own errors, on texts that are not YAML."""


def _events(text: str) -> Iterator[Event]:
    yield from YAML(typ="safe", pure=True).parse(text)


class _Composer:
    """Builds the tree from events, without recursion, and stops at the first bound that is passed."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.problems: list[Problem] = []
        self._anchors: dict[str, Node] = {}
        self._open: list[tuple[Mapping | Sequence, str | None]] = []
        self._keys: list[tuple[str, Place] | None] = []
        self._root: Node | None = None

    def compose(self, events: Iterator[Event]) -> Node | None:
        documents = 0
        for event in events:
            place = self._place(event)
            match event:
                case DocumentStartEvent():
                    documents += 1
                    if documents > 1:
                        raise refused(place, "holds a second document", expected="one document to a file")
                    if event.version not in (None, (1, 2)) or event.tags:
                        raise refused(place, "has directives", expected="YAML 1.2 without directives")
                case ScalarEvent():
                    self._add(self._scalar(event, place), event.anchor)
                case AliasEvent():
                    self._add(self._alias(event, place), None)
                case MappingStartEvent() | SequenceStartEvent():
                    self._begin(event, place)
                case MappingEndEvent() | SequenceEndEvent():
                    node, anchor = self._open.pop()
                    self._keys.pop()
                    self._add(node, anchor)
                case _:
                    pass
        return self._root

    def _place(self, event: Event) -> Place:
        mark = event.start_mark
        return (
            Place(self.name, mark.line + 1, mark.column + 1) if mark is not None else Place(self.name, 1, 1)
        )

    def _path(self) -> Path_:
        path: list[str | int] = []
        for (node, _), key in zip(self._open, self._keys, strict=True):
            if isinstance(node, Sequence):
                path.append(len(node.items))
            elif key is not None:
                path.append(key[0])
        return tuple(path)

    def _scalar(self, event: ScalarEvent, place: Place) -> Scalar:
        plain = event.implicit[0] and event.style is None
        if event.tag is not None:
            self._tag(event, place)
        return Scalar(place, scalar(event.value) if plain else event.value, event.value)

    def _tag(self, event: ScalarEvent | MappingStartEvent | SequenceStartEvent, place: Place) -> None:
        self.problems.append(
            problem(
                place,
                self._path(),
                "has a YAML tag",
                value=_cut(str(event.tag)),
                expected="a value without a tag",
            )
        )

    def _begin(self, event: MappingStartEvent | SequenceStartEvent, place: Place) -> None:
        if len(self._open) >= DEEPEST:
            raise refused(place, "is nested too deeply", expected=f"at most {DEEPEST} levels")
        if self._key_expected():
            self._complex_key(place)
        if event.tag is not None:
            self._tag(event, place)
        node = Mapping(place) if isinstance(event, MappingStartEvent) else Sequence(place)
        self._open.append((node, event.anchor))
        self._keys.append(None)

    def _key_expected(self) -> bool:
        return bool(self._open) and isinstance(self._open[-1][0], Mapping) and self._keys[-1] is None

    def _complex_key(self, place: Place) -> NoReturn:
        raise refused(place, "has a list or a mapping as a key", expected="a word as a key")

    def _alias(self, event: AliasEvent, place: Place) -> Node:
        node = self._anchors.get(event.anchor)
        if node is None:
            raise refused(place, f"the alias *{_cut(event.anchor)} has no anchor that ends before it")
        if self._key_expected() and not isinstance(node, Scalar):
            self._complex_key(place)
        return node

    def _add(self, node: Node, anchor: str | None) -> None:
        """Put a finished value where it belongs."""
        if anchor is not None:
            self._anchors[anchor] = node
        if not self._open:
            self._root = node
            return
        parent = self._open[-1][0]
        if isinstance(parent, Sequence):
            parent.items.append(node)
        elif (key := self._keys[-1]) is None:
            self._keys[-1] = (node.text if isinstance(node, Scalar) else "", node.place)
            return
        else:
            self._keys[-1] = None
            self._enter(parent, *key, node)
        parent.size += node.size
        parent.depth = max(parent.depth, node.depth + 1)
        if parent.depth > DEEPEST:
            raise refused(node.place, "is nested too deeply", expected=f"at most {DEEPEST} levels")
        if parent.size > MOST_VALUES:
            raise refused(
                node.place, "has too many values", expected=f"at most {MOST_VALUES}, aliases counted out"
            )

    def _enter(self, parent: Mapping, key: str, place: Place, node: Node) -> None:
        first = parent.entries.get(key)
        if first is None:
            parent.entries[key] = Entry(place, node)
            return
        self.problems.append(
            problem(
                place,
                (*self._path(), key),
                "is written twice",
                expected=f"one of them; the first is in line {first.place.line}",
            )
        )


# --- what is wrong, in words -------------------------------------------------------------------------------------


def _cut(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."


def _one_line(error: BaseException) -> str:
    return _cut(" ".join(str(error).split()) or type(error).__name__)


def _place_in(name: str, text: str, index: int) -> Place:
    line = text.count("\n", 0, index) + 1
    return Place(name, line, index - (text.rfind("\n", 0, index) + 1) + 1)


def _not_yaml(error: MarkedYAMLError, name: str) -> DocumentError:
    mark = error.problem_mark or error.context_mark
    place = Place(name, mark.line + 1, mark.column + 1) if mark is not None else Place(name, 1, 1)
    said = " ".join(str(error.problem or error.context or "cannot be read").split())
    expected = ""
    if "chomping or indentation" in said:
        expected = 'a comparison in quotes, such as expect: ">= 0.9"'
    elif "'\\t'" in said:
        said, expected = "a tab stands where YAML does not allow one", "spaces"
    elif "mapping values are not allowed" in said:
        expected = "quotes around a value that contains a colon and a space"
    return refused(place, f"is not YAML: {said[:160]}", expected=expected)


def _moved(found: Problem, place: Place) -> Problem:
    return Problem(place.file, 0, 0, found.path, found.message, found.value, found.expected, found.suggestion)
