"""What an Alertmanager tells by its webhook: which alerts fire, and whether that is known at all.

An Alertmanager that has nothing new to tell is as silent as one that is dead, or as one whose webhook leads nowhere. So
it must repeat itself (`repeat_interval` of a few seconds for this receiver), and have something to repeat at any time:
an alert that always fires, by convention `Watchdog` with the severity `none`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import Literal

from pydantic import BaseModel, ConfigDict

BELIEVED = 15.0
"""Real seconds for which what was told holds: three repetitions, as the chart sets them."""
NAME = "alertname"


class OneTold(BaseModel):
    """One alert of a delivery."""

    status: Literal["firing", "resolved"]
    labels: dict[str, str]


class Delivery(BaseModel):
    """The body of Alertmanager's webhook (version 4), as far as it matters here."""

    model_config = ConfigDict(extra="ignore")

    alerts: list[OneTold]


class Fires(BaseModel):
    """An alert that fires: its name, and its labels without that."""

    name: str
    labels: dict[str, str]


class Known(BaseModel):
    """Which alerts fire; nothing where `unknown` says why that is not known."""

    unknown: str = ""
    firing: list[Fires] = []


@dataclass
class Heard:
    """Deliveries, and what they come to."""

    now: Callable[[], float] = monotonic
    _begun: float = field(init=False)
    _last: float | None = None
    _firing: dict[tuple[tuple[str, str], ...], float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._begun = self.now()

    def take(self, delivery: Delivery) -> None:
        """Take in what was told just now."""
        self._last = self.now()
        for one in delivery.alerts:
            key = tuple(sorted(one.labels.items()))
            if one.status == "firing":
                self._firing[key] = self._last
            else:
                self._firing.pop(key, None)

    def known(self) -> Known:
        """Which alerts fire now. What is not repeated any more does not fire any more."""
        now = self.now()
        if self._last is None or now - self._last > BELIEVED:
            silent = "yet" if self._last is None else f"for {now - self._last:.0f} s"
            return Known(unknown=f"no Alertmanager has told anything {silent}")
        if now - self._begun < BELIEVED:
            return Known(
                unknown=f"whatever fires is told within {BELIEVED:g} s of the start, and that is not over"
            )
        self._firing = {key: at for key, at in self._firing.items() if now - at <= BELIEVED}
        return Known(
            firing=[
                Fires(name=labels.get(NAME, ""), labels={k: v for k, v in labels.items() if k != NAME})
                for labels in map(dict, self._firing)
            ]
        )
