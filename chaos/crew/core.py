"""The crew as one pure function: (state, event, draws) -> (state, actions).

The same source is run by two drivers: plain, by the live crew; and compiled (`compiled()`, extra `sim`),
by the simulator. So it is written for both: one structured buffer as the state, plain loops, no clock, no
generator state, no input or output; and all in this one file, for the cache of compiled code sees edits
to one file only. All times are story seconds. `step_` changes the state it is given; `step` is its pure
face.

An incident goes through the stages

    NOTICE -> ACKNOWLEDGE -> TRIAGE -> DECIDE -> ACT -> EXECUTE -> VERIFY -> IDLE
                                ^______________________________|   (it did not help: another attempt)

Timers live in the state as due times (infinity: none); a timer's event carries its *due* time, never the
moment at which a driver woke, and a driver delivers all timers that are due before it delivers anything
later. What a step asks for stands in `out_what` and `out_incident`, of which the first `counts[OUT]` are
meant.

Every draw is Philox 4x32-10 of (seed, trial | what, attempt, person, cause, occurrence): the same people
meet the same incidents alike, whatever else happens, however many they are.
"""

from __future__ import annotations

import importlib.util
import math
import sys
from collections.abc import Callable
from types import ModuleType
from typing import NamedTuple, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

F = TypeVar("F", bound=Callable[..., object])
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Words = tuple[int, int, int, int]


def jit(function: F) -> F:
    """Compile `function` where this file is loaded by `compiled()`; leave it alone otherwise."""
    if not __name__.endswith("_jit"):
        return function
    from numba import njit

    return cast("F", njit(cache=True, nogil=True, error_model="numpy")(function))


PEOPLE, INCIDENTS, KINDS, CONFUSIONS, OUTPUTS = 64, 64, 64, 8, 128
"""Room in the buffers; whoever fills them checks the bounds (compiled code does not)."""

IDLE, NOTICE, ACKNOWLEDGE, TRIAGE, DECIDE, ACT, EXECUTE, VERIFY = range(8)
"""Stages of an incident. EXECUTE: the hands-on part is over and the real action runs."""
FIRING, RESOLVED, TIMER, DONE = range(4)
"""Kinds of event: an alert began; it is gone; a due time came; the real action of EXECUTE ended."""
STAGE, HANDS, REPAIR = 1, 2, 3
"""What a step tells: an incident is in a new stage; who is at it changed; carry out its diagnosis' action."""
PARALLEL, AVAILABLE, COVERAGE, HELPING = range(4)
"""The four mechanisms through which headcount acts; places in `Params.switch`."""
AVAILABILITY, KNOWN, MISTRIAGE, UNSKILLED, CLEARING = range(5)
"""Places in `Params.scalar`: three probabilities; the factor on triage without skill or runbook; how many story
seconds the monitoring needs until an alert is seen to be gone, which whoever verifies allows for."""
OUT, TOP, UNANSWERED, MOVED = range(4)
"""Places in `State.counts`: outputs of the last step; incidents ever seen (the first TOP slots); incidents in
ACKNOWLEDGE; whether in this step people, or incidents that want people, changed."""
DRAW_ABLE, DRAW_SKILL, DRAW_TARGET = 16, 17, 18
"""What is drawn, beside the duration of a stage (which is drawn under the stage's own number)."""
NOBODY = 0xFFFF
"""The person in the key of a draw that is nobody's."""
UNPAGED = -1.0
FULL_HANDS = 4
M32, INF = 0xFFFFFFFF, math.inf

STATE = np.dtype(
    [
        ("counts", "i8", 4),
        ("out_what", "i8", OUTPUTS),
        ("out_incident", "i8", OUTPUTS),
        ("stage", "i8", INCIDENTS),
        ("kind", "i8", INCIDENTS),
        ("cause", "i8", INCIDENTS),
        ("occurrence", "i8", INCIDENTS),
        ("attempt", "i8", INCIDENTS),
        ("owner", "i8", INCIDENTS),
        ("rung", "i8", INCIDENTS),
        ("diagnosis", "i8", INCIDENTS),
        ("helpers", "i8", INCIDENTS),
        ("waiting", "i8", INCIDENTS),
        ("quiet", "i8", INCIDENTS),
        ("rounds", "i8", INCIDENTS),
        ("since", "f8", INCIDENTS),
        ("begins", "f8", INCIDENTS),
        ("due", "f8", INCIDENTS),
        ("escalate", "f8", INCIDENTS),
        ("answer", "f8", INCIDENTS * PEOPLE),
        ("able", "i8", PEOPLE),
        ("leads", "i8", PEOPLE),
        ("helps", "i8", PEOPLE),
    ],
    align=True,
)
PARAMS = np.dtype(
    [
        ("headcount", "i8", 1),
        ("mu", "f8", 8),
        ("sigma", "f8", 8),
        ("speed", "f8", FULL_HANDS + 1),
        ("escalation", "f8", 3),
        ("scalar", "f8", 5),
        ("switch", "i8", 4),
        ("kind_key", "i8", KINDS),
        ("confusions", "i8", KINDS),
        ("confused", "i8", KINDS * CONFUSIONS),
    ],
    align=True,
)


