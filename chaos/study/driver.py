"""The event loop of the simulator: the crew's core, the world's changes and the audience's steps in one order.

Until a repair changes what the audience flows through, every trial sees the same evening. That evening is played once
(`play_base`), with snapshots; a trial runs its crew before the alerts of that evening, and goes its own way from the
first change on. Written for two drivers, as `chaos.crew.core` is: plain, and compiled (`chaos.study.compiling`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from chaos.crew import core
from chaos.study import fluid, line, world
from chaos.study.compiling import entry_of, jit_of, join

jit, entry = jit_of(__name__), entry_of(__name__)
join(globals())
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Buffer = NDArray[np.void]

SNAPSHOT = 32
"""Steps from one snapshot of the evening without a crew to the next."""

SIGNALS = 13
BRIDGE, TOKENS, BACKLOG, SATURATED, INSTANCE, GONE, ENDED = 0, 2, 3, 4, 7, 11, 12
"""Signals, by place: one for each bridge link, tokens, announcements, each media instance saturated, each machine down,
the room gone, the room ended. A signal is what one or several alerts of the rules say of one place."""
SIGNAL_COLUMNS = 7
SLOT, SEEN, CLEAR, SIGNAL_INSTANCE, SIGNAL_NODE, SIGNAL_LINK, SEEN_LOST = range(SIGNAL_COLUMNS)
"""Of a signal: the incident that it announces (-1: the runbook does not know it); story seconds until it is seen, and
is seen to be gone; the place that its labels name (-1: none); for a bridge, story seconds until loss is seen."""
SLOT_KIND, SLOT_CAUSE = 0, 1
ENTRY_COLUMNS = 4
ACTION, KEY, OWN_LINK, OWN_MACHINE = range(ENTRY_COLUMNS)
"""Of an entry of the runbook: its repair, the label that names its place, and the places that its own labels name."""
KEY_NONE, KEY_INSTANCE, KEY_NODE, KEY_LINK, KEY_ROOM = range(5)

END, CREW_FROM, SLOW_AT, REPAIRS = range(4)
"""Places in `Cell.f`. END: story seconds of the end. SLOW_AT: story seconds from which on a call is slow. REPAIRS: 0
makes every repair do nothing."""
IS_TIMER, IS_DONE, IS_SIGNAL, IS_FAULT, IS_END = range(5)
"""Kinds of what comes next."""
OUT_LOST_AT, OUT_LOST, OUT_JOINED, OUT_CLOSED, OUT_REPAIRED, OUT_EVENTS, OUT_COLUMNS = range(7)
"""OUT_CLOSED: when the room was closed, or silent for too long; OUT_LOST_AT also has rooms that too few could join."""
STAGES = 8
"""Of the crew's core, IDLE included."""
OUT_WITH_STAGES = OUT_COLUMNS + SIGNALS * STAGES
"""Columns of a trial's figures where the moments of its stages are wanted, too: they follow, by incident."""

CELL_FIELDS = [
    ("f", "f8", 4),
    ("p", "f8", fluid.PARAMETERS),
    ("q", "i8", fluid.SPANS),
    ("signals", "f8", (SIGNALS, SIGNAL_COLUMNS)),
    ("slots", "i8", (SIGNALS, 2)),
    ("entries", "i8", (world.ENTRIES, ENTRY_COLUMNS)),
    ("lasts", "f8", 10),
    ("machines", "i8", 4),
    ("links", "i8", 4),
    ("places", "i8", 2),
]
"""What is the same in all trials of a cell: parameters, what signals announce, what repairs are, how long they last,
and the machines and links that a person knows by name (`places`: how many)."""
DESK_FIELDS = [
    ("lit", "i8", SIGNALS),
    ("told", "i8", SIGNALS),
    ("moment", "f8", SIGNALS),
    ("firing", "i8", SIGNALS),
    ("at_signal", "i8", SIGNALS),
    ("done_at", "f8", SIGNALS),
    ("action", "i8", SIGNALS),
    ("place", "i8", SIGNALS),
    ("helps", "i8", SIGNALS),
    ("bits", "i8", 1),
    ("own", "i8", 1),
    ("events", "i8", 1),
    ("repaired", "f8", 1),
    ("entered", "f8", (SIGNALS, STAGES)),
]
"""Of a trial. By signal: whether it is so, whether the crew has been told that, when it will be told (infinity:
nothing to tell). By incident: how many of its signals were told, the one told first, and its repair under way. What
can be seen of the audience; calls of the core; when a repair first helped. By incident and stage: when it was first
entered, of the first attempt at its first occurrence (infinity: never)."""
DESK = np.dtype(DESK_FIELDS, align=True)


