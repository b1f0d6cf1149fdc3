"""The parameter buffer of the crew's core, from people, runbook and switches; here the bounds are checked."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chaos.clock import StorySeconds
from chaos.crew import core
from chaos.crew.people import STAGES, People
from chaos.crew.runbook import MOST_CONFUSIONS, MOST_ENTRIES, Runbook, stable_key
from chaos.errors import UsageError
from chaos.experiment.people import Mechanisms

LARGEST_CREW = 50
_NUMBERS = dict(
    zip(
        STAGES,
        (core.NOTICE, core.ACKNOWLEDGE, core.TRIAGE, core.DECIDE, core.ACT, core.VERIFY),
        strict=True,
    )
)
STAGE_NAMES = {number: name for name, number in _NUMBERS.items()} | {core.IDLE: "resolved"}
"""What the record calls the stages of the core; EXECUTE belongs to `act`."""


def parameters(
    people: People,
    headcount: int,
    mechanisms: Mechanisms,
    runbook: Runbook,
    *,
    clearing: StorySeconds = StorySeconds(0.0),
) -> NDArray[np.void]:
    """What the core needs to know beside the state. Raises UsageError for a crew that does not fit the buffers.

    `clearing` is how long the monitoring needs until an alert is seen to be gone.
    """
    if not 0 <= headcount <= LARGEST_CREW:
        raise UsageError(f"a crew of {headcount} people; the model takes 0 to {LARGEST_CREW}")
    if len(runbook.entries) > min(MOST_ENTRIES, core.KINDS):
        raise UsageError(f"a runbook of {len(runbook.entries)} entries; the model takes {MOST_ENTRIES}")
    buffer = np.zeros((), core.PARAMS)
    p = core.params_view(buffer)
    p.headcount[0] = headcount
    for name, number in _NUMBERS.items():
        times = people.stage(name)
        p.mu[number] = times.mu
        p.sigma[number] = times.sigma
    p.speed[:] = (1.0, *people.hands)
    p.escalation[:] = people.escalation
    p.scalar[[core.AVAILABILITY, core.KNOWN, core.MISTRIAGE, core.UNSKILLED, core.CLEARING]] = (
        people.available,
        people.knows,
        people.mistriage,
        people.unskilled,
        clearing,
    )
    p.switch[[core.PARALLEL, core.AVAILABLE, core.COVERAGE, core.HELPING]] = (
        mechanisms.parallel,
        mechanisms.availability,
        mechanisms.coverage,
        mechanisms.helping,
    )
    for kind, entry in enumerate(runbook.entries):
        p.kind_key[kind] = stable_key(entry.name)
        wrong = [runbook.index(name) for name in entry.confused_with[:MOST_CONFUSIONS]]
        p.confusions[kind] = len(wrong)
        first = kind * core.CONFUSIONS
        p.confused[first : first + len(wrong)] = wrong
    return buffer
