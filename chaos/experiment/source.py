"""Reading YAML into a tree in which every key and every value knows its place.

YAML 1.2 as ruamel.yaml scans it, within bounds that any honest document keeps: one document, no tags, no merge keys,
no repeated key, and no more size, depth and aliases than a person writes. Whatever is wrong becomes a `Problem`.
"""

from __future__ import annotations

from pathlib import Path

from chaos.errors import DocumentError, Problem
from chaos.experiment.tree import UNPRINTABLE, Node, Place, Scalar, refused, scalar, unprintable, unshared
from chaos.experiment.tree import problem as problem

LARGEST_FILE = 128 * 1024


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
    if bad := UNPRINTABLE.search(text):
        place = _place_in(name, text, bad.start())
        raise refused(place, unprintable(bad[0]))
    from chaos.experiment.compose import Composer  # brings ruamel.yaml, which is heavy

    composer = Composer(name)
    node = composer.compose(text)
    if node is None or (isinstance(node, Scalar) and node.value is None):
        raise refused(Place(name, 1, 1), "is empty", expected="a mapping of keys and values")
    return node, composer.problems


def parse_value(text: str, place: Place) -> Node:
    """One value as `--set` takes it: a scalar, or a list or mapping in brackets. Raises DocumentError."""
    if not text.lstrip().startswith(("[", "{", '"', "'")):
        if bad := UNPRINTABLE.search(text):
            raise refused(place, unprintable(bad[0]))
        return Scalar(place, scalar(text.strip()), text.strip())
    try:
        node, problems = parse(text, place.file)
    except DocumentError as error:
        raise DocumentError([_moved(one, place) for one in error.problems]) from None
    if problems:
        raise DocumentError([_moved(one, place) for one in problems])
    return unshared(node, place)


def _place_in(name: str, text: str, index: int) -> Place:
    line = text.count("\n", 0, index) + 1
    return Place(name, line, index - (text.rfind("\n", 0, index) + 1) + 1)


def _moved(found: Problem, place: Place) -> Problem:
    return Problem(place.file, 0, 0, found.path, found.message, found.value, found.expected, found.suggestion)
