"""The audience of one room as a fluid: its state, the rings of what is to come, leaving and silence.

Counts are people at full scale, times story seconds; time goes in steps. What happens to people later (the next
press, a token that runs out) stands in a ring of steps to come; what waits for a token stands in rows, one per step,
served first come, first served (`line`), so every wait is known exactly. People of one kind share their fate in
proportion.

    arrivals ─▶ press 1..4 ─▶ the line for tokens ─▶ hearing ◀─ renewals of tokens, through the same line
                   ▲  pause ◀─ spun out │               │ not renewed in time: thrown out
                   └───────────────◀────┴─ press again ◀┴─▶ silent ─▶ patience ends: gone

Rings and rows that hold people who may leave meanwhile are kept per person still there: divided by STAY or WAIT, the
share of those who have not left since the beginning. So leaving costs nothing.

Written for two drivers, as `chaos.crew.core` is: plain, and compiled (`chaos.study.compiling`).
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from chaos.study.compiling import inlined_of, jit_of

jit, inlined = jit_of(__name__), inlined_of(__name__)
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Buffer = NDArray[np.void]

RING = 1024
"""Steps that a ring reaches ahead; a power of two."""
RINGS, TURN = 11, RING - 1
FIRST, LATER, GHOST, OUT_FIRST, OUT_LATER = range(5)
"""Rings of rates: first and later renewals due, those of people long gone, and tokens that run out unrenewed."""
PRESS_2, PRESS_3, PRESS_4, AGAIN, BACK, BACK_RATE = range(5, 11)
"""Rings of people: who presses for the second, third, fourth time; again, after being thrown out; who comes back."""

ARRIVE, KEEP, PLANNED = range(3)
"""Columns of the load: people who arrive in a step, the share that does not leave in it, people who should be there."""

(
    HEAR, NEW, QUIET_1, QUIET_2, STAY, WAIT, QUEUE, PART, ZOMBIES, BACKLOG, RATE_FIRST, RATE_LATER, RATE_GHOST,
    RATE_OUT_FIRST, RATE_OUT_LATER, RATE_BACK, BROKEN, BREAK, LOST_AT, LOST, TRIED, LET_IN, BELOW_SINCE, SHARE_HEARING,
    LOAD, BACKLOG_BEFORE, COME_BEFORE, PRESENT, ANNOUNCED, LINE, ECHO, FLOATS,
) = range(32)  # fmt: skip
"""Places in `Fluid.f`. HEAR, NEW: let in, hearing or about to. QUIET_1, QUIET_2: silent, two stages of patience.
QUEUE: all that stands in the line for somebody, PART: of the row at its head, the share that was served. ZOMBIES:
what nobody wants any more and is served all the same. BACKLOG: announcements, in tokens' worth. BROKEN, BREAK: for
how long the host, and the judge, have found the room broken. LOAD: tokens served in the last step, of what can be.
COME_BEFORE: people who had come before the room was relaunched. LINE: how much of the queue can stand at the
platform's door. ECHO: who heard when the room was lost, and still hears what had come before."""
HEAD, SPUN, SPUN_BACK, OVER, SECOND, CHOKED, SIGNALS, ANYBODY, JUDGED, COUNTED, ECHOES, NUMBERS = range(12)
"""Places in `Fluid.n`. HEAD: the first row with anything left. SPUN: rows before it have spun out. OVER: the room has
ended. SECOND: the step of its relaunch, or -1. CHOKED: every answer comes too late. SIGNALS: bits. JUDGED, COUNTED:
whether this step counts for the verdict, and its joins do. ECHOES: the step in which the echo ends."""
SIGNAL_TOKENS, SIGNAL_BACKLOG, SIGNAL_SATURATED, SIGNAL_ENDED, BITS = 1, 2, 4, 8, 4

