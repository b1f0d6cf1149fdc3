"""The line for tokens: who asks, who is served when, who gives up; and one whole step of the audience (`flow`).

A row holds what one step asked for, by class. Rows are served first come, first served, as fast as the slowest of the
platform's workers, the bridge with its calls in hand, and the instances' own door allows. Whoever has pressed gives
the spinner up in time; what was asked for stays in the line and is served to nobody. So with waits beyond the spinner
all work is for nobody: the overload that feeds itself. Written for two drivers, as `chaos.crew.core` is.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chaos.study import fluid
from chaos.study.compiling import inlined_of, jit_of, join
from chaos.study.fluid import Fluid, Model

jit, inlined = jit_of(__name__), inlined_of(__name__)
join(globals())
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

PRESS, PRESS_AGAIN, RETURN, FIRST, LATER, GHOST, CLASSES = 0, 4, 5, 6, 7, 8, 9
"""Classes of a row: first to fourth press, press of one thrown out, client that comes back, first and later renewal,
renewal for nobody."""
STAYED, WAITED, TOTAL, COLUMNS = 9, 10, 11, 12
"""Further columns: STAY and WAIT as they were, and the sum of the classes."""


@jit
def failed(s: Fluid, m: Model, k: int, press: int, amount: float) -> None:
    """A first to fourth press led nowhere; the fourth was the last."""
    if press < 3 and amount > 0.0:
        fluid.press_later(s, m, k, fluid.PRESS_2 + press, amount)


@jit
def again(s: Fluid, m: Model, k: int, amount: float) -> None:
    """A press of somebody who had been let in once led nowhere: these never give up by themselves."""
    if amount > 0.0:
        fluid.press_later(s, m, k, fluid.AGAIN, amount / s.f[fluid.WAIT])


@jit
def unserved(s: Fluid, h: int) -> float:
    """The share of the row of step `h` that still stands in the line."""
    if h > s.n[fluid.HEAD]:
        return 1.0
    return float(1.0 - s.f[fluid.PART]) if h == s.n[fluid.HEAD] else 0.0


@jit
def refuse(s: Fluid, m: Model, rows: Floats, k: int, h: int, share: float) -> None:
    """A share of the presses of step `h` fails in step `k`."""
    if share <= 0.0:
        return
    for press in range(PRESS_AGAIN):
        failed(s, m, k, press, share * rows[h, press])
    again(s, m, k, share * rows[h, PRESS_AGAIN] * (s.f[fluid.WAIT] / rows[h, WAITED]))


@jit
def refuse_return(s: Fluid, m: Model, rows: Floats, k: int, h: int, share: float) -> None:
    """A share of the clients that came back in step `h` has to try again."""
    if share > 0.0 and rows[h, RETURN] > 0.0:
        fluid.return_later(s, m, k, share * rows[h, RETURN] * (s.f[fluid.WAIT] / rows[h, WAITED]))


@inlined
def spin_out(s: Fluid, m: Model, rows: Floats, k: int) -> None:
    """Whoever has pressed and waited for too long gives the spinner up; the request stays in the line."""
    p, c = m.p, s.c
    n, dt = s.n, p[fluid.DT]
    bearable = p[fluid.SPINNER] if p[fluid.DEADLINES] == 0.0 else min(p[fluid.SPINNER], p[fluid.TIMEOUT])
    last = k - max(0, int((bearable - c[fluid.DELAY]) / dt + 0.5))
    while n[fluid.SPUN] <= last:
        h = n[fluid.SPUN]
        left = unserved(s, h)
        if left > 0.0:
            refuse(s, m, rows, k, h, left)
        n[fluid.SPUN] = h + 1
    last = k - max(0, int((p[fluid.CLIENT] - c[fluid.DELAY]) / dt + 0.5))
    while n[fluid.SPUN_BACK] <= last:
        h = n[fluid.SPUN_BACK]
        left = unserved(s, h)
        if left > 0.0:
            refuse_return(s, m, rows, k, h, left)
        n[fluid.SPUN_BACK] = h + 1


@jit
def scatter(s: Fluid, m: Model, rows: Floats, k: int) -> None:
    """Everybody in the line before step `k` leaves it: presses fail at once, and what was asked for is nobody's."""
    f, n = s.f, s.n
    for h in range(n[fluid.HEAD], k):
        if h >= n[fluid.SPUN]:
            refuse(s, m, rows, k, h, unserved(s, h))
        if h >= n[fluid.SPUN_BACK]:
            refuse_return(s, m, rows, k, h, unserved(s, h))
    f[fluid.ZOMBIES] += f[fluid.QUEUE]
    f[fluid.QUEUE] = 0.0
    f[fluid.PART] = 0.0
    n[fluid.HEAD] = max(n[fluid.HEAD], k)
    n[fluid.SPUN] = max(n[fluid.SPUN], k)
    n[fluid.SPUN_BACK] = max(n[fluid.SPUN_BACK], k)
    n[fluid.CHOKED] = 0


