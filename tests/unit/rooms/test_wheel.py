"""The listeners' timers."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chaos.rooms.audience.wheel import TICK, Timer, Wheel


async def _until_done(left: list[int]) -> None:
    async with asyncio.timeout(20.0):
        while left:
            await asyncio.sleep(TICK)


@settings(max_examples=30)
@given(st.lists(st.floats(0.0, 0.06), min_size=1, max_size=30))
def test_every_call_is_made_once_and_none_early(waits: list[float]) -> None:
    """Each call comes, after its time, however many share a tick."""

    async def turn() -> None:
        loop = asyncio.get_running_loop()
        wheel, left, made = Wheel(loop), list(range(len(waits))), list[tuple[int, float]]()
        begun = loop.time()

        def call(number: int) -> None:
            left.remove(number)
            made.append((number, loop.time()))

        for number, wait in enumerate(waits):
            wheel.call_later(wait, partial(call, number))
        await _until_done(left)
        assert sorted(number for number, _ in made) == list(range(len(waits)))
        assert all(moment - begun >= waits[number] for number, moment in made)

    asyncio.run(turn())


async def test_a_cancelled_call_is_not_made() -> None:
    """Neither when it is cancelled in time nor by another call of the same tick."""
    loop = asyncio.get_running_loop()
    wheel, made = Wheel(loop), list[str]()
    never = wheel.call_later(0.02, lambda: made.append("never"))
    neither: list[Timer] = []

    def cancel() -> None:
        neither[0].cancel()

    wheel.call_later(0.0, cancel)
    neither.append(wheel.call_later(0.0, lambda: made.append("neither")))
    never.cancel()
    left = [0]
    wheel.call_later(0.05, left.clear)
    await _until_done(left)
    assert made == []


async def test_a_call_that_fails_keeps_no_other_from_being_made() -> None:
    """The error goes to the loop's handler; calls of the same tick and of later ones are made."""
    loop = asyncio.get_running_loop()
    errors: list[object] = []
    loop.set_exception_handler(lambda _, told: errors.append(told["exception"]))
    wheel, left = Wheel(loop), [1, 2]

    def fail() -> None:
        raise ValueError("on purpose")

    wheel.call_later(0.0, fail)
    wheel.call_later(0.0, lambda: left.remove(1))
    wheel.call_later(0.03, lambda: left.remove(2))
    await _until_done(left)
    assert [str(error) for error in errors] == ["on purpose"]


async def test_calls_may_ask_for_further_calls_and_a_stopped_wheel_makes_none() -> None:
    """A timer set from within a call is kept; after `stop` nothing comes any more."""
    loop = asyncio.get_running_loop()
    wheel, left = Wheel(loop), [3]

    def again() -> None:
        left[0] -= 1
        if left[0]:
            wheel.call_later(0.0, again)
        else:
            left.clear()

    wheel.call_later(0.0, again)
    await _until_done(left)
    made: list[int] = []
    wheel.call_later(0.0, lambda: made.append(1))
    wheel.stop()
    await asyncio.sleep(5 * TICK)
    assert made == []


@pytest.mark.parametrize("wait", [0.0, 0.001, 0.3])
async def test_a_sooner_timer_set_later_is_not_kept_waiting(wait: float) -> None:
    """The wheel turns for the first timer that is due, whichever was asked for first."""
    loop = asyncio.get_running_loop()
    wheel, left = Wheel(loop), [1]
    wheel.call_later(3_600.0, lambda: None)
    wheel.call_later(wait, left.clear)
    await _until_done(left)