(
    DT, MU, SHARE, BULKHEAD, VALID, SPINNER, CLIENT, POOL, TIMEOUT, LIMIT, CAPACITY, CACHE, BREAKER, ADMISSION,
    DEADLINES, HOST_PATIENCE, HOST_HEARS, JOINS, HEARING, MAY_BREAK, PATIENCE, DOOR, RECOVERY, UNIT, BACKLOG_AT,
    TOKENS_AT, SATURATED_AT, RELAUNCH, FOLLOWERS, FOLLOWERS_AGAIN, JUDGE_FROM, JUDGE_TO, OPENS, GHOSTS, PARAMETERS,
) = range(35)  # fmt: skip
"""Places in the parameters: rates per story second, durations in story seconds, switches 0 or 1. MU: tokens. SHARE:
of it for announcements while both have work. POOL: calls that one instance has in hand, in people. LIMIT: the longest
admitted wait. CAPACITY: people that one instance can send sound to. DOOR: joins that one instance can answer. UNIT:
token's worth of telling one person. OPENS: when the host opens the room. GHOSTS: the share of sessions of people gone
that are renewed."""
(
    IN_VALID, IN_FIFTH, IN_HALF, IN_GRACE, IN_PAUSE_1, IN_PAUSE_2, IN_PAUSE_3, IN_MOVED, IN_RETRY, IN_GONE, IN_ECHO,
    SPANS,
) = range(12)  # fmt: skip
"""Places in the spans: steps of a token's validity, its last fifth, half of it, the grace after it; of the pauses of
a person who presses again; until clients notice that a room is elsewhere, until they try again, until media forgets
one, until sound that has come is live no more."""

DELAY, LOSS, SERVING, UP, BYPASS, SHED, EDGE, THERE, SHED_NEWS, CONDITIONS = range(10)
"""Places in the conditions, which faults and repairs change: story seconds of a call and share of lost ones on the
way to the platform; instances that serve; whether platform is up; switches; share of lost ones at the edge; whether
the room is on an instance that is up."""

FLUID = np.dtype(
    [("f", "f8", FLOATS), ("n", "i8", NUMBERS), ("c", "f8", CONDITIONS), ("ring", "f8", RING * RINGS)],
    align=True,
)
TINY = 1e-9
LIVE_FOR = 5.0
"""Real seconds for which sound that has come is live: six from its frame, which is one old by then on average."""
WORDS = 8
"""How many points stand for the time until word of a relaunch reaches one."""


class Fluid(NamedTuple):
    """Views of a buffer of the type FLUID."""

    f: Floats
    n: Ints
    c: Floats
    ring: Floats


class Model(Protocol):
    """What is the same in all trials of a cell, as far as the audience is concerned: parameters and spans."""

    @property
    def p(self) -> Floats:
        """The parameters."""

    @property
    def q(self) -> Ints:
        """The spans."""


@jit
def begin(s: Fluid) -> None:
    """The state before anybody came."""
    s.f[:] = 0.0
    s.n[:] = 0
    s.c[:] = 0.0
    s.ring[:] = 0.0
    s.f[STAY] = 1.0
    s.f[WAIT] = 1.0
    s.f[LOST_AT] = np.inf
    s.f[BELOW_SINCE] = np.inf
    s.n[SECOND] = -1


@jit
def add(s: Fluid, step: int, which: int, amount: float) -> None:
    """Add to what a ring holds for a step to come."""
    s.ring[(step & TURN) * RINGS + which] += amount


@jit
def taken(s: Fluid, k: int, which: int) -> float:
    """What a ring holds for step `k`; it is then free for what comes a whole turn later."""
    at = (k & TURN) * RINGS + which
    amount = s.ring[at]
    s.ring[at] = 0.0
    return float(amount)


@jit
def evenly(s: Fluid, start: int, lasts: int, which: int, amount: float) -> None:
    """Add `amount` to a ring of rates, evenly over the steps from `start` on."""
    if amount == 0.0:
        return
    rate = amount / lasts
    add(s, start, which, rate)
    add(s, start + lasts, which, -rate)


@jit
def press_later(s: Fluid, m: Model, k: int, which: int, amount: float) -> None:
    """People pause, and press again: the lognormal pause as three points."""
    q = m.q
    add(s, k + q[IN_PAUSE_1], which, 0.25 * amount)
    add(s, k + q[IN_PAUSE_2], which, 0.5 * amount)
    add(s, k + q[IN_PAUSE_3], which, 0.25 * amount)


@jit
def return_later(s: Fluid, m: Model, k: int, amount: float) -> None:
    """Clients that look for the room by themselves try again."""
    q = m.q
    add(s, k + q[IN_RETRY], BACK, amount / s.f[WAIT])


@jit
def session(s: Fluid, m: Model, k: int, amount: float) -> None:
    """New sessions on fresh tokens: each is renewed at some moment of its validity."""
    q = m.q
    evenly(s, k + 1, q[IN_VALID], FIRST, amount / s.f[STAY])