@jit
def fall_silent(s: Fluid, m: Model, rows: Floats, k: int) -> None:
    """The room is gone or elsewhere: sessions are lost, everybody falls silent, and clients look for it."""
    q = m.q
    f = s.f
    scatter(s, m, rows, k)
    lost = f[fluid.HEAR] + f[fluid.NEW]
    if lost > 0.0:
        f[fluid.ECHO] = f[fluid.SHARE_HEARING] * f[fluid.PRESENT]
        s.n[fluid.ECHOES] = k + q[fluid.IN_ECHO]
    f[fluid.QUIET_1] += lost
    f[fluid.HEAR] = 0.0
    f[fluid.NEW] = 0.0
    for at in range(fluid.RING):
        for which in range(fluid.OUT_LATER + 1):
            s.ring[at * fluid.RINGS + which] = 0.0
    for rate in range(fluid.RATE_FIRST, fluid.RATE_OUT_LATER + 1):
        f[rate] = 0.0
    fluid.evenly(s, k + 1, q[fluid.IN_MOVED], fluid.BACK_RATE, lost / f[fluid.WAIT])


@inlined
def due(s: Fluid, row: Floats, k: int) -> None:
    """Everything that was to come in step `k` and has come: presses into the row, rates onto the rates."""
    f = s.f
    for press in range(1, 4):
        row[press] = fluid.taken(s, k, fluid.PRESS_2 + press - 1)
    row[PRESS_AGAIN] = fluid.taken(s, k, fluid.AGAIN) * f[fluid.WAIT]
    f[fluid.RATE_BACK] += fluid.taken(s, k, fluid.BACK_RATE)
    row[RETURN] = (max(0.0, f[fluid.RATE_BACK]) + fluid.taken(s, k, fluid.BACK)) * f[fluid.WAIT]
    f[fluid.RATE_FIRST] += fluid.taken(s, k, fluid.FIRST)
    f[fluid.RATE_LATER] += fluid.taken(s, k, fluid.LATER)
    f[fluid.RATE_GHOST] += fluid.taken(s, k, fluid.GHOST)
    f[fluid.RATE_OUT_FIRST] += fluid.taken(s, k, fluid.OUT_FIRST)
    f[fluid.RATE_OUT_LATER] += fluid.taken(s, k, fluid.OUT_LATER)


@inlined
def ask(s: Fluid, m: Model, load: Floats, word: Floats, rows: Floats, k: int) -> None:
    """Everything that wants a token, or a way in, in step `k`."""
    p, c = m.p, s.c
    f = s.f
    row = rows[k]
    for column in range(COLUMNS):
        row[column] = 0.0
    row[STAYED] = f[fluid.STAY]
    row[WAITED] = f[fluid.WAIT]
    row[PRESS] = fluid.arrivals(s, m, load, word, k)
    due(s, row, k)
    if s.n[fluid.COUNTED] != 0:
        f[fluid.TRIED] += row[0] + row[1] + row[2] + row[3] + row[PRESS_AGAIN]
    if s.n[fluid.OVER] != 0 and s.n[fluid.SECOND] < 0:
        turn_away(s, m, rows, k, 0.0, 1.0)
        return
    refused = c[fluid.SHED] + (1.0 - c[fluid.SHED]) * c[fluid.EDGE]
    if p[fluid.ADMISSION] != 0.0 and f[fluid.HEAR] + f[fluid.NEW] >= p[fluid.CAPACITY] * c[fluid.SERVING]:
        refused = 1.0
    if c[fluid.THERE] == 0.0:
        refused = 1.0
        refuse_return(s, m, rows, k, k, 1.0)
        row[RETURN] = 0.0
    if refused > 0.0:
        turn_away(s, m, rows, k, refused, refused)
    renew(s, m, row, k)
    total = 0.0
    for column in range(CLASSES):
        total += row[column]
    row[TOTAL] = total
    f[fluid.QUEUE] += total