class Cell(NamedTuple):
    """Views of a cell's buffer."""

    f: Floats
    p: Floats
    q: Ints
    signals: Floats
    slots: Ints
    entries: Ints
    lasts: Floats
    machines: Ints
    links: Ints
    places: Ints


class Desk(NamedTuple):
    """Views of a trial's buffer."""

    lit: Ints
    told: Ints
    moment: Floats
    firing: Ints
    at_signal: Ints
    done_at: Floats
    action: Ints
    place: Ints
    helps: Ints
    bits: Ints
    own: Ints
    events: Ints
    repaired: Floats
    entered: Floats


class Evening(NamedTuple):
    """The evening without a crew: what is given (`cells`, `faults`, `load`, `word`), and what `play_base` finds.

    By step: what was asked for (`rows`) and under which conditions (`c`). By moment, a step's beginning: what could
    be seen (`bits`) and the next moment at which that changed (`nexts`). Its figures (`out`), and snapshots of
    audience and world.
    """

    cells: Buffer
    faults: Floats
    load: Floats
    word: Floats
    rows: Floats
    c: Floats
    bits: Ints
    nexts: Ints
    out: Floats
    snapshots: Buffer
    worlds: Buffer


class Buffers(NamedTuple):
    """What a worker needs for itself."""

    params: Buffer
    states: Buffer
    desks: Buffer
    fluids: Buffer
    worlds: Buffer
    replays: Buffer
    rows: Floats


class Trial(NamedTuple):
    """A trial under way: the records in the buffers, and the buffers that are filled in whole."""

    cell: Cell
    faults: Floats
    s: core.State
    p: core.Params
    desk: Desk
    a: fluid.Fluid
    w: world.World
    rows: Floats
    fluids: Buffer
    replays: Buffer


@jit
def shown(x: Trial, signal: int) -> tuple[bool, float]:
    """Whether a signal is so now, and how long it takes until it is seen."""
    cell, w, bits = x.cell, x.w, x.desk.bits[0]
    seen = float(cell.signals[signal, SEEN])
    if signal < TOKENS:
        delay, jitter, loss = world.slowed(w, x.faults, world.way(w, signal))
        if loss > 0.1:
            return True, float(cell.signals[signal, SEEN_LOST])
        return bool(delay + 0.8 * jitter > cell.f[SLOW_AT]), seen
    if signal < INSTANCE:
        if signal == TOKENS:
            return bool((bits & fluid.SIGNAL_TOKENS) != 0), seen
        if signal == BACKLOG:
            return bool((bits & fluid.SIGNAL_BACKLOG) != 0), seen
        machine = signal - SATURATED
        serves = machine == w.n[world.HOME] or (machine == world.SPARE and w.n[world.RELAY] != 0)
        return bool(serves and (bits & fluid.SIGNAL_SATURATED) != 0), seen
    if signal < GONE:
        machine = signal - INSTANCE
        scraped = machine != world.SPARE or w.n[world.RELAY] != 0
        return bool(scraped and w.n[world.UP_1 + machine] == 0), seen
    if signal == GONE:
        return bool(w.n[world.OVER] == 0 and not world.there(w)), seen
    return bool(w.n[world.OVER] != 0 and w.n[world.AGAIN] == 0), seen


@jit
def look(x: Trial, t: float) -> None:
    """Something changed at moment `t`: what will the crew be told, and when?"""
    cell, desk = x.cell, x.desk
    for signal in range(SIGNALS):
        if cell.signals[signal, SLOT] < 0.0:
            continue
        is_so, seen = shown(x, signal)
        lit = 1 if is_so else 0
        if lit == desk.lit[signal]:
            continue
        desk.lit[signal] = lit
        if lit == desk.told[signal]:
            desk.moment[signal] = np.inf
        elif lit == 1:
            desk.moment[signal] = max(cell.f[CREW_FROM], t + seen)
        else:
            desk.moment[signal] = max(cell.f[CREW_FROM], t + cell.signals[signal, CLEAR])


