"""`bandwidth`: a link is thin; each connection gets so many bytes per second."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from statistics import median

from chaos.clients.probe import FILL, Answer, Question
from chaos.clients.toxiproxy import Number
from chaos.faults.link.effect import Control, Sight, milliseconds, payload
from chaos.faults.link.toxic import ToxicFault
from chaos.faults.specs import BandwidthSpec
from chaos.worlds.base import Link

TAKES = 0.8
"""Real seconds that a probe aims to take."""
LARGEST = 1_000_000
"""Bytes that a probe moves at most."""


MOST_SMALL = 500
"""Small answers that are asked for on one connection where the link has no `payload`."""


class Bandwidth(ToxicFault[BandwidthSpec]):
    """Limits how many bytes per second each connection of a link carries."""

    name = "bandwidth"
    spec_type = BandwidthSpec
    toxic_type = "bandwidth"

    def attributes(self) -> Mapping[str, Number]:
        return {"rate": round(self.spec.rate / 1e3)}

    def sight(self, link: Link) -> Sight:
        size = min(LARGEST, max(400, round(self.spec.rate * TAKES)))
        path = payload(link, size)
        if self.spec.direction == "upstream":
            fill = min(FILL, size)
            question = Question(link.probe or "", within=6.0, count=ceil(size / FILL), fill=fill)
            size = len(question.to_bytes("")) if link.probe else size
        elif path:
            question = Question(path, within=6.0)
        else:
            question = Question(link.probe or "", within=6.0, count=min(MOST_SMALL, ceil(size / 150)))

        def moved(straight: Control) -> float:
            return size if self.spec.direction == "upstream" else straight.received

        def met(answer: Answer, straight: Control) -> bool | None:
            least = 0.7 * moved(straight) / self.spec.rate
            if answer.end == "silent":
                return True
            if answer.end != "answered" or straight.last + straight.spread >= least:
                return None
            return answer.last >= least

        def figures(answers: Sequence[Answer], straight: Control) -> str:
            took, bytes_moved = median(answer.last for answer in answers), moved(straight)
            return (
                f"{bytes_moved:.0f} bytes take {milliseconds(took)} ({bytes_moved / took / 1e3:.3g} KB/s), "
                f"straight to the callee {milliseconds(straight.last)} (median of {len(answers)})"
            )

        blind = "" if link.probe else f"{link.name} does not speak HTTP"
        return Sight(question, met, figures, probes=5, blind=blind)
