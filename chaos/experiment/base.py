"""What every model of the document shares: nothing unknown, nothing coerced, nothing changed afterwards."""

from __future__ import annotations

from typing import Annotated, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

T = TypeVar("T")

CHECKED_ELSEWHERE = "checked elsewhere"
"""As the context of a validation: whoever validates makes the cross-checks, and tells every problem with its place."""

Many: TypeAlias = Annotated[tuple[T, ...], Field(strict=False)]
"""A list in the document, a tuple in code: `tags: Many[str] = ()`."""


class Model(BaseModel):
    """A strict, frozen part of the document.

    Unknown keys are refused, and no value is coerced into another type (`"5"` is not 5). A field whose name is a word
    of Python carries the document's name as its alias (`from_: ... = Field(alias="from")`) and takes both.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        validate_by_alias=True,
        validate_by_name=True,
        serialize_by_alias=True,
        allow_inf_nan=False,
        defer_build=True,  # of some forty models, a document needs one; it is built when it is first used
    )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """The published schema describes each field by the string below it."""
        from chaos.experiment.docstrings import attribute_docstrings

        made = handler(core_schema)
        properties = handler.resolve_ref_schema(made).get("properties", {})
        for name, text in attribute_docstrings(cls).items():
            field = cls.model_fields.get(name)
            if text and field is not None and not field.description:
                properties[field.alias or name]["description"] = text
        return made


def wrong(message: str, *, at: str = "", expected: str = "", suggestion: str = "") -> PydanticCustomError:
    """An error for a model's own validator to raise.

    `at` is the key below this model that it concerns (`"jitter"`, `"select.room"`); the loader finds its line.
    """
    return PydanticCustomError(
        "document",
        "{message}",
        {"message": message, "at": at, "expected": expected, "suggestion": suggestion},
    )