@jit
def tell(x: Trial, signal: int) -> tuple[int, int]:
    """The monitoring shows a signal, or its end: the incident that begins (1) or ends (0) by it; -1: none."""
    desk = x.desk
    desk.moment[signal] = np.inf
    desk.told[signal] = desk.lit[signal]
    slot = int(x.cell.signals[signal, SLOT])
    if desk.told[signal] == 1:
        desk.firing[slot] += 1
        if desk.firing[slot] == 1:
            desk.at_signal[slot] = signal
            return slot, 1
    else:
        desk.firing[slot] -= 1
        if desk.firing[slot] == 0:
            return slot, 0
    return -1, 0


@jit
def target(x: Trial, d: core.Draws, slot: int, kind: int) -> int:
    """The place that a diagnosis is about: the entry's own, the alert's, or one that is drawn; -1: none."""
    cell, s = x.cell, x.s
    key = cell.entries[kind, KEY]
    if key in (KEY_NONE, KEY_ROOM):
        own = cell.entries[kind, OWN_LINK]
        return int(own) if own >= 0 else int(cell.entries[kind, OWN_MACHINE])
    column = SIGNAL_INSTANCE
    if key == KEY_NODE:
        column = SIGNAL_NODE
    elif key == KEY_LINK:
        column = SIGNAL_LINK
    named = cell.signals[x.desk.at_signal[slot], column]
    if named >= 0.0:
        return int(named)
    word, _, _, _ = core.drawn(
        d, core.DRAW_TARGET, s.owner[slot], s.cause[slot], s.occurrence[slot], s.attempt[slot]
    )
    if key == KEY_LINK:
        return int(cell.links[int(word) % int(cell.places[1])])
    return int(cell.machines[int(word) % int(cell.places[0])])


@jit
def would_help(x: Trial, action: int, place: int) -> bool:
    """Whether what a repair is for is so: a link hurt, tokens short, a machine down, the room gone."""
    w, bits = x.w, x.desk.bits[0]
    if action in (world.FAIL_OVER, world.CLEAR_LINK):
        for link in range(2):
            if place in (-1, link):
                delay, _, loss = world.slowed(w, x.faults, world.way(w, link))
                if delay > 0.0 or loss > 0.0:
                    return True
        return False
    if action in (world.BYPASS_TOKENS, world.SHED_ANNOUNCEMENTS, world.SHED_HALF):
        return bool((bits & (fluid.SIGNAL_TOKENS | fluid.SIGNAL_BACKLOG)) != 0 and w.n[world.OVER] == 0)
    if action in (world.RESTART, world.NODE_BACK):
        return bool(place >= 0 and w.n[world.UP_1 + place] == 0)
    if action == world.SCALE_OUT:
        return bool((bits & fluid.SIGNAL_SATURATED) != 0)
    return bool(action == world.REOPEN and w.n[world.OVER] == 0 and not world.there(w))


@jit
def start(x: Trial, d: core.Draws, slot: int, t: float) -> int:
    """A repair begins; what that does to the audience."""
    cell, desk = x.cell, x.desk
    kind = x.s.diagnosis[slot]
    action = cell.entries[kind, ACTION]
    place = target(x, d, slot, kind)
    desk.action[slot] = action
    desk.place[slot] = place
    desk.helps[slot] = 0
    desk.done_at[slot] = t
    if cell.f[REPAIRS] == 0.0:
        return 0
    if would_help(x, action, place):
        desk.helps[slot] = 1
    lasts = cell.lasts[action]
    if action in (world.REOPEN, world.SCALE_OUT):
        delay, _, _ = world.slowed(x.w, x.faults, world.way(x.w, world.TO_MEDIA))
        lasts += delay
    desk.done_at[slot] = t + lasts
    return int(world.begins(x.w, action, place))


@jit
def change(cell: Cell, e: Evening, a: fluid.Fluid, rows: Floats, k: int, what: int) -> None:
    """Let the audience know what a change of the world means to it, before step `k`."""
    if what & world.SILENT:
        line.fall_silent(a, cell, rows, k)
    if what & world.SCATTERED:
        line.scatter(a, cell, rows, k)
    if what & world.RELAUNCHED:
        fluid.relaunch(a, cell, e.load, k)


