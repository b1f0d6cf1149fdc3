"""Places the example's story moments on the real clock of a made-up run."""

from __future__ import annotations

from dataclasses import dataclass

from chaos.record import Event, Json

OPENED = 6.0
"""Real seconds from the start of the run to the start of warm-up."""
PHASES = (("warm_up", 120.0), ("baseline", 120.0), ("faults", 1200.0), ("recovery", 240.0), ("after", 120.0))


@dataclass(frozen=True)
class Maker:
    """Places story moments on the real clock of the made-up run."""

    time_scale: float
    began: float

    def t(self, story: float) -> float:
        return OPENED + story / self.time_scale

    def event(self, name: str, story: float, /, **fields: Json) -> Event:
        return self.real(name, self.t(story), phase_at(story), **fields)

    def real(self, name: str, t: float, phase: str, /, **fields: Json) -> Event:
        return Event(name, round(t, 3), round(self.began + t, 3), phase, fields)


def phase_at(story: float) -> str:
    """The phase at a story moment."""
    end = 0.0
    for name, lasts in PHASES:
        end += lasts
        if story < end:
            return name
    return "judging"
