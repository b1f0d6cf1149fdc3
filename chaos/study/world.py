"""What is discrete about the rooms: which machine runs, which way calls take, what faults and repairs make of it.

Changes are few, and each may change the conditions under which the audience flows (`fluid`): what has to be done to it
beside that is told as bits (SCATTERED, SILENT, RELAUNCHED). Written for two drivers, as `chaos.crew.core` is.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from chaos.study import fluid
from chaos.study.compiling import jit_of, join

jit = jit_of(__name__)
join(globals())
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

MACHINES = ("media-1", "media-2", "media-3", "platform")
SPARE, PLATFORM = 2, 3
"""Places in MACHINES: the instance that runs only after `scale_out_media`, and the platform."""
LINKS = (
    "media-to-platform",
    "platform-to-media",
    "edge",
    "media-to-platform-spare",
    "platform-to-media-spare",
)
TO_PLATFORM, TO_MEDIA, EDGE = 0, 1, 2
"""Places in LINKS; the spare of a bridge link is three further on."""

FAULTS, ENTRIES = 16, 64
WORLD = np.dtype([("n", "i8", 16), ("on", "i8", FAULTS)], align=True)
(
    SPARE_1, SPARE_2, BYPASS, SHED_NEWS, SHED_JOINS, HOME, HAS_ROOM, RELAY, OVER, AGAIN, UP_1, UP_2, UP_3, UP_4,
) = range(14)  # fmt: skip
"""Places in `World.n`: calls of each bridge link take the spare; operating settings; the machine that the room is
placed on, whether it has it, whether the spare instance relays it; the room has ended, was relaunched; machines up."""
WAITS, IN_FORCE, GONE = 0, 1, 2
"""Where a fault stands (`World.on`)."""

FAULT_COLUMNS = 8
IS_MACHINE, TARGET, AT, END, UNTIL_REPAIRED, FAULT_DELAY, FAULT_JITTER, FAULT_LOSS = range(FAULT_COLUMNS)
"""A fault of a link, or of a machine: its place in LINKS or MACHINES (AT_HOME: where the room is); story seconds of its
begin and its end; story seconds that calls take longer, at most so much more or less, and the share that is lost."""
AT_HOME = -1.0

SCATTERED, SILENT, RELAUNCHED = 1, 2, 4
"""What a change does to the audience: the line for tokens is empty; all lose the room; a second room opens."""
FAILED = 8
"""The repair did not work."""

(
    FAIL_OVER, BYPASS_TOKENS, SHED_ANNOUNCEMENTS, SHED_HALF, RESTART, NODE_BACK, SCALE_OUT, REOPEN, RELAUNCH,
    CLEAR_LINK,
) = range(10)  # fmt: skip
"""The repairs, in the order of `chaos.experiment.repairs.ROOMS_REPAIRS`."""


class World(NamedTuple):
    """Views of a buffer of the type WORLD."""

    n: Ints
    on: Ints


@jit
def begin(w: World) -> None:
    """Everything as it should be, the room on the first instance."""
    w.n[:] = 0
    w.on[:] = WAITS
    w.n[HAS_ROOM] = 1
    w.n[UP_1] = 1
    w.n[UP_2] = 1
    w.n[UP_4] = 1


@jit
def slowed(w: World, faults: Floats, link: int) -> tuple[float, float, float]:
    """Story seconds that the faults in force add to a call on a link, how far they vary, and the share that is lost."""
    delay, jitter, passes = 0.0, 0.0, 1.0
    for number in range(faults.shape[0]):
        if w.on[number] == IN_FORCE and faults[number, IS_MACHINE] == 0.0 and faults[number, TARGET] == link:
            delay += faults[number, FAULT_DELAY]
            jitter = max(jitter, faults[number, FAULT_JITTER])
            passes *= 1.0 - faults[number, FAULT_LOSS]
    return delay, jitter, 1.0 - passes


@jit
def way(w: World, link: int) -> int:
    """The link that calls really take."""
    return link + 3 if link <= TO_MEDIA and w.n[SPARE_1 + link] != 0 else link


@jit
def there(w: World) -> bool:
    """Whether the room is on an instance that is up."""
    return bool(w.n[HAS_ROOM] != 0 and w.n[UP_1 + w.n[HOME]] != 0)


@jit
def conditions(w: World, faults: Floats, c: Floats) -> None:
    """Fill in the conditions under which the audience flows."""
    delay, _, loss = slowed(w, faults, way(w, TO_PLATFORM))
    _, _, cut = slowed(w, faults, EDGE)
    relayed = w.n[RELAY] != 0 and w.n[UP_1 + SPARE] != 0 and w.n[HOME] != SPARE
    c[fluid.DELAY] = delay
    c[fluid.LOSS] = loss
    c[fluid.SERVING] = 2.0 if relayed else 1.0
    c[fluid.UP] = w.n[UP_1 + PLATFORM]
    c[fluid.BYPASS] = w.n[BYPASS]
    c[fluid.SHED] = 0.5 * w.n[SHED_JOINS]
    c[fluid.EDGE] = cut
    c[fluid.THERE] = 1.0 if there(w) else 0.0
    c[fluid.SHED_NEWS] = w.n[SHED_NEWS]


@jit
def down(w: World, machine: int) -> int:
    """A machine stops; nothing that it held outlives it."""
    if w.n[UP_1 + machine] == 0:
        return 0
    w.n[UP_1 + machine] = 0
    if machine == PLATFORM:
        return SCATTERED
    if machine == SPARE:
        w.n[RELAY] = 0
    if w.n[HOME] == machine and w.n[HAS_ROOM] != 0:
        w.n[HAS_ROOM] = 0
        return SILENT
    return 0


@jit
def up(w: World, machine: int) -> None:
    """A machine runs, with nothing of what it held; its operating settings are those of its fellows."""
    if machine == PLATFORM and w.n[UP_1 + PLATFORM] == 0:
        w.n[SHED_NEWS] = 0
        w.n[SPARE_1 + TO_MEDIA] = 0
    w.n[UP_1 + machine] = 1


@jit
def strike(w: World, faults: Floats, number: int) -> int:
    """A fault comes into force; what that does to the audience."""
    w.on[number] = IN_FORCE
    if faults[number, IS_MACHINE] == 0.0:
        return 0
    machine = w.n[HOME] if faults[number, TARGET] == AT_HOME else int(faults[number, TARGET])
    return down(w, machine)


@jit
def undo(w: World, faults: Floats, number: int) -> None:
    """A fault is taken away."""
    if w.on[number] == IN_FORCE and faults[number, IS_MACHINE] != 0.0:
        up(w, w.n[HOME] if faults[number, TARGET] == AT_HOME else int(faults[number, TARGET]))
    w.on[number] = GONE


@jit
def mend_link(w: World, faults: Floats, link: int) -> None:
    """The faults of a link that last until they are repaired are over; -1: of every link but the spares."""
    for number in range(faults.shape[0]):
        hurt = faults[number, TARGET]
        if (
            w.on[number] == IN_FORCE
            and faults[number, IS_MACHINE] == 0.0
            and faults[number, UNTIL_REPAIRED] != 0.0
            and (hurt == link or (link < 0 and hurt <= EDGE))
        ):
            w.on[number] = GONE


@jit
def mend_machine(w: World, faults: Floats, machine: int) -> None:
    """The faults of a machine that last until they are repaired are over."""
    for number in range(faults.shape[0]):
        if w.on[number] == IN_FORCE and faults[number, IS_MACHINE] != 0.0:
            hurt = w.n[HOME] if faults[number, TARGET] == AT_HOME else int(faults[number, TARGET])
            if hurt == machine and faults[number, UNTIL_REPAIRED] != 0.0:
                w.on[number] = GONE


@jit
def begins(w: World, action: int, place: int) -> int:
    """A repair begins: a restart ends the process first."""
    return down(w, place) if action == RESTART and place >= 0 else 0


@jit
def ends(w: World, faults: Floats, action: int, place: int) -> int:
    """A repair ends, on the link or the machine at `place` (-1: none is named); what that does to the audience.

    What a repair needs of the world is looked at here, at its end.
    """
    if action in (FAIL_OVER, CLEAR_LINK):
        if action == FAIL_OVER:
            for link in range(2):
                if place in (-1, link):
                    w.n[SPARE_1 + link] = 1
        mend_link(w, faults, place)
        return 0
    if action <= SHED_HALF:
        return set_up(w, faults, action)
    if action in (RESTART, NODE_BACK):
        if place < 0 or (action == NODE_BACK and place == SPARE):
            return FAILED
        up(w, place)
        mend_machine(w, faults, place)
        return 0
    if action == SCALE_OUT:
        return int(scale_out(w, faults, place))
    if action == REOPEN:
        return int(reopen(w, faults))
    return int(launch_again(w))


@jit
def set_up(w: World, faults: Floats, action: int) -> int:
    """A setting is changed on every instance."""
    if action == BYPASS_TOKENS:
        before = w.n[BYPASS]
        w.n[BYPASS] = 1
        mend_link(w, faults, TO_PLATFORM)
        return SCATTERED if before == 0 else 0
    if action == SHED_ANNOUNCEMENTS:
        w.n[SHED_NEWS] = 1
    else:
        w.n[SHED_JOINS] = 1
    return 0


@jit
def launch_again(w: World) -> int:
    """The room is opened from another account, which can be done once; one that is still open is closed for it."""
    n = w.n
    if n[AGAIN] != 0:
        return FAILED
    n[AGAIN] = 1
    n[OVER] = 1
    if n[UP_1 + n[HOME]] == 0:
        n[HOME] = 0 if n[UP_1] != 0 else 1
    n[HAS_ROOM] = n[UP_1 + n[HOME]]
    return RELAUNCHED


@jit
def scale_out(w: World, faults: Floats, place: int) -> int:
    """The spare instance runs and, if the room lives on the instance at `place`, serves it too."""
    w.n[UP_1 + SPARE] = 1
    if place >= 0 and place != w.n[HOME]:
        return 0
    _, _, loss = slowed(w, faults, way(w, TO_MEDIA))
    if not there(w) or loss >= 1.0 or w.n[HOME] == SPARE:
        return FAILED
    w.n[RELAY] = 1
    return 0


@jit
def reopen(w: World, faults: Floats) -> int:
    """The room opens on another instance, or on the same where there is no other; everybody moves."""
    n = w.n
    _, _, loss = slowed(w, faults, way(w, TO_MEDIA))
    if (n[OVER] != 0 and n[AGAIN] == 0) or loss >= 1.0:
        return FAILED
    target = -1
    for machine in range(PLATFORM):
        if n[UP_1 + machine] != 0 and machine != n[HOME] and target < 0:
            target = machine
    if target < 0 and n[UP_1 + n[HOME]] != 0:
        target = n[HOME]
    if target < 0:
        return FAILED
    moved = SILENT if there(w) else 0
    n[HOME] = target
    n[HAS_ROOM] = 1
    if target == SPARE:
        n[RELAY] = 0
    return moved


if __name__.endswith("_jit"):

    @jit
    def of(buffer: NDArray[np.void]) -> World:  # noqa: D103
        return buffer[0]  # type: ignore[no-any-return]

else:

    def of(buffer: NDArray[np.void]) -> World:
        """The first of an array: the record itself when compiled, views of it when plain."""
        return World(*(buffer[0][name] for name in World._fields))