@jit
def due_fault(faults: Floats, w: world.World) -> tuple[float, int]:
    """The next moment at which a fault begins or ends by schedule, and which; infinity and -1: none."""
    moment, which = np.inf, -1
    for number in range(faults.shape[0]):
        at = np.inf
        if w.on[number] == world.WAITS:
            at = faults[number, world.AT]
        elif w.on[number] == world.IN_FORCE:
            at = faults[number, world.END]
        if at < moment:
            moment, which = at, number
    return moment, which


@jit
def turn_fault(faults: Floats, w: world.World, number: int) -> int:
    """A fault begins, or ends by schedule; what that does to the audience."""
    if w.on[number] == world.WAITS:
        return int(world.strike(w, faults, number))
    world.undo(w, faults, number)
    return 0


@jit
def due_by(cell: Cell, e: Evening, a: fluid.Fluid, w: world.World, rows: Floats, k: int, t: float) -> None:
    """Turn the faults that are due by `t`, on an evening without a crew."""
    while True:
        moment, number = due_fault(e.faults, w)
        if moment > t:
            return
        what = turn_fault(e.faults, w, number)
        world.conditions(w, e.faults, a.c)
        change(cell, e, a, rows, k, what)


@jit
def step_base(cell: Cell, e: Evening, a: fluid.Fluid, w: world.World, rows: Floats, k: int) -> None:
    """One step of the evening without a crew, the faults that are due before it included."""
    due_by(cell, e, a, w, rows, k, k * cell.p[fluid.DT])
    line.flow(a, cell, e.load, e.word, rows, k)
    w.n[world.OVER] = a.n[fluid.OVER]


@jit
def fork(x: Trial, e: Evening, k: int, t: float) -> None:
    """Make the audience what it is at moment `t`, before step `k`, of the evening without a crew."""
    x.desk.own[0] = 1
    near = k // SNAPSHOT
    x.fluids[0] = e.snapshots[near]
    x.replays[0] = e.worlds[near]
    w = world.of(x.replays)
    begin = near * SNAPSHOT
    first = min(x.a.n[fluid.HEAD], x.a.n[fluid.SPUN])
    for h in range(min(first, x.a.n[fluid.SPUN_BACK]), begin):
        for column in range(line.COLUMNS):
            x.rows[h, column] = e.rows[h, column]
    world.conditions(w, e.faults, x.a.c)
    for step in range(begin, k):
        step_base(x.cell, e, x.a, w, x.rows, step)
    due_by(x.cell, e, x.a, w, x.rows, k, t - 1e-9)
    world.conditions(x.w, e.faults, x.a.c)


@jit
def verdict(cell: Cell, a: fluid.Fluid, out: Floats) -> None:
    """What became of the room."""
    lost, tried = a.f[fluid.LOST_AT], a.f[fluid.TRIED]
    if a.f[fluid.LET_IN] < cell.p[fluid.JOINS] * tried:
        lost = min(lost, a.f[fluid.BELOW_SINCE])
    out[OUT_LOST_AT] = lost
    out[OUT_LOST] = a.f[fluid.LOST]
    out[OUT_CLOSED] = a.f[fluid.LOST_AT]
    out[OUT_JOINED] = min(1.0, a.f[fluid.LET_IN] / tried) if tried > 0.0 else 1.0


@jit
def prepare(x: Trial, d: core.Draws) -> None:
    """Nothing is told yet, and nothing is under way."""
    core.reset_(x.s, x.p, d)
    world.begin(x.w)
    world.conditions(x.w, x.faults, x.a.c)
    desk = x.desk
    for signal in range(SIGNALS):
        desk.lit[signal] = 0
        desk.told[signal] = 0
        desk.firing[signal] = 0
        desk.moment[signal] = np.inf
        desk.done_at[signal] = np.inf
        for stage in range(STAGES):
            desk.entered[signal, stage] = np.inf
    desk.bits[0] = 0
    desk.own[0] = 0
    desk.events[0] = 0
    desk.repaired[0] = np.inf


