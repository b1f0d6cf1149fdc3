"""From pydantic's errors to places in the document and to words that help."""

from __future__ import annotations

import json
import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias, TypeGuard, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from chaos.errors import Problem
from chaos.experiment.expectation import EXPECTATION_EXPECTED, Expectation
from chaos.experiment.quantity import Quantity
from chaos.experiment.tree import Mapping as MappingNode
from chaos.experiment.tree import Node, Path_, Place, Scalar, problem, short
from chaos.experiment.tree import Sequence as SequenceNode
from chaos.experiment.words import nearest, one_of

Types: TypeAlias = "tuple[object, ...]"

_EXPECTED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing_size": "a smaller number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "model_type": "a mapping of keys and values",
    "model_attributes_type": "a mapping of keys and values",
    "dict_type": "a mapping of keys and values",
    "mapping_type": "a mapping of keys and values",
    "tuple_type": "a list",
    "list_type": "a list",
    "string_too_short": "a text that is not empty",
}
_TYPES: dict[object, str] = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    tuple: "a list",
    Expectation: EXPECTATION_EXPECTED,
}
_TRUTHS = {"yes": "true", "on": "true", "1": "true", "no": "false", "off": "false", "0": "false"}
_BOUNDS = {
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "too_short": "at least {min_length}",
    "too_long": "at most {max_length}",
    "string_too_long": "at most {max_length} characters",
    "string_pattern_mismatch": "a text that matches {pattern}",
}


def problems(errors: Iterable[ErrorDetails], root: Node, model: type[BaseModel]) -> Iterator[Problem]:
    """Each error of `model`'s validation of `root`, with its place, once."""
    told = [_Told.of(error, root, model) for error in errors]
    misspelt = {(*one.path[:-1], one.suggestion) for one in told if one.kind == "extra_forbidden"}
    alternatives: dict[Path_, list[_Told]] = {}
    for one in told:
        if one.kind == "missing" and one.path in misspelt:
            continue
        if one.kind == "too_short" and any(
            other.path[: len(one.path)] == one.path for other in told if other != one
        ):
            continue
        alternatives.setdefault(one.path, []).append(one)
    for path, several in alternatives.items():
        expected = dict.fromkeys(one.expected for one in several if one.expected)
        first = several[0]
        yield problem(
            first.place,
            path,
            first.message,
            value=first.value,
            expected=" or ".join(expected),
            suggestion=next((one.suggestion for one in several if one.suggestion), ""),
        )


def place_of(root: Node, path: Path_, *, key: bool = False) -> Place:
    """Where the value at `path` stands (or its key), or as much of the path as is written."""
    return _walk(root, path, key=key)[0]


def told_value(root: Node, path: Path_) -> str:
    """What is written at `path`, short; empty where nothing is."""
    node = _walk(root, path, key=False)[1]
    return "" if node is None else _told(node)


def _told(node: Node) -> str:
    if isinstance(node, SequenceNode):
        return "a list"
    if isinstance(node, MappingNode):
        return "a mapping"
    if node.value is None:
        return "nothing"
    shown = json.dumps(node.value, ensure_ascii=False) if isinstance(node.value, str) else node.text
    return short(shown)


def _walk(root: Node, path: Path_, *, key: bool) -> tuple[Place, Node | None]:
    """The place at the end of `path`, and the node there; no node where the path leaves what is written."""
    node, place = root, root.place
    for index, part in enumerate(path):
        last = index == len(path) - 1
        if isinstance(node, MappingNode) and isinstance(part, str) and part in node.entries:
            entry = node.entries[part]
            node, place = (
                entry.node,
                entry.place if (key and last) or _block(entry.node) else entry.node.place,
            )
        elif isinstance(node, SequenceNode) and isinstance(part, int) and part < len(node.items):
            node = node.items[part]
            place = node.place
        else:
            return place, None
    return place, node


def _block(node: Node) -> bool:
    """Whether the key says better than the value where it stands: the value begins in a later line, or is not there."""
    return not isinstance(node, Scalar) or node.text == ""


@dataclass(frozen=True)
class _Told:
    kind: str
    path: Path_
    place: Place
    message: str
    value: str
    expected: str
    suggestion: str

    @classmethod
    def of(cls, error: ErrorDetails, root: Node, model: type[BaseModel]) -> _Told:
        kind, context = error["type"], error.get("ctx", {})
        path, allowed, owners = _follow(model, error["loc"])
        path += _below(context.get("at"))
        expected, suggestion = _expected(kind, context), ""
        message = "is out of bounds" if kind in _BOUNDS else "is of the wrong type"
        if kind == "string_pattern_mismatch":
            message = "does not have the right form"
        value = told_value(root, path)
        if kind == "missing":
            message, value, expected = "is missing", "", _wanted(allowed)
        elif kind == "extra_forbidden":
            words = _keys(owners)
            message, expected = "unknown key", one_of(words, "no keys here")
            suggestion = nearest(str(path[-1]), words) if path else ""
        elif kind in ("union_tag_invalid", "union_tag_not_found"):
            tag = str(context.get("discriminator", "")).strip("'")
            words = _tags(allowed, tag)
            path, expected = (*path, tag), one_of(words)
            value = told_value(root, path)
            message = f"unknown {tag}" if value else "is missing"
            suggestion = nearest(str(context.get("tag", "")), words)
        elif kind == "literal_error":
            words = [str(word) for word in _literals(allowed)]
            message, expected = "is not the right word" if len(words) == 1 else "unknown word", one_of(words)
            suggestion = nearest(value.strip('"'), words)
        elif kind == "string_type" and value:
            message, expected = (
                "is not a text",
                "a text" + (f' such as "{value}"' if _is_scalar(root, path) else ""),
            )
        elif kind in ("unit", "document"):
            message = str(context.get("message", error["msg"]))
            expected, suggestion = str(context.get("expected", "")), str(context.get("suggestion", ""))
        elif kind in ("bool_type", "bool_parsing"):
            suggestion = _TRUTHS.get(value.strip('"').lower(), "")
        elif not expected:
            message = error["msg"].removeprefix("Value error, ")
        if kind == "document" and value.startswith("a "):
            value = ""
        place = place_of(root, path, key=kind == "extra_forbidden")
        return cls(kind, path, place, message, value, expected, suggestion)


