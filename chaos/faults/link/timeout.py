"""`timeout`: a link swallows everything; without `after` it is a black hole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from chaos.clients.probe import Answer, Question
from chaos.clients.toxiproxy import Number
from chaos.faults.link.effect import Control, Sight, ends, milliseconds
from chaos.faults.link.toxic import ToxicFault
from chaos.faults.specs import TimeoutSpec
from chaos.worlds.base import Link

SILENCE = 1.5
"""Real seconds without an answer that count as swallowed, where the control answers at once."""


class Timeout(ToxicFault[TimeoutSpec]):
    """Lets no data through and closes connections later, or never (a black hole)."""

    name = "timeout"
    spec_type = TimeoutSpec
    toxic_type = "timeout"

    def attributes(self) -> Mapping[str, Number]:
        return {"timeout": round(self.spec.after * 1e3)}

    def sight(self, link: Link) -> Sight:
        def met(answer: Answer, straight: Control) -> bool | None:
            if answer.end == "refused" or straight.last + straight.spread >= SILENCE:
                return None
            return answer.end != "answered"

        def figures(answers: Sequence[Answer], straight: Control) -> str:
            return (
                f"{ends(answers)} within {milliseconds(SILENCE)}, "
                f"where the callee answers straight in {milliseconds(straight.last)}"
            )

        question = Question(link.probe or "", within=SILENCE)
        return Sight(question, met, figures, blind="" if link.probe else f"{link.name} does not speak HTTP")