@jit
def next_moment(x: Trial, fault_at: float, fault: int) -> tuple[float, int, int]:
    """What comes next: when, of which kind, and which one."""
    desk = x.desk
    at, number = core.next_timer(x.s)
    kind = IS_TIMER
    for slot in range(SIGNALS):
        if desk.done_at[slot] < at:
            at, kind, number = desk.done_at[slot], IS_DONE, slot
    for signal in range(SIGNALS):
        if desk.moment[signal] < at:
            at, kind, number = desk.moment[signal], IS_SIGNAL, signal
    if fault_at <= at:
        at, kind, number = fault_at, IS_FAULT, fault
    if at >= x.cell.f[END]:
        return float(x.cell.f[END]), IS_END, -1
    return at, kind, number


@jit
def advance(x: Trial, e: Evening, k: int, until: int) -> tuple[int, bool]:
    """Let the audience flow to moment `until`, or to an earlier one at which something new can be seen of it."""
    desk, w = x.desk, x.w
    if desk.own[0] != 0:
        while k < until:
            line.flow(x.a, x.cell, e.load, e.word, x.rows, k)
            k += 1
            if x.a.n[fluid.SIGNALS] != desk.bits[0] or x.a.n[fluid.OVER] != w.n[world.OVER]:
                desk.bits[0] = x.a.n[fluid.SIGNALS]
                w.n[world.OVER] = x.a.n[fluid.OVER]
                return k, True
        return k, False
    if e.nexts[k] <= until:
        k = e.nexts[k]
        desk.bits[0] = e.bits[k] & ((1 << fluid.BITS) - 1)
        w.n[world.OVER] = e.bits[k] >> fluid.BITS
        return k, True
    return max(k, until), False


@jit
def repaired(x: Trial, slot: int, t: float) -> tuple[int, int]:
    """A repair ends: what that does to the audience, and whether it worked."""
    desk = x.desk
    desk.done_at[slot] = np.inf
    if x.cell.f[REPAIRS] == 0.0:
        return 0, 1
    what = world.ends(x.w, x.faults, desk.action[slot], desk.place[slot])
    if what & world.FAILED:
        return 0, 0
    if desk.helps[slot] != 0:
        desk.repaired[0] = min(desk.repaired[0], t)
    return what, 1


@jit
def note(x: Trial, slot: int) -> None:
    """An incident is in a new stage."""
    s, entered = x.s, x.desk.entered
    if s.occurrence[slot] == 0 and s.attempt[slot] == 0 and entered[slot, s.stage[slot]] == np.inf:
        entered[slot, s.stage[slot]] = s.begins[slot]


@jit
def happen(x: Trial, d: core.Draws, t: float, kind: int, number: int) -> tuple[int, bool]:
    """What comes next happens: what that does to the audience, and whether the world may be another."""
    what, slot, event, value, cause = 0, -1, core.TIMER, 0, 0
    turned = kind == IS_FAULT
    if kind == IS_TIMER:
        slot = number
    elif kind == IS_DONE:
        slot, event = number, core.DONE
        what, value = repaired(x, slot, t)
        turned = True
    elif kind == IS_SIGNAL:
        slot, begins = tell(x, number)
        event = core.FIRING if begins == 1 else core.RESOLVED
        if slot >= 0:
            value, cause = x.cell.slots[slot, SLOT_KIND], x.cell.slots[slot, SLOT_CAUSE]
    else:
        what = turn_fault(x.faults, x.w, number)
    if slot >= 0:
        core.step_(x.s, x.p, d, core.Event(event, slot, t, int(cause), int(value)))
        x.desk.events[0] += 1
        for n in range(x.s.counts[core.OUT]):
            if x.s.out_what[n] == core.REPAIR:
                what |= start(x, d, x.s.out_incident[n], t)
                turned = True
            elif x.s.out_what[n] == core.STAGE:
                note(x, x.s.out_incident[n])
    return what, turned


