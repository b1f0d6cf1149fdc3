"""What is said to an outpost and what it answers; `chaos.outpost` is the server, `There` the vantage that uses it."""

from __future__ import annotations

import json
import math

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from chaos.clients.probe import Answer, Question
from chaos.errors import ClientError

TOKEN_HEADER = "X-Outpost-Token"
MEASURES_LAST = 10.0
"""Real seconds after which what a run said of itself is forgotten."""
PORT = 8000
SERVICE = "outpost"


class Asked(BaseModel):
    """Ask `address` (`host:port`) on so many connections; see `chaos.clients.probe.Question` for the rest."""

    model_config = ConfigDict(extra="forbid")

    address: str
    path: str
    within: float = Field(gt=0, le=120)
    count: int = Field(default=1, ge=1, le=100_000)
    fill: int = Field(default=0, ge=0, le=8000)
    connections: int = Field(default=1, ge=1, le=1000)

    @classmethod
    def of(cls, address: str, question: Question, connections: int) -> Asked:
        """The request for a question."""
        return cls(
            address=address,
            path=question.path,
            within=question.within,
            count=question.count,
            fill=question.fill,
            connections=connections,
        )

    def question(self) -> Question:
        """The question that is asked on each connection."""
        return Question(self.path, self.within, self.count, self.fill)


_Answers = TypeAdapter(list[Answer])


def answers_text(answers: list[Answer]) -> str:
    """Answers as JSON; what never came has null for its time."""
    rows = [vars(one) | {"first": one.first if math.isfinite(one.first) else None} for one in answers]
    return json.dumps(rows)


def answers_of(text: str) -> list[Answer]:
    """Answers from JSON. Raises ClientError for anything else."""
    try:
        rows = [
            row | {"first": math.inf if row["first"] is None else row["first"]} for row in json.loads(text)
        ]
        return _Answers.validate_python(rows)
    except (ValueError, TypeError, KeyError, ValidationError) as error:
        raise ClientError(f"the outpost answered with what are no answers of probes: {text[:200]}") from error