class State(NamedTuple):
    """Views of a state buffer.

    Per incident: `owner` leads it (-1 nobody), `rung` was paged last, `quiet` is 1 when its alert ended
    while the action runs, `rounds` counts escalations, `escalate` is the second timer, `answer` (incident
    * PEOPLE + person) is when a paged person acknowledges (infinity never, UNPAGED not paged). Per
    person: `able` is available, `leads` counts the incidents led, `helps` is the incident helped with (-1
    none).
    """

    counts: Ints
    out_what: Ints
    out_incident: Ints
    stage: Ints
    kind: Ints
    cause: Ints
    occurrence: Ints
    attempt: Ints
    owner: Ints
    rung: Ints
    diagnosis: Ints
    helpers: Ints
    waiting: Ints
    quiet: Ints
    rounds: Ints
    since: Floats
    begins: Floats
    due: Floats
    escalate: Floats
    answer: Floats
    able: Ints
    leads: Ints
    helps: Ints


class Params(NamedTuple):
    """Views of a parameter buffer.

    `mu`, `sigma`: lognormal of each stage's story seconds. `speed`: factor on triage and act by the
    number of people at it. `escalation`: story seconds from the first page to each further one.
    `kind_key`: 32-bit name of each runbook entry. `confused` (kind * CONFUSIONS + n): the wrong diagnoses
    that a kind is mistaken for.
    """

    headcount: Ints
    mu: Floats
    sigma: Floats
    speed: Floats
    escalation: Floats
    scalar: Floats
    switch: Ints
    kind_key: Ints
    confusions: Ints
    confused: Ints


class Draws(NamedTuple):
    """The key of all draws of one run: two 32-bit words."""

    seed: int
    trial: int


class Event(NamedTuple):
    """Something that happened to an incident at story second `t`.

    FIRING: `cause` is the 32-bit name of the incident, `value` its kind. DONE: `value` is 1 when the
    action worked.
    """

    kind: int
    incident: int
    t: float
    cause: int = 0
    value: int = 0


@jit
def philox(c0: int, c1: int, c2: int, c3: int, k0: int, k1: int) -> Words:
    """Philox 4x32-10. Compiled, products wrap at 64 bits; plain, they are exact; the masks reconcile them."""
    for _ in range(10):
        a = c0 * 0xD2511F53
        b = c2 * 0xCD9E8D57
        c0, c1, c2, c3 = ((b >> 32) & M32) ^ c1 ^ k0, b & M32, ((a >> 32) & M32) ^ c3 ^ k1, a & M32
        k0 = (k0 + 0x9E3779B9) & M32
        k1 = (k1 + 0xBB67AE85) & M32
    return c0, c1, c2, c3


@jit
def uniform(a: int, b: int) -> float:
    """A number strictly between 0 and 1 out of 52 of 64 random bits."""
    return ((a >> 6) * 67108864.0 + (b >> 6) + 0.5) * 2.0**-52


