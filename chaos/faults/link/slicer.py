"""`slicer`: data arrives in small pieces, with a pause after each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Literal, Self

from pydantic import Field, model_validator

from chaos.clients.toxiproxy import Number
from chaos.clock import RealSeconds
from chaos.experiment.base import wrong
from chaos.experiment.fault import LinkFaultSpec
from chaos.experiment.units import RealDuration, Size
from chaos.faults.link.effect import Control, Sight, milliseconds, payload
from chaos.faults.link.toxic import ToxicFault, whole
from chaos.faults.probe import FILL, Answer, Question
from chaos.worlds.base import Link

LARGEST = 256_000
"""Bytes of a probe at most."""
TAKES = 0.8
"""Real seconds that the pauses of a probe aim to add up to."""
WITHIN = 4.0
"""Real seconds that a probe may take."""


class SlicerSpec(LinkFaultSpec):
    """Data is cut into pieces of about `average_size`, with `delay` after each."""

    fault: Literal["slicer"] = "slicer"
    average_size: Size = Field(ge=1)
    """Bytes of a piece, on average."""
    size_variation: Size = 0
    """How far a piece may differ to both sides; less than `average_size`."""
    delay: RealDuration = RealSeconds(0.0)
    """The pause after each piece, in whole microseconds of real time."""

    @model_validator(mode="after")
    def _sent_as_it_stands(self) -> Self:
        whole(self.delay, 1e-6, "microseconds", "delay", zero=True)
        if self.size_variation >= self.average_size:
            raise wrong("must be less than `average_size`", at="size_variation")
        return self


class Slicer(ToxicFault[SlicerSpec]):
    """Cuts data into small pieces, with a pause after each."""

    name = "slicer"
    spec_type = SlicerSpec
    toxic_type = "slicer"

    def attributes(self) -> Mapping[str, Number]:
        return {
            "average_size": self.spec.average_size,
            "size_variation": self.spec.size_variation,
            "delay": round(self.spec.delay * 1e6),
        }

    def sight(self, link: Link) -> Sight:
        largest_piece = self.spec.average_size + self.spec.size_variation
        upstream = self.spec.direction == "upstream"
        wanted = min(64, max(4, round(TAKES / self.spec.delay))) if self.spec.delay else 64
        path = payload(link, min(LARGEST, wanted * largest_piece))
        if upstream:
            question = Question(link.probe or "", within=WITHIN, fill=FILL)
        else:
            question = Question(path or link.probe or "", within=WITHIN)
        sent = len(question.to_bytes(""))

        def pieces(straight: Control) -> float:
            return (sent if upstream else straight.received) / largest_piece

        def met(answer: Answer, straight: Control) -> bool | None:
            count = pieces(straight)
            pauses = 0.5 * (count - 1) * self.spec.delay
            if answer.end not in {"answered", "silent"} or count < 2:
                return None
            if pauses > straight.spread + 0.001:
                return answer.end == "silent" or answer.last - straight.last >= min(pauses, 0.8 * WITHIN)
            if upstream or count < max(8, 4 * straight.pieces):
                return None
            return answer.pieces >= max(0.1 * count, 2 * straight.pieces)

        def figures(answers: Sequence[Answer], straight: Control) -> str:
            return (
                f"{sent if upstream else straight.received} bytes, about {pieces(straight):.0f} pieces, come in "
                f"{median(answer.pieces for answer in answers):g} segments and "
                f"{milliseconds(median(answer.last for answer in answers))}, straight to the callee in "
                f"{straight.pieces:g} and {milliseconds(straight.last)} (median of {len(answers)})"
            )

        return Sight(question, met, figures, blind="" if link.probe else f"{link.name} does not speak HTTP")