@jit
def turn_away(s: Fluid, m: Model, rows: Floats, k: int, told: float, share: float) -> None:
    """A share of those who press in step `k` is turned away at once; of them `told` hear why, and press again."""
    refuse(s, m, rows, k, k, told)
    for press in range(PRESS_AGAIN + 1):
        rows[k, press] *= 1.0 - share
    if told == 0.0:
        rows[k, RETURN] = 0.0


@inlined
def renew(s: Fluid, m: Model, row: Floats, k: int) -> None:
    """Tokens to be renewed in step `k`; unless they are in time, their people will be thrown out."""
    p, q, c = m.p, m.q, s.c
    f = s.f
    first, late = max(0.0, f[fluid.RATE_FIRST]), max(0.0, f[fluid.RATE_LATER])
    if c[fluid.THERE] == 0.0:
        return
    if c[fluid.BYPASS] != 0.0:  # media renews by itself
        fluid.renew_late(s, m, k, first + late)
        return
    row[FIRST] = first * f[fluid.STAY]
    row[LATER] = late * f[fluid.STAY]
    row[GHOST] = max(0.0, f[fluid.RATE_GHOST])
    if p[fluid.CACHE] == 0.0:
        fluid.evenly(s, k + q[fluid.IN_GRACE], q[fluid.IN_VALID], fluid.OUT_FIRST, first)
        fluid.evenly(s, k + q[fluid.IN_GRACE], q[fluid.IN_FIFTH], fluid.OUT_LATER, late)


@inlined
def spared(s: Fluid, m: Model, k: int, h: int, alive: float, lasts: int, out: int) -> float:
    """Renewals asked for in step `h` are granted in step `k`: those in time; whom they spare is not thrown out.

    `alive` is divided by STAY as it was; the token had up to `lasts` steps left.
    """
    p, q, c = m.p, m.q, s.c
    if p[fluid.CACHE] != 0.0 or alive == 0.0:
        return alive
    begins = h + q[fluid.IN_GRACE]
    ends = begins + lasts
    start = max(begins, k + 1)
    if c[fluid.DELAY] > 0.0:
        start = max(begins, k + 1 + int(c[fluid.DELAY] / p[fluid.DT] + 0.5))
    if start >= ends:
        return 0.0
    rate = alive / lasts
    fluid.add(s, start, out, -rate)
    fluid.add(s, ends, out, rate)
    return float(rate * (ends - start))


@inlined
def served(s: Fluid, m: Model, rows: Floats, k: int, h: int, share: float) -> None:
    """A share of the row of step `h` gets its tokens in step `k`."""
    p, q = m.p, m.q
    f, n = s.f, s.n
    row = rows[h]
    pressed = share * (row[0] + row[1] + row[2] + row[3])
    back = share * row[PRESS_AGAIN]
    ghosts = 0.0
    came = 0.0
    if h >= n[fluid.SPUN]:
        f[fluid.NEW] += pressed
        if back > 0.0:
            came = back * (f[fluid.WAIT] / row[WAITED])
        if n[fluid.COUNTED] != 0:
            f[fluid.LET_IN] += pressed + came
    else:
        ghosts = pressed + back
        pressed = 0.0
    returned = share * row[RETURN]
    if h >= n[fluid.SPUN_BACK]:
        if returned > 0.0:
            came += returned * (f[fluid.WAIT] / row[WAITED])
    else:
        ghosts += returned
    if came > 0.0:
        fluid.hear_again(s, came)
    fluid.session(s, m, k, pressed + came)
    if ghosts > 0.0:  # sessions of people who have hung up: renewed until media finds that nobody listens
        fluid.evenly(s, k + 1, q[fluid.IN_GONE], fluid.GHOST, ghosts * p[fluid.GHOSTS])
    if row[FIRST] + row[LATER] > 0.0:
        alive = spared(
            s, m, k, h, share * row[FIRST] / row[STAYED], q[fluid.IN_VALID], fluid.OUT_FIRST
        ) + spared(s, m, k, h, share * row[LATER] / row[STAYED], q[fluid.IN_FIFTH], fluid.OUT_LATER)
        fluid.renew_late(s, m, k, alive)


