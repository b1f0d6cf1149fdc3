"""`latency`: everything on a link comes later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Literal, Self

from pydantic import model_validator

from chaos.clients.toxiproxy import Number
from chaos.clock import RealSeconds
from chaos.experiment.base import wrong
from chaos.experiment.fault import LinkFaultSpec
from chaos.experiment.units import RealDuration
from chaos.faults.link.effect import Control, Sight, milliseconds
from chaos.faults.link.toxic import ToxicFault, whole
from chaos.faults.probe import Answer, Question
from chaos.worlds.base import Link

LONGEST = 8.0
"""Real seconds of a delay that a probe sits out; a longer one is seen as silence."""


class LatencySpec(LinkFaultSpec):
    """Every piece of data waits `delay`, plus or minus up to `jitter`."""

    fault: Literal["latency"] = "latency"
    delay: RealDuration
    """How long data waits, in whole milliseconds of real time."""
    jitter: RealDuration = RealSeconds(0.0)
    """How far the wait varies to both sides, evenly; at most `delay`."""

    @model_validator(mode="after")
    def _sent_as_it_stands(self) -> Self:
        whole(self.delay, 1e-3, "milliseconds", "delay")
        whole(self.jitter, 1e-3, "milliseconds", "jitter", zero=True)
        if self.jitter > self.delay:
            raise wrong("is more than the delay: data cannot come before it was sent", at="jitter")
        return self


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