@jit
def renew_late(s: Fluid, m: Model, k: int, alive: float) -> None:
    """Renewed sessions are renewed again in the last fifth of their validity; `alive` is divided by STAY."""
    q = m.q
    evenly(s, k + q[IN_VALID] - q[IN_FIFTH], q[IN_FIFTH], LATER, alive)


@jit
def keep(s: Fluid, m: Model, k: int, amount: float) -> None:
    """Sessions that stay on their old token: renewed in the second half of another validity."""
    q = m.q
    evenly(s, k + q[IN_HALF], q[IN_HALF], LATER, amount / s.f[STAY])


@jit
def hear_again(s: Fluid, amount: float) -> None:
    """So many of the silent are let in again."""
    quiet = s.f[QUIET_1] + s.f[QUIET_2]
    if quiet > 0.0:
        share = min(1.0, amount / quiet)
        s.f[NEW] += share * quiet
        s.f[QUIET_1] *= 1.0 - share
        s.f[QUIET_2] *= 1.0 - share


@inlined
def leave(s: Fluid, m: Model, stay: float) -> None:
    """Those who have heard enough go, and those whose patience with silence is over."""
    p = m.p
    f = s.f
    f[STAY] *= stay
    f[HEAR] *= stay
    f[NEW] *= stay
    quiet = f[QUIET_1] + f[QUIET_2]
    if quiet > TINY:
        step = p[PATIENCE] * p[DT]
        one, two = f[QUIET_1] * stay, f[QUIET_2] * stay
        f[QUIET_1] = one - step * one
        f[QUIET_2] = two + step * one - step * two
        f[WAIT] *= (f[QUIET_1] + f[QUIET_2]) / quiet


@inlined
def throw_out(s: Fluid, m: Model, k: int) -> None:
    """Tokens that ran out unrenewed, and their grace with them: their people see the room closed, and press again."""
    c = s.c
    f = s.f
    out = (max(0.0, f[RATE_OUT_FIRST]) + max(0.0, f[RATE_OUT_LATER])) * f[STAY]
    if out <= TINY:
        return
    if c[BYPASS] != 0.0:
        keep(s, m, k, out)
        return
    within = f[HEAR] + f[NEW]
    share = min(1.0, out / within) if within > 0.0 else 0.0
    f[HEAR] *= 1.0 - share
    f[NEW] *= 1.0 - share
    f[QUIET_1] += share * within
    press_later(s, m, k, AGAIN, share * within / f[WAIT])


@inlined
def news(s: Fluid, m: Model, k: int) -> None:
    """Announcements: to all followers when the room opens, and of everybody in the room to the directory."""
    p, c = m.p, s.c
    f = s.f
    if c[SHED_NEWS] != 0.0:
        f[BACKLOG] = 0.0
        return
    if f[ANNOUNCED] == 0.0 and (k + 1) * p[DT] > p[OPENS]:
        f[ANNOUNCED] = 1.0
        f[BACKLOG] += p[FOLLOWERS] * p[UNIT]
    f[BACKLOG] += (f[HEAR] + f[NEW]) * p[UNIT] * p[DT]


@inlined
def arrivals(s: Fluid, m: Model, load: Floats, word: Floats, k: int) -> float:
    """Who comes for the first time in step `k`; to a relaunched room a share of those who lost the first."""
    p = m.p
    if s.n[SECOND] < 0:
        return float(load[k, ARRIVE])
    came = s.f[COME_BEFORE] * word[k - s.n[SECOND]]
    for point in range(WORDS):
        before = k - int(word[word.size - WORDS + point])
        if before >= s.n[SECOND]:
            came += load[before, ARRIVE] / WORDS
    return float(p[RELAUNCH] * came)


@jit
def heard(over: float) -> float:
    """The share of the time in which sound is live, where `over` times what can be sent is asked for.

    A segment then takes 2 x `over` seconds, and the next is asked for when it is there.
    """
    if over <= 1.0:
        return 1.0
    takes = 2.0 * over
    return float(min(takes, max(0.0, LIVE_FOR - takes)) / takes)


