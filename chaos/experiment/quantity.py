"""What quantities with units have in common: how they complain, and how pydantic reads and prints them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

LONGEST_TEXT = 64
NUMBER = r"[0-9]+(?:\.[0-9]+)?"


class UnitError(ValueError):
    """A text that is not the quantity it should be. Says what is wrong, what was expected and what may be meant."""

    def __init__(self, message: str, expected: str, suggestion: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.expected = expected
        self.suggestion = suggestion


def _as_pydantic(error: UnitError) -> PydanticCustomError:
    """The same complaint in the form that pydantic collects, with `expected` and `suggestion` in its context."""
    return PydanticCustomError(
        "unit",
        "{message}",
        {"message": error.message, "expected": error.expected, "suggestion": error.suggestion},
    )


def is_number(value: object) -> bool:
    """Whether `value` is a number, which a truth value is not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def short_text(value: object, expected: str) -> str:
    """`value` as a text without blanks around it. Raises UnitError when it is none, or far too long."""
    if not isinstance(value, str):
        raise UnitError("is of the wrong type", expected)
    if len(value) > LONGEST_TEXT:
        raise UnitError("is far too long", expected)
    return value.strip()


def finite(value: float, expected: str) -> float:
    """`value` itself. Raises UnitError when it is infinite or not a number."""
    if not math.isfinite(value):
        raise UnitError("is not a finite number", expected)
    return value


def plain(value: float) -> str:
    """A number without an exponent and without a trailing `.0`, in as many digits as read back the same."""
    return f"{Decimal(repr(value)):f}".removesuffix(".0")


@dataclass(frozen=True)
class Quantity:
    """Teaches pydantic one quantity: reads it with `parse`, prints it with `text`, tells editors its pattern."""

    parse: Callable[[object], object]
    text: Callable[[Any], str | float]
    pattern: str
    expected: str
    zero: bool = True
    number: bool = False
    """Whether a bare number is a whole answer, as it is for a ratio."""

    def core(self, inner: CoreSchema) -> CoreSchema:
        def read(value: object) -> object:
            try:
                return self.parse(value)
            except UnitError as error:
                raise _as_pydantic(error) from None

        return core_schema.no_info_before_validator_function(
            read,
            inner,
            serialization=core_schema.plain_serializer_function_ser_schema(self.text, when_used="json"),
        )

    def json(self) -> JsonSchemaValue:
        text: JsonSchemaValue = {"type": "string", "pattern": self.pattern, "description": self.expected}
        if self.number:
            return {"anyOf": [{"type": "number"}, text]}
        return {"anyOf": [text, {"const": 0}]} if self.zero else text

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return self.core(handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return self.json()
