"""What a document leaves to the environment: `$NAME` in the headers of a request, so that no secret stands in it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping

from pydantic import JsonValue

from chaos.errors import PreflightError

_BRACED = re.compile(r"\$\{(\w+)")
_VARIABLE = re.compile(r"\$(\w+)")


def filled_headers(headers: Mapping[str, str], where: str, hide: Callable[[str], None]) -> dict[str, str]:
    """Headers as they are sent; `where` is what the document calls them. See `filled_in`."""
    return {name: filled_in(value, f"{where}.{name}", hide) for name, value in headers.items()}


def filled_in(text: str, where: str, hide: Callable[[str], None]) -> str:
    """`text` with the environment's values in place of its `$NAME`s; each is given to `hide`, the record's.

    Raises PreflightError for a variable that is not set, or whose value no header can hold; `where` names the place.
    """

    def fill(found: re.Match[str]) -> str:
        value = os.environ.get(found[1])
        if not value:
            raise PreflightError(
                f"{where} needs the environment variable ${found[1]}, which is not set; export it"
            )
        hide(value)
        if not value.isprintable():
            raise PreflightError(
                f"{where} cannot be sent: the value of ${found[1]} has a line break or another control character in it"
            )
        return value

    return _VARIABLE.sub(fill, text)


def named_in(value: JsonValue) -> Iterator[str]:
    """The environment's values for every `${NAME}` in the arguments of a function, which may fill them in itself."""
    if isinstance(value, Mapping):
        for below in value.values():
            yield from named_in(below)
    elif isinstance(value, list):
        for below in value:
            yield from named_in(below)
    elif isinstance(value, str):
        yield from (os.environ[name] for name in _BRACED.findall(value) if os.environ.get(name))