def _is_scalar(root: Node, path: Path_) -> bool:
    node = _walk(root, path, key=False)[1]
    return isinstance(node, Scalar) and node.value is not None


def _expected(kind: str, context: Mapping[str, object]) -> str:
    if kind in _BOUNDS:
        return _BOUNDS[kind].format_map({**context})
    return _EXPECTED.get(kind, "")


def _wanted(allowed: Types) -> str:
    """What belongs where nothing is."""
    quantities = (item for one in allowed if isinstance(one, FieldInfo) for item in one.metadata)
    for quantity in quantities:
        if isinstance(quantity, Quantity):
            return quantity.expected
    words = [str(word) for word in _literals(allowed)]
    if words:
        return one_of(words)
    wanted = (_TYPES.get(get_origin(leaf) or leaf, "") for one in allowed for leaf in _leaves(one))
    return next((text for text in wanted if text), "a mapping of keys and values" if allowed else "")


def _below(at: object) -> Path_:
    """`"select.room"` or `"audience.0.room"` as a path."""
    return tuple(int(part) if part.isdecimal() else part for part in str(at).split(".")) if at else ()


# --- following pydantic's location through the models ------------------------------------------------------------


def _follow(model: type[BaseModel], loc: Sequence[str | int]) -> tuple[Path_, Types, Types]:
    """The document's path of a location, the types allowed there, and those of what holds it.

    Pydantic puts the chosen member of a union into a location, where the document has nothing; it is left out.
    """
    path: list[str | int] = []
    allowed: Types = (model,)
    owners: Types = ()
    for part in loc:
        leaves = tuple(leaf for one in allowed for leaf in _leaves(one))
        if isinstance(part, str) and len(leaves) > 1:
            allowed = tuple(leaf for leaf in leaves if _is_called(leaf, part)) or leaves
            continue
        if part == "[key]":
            continue
        path.append(part)
        owners, allowed = leaves, tuple(inner for leaf in leaves for inner in _inside(leaf, part))
    return tuple(path), allowed, owners


def _leaves(annotation: object) -> Iterator[object]:
    """The alternatives of a type without None, stripped of annotations."""
    origin = get_origin(annotation)
    if isinstance(annotation, FieldInfo):
        yield from _leaves(annotation.annotation)
    elif origin is Annotated:
        yield from _leaves(get_args(annotation)[0])
    elif origin in (Union, types.UnionType):
        for member in get_args(annotation):
            yield from _leaves(member)
    elif isinstance(annotation, TypeVar):
        return
    elif annotation is not type(None):
        yield annotation


def _is_called(leaf: object, name: str) -> bool:
    if _is_model(leaf):
        return name in (leaf.__name__, *_tags((leaf,), None))
    return name == getattr(leaf, "__name__", "")


def _inside(leaf: object, part: str | int) -> Iterator[object]:
    arguments = get_args(leaf)
    if _is_model(leaf):
        for name, field in leaf.model_fields.items():
            if part in (name, field.alias):
                yield field
    elif isinstance(part, int) and get_origin(leaf) in (tuple, list):
        yield arguments[0]
    elif get_origin(leaf) in (dict, Mapping):
        yield arguments[1]


def _is_model(leaf: object) -> TypeGuard[type[BaseModel]]:
    return isinstance(leaf, type) and issubclass(leaf, BaseModel)


def _keys(owners: Types) -> list[str]:
    return [
        field.alias or name for leaf in owners if _is_model(leaf) for name, field in leaf.model_fields.items()
    ]


def _literals(allowed: Types) -> list[object]:
    leaves = (leaf for one in allowed for leaf in _leaves(one))
    return [word for leaf in leaves if get_origin(leaf) is Literal for word in get_args(leaf)]


def _tags(allowed: Types, key: str | None) -> list[str]:
    """The words that tell the members of a union apart: the one-word literals of their field `key` (or of any)."""
    words: list[str] = []
    for leaf in (leaf for one in allowed for leaf in _leaves(one)):
        if _is_model(leaf):
            for name, field in leaf.model_fields.items():
                if key in (None, name) and get_origin(field.annotation) is Literal:
                    words += [word for word in get_args(field.annotation) if isinstance(word, str)]
    return words