@jit
def normal(u: float) -> float:
    """The standard normal quantile of `u` (Wichura's algorithm AS 241, PPND16)."""
    q = u - 0.5
    if abs(q) <= 0.425:
        r = 0.180625 - q * q
        n = r * 2.5090809287301226727e3 + 3.3430575583588128105e4
        n = (n * r + 6.7265770927008700853e4) * r + 4.5921953931549871457e4
        n = (n * r + 1.3731693765509461125e4) * r + 1.9715909503065514427e3
        n = (n * r + 1.3314166789178437745e2) * r + 3.3871328727963666080
        m = r * 5.2264952788528545610e3 + 2.8729085735721942674e4
        m = (m * r + 3.9307895800092710610e4) * r + 2.1213794301586595867e4
        m = (m * r + 5.3941960214247511077e3) * r + 6.8718700749205790830e2
        m = (m * r + 4.2313330701600911252e1) * r + 1.0
        return q * n / m
    r = u if q <= 0.0 else 1.0 - u
    r = math.sqrt(-math.log(r))
    if r <= 5.0:
        r -= 1.6
        n = r * 7.74545014278341407640e-4 + 2.27238449892691845833e-2
        n = (n * r + 2.41780725177450611770e-1) * r + 1.27045825245236838258
        n = (n * r + 3.64784832476320460504) * r + 5.76949722146069140550
        n = (n * r + 4.63033784615654529590) * r + 1.42343711074968357734
        m = r * 1.05075007164441684324e-9 + 5.47593808499534494600e-4
        m = (m * r + 1.51986665636164571966e-2) * r + 1.48103976427480074590e-1
        m = (m * r + 6.89767334985100004550e-1) * r + 1.67638483018380384940
        m = (m * r + 2.05319162663775882187) * r + 1.0
    else:
        r -= 5.0
        n = r * 2.01033439929228813265e-7 + 2.71155556874348757815e-5
        n = (n * r + 1.24266094738807843860e-3) * r + 2.65321895265761230930e-2
        n = (n * r + 2.96560571828504891230e-1) * r + 1.78482653991729133580
        n = (n * r + 5.46378491116411436990) * r + 6.65790464350110377720
        m = r * 2.04426310338993978564e-15 + 1.42151175831644588870e-7
        m = (m * r + 1.84631831751005468180e-5) * r + 7.86869131145613259100e-4
        m = (m * r + 1.48753612908506148525e-2) * r + 1.36929880922735805310e-1
        m = (m * r + 5.99832206555887937690e-1) * r + 1.0
    return -n / m if q < 0.0 else n / m


@jit
def drawn(d: Draws, what: int, person: int, cause: int, occurrence: int, attempt: int) -> Words:
    """Four random 32-bit words that belong to this key alone."""
    tag = int(what) | int(attempt) << 8
    return philox(tag & M32, int(person), int(cause) & M32, int(occurrence) & M32, int(d.seed), int(d.trial))


@jit
def lasts(s: State, p: Params, d: Draws, i: int, stage: int, person: int) -> float:
    """How long a person takes for a stage of incident `i`, alone and skilled: lognormal story seconds."""
    a, b, _, _ = drawn(d, stage, person, s.cause[i], s.occurrence[i], s.attempt[i])
    return math.exp(p.mu[stage] + p.sigma[stage] * normal(uniform(a, b)))


@jit
def knows(p: Params, d: Draws, person: int, kind: int) -> bool:
    """Whether a person has the skills and the runbook for a kind of incident; one draw for the whole run."""
    if p.switch[COVERAGE] == 0:
        return True
    a, b, _, _ = drawn(d, DRAW_SKILL, person, p.kind_key[kind], 0, 0)
    return bool(uniform(a, b) < p.scalar[KNOWN])


@jit
def reset_(s: State, p: Params, d: Draws) -> None:
    """Make `s` the state before anything happened. Who is available is drawn once for the whole run."""
    s.counts[:] = 0
    for i in range(INCIDENTS):
        s.stage[i] = IDLE
        s.occurrence[i] = -1
        s.owner[i] = -1
        s.due[i] = INF
        s.escalate[i] = INF
    for q in range(PEOPLE):
        s.leads[q] = 0
        s.helps[q] = -1
        s.able[q] = 0
        if q < p.headcount[0]:
            a, b, _, _ = drawn(d, DRAW_ABLE, q, 0, 0, 0)
            if p.switch[AVAILABLE] == 0 or uniform(a, b) < p.scalar[AVAILABILITY]:
                s.able[q] = 1


@jit
def tell(s: State, what: int, i: int) -> None:
    """Add an output, unless the same was told in this step, or a change of hands beside a new stage."""
    for n in range(s.counts[OUT]):
        if s.out_incident[n] == i and (s.out_what[n] == what or what == HANDS):
            return
    n = s.counts[OUT]
    s.out_what[n] = what
    s.out_incident[n] = i
    s.counts[OUT] = n + 1


@jit
def enter(s: State, i: int, stage: int, t: float, due: float) -> None:
    """Incident `i` enters a stage."""
    if s.stage[i] == ACKNOWLEDGE:
        s.counts[UNANSWERED] -= 1
    if stage == ACKNOWLEDGE:
        s.counts[UNANSWERED] += 1
    s.stage[i] = stage
    s.begins[i] = t
    s.due[i] = due
    tell(s, STAGE, i)