@inlined
def work(s: Fluid, m: Model) -> float:
    """How many tokens platform's workers have time for in one step; announcements get what is theirs."""
    p, c = m.p, s.c
    f = s.f
    if c[fluid.UP] == 0.0:
        return 0.0
    hands = p[fluid.MU] * p[fluid.DT]
    if f[fluid.BACKLOG] <= 0.0:
        return float(hands)
    wanted = f[fluid.ZOMBIES] + (f[fluid.QUEUE] if c[fluid.BYPASS] == 0.0 else 0.0)
    most = p[fluid.SHARE] * hands
    if p[fluid.BULKHEAD] == 0.0:
        most = max(most, hands - wanted)
    told = min(f[fluid.BACKLOG], most)
    f[fluid.BACKLOG] -= told
    return float(hands - told)


@inlined
def budget(s: Fluid, m: Model) -> float:
    """How many of those in the line can be served in this step."""
    p, c = m.p, s.c
    f, n, dt = s.f, s.n, p[fluid.DT]
    speed = p[fluid.MU] if f[fluid.BACKLOG] <= 0.0 else p[fluid.MU] * (1.0 - p[fluid.SHARE])
    tokens = work(s, m)
    idle = min(tokens, f[fluid.ZOMBIES])
    f[fluid.ZOMBIES] -= idle
    door = p[fluid.DOOR] * c[fluid.SERVING] * dt
    f[fluid.LINE] = 0.0
    if c[fluid.BYPASS] != 0.0:
        f[fluid.LOAD] = idle / (p[fluid.MU] * dt)
        return float(door)
    pool = p[fluid.POOL] * c[fluid.SERVING]
    late = min(f[fluid.QUEUE], pool) > speed * p[fluid.TIMEOUT] or c[fluid.DELAY] > p[fluid.TIMEOUT]
    if late and p[fluid.BREAKER] == 0.0 and p[fluid.DEADLINES] == 0.0:
        n[fluid.CHOKED] = 1  # calls time out and are made again while their first tries stand in the line
    if n[fluid.CHOKED] != 0 or c[fluid.DELAY] > p[fluid.TIMEOUT] or c[fluid.LOSS] >= 1.0:
        f[fluid.LOAD] = 1.0 if n[fluid.CHOKED] != 0 and c[fluid.LOSS] < 1.0 else 0.0
        return 0.0
    hold = c[fluid.DELAY]
    if c[fluid.LOSS] > 0.0:
        hold += c[fluid.LOSS] / (1.0 - c[fluid.LOSS]) * p[fluid.TIMEOUT]
    can = min(tokens - idle, door)
    if hold > 0.0 and pool * dt / hold < can:
        can = pool * dt / hold
    else:
        f[fluid.LINE] = pool
    f[fluid.LOAD] = (idle + min(can, f[fluid.QUEUE])) / (p[fluid.MU] * dt)
    return float(can)


