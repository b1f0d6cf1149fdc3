"""`latency`: everything on a link comes later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median

from chaos.clients.probe import Answer, Question
from chaos.clients.toxiproxy import Number
from chaos.faults.link.effect import Control, Sight, milliseconds
from chaos.faults.link.toxic import ToxicFault
from chaos.faults.specs import LatencySpec
from chaos.worlds.base import Link

LONGEST = 8.0
"""Real seconds of a delay that a probe sits out; a longer one is seen as silence."""


class Latency(ToxicFault[LatencySpec]):
    """Delays everything on a link, with jitter."""

    name = "latency"
    spec_type = LatencySpec
    toxic_type = "latency"

    def attributes(self) -> Mapping[str, Number]:
        return {"latency": round(self.spec.delay * 1e3), "jitter": round(self.spec.jitter * 1e3)}

    def sight(self, link: Link) -> Sight:
        delay, jitter = self.spec.delay, self.spec.jitter
        # Data may wait from delay - jitter on; half of that, or a tenth of the delay where the jitter is
        # wide.
        least = max(0.5 * (delay - jitter), 0.1 * delay)

        def met(answer: Answer, straight: Control) -> bool | None:
            if answer.end == "silent":
                return True
            if answer.end != "answered" or straight.spread >= least:
                return None
            return answer.first - straight.first >= least

        def figures(answers: Sequence[Answer], straight: Control) -> str:
            later = median(answer.first for answer in answers) - straight.first
            return (
                f"answers come {milliseconds(later)} later than straight from the callee "
                f"({milliseconds(straight.first)}; median of {len(answers)})"
            )

        question = Question(link.probe or "", within=min(delay + jitter, LONGEST) + 2.0)
        return Sight(question, met, figures, blind="" if link.probe else f"{link.name} does not speak HTTP")
