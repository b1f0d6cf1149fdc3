"""The strings below the attributes of a class, which say what each is, read from its source.

pydantic can read them too, but does so for every model at every start-up, which takes longer than all else about the
models; only the published schema needs them.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import zip_longest


def attribute_docstrings(cls: type) -> Mapping[str, str]:
    """By attribute, those of the class and of all that it is made from; empty where an attribute has none."""
    found: dict[str, str] = {}
    for one in reversed(cls.__mro__):
        found |= _of_module(one.__module__).get(one.__qualname__, {})
    return found


@cache
def _of_module(name: str) -> Mapping[str, Mapping[str, str]]:
    """By class (its qualified name), then by attribute."""
    try:
        source = inspect.getsource(sys.modules[name])
    except (KeyError, OSError, TypeError):
        return {}
    return dict(_classes(ast.parse(source).body, ""))


def _classes(body: list[ast.stmt], prefix: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    for one in body:
        if isinstance(one, ast.ClassDef):
            yield f"{prefix}{one.name}", dict(_told(one.body))
            yield from _classes(one.body, f"{prefix}{one.name}.")


def _told(body: list[ast.stmt]) -> Iterator[tuple[str, str]]:
    for attribute, below in zip_longest(body, body[1:]):
        if isinstance(attribute, ast.AnnAssign) and isinstance(attribute.target, ast.Name):
            match below:
                case ast.Expr(value=ast.Constant(value=str() as text)):
                    yield attribute.target.id, inspect.cleandoc(text)
                case _:
                    yield attribute.target.id, ""
