from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from chaos.experiment import load
from chaos.faults.specs import spec_types
from chaos.study import compiling, driver, fluid, line
from chaos.study.cell import cell_of
from chaos.study.durations import Durations
from chaos.study.simulator import Table
from tests.unit.study.cells import EXPERIMENTS, runbook, table

STEPS = 3000
STALL = range(300, 420)


def _goodput(demand: float, *, stalled: bool) -> float:
    """The share of those who come that gets in at last, where `demand` of what can be served comes all the time.

    Tokens are never renewed and nobody leaves; `stalled`: nothing is served for two minutes after five.
    """
    cell = driver.cell_of(table().evening.cells)
    p = cell.p
    p[[fluid.UNIT, fluid.FOLLOWERS, fluid.JUDGE_FROM, fluid.GHOSTS]] = 0.0
    p[[fluid.HOST_PATIENCE, fluid.JUDGE_TO, fluid.TIMEOUT, fluid.CAPACITY]] = 1e12
    load = np.zeros((STEPS, 3))
    load[:, fluid.ARRIVE], load[:, fluid.KEEP] = demand * p[fluid.MU] * p[fluid.DT], 1.0
    buffer, rows, word = (
        np.zeros(1, fluid.FLUID),
        np.zeros((STEPS, line.COLUMNS)),
        np.zeros(STEPS + fluid.WORDS),
    )
    s = fluid.of(buffer)
    fluid.begin(s)
    s.c[[fluid.SERVING, fluid.UP, fluid.THERE]] = 1.0
    before = 0.0
    for k in range(STEPS):
        s.c[fluid.UP] = 0.0 if stalled and k in STALL else 1.0
        s.ring.reshape(fluid.RING, fluid.RINGS)[:, fluid.FIRST] = 0.0
        s.f[fluid.RATE_FIRST] = 0.0
        if k == STEPS - 200:
            before = float(s.f[fluid.LET_IN])
        line.flow(s, cell, load, word, rows, k)
    return (float(s.f[fluid.LET_IN]) - before) / (200 * float(load[0, fluid.ARRIVE]))


@pytest.mark.parametrize("demand", [0.2, 0.23])
def test_light_load_recovers_from_a_stall(demand: float) -> None:
    """Below mu / (1 + N), with N = 3 retries, the line drains even while everybody tries four times."""
    assert _goodput(demand, stalled=True) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("demand", [0.27, 0.6, 0.95])
def test_between_the_two_limits_overload_feeds_itself(demand: float) -> None:
    """For mu / (1 + N) < lambda < mu all is well, until a stall of two minutes: after that nobody gets in any more."""
    assert _goodput(demand, stalled=False) == pytest.approx(1.0, abs=1e-6)
    assert _goodput(demand, stalled=True) < 0.01


def test_beyond_the_capacity_no_stall_is_needed() -> None:
    """For lambda > mu the line grows by itself until nobody gets in."""
    assert _goodput(1.05, stalled=False) < 0.01


@pytest.mark.parametrize(("over", "share"), [(0.5, 1.0), (1.0, 1.0), (1.25, 1.0), (1.5, 2 / 3), (2.5, 0.0)])
def test_sound_beyond_what_can_be_sent_comes_too_late(over: float, share: float) -> None:
    """The share of the time that is live, by how much more sound is asked for than can be sent."""
    assert fluid.heard(over) == pytest.approx(share)


def _present(*overrides: str) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """By step of an evening without a crew: people who are there, people who should be, and joins that let one in."""
    evening = table(*overrides).evening
    cell = driver.cell_of(evening.cells)
    buffer, rows = np.zeros(1, fluid.FLUID), np.zeros_like(evening.rows)
    s = fluid.of(buffer)
    fluid.begin(s)
    present, let_in = np.zeros(len(evening.load)), np.zeros(len(evening.load))
    for k in range(len(present)):
        s.c[:] = evening.c[k]
        line.flow(s, cell, evening.load, evening.word, rows, k)
        present[k], let_in[k] = s.f[fluid.PRESENT], s.f[fluid.LET_IN]
    return present, evening.load[:, fluid.PLANNED], let_in


def test_people_are_conserved() -> None:
    """Whoever was let in is hearing, about to hear, or silent, until they leave: all who came on a calm evening, and
    never more than came on one that is lost; while nobody is let in, nobody appears.
    """
    present, planned, _ = _present("faults=[]", "rooms.capacity.platform=100%", "rooms.capacity.media=100%")
    assert present == pytest.approx(planned, rel=1e-3, abs=1.0)
    present, planned, let_in = _present()
    assert (present <= 1.001 * planned + 1.0).all()
    shut = (np.diff(let_in) == 0.0) & (let_in[1:] > 0.0)
    assert shut.sum() > 300
    assert (np.diff(present)[shut] <= 1e-6).all()
    assert present[-1] < planned[-1] / 2


def test_a_bridge_that_carries_nothing_leaves_the_platform_idle() -> None:
    """While the bridge is down people wait on its near side: the bridge calls the crew, not the token service."""
    down = table("faults=[{fault: down, link: media-to-platform, at: 4m, lasts: 3m}]").evening
    loaded = table("faults=[]").evening
    seconds = range(380, 540)
    assert not any(down.bits[second] & fluid.SIGNAL_TOKENS for second in seconds)
    assert down.bits[570] & fluid.SIGNAL_TOKENS
    assert not loaded.bits[560] & fluid.SIGNAL_TOKENS


@pytest.mark.parametrize("capacity", ["35%", "40%", "60%"])
@pytest.mark.parametrize(
    ("profile", "broken", "least", "most"),
    [
        ("as-found", True, 0.0, 0.01),
        ("as-found", False, 0.99, 1.01),
        ("hardened", True, 0.99, 1.1),
        ("hardened", False, 0.99, 1.01),
    ],
)
def test_a_retry_storm_outlasts_its_cause_unless_hardened(
    profile: str, broken: bool, least: float, most: float, capacity: str
) -> None:
    """The shipped pair: once the bridge is back joins stay away as found, are back hardened; unbroken, both hold. With
    somewhat less capacity and with half as much again as well, so that no live run is near an edge.
    """
    path = EXPERIMENTS / f"retry-storm-{profile}.yaml"
    asked = [f"rooms.capacity.platform={capacity}"]
    experiment = load(path, faults=spec_types(), overrides=asked).experiment
    if not broken:
        experiment = experiment.model_copy(update={"faults": ()})
    cell = cell_of(experiment, runbook(), Durations(), compiling.stamp())
    evening = Table(cell, driver).evening
    buffer, rows = np.zeros(1, fluid.FLUID), np.zeros_like(evening.rows)
    s, one = fluid.of(buffer), driver.cell_of(cell.cells)
    fluid.begin(s)
    counts = np.zeros((len(evening.load), 2))
    for k in range(len(counts)):
        s.c[:] = evening.c[k]
        line.flow(s, one, evening.load, evening.word, rows, k)
        counts[k] = s.f[fluid.LET_IN], s.f[fluid.TRIED]
    let_in, tried = counts[-1] - counts[720]
    assert least <= let_in / tried <= most