@jit
def play(x: Trial, e: Evening, d: core.Draws, out: Floats) -> None:
    """One trial; its figures go to `out`, with the moments of its stages where there is room for them."""
    steps, dt = e.load.shape[0], x.cell.p[fluid.DT]
    prepare(x, d)
    k = int(x.desk.bits[0])  # 0; but a literal 0 would have compiled code of its own
    fault_at, fault = due_fault(x.faults, x.w)
    while True:
        t, kind, number = next_moment(x, fault_at, fault)
        k, seen = advance(x, e, k, min(steps, int(np.ceil(t / dt))))
        if seen:
            look(x, k * dt)
            continue
        if kind == IS_END:
            break
        what, turned = happen(x, d, t, kind, number)
        if not turned:
            continue
        fault_at, fault = due_fault(x.faults, x.w)
        world.conditions(x.w, x.faults, x.a.c)
        if x.desk.own[0] == 0 and k < steps and (differs(x.a.c, e.c, k) or (kind != IS_FAULT and what != 0)):
            fork(x, e, k, t)
        if x.desk.own[0] != 0:
            change(x.cell, e, x.a, x.rows, k, what)
            x.w.n[world.OVER] = x.a.n[fluid.OVER]
        look(x, t)
    for column in range(OUT_REPAIRED):
        out[column] = e.out[column]
    if x.desk.own[0] != 0:
        verdict(x.cell, x.a, out)
    out[OUT_REPAIRED] = x.desk.repaired[0]
    out[OUT_EVENTS] = x.desk.events[0]
    if out.shape[0] > OUT_COLUMNS:
        for slot in range(SIGNALS):
            for stage in range(STAGES):
                out[OUT_COLUMNS + slot * STAGES + stage] = x.desk.entered[slot, stage]


@jit
def differs(c: Floats, base: Floats, k: int) -> bool:
    """Whether the audience meets other conditions than in step `k` of the evening without a crew."""
    for place in range(fluid.CONDITIONS):  # noqa: SIM110 (compiled)
        if c[place] != base[k, place]:
            return True
    return False


@jit
def play_base(x: Trial, e: Evening) -> None:
    """The evening without a crew, from its begin to its end."""
    steps = e.load.shape[0]
    w = world.of(x.replays)
    fluid.begin(x.a)
    world.begin(w)
    world.conditions(w, x.faults, x.a.c)
    for k in range(steps):
        if k % SNAPSHOT == 0:
            e.snapshots[k // SNAPSHOT] = x.fluids[0]
            e.worlds[k // SNAPSHOT] = x.replays[0]
        step_base(x.cell, e, x.a, w, e.rows, k)
        for place in range(fluid.CONDITIONS):
            e.c[k, place] = x.a.c[place]
        e.bits[k + 1] = x.a.n[fluid.SIGNALS] | x.a.n[fluid.OVER] << fluid.BITS
    e.nexts[steps] = steps + 1
    for k in range(steps - 1, -1, -1):
        e.nexts[k] = k + 1 if e.bits[k + 1] != e.bits[k] else e.nexts[k + 1]
    verdict(x.cell, x.a, e.out)


@entry
def play_some(e: Evening, b: Buffers, first: int, outs: Floats) -> None:
    """As many trials as `outs` has rows, the first with the draws of seed `first`; with none, the evening without a
    crew."""
    x = Trial(
        cell_of(e.cells), e.faults, state_of(b.states), params_of(b.params), desk_of(b.desks), fluid.of(b.fluids),
        world.of(b.worlds), b.rows, b.fluids, b.replays,
    )  # fmt: skip
    if outs.shape[0] == 0:
        play_base(x, e)
    for number in range(outs.shape[0]):
        seed = first + number
        play(x, e, core.Draws(seed & core.M32, seed >> 32), outs[number])


if __name__.endswith("_jit"):

    @jit
    def cell_of(buffer: Buffer) -> Cell:  # noqa: D103
        return buffer[0]  # type: ignore[no-any-return]

    @jit
    def desk_of(buffer: Buffer) -> Desk:  # noqa: D103
        return buffer[0]  # type: ignore[no-any-return]

    @jit
    def state_of(buffer: Buffer) -> core.State:  # noqa: D103
        return buffer[0]  # type: ignore[no-any-return]

    @jit
    def params_of(buffer: Buffer) -> core.Params:  # noqa: D103
        return buffer[0]  # type: ignore[no-any-return]

else:

    def cell_of(buffer: Buffer) -> Cell:
        """The first cell of an array: the record itself when compiled, views of it when plain."""
        return Cell(*(buffer[0][name] for name in Cell._fields))

    def desk_of(buffer: Buffer) -> Desk:
        """The same for a trial's buffer."""
        return Desk(*(buffer[0][name] for name in Desk._fields))

    def state_of(buffer: Buffer) -> core.State:
        """The same for the crew's state."""
        return core.view(buffer[0])

    def params_of(buffer: Buffer) -> core.Params:
        """The same for the crew's parameters."""
        return core.params_view(buffer[0])