@jit
def busy(s: State, p: Params, q: int) -> bool:
    """Whether person `q` leads an incident and so takes no other (never, where incidents do not compete)."""
    return bool(p.switch[PARALLEL] != 0 and s.leads[q] > 0)


@jit
def crowd(s: State, p: Params, i: int, helpers: int, t: float) -> None:
    """From now on `helpers` people help with incident `i`; what is left of triage or act goes the faster."""
    if s.stage[i] in (TRIAGE, ACT):
        s.due[i] = t + (s.due[i] - t) * (p.speed[1 + helpers] / p.speed[1 + s.helpers[i]])
    s.helpers[i] = helpers
    tell(s, HANDS, i)


@jit
def dismiss(s: State, p: Params, i: int) -> None:
    """The helpers of incident `i` are free again."""
    s.counts[MOVED] = 1
    if s.helpers[i] == 0:
        return
    for q in range(p.headcount[0]):
        if s.helps[q] == i:
            s.helps[q] = -1
    s.helpers[i] = 0


@jit
def triage(s: State, p: Params, d: Draws, i: int, t: float) -> None:
    """The owner of incident `i` begins to look for what it is; nobody helps yet."""
    needed = lasts(s, p, d, i, TRIAGE, s.owner[i])
    if not knows(p, d, s.owner[i], s.kind[i]):
        needed *= p.scalar[UNSKILLED]
    s.helpers[i] = 0
    s.diagnosis[i] = -1
    s.counts[MOVED] = 1
    enter(s, i, TRIAGE, t, t + needed * p.speed[1])


@jit
def again(s: State, p: Params, d: Draws, i: int, t: float) -> None:
    """What was done did not help: another attempt by the same person."""
    s.attempt[i] += 1
    triage(s, p, d, i, t)


@jit
def diagnose(s: State, p: Params, d: Draws, i: int) -> int:
    """The kind that the owner takes incident `i` for: usually its own, else one that it is mistaken for."""
    kind = s.kind[i]
    _, _, c, e = drawn(d, TRIAGE, s.owner[i], s.cause[i], s.occurrence[i], s.attempt[i])
    n = p.confusions[kind]
    if n > 0 and (c + 0.5) * 2.0**-32 < p.scalar[MISTRIAGE]:
        return int(p.confused[kind * CONFUSIONS + (int(e) * int(n) >> 32)])
    return int(kind)


@jit
def finish(s: State, p: Params, i: int, t: float) -> None:
    """Incident `i` is over; whoever was at it stands down."""
    if s.owner[i] >= 0:
        s.leads[s.owner[i]] -= 1
        s.owner[i] = -1
    dismiss(s, p, i)
    s.waiting[i] = 0
    s.escalate[i] = INF
    enter(s, i, IDLE, t, INF)


@jit
def page(s: State, p: Params, d: Draws, i: int, t: float, only_free: bool) -> None:
    """Page the next of the rota for incident `i`: the first not paged yet, preferably one who is not busy."""
    chosen = -1
    for q in range(p.headcount[0]):
        if s.answer[i * PEOPLE + q] == UNPAGED:
            if not busy(s, p, q):
                chosen = q
                break
            if chosen < 0 and not only_free:
                chosen = q
    if chosen < 0:
        return
    s.rung[i] = chosen
    s.answer[i * PEOPLE + chosen] = t + lasts(s, p, d, i, ACKNOWLEDGE, chosen) if s.able[chosen] != 0 else INF
    tell(s, HANDS, i)


@jit
def escalation(s: State, p: Params, i: int, t: float) -> float:
    """When incident `i`, just paged, goes to a further person; after the last gap that gap again."""
    left = 0
    for q in range(p.headcount[0]):
        if s.answer[i * PEOPLE + q] == UNPAGED:
            left += 1
    if left == 0 or p.switch[AVAILABLE] == 0:
        return INF
    n = s.rounds[i]
    s.rounds[i] = n + 1
    if n < 3:
        return float(s.begins[i] + p.escalation[n])
    return float(t + p.escalation[2] - p.escalation[1])