@inlined
def judge(s: Fluid, m: Model, planned: float, k: int) -> None:
    """Who hears, what host and judge make of it, what was lost, and what the monitoring can see."""
    p, c = m.p, s.c
    f, n, dt = s.f, s.n, p[DT]
    within = f[HEAR] + f[NEW]
    asked = within / (p[CAPACITY] * c[SERVING])
    hearing = f[HEAR] * heard(asked) * (1.0 - c[EDGE]) if c[THERE] != 0.0 else 0.0
    present = within + f[QUIET_1] + f[QUIET_2]
    if k < n[ECHOES]:
        hearing = min(present, hearing + f[ECHO])
    f[PRESENT] = present
    if present > 0.5:
        n[ANYBODY] = 1
        ratio = hearing / present
    else:
        ratio = 1.0 - n[ANYBODY]
    f[SHARE_HEARING] = ratio
    if n[JUDGED] != 0:
        f[LOST] += max(0.0, planned - hearing) * dt / 60.0
    if n[OVER] == 0:
        endure(s, m, ratio, k)
    signals = 0
    if n[OVER] != 0 and n[SECOND] < 0:
        signals |= SIGNAL_ENDED
    speed = p[MU] if f[BACKLOG] <= 0.0 else p[MU] * (1.0 - p[SHARE])
    waiting = min(f[QUEUE], f[LINE]) + f[ZOMBIES]
    if f[LOAD] > p[TOKENS_AT] or waiting > speed * p[LIMIT]:
        signals |= SIGNAL_TOKENS
    if f[BACKLOG] > f[BACKLOG_BEFORE] and f[BACKLOG] > p[BACKLOG_AT] * (speed if waiting > 0.0 else p[MU]):
        signals |= SIGNAL_BACKLOG
    f[BACKLOG_BEFORE] = f[BACKLOG]
    if asked > p[SATURATED_AT] and c[THERE] != 0.0:
        signals |= SIGNAL_SATURATED
    n[SIGNALS] = signals


@jit
def endure(s: Fluid, m: Model, ratio: float, k: int) -> None:
    """How long the judge has seen too few hear, or too few let in, and how long the host bears a broken room."""
    p, c = m.p, s.c
    f, n, dt = s.f, s.n, p[DT]
    t = (k + 1) * dt
    if n[JUDGED] != 0:
        if ratio < p[HEARING]:
            f[BREAK] += dt
            if f[BREAK] > p[MAY_BREAK] + 1e-6:
                f[LOST_AT] = min(f[LOST_AT], t)
        else:
            f[BREAK] = 0.0
        if f[LET_IN] >= p[JOINS] * f[TRIED]:
            f[BELOW_SINCE] = np.inf
        else:
            f[BELOW_SINCE] = min(f[BELOW_SINCE], t)
    gone = c[THERE] == 0.0 and k >= n[ECHOES]
    if t > p[OPENS] and (gone or c[EDGE] >= 1.0 or ratio < p[HOST_HEARS]):
        f[BROKEN] += dt
        if f[BROKEN] > p[HOST_PATIENCE] + 1e-6:
            close(s, k, t)
    else:
        f[BROKEN] = 0.0


@jit
def close(s: Fluid, k: int, t: float) -> None:
    """The room ends for everybody, at the end of step `k`."""
    f, n = s.f, s.n
    n[OVER] = 1
    f[LOST_AT] = min(f[LOST_AT], t)
    s.ring[:] = 0.0
    for place in range(HEAR, QUIET_2 + 1):
        f[place] = 0.0
    for place in range(RATE_FIRST, RATE_BACK + 1):
        f[place] = 0.0
    f[ZOMBIES] += f[QUEUE]
    f[QUEUE] = 0.0
    f[PART] = 0.0
    f[STAY] = 1.0
    f[WAIT] = 1.0
    n[HEAD] = k + 1
    n[SPUN] = k + 1
    n[SPUN_BACK] = k + 1
    n[CHOKED] = 0
    n[ECHOES] = 0


@jit
def relaunch(s: Fluid, m: Model, load: Floats, k: int) -> None:
    """The room is opened again from another account before step `k`; one that is still open is closed for it."""
    p = m.p
    if s.n[OVER] == 0:
        close(s, k - 1, k * p[DT])
    s.n[SECOND] = k
    for step in range(k):
        s.f[COME_BEFORE] += load[step, ARRIVE]
    s.f[BACKLOG] += p[FOLLOWERS_AGAIN] * p[UNIT]


if __name__.endswith("_jit"):

    @jit
    def of(buffer: Buffer) -> Fluid:  # noqa: D103
        return buffer[0]  # type: ignore[no-any-return]

else:

    def of(buffer: Buffer) -> Fluid:
        """The first of an array: the record itself when compiled, views of it when plain."""
        return Fluid(*(buffer[0][name] for name in Fluid._fields))
