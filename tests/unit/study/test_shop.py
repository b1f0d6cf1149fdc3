"""The crew's core against what queueing theory knows, and against a model of another make."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from chaos.crew.parameters import parameters
from chaos.crew.people import ON_CALL, STAGES, People, StageTime
from chaos.study import compiling, shop
from tests.unit.crew.play import CERTAIN, RUNBOOK, only
from tests.unit.study.simpy_shop import SimpyShop

pytestmark = pytest.mark.usefixtures("compiled")

AT_ONCE = CERTAIN.model_copy(
    update={stage: StageTime.model_validate({"median": "1us", "sigma": 0.0}) for stage in STAGES}
)
"""People whose stages take no time, so that the repair is the whole service."""


def _played(
    people: People,
    crew: int,
    told: dict[int, float],
    trials: int,
    *,
    compiled: bool = True,
    coverage: bool = False,
) -> NDArray[np.float64]:
    settings = np.zeros(shop.SETTINGS)
    for place, value in told.items():
        settings[place] = value
    params = parameters(people, crew, only(parallel=True, coverage=coverage), RUNBOOK)
    outs = np.zeros((trials, shop.OUTS))
    how = compiling.twin(shop) if compiled else shop
    how.play_some(shop.buffers(settings, params), len(RUNBOOK.entries), 20230524, outs)
    return outs


@pytest.mark.parametrize(
    ("machines", "crew", "fails", "repairs", "length", "time"),
    [
        (5, 2, 1 / 30, 1 / 3, 0.464794, 3.074575),
        (4, 1, 1.0, 2.0, 46 / 21, 1.210526),
        (6, 1, 0.1, 1.0, 0.845149, 1.639522),
    ],
)
def test_machine_repair(
    machines: int, crew: int, fails: float, repairs: float, length: float, time: float
) -> None:
    """M/M/c//N: how many machines are down on average, and for how long each, are the exact values."""
    until = 30_000.0 / fails / machines
    told = {
        shop.MACHINES: machines, shop.MEAN_UP: 1 / fails, shop.MEAN_REPAIR: 1 / repairs, shop.UNTIL: until,
    }  # fmt: skip
    outs = _played(AT_ONCE, crew, told, 10)
    assert outs[:, shop.DOWN].sum() / until / 10 == pytest.approx(length, rel=0.02)
    assert outs[:, shop.DOWN].sum() / outs[:, shop.FAILED].sum() == pytest.approx(time, rel=0.02)


def test_as_many_people_as_machines() -> None:
    """With c >= N, L = N r / (1 + r) for any distribution of the repair: here six lognormal stages and a repair."""
    until, up, repair, machines = 5e6, 3000.0, 100.0, 6
    told = {shop.MACHINES: machines, shop.MEAN_UP: up, shop.MEAN_REPAIR: repair, shop.UNTIL: until}
    outs = _played(CERTAIN, machines, told, 5)
    stages = [CERTAIN.stage(name) for name in STAGES[:-1]]
    ratio = (sum(each.median * math.exp(each.sigma**2 / 2) for each in stages) + repair) / up
    expected = machines * ratio / (1 + ratio)
    assert outs[:, shop.DOWN].sum() / until / 5 == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize(
    ("crew", "load", "waits"), [(2, 1.0, 1 / 3), (3, 2.0, 4 / 9), (5, 4.0, 128 / 231), (10, 8.0, 0.4091802)]
)
def test_erlang_c(crew: int, load: float, waits: float) -> None:
    """M/M/c: the share of failures that meet nobody free is Erlang's C."""
    until = 30_000.0 / load
    told = {shop.MACHINES: 64, shop.MEAN_GAP: 1 / load, shop.MEAN_REPAIR: 1.0, shop.UNTIL: until}
    outs = _played(AT_ONCE, crew, told, 8)
    assert outs[:, shop.WAITED].sum() / outs[:, shop.FAILED].sum() == pytest.approx(waits, abs=0.02)


@pytest.mark.parametrize(("crew", "coverage"), [(1, False), (2, True), (3, True), (6, False)])
def test_a_model_of_another_make_agrees_to_the_bit(crew: int, coverage: bool) -> None:
    """Counts and sums of the core are those of a simpy model with the same keyed draws, wrong diagnoses included."""
    told = {shop.MACHINES: 6.0, shop.MEAN_UP: 2400.0, shop.MEAN_REPAIR: 60.0, shop.UNTIL: 100_000.0}
    people = ON_CALL.model_copy(update={"mistriage": 0.3})
    outs = _played(people, crew, told, 3, coverage=coverage)
    for trial, out in enumerate(outs):
        other = SimpyShop(people, RUNBOOK, crew, 6, 2400.0, 60.0, 20230524, trial, coverage)
        other.run(told[shop.UNTIL])
        assert (out[shop.FAILED], out[shop.REPAIRED], out[shop.WAITED]) == (
            other.failed, other.repaired, other.waited,
        )  # fmt: skip
        assert out[shop.DOWN].hex() == other.down.hex()
        assert other.repaired > 20


def test_plain_and_compiled_shops_are_equal_to_the_byte() -> None:
    """The same shops, open and closed, from the plain source and from the compiled one."""
    for told in (
        {shop.MACHINES: 6.0, shop.MEAN_UP: 2400.0, shop.MEAN_REPAIR: 60.0, shop.UNTIL: 20_000.0},
        {shop.MACHINES: 16.0, shop.MEAN_GAP: 900.0, shop.MEAN_REPAIR: 60.0, shop.UNTIL: 20_000.0},
    ):
        one, two = (_played(ON_CALL, 3, told, 3, compiled=how, coverage=True) for how in (True, False))
        assert one.tobytes() == two.tobytes()