@inlined
def serve(s: Fluid, m: Model, rows: Floats, k: int) -> None:
    """Serve the line in its order; then refuse and drop what the knobs say."""
    p, c = m.p, s.c
    f, n = s.f, s.n
    can = budget(s, m)
    while n[fluid.HEAD] <= k and can > 0.0:
        h = n[fluid.HEAD]
        total = rows[h, TOTAL]
        left = total * (1.0 - f[fluid.PART])
        if left <= can:
            share = 1.0 - f[fluid.PART]
            n[fluid.HEAD] = h + 1
            f[fluid.PART] = 0.0
        else:
            share = can / total
            left = can
            f[fluid.PART] += share
        can -= left
        f[fluid.QUEUE] -= left
        if left > 0.0:
            served(s, m, rows, k, h, share)
    if n[fluid.HEAD] > k:
        f[fluid.QUEUE] = 0.0
    elif c[fluid.BYPASS] == 0.0:
        if p[fluid.ADMISSION] != 0.0:
            admit(s, m, rows, k)
        if p[fluid.DEADLINES] != 0.0:
            drop_late(s, m, rows, k)


@jit
def admit(s: Fluid, m: Model, rows: Floats, k: int) -> None:
    """What would wait too long is refused as it comes."""
    p = m.p
    f = s.f
    speed = p[fluid.MU] if f[fluid.BACKLOG] <= 0.0 else p[fluid.MU] * (1.0 - p[fluid.SHARE])
    left = unserved(s, k)
    standing = rows[k, TOTAL] * left
    beyond = f[fluid.QUEUE] - speed * p[fluid.LIMIT]
    if beyond <= 0.0 or standing <= 0.0:
        return
    share = min(1.0, beyond / standing)
    drop(s, m, rows, k, k, share * left)
    f[fluid.QUEUE] -= share * standing
    f[fluid.LOAD] += share * standing / (p[fluid.MU] * p[fluid.DT])
    for column in range(CLASSES):
        rows[k, column] *= 1.0 - share
    rows[k, TOTAL] *= 1.0 - share


@jit
def drop_late(s: Fluid, m: Model, rows: Floats, k: int) -> None:
    """What nobody waits for any more is not served."""
    p = m.p
    f, n = s.f, s.n
    while n[fluid.HEAD] <= k and (k - n[fluid.HEAD]) * p[fluid.DT] >= p[fluid.TIMEOUT]:
        h = n[fluid.HEAD]
        share = 1.0 - f[fluid.PART]
        drop(s, m, rows, k, h, share)
        f[fluid.QUEUE] -= share * rows[h, TOTAL]
        n[fluid.HEAD] = h + 1
        f[fluid.PART] = 0.0


@jit
def drop(s: Fluid, m: Model, rows: Floats, k: int, h: int, share: float) -> None:
    """A share of the row of step `h` is told no in step `k`; with a cache, whose token was to be renewed stays."""
    p = m.p
    if h >= s.n[fluid.SPUN]:
        refuse(s, m, rows, k, h, share)
    if h >= s.n[fluid.SPUN_BACK]:
        refuse_return(s, m, rows, k, h, share)
    if p[fluid.CACHE] != 0.0:
        renewals = share * (rows[h, FIRST] + rows[h, LATER])
        fluid.keep(s, m, k, renewals * (s.f[fluid.STAY] / rows[h, STAYED]))


@jit
def flow(s: Fluid, m: Model, load: Floats, word: Floats, rows: Floats, k: int) -> None:
    """One step of the audience: from `k` to `k + 1` times DT."""
    p = m.p
    f, n, dt = s.f, s.n, p[fluid.DT]
    n[fluid.JUDGED] = 1 if k * dt >= p[fluid.JUDGE_FROM] and k * dt < p[fluid.JUDGE_TO] else 0
    n[fluid.COUNTED] = n[fluid.JUDGED] if n[fluid.SECOND] < 0 else 0
    fluid.news(s, m, k)
    fluid.leave(s, m, load[k, fluid.KEEP])
    ask(s, m, load, word, rows, k)
    fluid.throw_out(s, m, k)
    serve(s, m, rows, k)
    spin_out(s, m, rows, k)
    heard = f[fluid.NEW]
    if p[fluid.RECOVERY] > dt:
        heard *= dt / p[fluid.RECOVERY]
    f[fluid.NEW] -= heard
    f[fluid.HEAR] += heard
    fluid.judge(s, m, load[k, fluid.PLANNED], k)
