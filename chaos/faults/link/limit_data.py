"""`limit_data`: each connection of a link carries so many bytes and is closed then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from statistics import median

from chaos.clients.probe import FILL, Answer, Question
from chaos.clients.toxiproxy import Number
from chaos.faults.link.effect import Control, Sight, ends, payload
from chaos.faults.link.toxic import ToxicFault
from chaos.faults.specs import LimitDataSpec
from chaos.worlds.base import Link

LARGEST = 3_000_000
"""Bytes that a probe moves at most; a larger limit cannot be seen."""
LARGEST_SMALL = 60_000
"""The same where the link has no `payload`, so that it takes many small answers."""
MARGIN = 16_000
"""Bytes by which a probe goes beyond the limit."""


class LimitData(ToxicFault[LimitDataSpec]):
    """Closes each connection after so many bytes."""

    name = "limit_data"
    spec_type = LimitDataSpec
    toxic_type = "limit_data"

    def attributes(self) -> Mapping[str, Number]:
        return {"bytes": self.spec.bytes}

    def sight(self, link: Link) -> Sight:
        limit, upstream = self.spec.bytes, self.spec.direction == "upstream"
        size = limit + MARGIN
        path, largest = payload(link, size), LARGEST
        if upstream:
            question = Question(link.probe or "", within=3.0, count=ceil(size / FILL), fill=FILL)
        elif path:
            question = Question(path, within=3.0)
        else:
            question = Question(link.probe or "", within=3.0, count=ceil(size / 100))
            largest = LARGEST_SMALL

        def met(answer: Answer, straight: Control) -> bool | None:
            if answer.end in {"refused", "silent"} or (not upstream and straight.received <= limit):
                return None
            return answer.end in {"closed", "reset"} and (upstream or answer.received <= limit)

        def figures(answers: Sequence[Answer], straight: Control) -> str:
            got = median(answer.received for answer in answers)
            return f"{ends(answers)} after {got:.0f} bytes received, {straight.received} straight from the callee"

        blind = "" if link.probe else f"{link.name} does not speak HTTP"
        if size > largest:
            blind = f"a probe would have to move {size} bytes to meet the limit; give the fault a `proof`"
        return Sight(question, met, figures, blind=blind)
