"""What a measured value must be, as a document writes it: `">= 0.9"`, `"between 1 and 3"`."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from chaos.experiment.quantity import Quantity, UnitError, finite, is_number, short_text

Operator: TypeAlias = Literal[">=", ">", "<=", "<", "==", "!=", "between"]

EXPECTATION_EXPECTED = 'a comparison such as ">= 0.9", "== 1", "< 2" or "between 1 and 3"'
_SIGNED = r"[-+]?[0-9]+(?:\.[0-9]+)?(?:e[-+]?[0-9]{1,3})?%?"
EXPECTATION_PATTERN = (
    r"^ *(?:>=|>|<=|<|==|!=) *NUMBER *$|^ *between +NUMBER +and +NUMBER *$|^ *in *\[ *NUMBER *, *NUMBER *\] *$"
).replace("NUMBER", _SIGNED)
_COMPARISON = re.compile(rf"(>=|>|<=|<|==|!=) *({_SIGNED})")
_RANGE = re.compile(rf"between +({_SIGNED}) +and +({_SIGNED})|in *\[ *({_SIGNED}) *, *({_SIGNED}) *\]")


@dataclass(frozen=True)
class Expectation:
    """What a measured value must be. Reads and prints as a text: `Expectation.parse(">= 0.9").holds(0.95)`.

    `upper` is the other end of `between LIMIT and UPPER` (both ends included) and None for every other operator.
    """

    op: Operator
    limit: float
    upper: float | None = None

    @classmethod
    def parse(cls, value: object) -> Expectation:
        """Read `">= 0.9"`, `"between 1 and 3"` or `"in [0, 1]"`. Raises UnitError."""
        if isinstance(value, Expectation):
            return value
        if isinstance(value, bool) or not isinstance(value, str):
            raise UnitError("is not a comparison", EXPECTATION_EXPECTED, _comparison_guess(value))
        text = short_text(value, EXPECTATION_EXPECTED)
        if compared := _COMPARISON.fullmatch(text):
            return cls(_operator(compared[1]), _signed(compared[2]))
        if ranged := _RANGE.fullmatch(text):
            low, high = (_signed(number) for number in ranged.groups() if number is not None)
            if low > high:
                raise UnitError("has its ends the wrong way round", EXPECTATION_EXPECTED)
            return cls("between", low, high)
        raise UnitError("is not a comparison", EXPECTATION_EXPECTED, _comparison_guess(text))

    def holds(self, value: float) -> bool:
        """Whether `value` is as expected; a NaN never is."""
        if math.isnan(value):
            return False
        match self.op:
            case ">=":
                return value >= self.limit
            case ">":
                return value > self.limit
            case "<=":
                return value <= self.limit
            case "<":
                return value < self.limit
            case "==":
                return value == self.limit
            case "!=":
                return value != self.limit
            case "between":
                return self.limit <= value <= (self.limit if self.upper is None else self.upper)

    def __str__(self) -> str:
        if self.op == "between":
            return f"between {_number_text(self.limit)} and {_number_text(self.upper or 0.0)}"
        return f"{self.op} {_number_text(self.limit)}"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: type[object], handler: GetCoreSchemaHandler) -> CoreSchema:
        return Quantity(cls.parse, str, EXPECTATION_PATTERN, EXPECTATION_EXPECTED, zero=False).core(
            core_schema.is_instance_schema(cls)
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return Quantity(cls.parse, str, EXPECTATION_PATTERN, EXPECTATION_EXPECTED, zero=False).json()


def _signed(text: str) -> float:
    number = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    return finite(number, EXPECTATION_EXPECTED)


def _operator(text: str) -> Operator:
    operators: dict[str, Operator] = {">=": ">=", ">": ">", "<=": "<=", "<": "<", "==": "==", "!=": "!="}
    return operators[text]


def _number_text(value: float) -> str:
    return repr(value).removesuffix(".0")


def _comparison_guess(value: object) -> str:
    if isinstance(value, bool):
        return f"== {int(value)}"
    if is_number(value):
        return f"== {value}" if len(repr(value)) < 20 else ""
    text = str(value).replace("=>", ">=").replace("=<", "<=").replace("≥", ">=").replace("≤", "<=").strip()
    if re.fullmatch(rf"=? *{_SIGNED}", text):
        text = f"== {text.lstrip('= ')}"
    return text if len(text) < 20 and _COMPARISON.fullmatch(text) else ""
