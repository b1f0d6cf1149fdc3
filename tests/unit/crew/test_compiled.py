from __future__ import annotations

import random

import numpy as np

from chaos.crew import core
from chaos.crew.parameters import parameters
from chaos.crew.people import ATTENDING, ON_CALL
from chaos.experiment.people import Mechanisms
from tests.unit.crew.play import KINDS, RUNBOOK, cause


def test_plain_and_compiled_are_equal_to_the_byte() -> None:
    """The same random events leave the same bytes in the plain and in the compiled state, after every single step."""
    fast = core.compiled()
    rng = random.Random(20230524)
    assert fast.philox(0, 0, 0, 0, 0, 0) == core.philox(0, 0, 0, 0, 0, 0)
    for trial in range(40):
        draws = core.Draws(rng.randrange(2**32), trial)
        switches = Mechanisms(**{name: rng.random() < 0.7 for name in Mechanisms.model_fields})
        people = rng.choice((ON_CALL, ATTENDING))
        params = parameters(people, rng.choice((0, 1, 2, 3, 5, 8, 50)), switches, RUNBOOK)
        plain = core.fresh(params, draws)
        states = np.zeros(1, core.STATE)
        fast.restart(states, params.reshape(1), draws)
        t = 0.0
        for _ in range(120):
            due, which = core.next_timer(core.view(plain))
            later = t + rng.expovariate(1 / 60)
            if due <= later:
                event = core.Event(core.TIMER, int(which), float(due))
            else:
                i = rng.randrange(KINDS)
                kind = rng.choice((core.FIRING, core.FIRING, core.RESOLVED, core.DONE))
                event = core.Event(
                    kind, i, later, cause(i), i if kind == core.FIRING else int(rng.random() < 0.8)
                )
            t = event.t
            plain = core.step(plain, params, draws, event)
            fast.apply(states, params.reshape(1), draws, event)
            assert plain.tobytes() == states[0].tobytes(), (trial, event)
