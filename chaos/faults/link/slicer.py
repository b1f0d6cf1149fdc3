"""`slicer`: data arrives in small pieces, with a pause after each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median

from chaos.clients.probe import FILL, Answer, Question
from chaos.clients.toxiproxy import Number
from chaos.faults.link.effect import Control, Sight, milliseconds, payload
from chaos.faults.link.toxic import ToxicFault
from chaos.faults.specs import SlicerSpec
from chaos.worlds.base import Link

LARGEST = 256_000
"""Bytes of a probe at most."""
TAKES = 0.8
"""Real seconds that the pauses of a probe aim to add up to."""
WITHIN = 4.0
"""Real seconds that a probe may take."""


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
