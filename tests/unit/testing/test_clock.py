from __future__ import annotations

import asyncio

from chaos.testing.clock import FakeClock


async def test_sleepers_wake_in_order_each_at_its_own_moment() -> None:
    """`advance` passes through every moment that somebody waits for, in order, and ends where it was told to."""
    clock, seen = FakeClock(monotonic=5.0), list[tuple[str, float]]()

    async def sleeper(name: str, *moments: float) -> None:
        for moment in moments:
            await clock.sleep_until(moment)
            seen.append((name, clock.monotonic()))

    tasks = [asyncio.create_task(sleeper("a", 8.0, 9.0)), asyncio.create_task(sleeper("b", 7.0, 8.5, 100.0))]
    await clock.advance(5.0)
    assert seen == [("b", 7.0), ("a", 8.0), ("b", 8.5), ("a", 9.0)]
    assert clock.monotonic() == 10.0
    assert clock.unix() == FakeClock().unix() + 5.0
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_past_moment_returns_and_a_cancelled_sleeper_holds_nothing_up() -> None:
    """Waiting for what has passed returns at once; a cancelled sleeper is passed over."""
    clock = FakeClock()
    await clock.sleep_until(-1.0)
    task = asyncio.create_task(clock.sleep_until(1.0))
    await clock.settle()
    task.cancel()
    await clock.advance(2.0)
    assert clock.monotonic() == 2.0
    assert task.cancelled()