@jit
def take(s: State, p: Params, d: Draws, i: int, q: int, t: float) -> None:
    """Person `q` acknowledges incident `i` and leaves what they helped with."""
    other = s.helps[q]
    if other >= 0:
        s.helps[q] = -1
        crowd(s, p, other, s.helpers[other] - 1, t)
    s.leads[q] += 1
    s.owner[i] = q
    s.waiting[i] = 0
    s.escalate[i] = INF
    triage(s, p, d, i, t)


@jit
def oldest(s: State, low: int, high: int, after: int, full: int) -> int:
    """The oldest incident in the stages low..high with fewer than `full` helpers; after `after`, the next."""
    best = -1
    for i in range(s.counts[TOP]):
        if s.stage[i] < low or s.stage[i] > high or s.helpers[i] >= full:
            continue
        if after >= 0 and (s.since[i] < s.since[after] or (s.since[i] == s.since[after] and i <= after)):
            continue
        if best < 0 or s.since[i] < s.since[best]:
            best = i
    return best


@jit
def answers(s: State, p: Params, d: Draws, t: float) -> None:
    """Whoever heard the page for an incident and is free takes it up, the oldest incident first."""
    i = oldest(s, ACKNOWLEDGE, ACKNOWLEDGE, -1, PEOPLE)
    while i >= 0:
        after = i
        for q in range(p.headcount[0]):
            due = s.answer[i * PEOPLE + q]
            if due != UNPAGED and due <= t and not busy(s, p, q):
                take(s, p, d, i, q, t)
                break
        i = oldest(s, ACKNOWLEDGE, ACKNOWLEDGE, after, PEOPLE)


@jit
def pages(s: State, p: Params, d: Draws, t: float) -> None:
    """An incident of which everybody paged is busy elsewhere pages a free person; then its timer is set."""
    i = oldest(s, ACKNOWLEDGE, ACKNOWLEDGE, -1, PEOPLE)
    while i >= 0:
        alone = True
        for q in range(p.headcount[0]):
            if s.answer[i * PEOPLE + q] != UNPAGED and not busy(s, p, q):
                alone = False
        if alone:
            page(s, p, d, i, t, True)
        due = INF
        for q in range(p.headcount[0]):
            moment = s.answer[i * PEOPLE + q]
            if moment != UNPAGED and moment < due and not busy(s, p, q):
                due = moment
        s.due[i] = due
        waiting = 1 if due == INF and s.escalate[i] == INF else 0
        if waiting != s.waiting[i]:
            s.waiting[i] = waiting
            tell(s, HANDS, i)
        i = oldest(s, ACKNOWLEDGE, ACKNOWLEDGE, i, PEOPLE)


@jit
def help_out(s: State, p: Params, t: float) -> None:
    """Free, available people join the oldest incident in triage, decide or act, up to four at one incident.

    Where incidents do not compete, each has the whole crew to itself.
    """
    if p.switch[PARALLEL] == 0:
        able = 0
        for q in range(p.headcount[0]):
            able += s.able[q]
        hands = min(able, FULL_HANDS) - 1
        for i in range(s.counts[TOP]):
            if s.stage[i] >= TRIAGE and s.stage[i] <= ACT and s.helpers[i] != hands:
                crowd(s, p, i, hands, t)
        return
    for q in range(p.headcount[0]):
        if s.able[q] != 0 and s.leads[q] == 0 and s.helps[q] < 0:
            i = oldest(s, TRIAGE, ACT, -1, FULL_HANDS - 1)
            if i < 0:
                return
            s.helps[q] = i
            crowd(s, p, i, s.helpers[i] + 1, t)


@jit
def fire(s: State, d: Draws, p: Params, event: Event) -> None:
    """An alert began: a new occurrence of its incident, unless somebody is still at the last one."""
    i = event.incident
    if s.stage[i] != IDLE:
        s.quiet[i] = 0
        return
    s.kind[i] = event.value
    s.cause[i] = event.cause
    s.occurrence[i] += 1
    s.attempt[i] = 0
    s.rung[i] = -1
    s.diagnosis[i] = -1
    s.quiet[i] = 0
    s.rounds[i] = 0
    s.since[i] = event.t
    s.counts[TOP] = max(s.counts[TOP], i + 1)
    for q in range(p.headcount[0]):
        s.answer[i * PEOPLE + q] = UNPAGED
    enter(s, i, NOTICE, event.t, event.t + lasts(s, p, d, i, NOTICE, NOBODY))


