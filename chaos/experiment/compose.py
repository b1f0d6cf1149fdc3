"""From YAML's events, as ruamel.yaml scans them, to the tree; within bounds that any honest document keeps."""

from __future__ import annotations

from collections.abc import Iterator
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
from chaos.experiment.tree import (
    UNPRINTABLE,
    Entry,
    Mapping,
    Node,
    Path_,
    Place,
    Scalar,
    Sequence,
    problem,
    refused,
    scalar,
    short,
    unprintable,
)

MOST_VALUES = 5_000
DEEPEST = 24
_SCANNER_SLIPS = (ValueError, OverflowError)
"""What ruamel.yaml's scanner raises, besides its own errors, on an escape that names no character."""


def events(text: str, name: str) -> Iterator[Event]:
    """The events of a text. Raises DocumentError where it stops being YAML."""
    scanned = YAML(typ="safe", pure=True).parse(text)
    while True:
        try:
            event = next(scanned)
        except StopIteration:
            return
        except MarkedYAMLError as error:
            raise _not_yaml(error, name) from None
        except (YAMLError, *_SCANNER_SLIPS) as error:
            said = " ".join(str(error).split()) or type(error).__name__
            raise refused(Place(name, 1, 1), f"is not YAML: {short(said)}") from None
        yield event


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


class Composer:
    """Builds the tree from events, without recursion, and stops at the first bound that is passed."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.problems: list[Problem] = []
        self._anchors: dict[str, Node] = {}
        self._open: list[tuple[Mapping | Sequence, str | None]] = []
        self._keys: list[tuple[str, Place] | None] = []
        self._root: Node | None = None

    def compose(self, text: str) -> Node | None:
        """The tree of `text`, or None when there is nothing in it. Raises DocumentError; see `problems`, too."""
        documents = 0
        for event in events(text, self.name):
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
        if bad := UNPRINTABLE.search(event.value):
            self.problems.append(problem(place, self._path(), unprintable(bad[0]), expected="a text to read"))
        return Scalar(place, scalar(event.value) if plain else event.value, event.value)

    def _tag(self, event: ScalarEvent | MappingStartEvent | SequenceStartEvent, place: Place) -> None:
        self.problems.append(
            problem(
                place,
                self._path(),
                "has a YAML tag",
                value=short(str(event.tag)),
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
            raise refused(place, f"the alias *{short(event.anchor)} has no anchor that ends before it")
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
