"""A repair shop: the crew's core alone, in the models of which queueing theory knows the answer.

Machines fail, somebody of the crew goes through the stages and starts the repair, the repair takes its time. Closed:
so many machines, each fails again some time after it was repaired (M/M/c//N with stages of no length and an
exponential repair). Open: failures come from without at random (M/M/c). Nothing of the rooms is in it, so it is what
the speed of the core is measured with, too. Written for two drivers, as `chaos.crew.core` is.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from chaos.crew import core
from chaos.study.compiling import entry_of, jit_of, join, stamp

jit, entry = jit_of(__name__), entry_of(__name__)
join(globals())
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Buffer = NDArray[np.void]

MACHINES, MEAN_UP, MEAN_GAP, MEAN_REPAIR, UNTIL, SETTINGS = range(6)
"""What a shop is: how many machines can be down at once; closed: seconds that one runs on average; open (MEAN_UP 0):
seconds between two failures on average; seconds that a repair takes on average; when the shop closes."""
EVENTS, FAILED, REPAIRED, DOWN, WAITED, OUTS = range(6)
"""What comes out: calls of the core; failures, and repairs that worked; seconds of machines being down; failures that
met nobody free."""
DRAW_UP, DRAW_REPAIR = 24, 25


class Buffers(NamedTuple):
    """What a worker needs; `stamped` is there for its type alone (`chaos.study.compiling`)."""

    told: Floats
    states: Buffer
    params: Buffer
    stamped: Buffer
    fails: Floats
    ends: Floats


def buffers(told: Floats, params: Buffer) -> Buffers:
    """Room for one worker; `params` is a parameter buffer of the core."""
    return Buffers(
        told,
        states=np.zeros(1, core.STATE),
        params=params.reshape(1),
        stamped=np.zeros(1, [(stamp(), "i8")]),
        fails=np.zeros(core.INCIDENTS),
        ends=np.zeros(core.INCIDENTS),
    )


class Shop(NamedTuple):
    """A shop under way. `kinds`: entries of the runbook; machine i fails by kind i."""

    told: Floats
    kinds: int
    s: core.State
    p: core.Params


@jit
def exponential(d: core.Draws, what: int, cause: int, occurrence: int, attempt: int, mean: float) -> float:
    """An exponential draw that belongs to this key alone."""
    a, b, _, _ = core.drawn(d, what, core.NOBODY, cause, occurrence, attempt)
    return float(-mean * np.log(core.uniform(a, b)))


@jit
def play(x: Shop, d: core.Draws, fails: Floats, ends: Floats, out: Floats) -> None:
    """One shop, from its opening until it closes."""
    told, s, p = x.told, x.s, x.p
    machines, closed = int(told[MACHINES]), told[MEAN_UP] > 0.0
    core.reset_(s, p, d)
    out[:] = 0.0
    came = int(s.counts[core.TOP])  # 0; but a literal 0 would have compiled code of its own
    arrives = np.inf if closed else exponential(d, DRAW_UP, 0, 0, 0, told[MEAN_GAP])
    for i in range(machines):
        ends[i] = np.inf
        fails[i] = exponential(d, DRAW_UP, i, 0, 0, told[MEAN_UP]) if closed else np.inf
    while True:
        t, i, what = next_moment(s, machines, fails, ends)
        if arrives < t:
            t, i, what = arrives, free(s, machines), core.FIRING
        if t > told[UNTIL]:
            break
        if what == core.FIRING:
            fails[i] = np.inf
            cause, kind = (i, i % x.kinds) if closed else (came, 0)
            if not closed:
                came += 1
                arrives = t + exponential(d, DRAW_UP, came, 0, 0, told[MEAN_GAP])
            fail(x, d, i, t, cause, kind, out)
        elif what == core.TIMER:
            core.step_(s, p, d, core.Event(core.TIMER, i, t, 0, 0))
        else:
            ends[i] = np.inf
            if mended(x, d, i, t, out) and closed:
                fails[i] = t + exponential(d, DRAW_UP, s.cause[i], s.occurrence[i] + 1, 0, told[MEAN_UP])
        out[EVENTS] += 1.0
        begin_repairs(told, s, d, t, ends)
    for i in range(machines):
        if s.stage[i] != core.IDLE:
            out[DOWN] += told[UNTIL] - s.since[i]


@jit
def begin_repairs(told: Floats, s: core.State, d: core.Draws, t: float, ends: Floats) -> None:
    """The repairs that the last step asked for begin."""
    for n in range(s.counts[core.OUT]):
        if s.out_what[n] == core.REPAIR:
            i = s.out_incident[n]
            ends[i] = t + exponential(
                d, DRAW_REPAIR, s.cause[i], s.occurrence[i], s.attempt[i], told[MEAN_REPAIR]
            )


@jit
def next_moment(s: core.State, machines: int, fails: Floats, ends: Floats) -> tuple[float, int, int]:
    """What comes next: when, at which machine, and as which event of the core."""
    t, i = core.next_timer(s)
    what = core.TIMER
    for machine in range(machines):
        if ends[machine] < t:
            t, i, what = ends[machine], machine, core.DONE
        if fails[machine] < t:
            t, i, what = fails[machine], machine, core.FIRING
    return t, i, what


@jit
def fail(x: Shop, d: core.Draws, i: int, t: float, cause: int, kind: int, out: Floats) -> None:
    """Machine `i` fails."""
    out[FAILED] += 1.0
    if not anybody_free(x.s, x.p):
        out[WAITED] += 1.0
    core.step_(x.s, x.p, d, core.Event(core.FIRING, i, t, int(cause), int(kind)))


@jit
def mended(x: Shop, d: core.Draws, i: int, t: float, out: Floats) -> bool:
    """A repair ends; whether it was the right one."""
    s = x.s
    right = s.diagnosis[i] == s.kind[i]
    if right:
        out[EVENTS] += 1.0
        out[REPAIRED] += 1.0
        out[DOWN] += t - s.since[i]
        core.step_(s, x.p, d, core.Event(core.RESOLVED, i, t, 0, 0))
    core.step_(s, x.p, d, core.Event(core.DONE, i, t, 0, 1 if right else 0))
    return bool(right)


@jit
def free(s: core.State, machines: int) -> int:
    """A place of which nothing is down."""
    for i in range(machines):
        if s.stage[i] == core.IDLE:
            return i
    return machines - 1


@jit
def anybody_free(s: core.State, p: core.Params) -> bool:
    """Whether somebody leads no incident."""
    for q in range(p.headcount[0]):  # noqa: SIM110 (compiled)
        if s.leads[q] == 0:
            return True
    return False


@entry
def play_some(buffers: Buffers, kinds: int, seed: int, outs: Floats) -> None:
    """As many shops as `outs` has rows, with the draws of (seed, 0), (seed, 1), ..."""
    x = Shop(buffers.told, kinds, state_of(buffers.states), params_of(buffers.params))
    for trial in range(outs.shape[0]):
        play(x, core.Draws(seed, trial), buffers.fails, buffers.ends, outs[trial])


if __name__.endswith("_jit"):

    @jit
    def state_of(buffer: Buffer) -> core.State:  # noqa: D103
        return buffer[0]  # type: ignore[no-any-return]

    @jit
    def params_of(buffer: Buffer) -> core.Params:  # noqa: D103
        return buffer[0]  # type: ignore[no-any-return]

else:

    def state_of(buffer: Buffer) -> core.State:
        """The first of an array: the record itself when compiled, views of it when plain."""
        return core.view(buffer[0])

    def params_of(buffer: Buffer) -> core.Params:
        """The same for parameters."""
        return core.params_view(buffer[0])