@jit
def ring(s: State, p: Params, d: Draws, i: int, t: float) -> None:
    """A timer of incident `i` came due."""
    stage = s.stage[i]
    if stage <= ACKNOWLEDGE:
        s.counts[MOVED] = 1
    if s.escalate[i] < s.due[i]:
        page(s, p, d, i, t, False)
        s.escalate[i] = escalation(s, p, i, t)
    elif stage == NOTICE:
        enter(s, i, ACKNOWLEDGE, t, INF)
        page(s, p, d, i, t, False)
        s.escalate[i] = escalation(s, p, i, t)
    elif stage == TRIAGE:
        s.diagnosis[i] = diagnose(s, p, d, i)
        enter(s, i, DECIDE, t, t + lasts(s, p, d, i, DECIDE, s.owner[i]))
    elif stage == DECIDE:
        needed = lasts(s, p, d, i, ACT, s.owner[i])
        enter(s, i, ACT, t, t + needed * p.speed[1 + s.helpers[i]])
    elif stage == ACT:
        dismiss(s, p, i)
        enter(s, i, EXECUTE, t, INF)
        tell(s, REPAIR, i)
    elif stage == VERIFY:
        again(s, p, d, i, t)


@jit
def done(s: State, p: Params, d: Draws, i: int, t: float, ok: bool) -> None:
    """The real action for incident `i` ended."""
    if s.quiet[i] != 0:
        finish(s, p, i, t)
    elif ok:
        enter(s, i, VERIFY, t, t + p.scalar[CLEARING] + lasts(s, p, d, i, VERIFY, s.owner[i]))
    else:
        again(s, p, d, i, t)


@jit
def step_(s: State, p: Params, d: Draws, event: Event) -> None:
    """Change `s` by one event. Events come in the order of their times; a timer that is not due is idle."""
    s.counts[OUT] = 0
    s.counts[MOVED] = 0
    i = event.incident
    t = event.t
    if event.kind == FIRING:
        fire(s, d, p, event)
    elif event.kind == TIMER:
        if min(s.due[i], s.escalate[i]) > t:
            return
        ring(s, p, d, i, t)
    elif event.kind == RESOLVED:
        if s.stage[i] == EXECUTE:
            s.quiet[i] = 1
        elif s.stage[i] != IDLE:
            finish(s, p, i, t)
    elif s.stage[i] == EXECUTE:
        done(s, p, d, i, t, event.value != 0)
    if s.counts[MOVED] == 0:
        return
    if s.counts[UNANSWERED] > 0:
        answers(s, p, d, t)
        pages(s, p, d, t)
    if p.switch[HELPING] != 0:
        help_out(s, p, t)


@jit
def next_timer(s: State) -> tuple[float, int]:
    """The due time and the incident of the timer that comes first; infinity and -1 when there is none."""
    due, which = INF, -1
    for i in range(s.counts[TOP]):
        moment = min(s.due[i], s.escalate[i])
        if moment < due:
            due, which = moment, i
    return due, which


@jit
def apply(states: NDArray[np.void], params: NDArray[np.void], d: Draws, event: Event) -> None:
    """Compiled only: `step_` on the first state of an array, with the first parameters of another."""
    step_(states[0], params[0], d, event)


@jit
def restart(states: NDArray[np.void], params: NDArray[np.void], d: Draws) -> None:
    """Compiled only: `reset_` on the first state of an array, with the first parameters of another."""
    reset_(states[0], params[0], d)


def view(buffer: NDArray[np.void]) -> State:
    """The fields of a state buffer (`np.zeros((), STATE)`), not copied."""
    return State(*(buffer[field] for field in State._fields))


def params_view(buffer: NDArray[np.void]) -> Params:
    """The fields of a parameter buffer (`np.zeros((), PARAMS)`), not copied."""
    return Params(*(buffer[field] for field in Params._fields))


def fresh(params: NDArray[np.void], draws: Draws) -> NDArray[np.void]:
    """The state before anything happened."""
    buffer = np.zeros((), STATE)
    reset_(view(buffer), params_view(params), draws)
    return buffer


def step(buffer: NDArray[np.void], params: NDArray[np.void], draws: Draws, event: Event) -> NDArray[np.void]:
    """The pure face: the state after `event`; the state before is left as it was."""
    changed = buffer.copy()
    step_(view(changed), params_view(params), draws, event)
    return changed


def compiled() -> ModuleType:
    """This very file, loaded once more with every function compiled (needs the extra `sim`)."""
    name = f"{__name__}_jit"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, __file__)
        if spec is None or spec.loader is None:
            raise ImportError(f"{__file__} cannot be loaded a second time", name=name)
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]
