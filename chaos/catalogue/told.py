"""What all events of a record have in common."""

from __future__ import annotations

import re
from typing import Annotated, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

Point: TypeAlias = tuple[float, float | None]
"""A sample: real seconds since the run began, and the value; none where it was not finite."""
Outside: TypeAlias = Annotated[dict[str, object] | None, Field()]
"""An object whose fields are told elsewhere."""


class Line(BaseModel):
    """What stands in every line of `events.jsonl`, before the event's own fields."""

    model_config = ConfigDict(extra="allow", strict=True)

    event: str
    """The event's name."""
    t: float
    """Real seconds since the run began, by the monotonic clock."""
    unix: float
    """The moment by the wall clock, in seconds since 1970."""
    time: str
    """The same in ISO 8601, UTC."""
    phase: str
    """The phase in which it happened."""


class Told(BaseModel):
    """The fields of one event; the class' name is the event's."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    @classmethod
    def event_name(cls) -> str:
        """`FaultApplied` is told as `fault_applied`."""
        return re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()
