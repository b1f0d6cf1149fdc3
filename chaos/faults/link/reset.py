"""`reset`: connections of a link break off before the answer (RST on new ones, FIN on those that were
open).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from chaos.clients.probe import Answer, Question
from chaos.clients.toxiproxy import Number
from chaos.faults.link.effect import Control, Sight, ends, milliseconds
from chaos.faults.link.toxic import ToxicFault
from chaos.faults.specs import ResetSpec
from chaos.worlds.base import Link


class Reset(ToxicFault[ResetSpec]):
    """Resets connections as soon as data flows, or some time after."""

    name = "reset"
    spec_type = ResetSpec
    toxic_type = "reset_peer"

    def attributes(self) -> Mapping[str, Number]:
        return {"timeout": round(self.spec.after * 1e3)}

    def sight(self, link: Link) -> Sight:
        within = self.spec.after + 1.5

        def met(answer: Answer, _straight: Control) -> bool | None:
            if answer.end in {"refused", "silent"}:
                return None
            return answer.end in {"reset", "closed"} and answer.last >= 0.5 * self.spec.after

        def figures(answers: Sequence[Answer], straight: Control) -> str:
            took = max((answer.last for answer in answers if answer.end != "silent"), default=within)
            return (
                f"{ends(answers)} within {milliseconds(took)}, "
                f"where the callee answers straight in {milliseconds(straight.last)}"
            )

        question = Question(link.probe or "", within=within)
        return Sight(question, met, figures, blind="" if link.probe else f"{link.name} does not speak HTTP")
