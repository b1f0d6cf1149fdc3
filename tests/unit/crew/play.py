"""A small discrete-event driver of the plain core, for the tests of the crew."""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from chaos.crew import core
from chaos.crew.parameters import parameters
from chaos.crew.people import ON_CALL, People
from chaos.crew.runbook import Entry, Runbook
from chaos.experiment.people import Mechanisms

KINDS = 12
RUNBOOK = Runbook(
    entries=tuple(
        Entry(
            name=f"kind-{n}",
            alerts=(f"Alert{n}",),
            diagnosis=f"thing {n} is broken",
            action=f"mend_{n}",
            confused_with=(f"kind-{(n + 1) % KINDS}", f"kind-{(n + 5) % KINDS}"),
        )
        for n in range(KINDS)
    )
)
ALL_OFF = Mechanisms(parallel=False, availability=False, coverage=False, helping=False)
CERTAIN = ON_CALL.model_copy(update={"available": 1.0, "knows": 1.0, "mistriage": 0.0})


def only(**switches: bool) -> Mechanisms:
    """All four mechanisms off but those named."""
    return ALL_OFF.model_copy(update=switches)


@dataclass
class Play:
    """The state of a crew, and what was told: (t, what, incident, stage, owner)."""

    headcount: int = 2
    seed: int = 1
    trial: int = 0
    mechanisms: Mechanisms = field(default_factory=Mechanisms)
    people: People = ON_CALL
    repair_s: float = 20.0
    told: list[tuple[float, int, int, int, int]] = field(default_factory=list)
    waited: bool = False

    def __post_init__(self) -> None:
        self.draws = core.Draws(self.seed, self.trial)
        self.params: NDArray[np.void] = parameters(self.people, self.headcount, self.mechanisms, RUNBOOK)
        self.state = core.fresh(self.params, self.draws)

    @property
    def view(self) -> core.State:
        return core.view(self.state)

    def deliver(self, event: core.Event) -> list[int]:
        """Step, note what is told, and answer the incidents whose repair is to begin."""
        self.state = core.step(self.state, self.params, self.draws, event)
        v, repairs = self.view, []
        self.waited |= bool(v.waiting.any())
        for n in range(int(v.counts[core.OUT])):
            i, what = int(v.out_incident[n]), int(v.out_what[n])
            self.told.append((event.t, what, i, int(v.stage[i]), int(v.owner[i])))
            if what == core.REPAIR:
                repairs.append(i)
        return repairs

    def fire(self, i: int, t: float) -> None:
        self.deliver(core.Event(core.FIRING, i, t, cause(i), i % KINDS))

    def resolve(self, i: int, t: float) -> None:
        self.deliver(core.Event(core.RESOLVED, i, t))

    def done(self, i: int, t: float, *, ok: bool = True) -> None:
        self.deliver(core.Event(core.DONE, i, t, value=int(ok)))

    def until(self, t: float) -> list[tuple[float, int]]:
        """Deliver all timers due by `t`; answers (moment, incident) of the repairs that were to begin."""
        begun: list[tuple[float, int]] = []
        while True:
            due, i = core.next_timer(self.view)
            if due > t or due == math.inf:
                return begun
            begun += [(float(due), repair) for repair in self.deliver(core.Event(core.TIMER, i, float(due)))]

    def live(self, fires: Iterable[tuple[int, float]], horizon: float = 1e6) -> dict[int, float]:
        """Let incidents fire, carry out every repair in `repair_s`, end an alert 5 s after a right one.

        Answers when each incident was resolved.
        """
        order = itertools.count()
        queue = [(t, next(order), core.FIRING, i) for i, t in fires]
        heapq.heapify(queue)
        ends: dict[int, float] = {}
        while True:
            due, i = core.next_timer(self.view)
            if queue and queue[0][0] < due:
                t, _, kind, i = heapq.heappop(queue)
                event = core.Event(kind, i, t, cause(i), i % KINDS if kind == core.FIRING else 1)
            elif due < horizon:
                event = core.Event(core.TIMER, i, float(due))
            else:
                return ends
            for repair in self.deliver(event):
                over = event.t + self.repair_s
                heapq.heappush(queue, (over, next(order), core.DONE, repair))
                if self.view.diagnosis[repair] == self.view.kind[repair]:
                    heapq.heappush(queue, (over + 5.0, next(order), core.RESOLVED, repair))
            if event.kind == core.RESOLVED:
                ends[i] = event.t

    def entered(self, i: int, stage: int) -> list[float]:
        """When incident `i` entered a stage."""
        return [t for t, what, which, at, _ in self.told if (what, which, at) == (core.STAGE, i, stage)]


def cause(i: int) -> int:
    """The stable key of incident `i`."""
    return 104_729 * (i + 1)
