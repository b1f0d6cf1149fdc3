"""Short outages of the token service: what the naive bridge makes of them, and what hardening makes of them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from chaos.rooms.standalone import Rooms, Samples
from tests.local.rooms_bench import ROOM, plan

pytestmark = [pytest.mark.local, pytest.mark.slow]

OUTAGE = 10.0
"""Real seconds."""


@dataclass
class Seen:
    """What one arm came to."""

    joined: float
    failed: float
    thrown_out: float
    interruptions: float
    breaker_opened: bool
    breaker_open_after: bool
    tried_during: float


async def _outage(profile: str, *, time_scale: float, load_s: float, listeners: int, after: float) -> Seen:
    """Hold platform for ten seconds under load; count joins over the last `after / 2` seconds of `after`."""
    async with Rooms() as rooms:
        scale = 1 / 2000
        await rooms.configure({"scale": scale, "time_scale": time_scale, "profile": profile})
        await rooms.begin(plan(listeners, load_s, scale=scale, time_scale=time_scale))
        await asyncio.sleep(15.0)
        before = await rooms.metrics("audience")
        rooms.pause("platform")
        await asyncio.sleep(OUTAGE)
        during, media = await rooms.metrics("audience"), await rooms.metrics("media-1")
        rooms.resume("platform")
        await asyncio.sleep(after / 2)
        begun = await rooms.metrics("audience")
        await asyncio.sleep(after / 2)
        ended, last = await rooms.metrics("audience"), await rooms.metrics("media-1")
        return Seen(
            joined=_more(ended, begun, "rooms_joins_succeeded_total"),
            failed=_more(ended, begun, "rooms_joins_failed_total"),
            thrown_out=last.sum("media_thrown_out_total"),
            interruptions=ended.sum("rooms_interruptions_total", room=ROOM),
            breaker_opened=media.sum("media_breaker_open") == 1,
            breaker_open_after=last.sum("media_breaker_open") == 1,
            tried_during=_more(during, before, "rooms_joins_tried_total"),
        )


def _more(later: Samples, earlier: Samples, name: str) -> float:
    return later.sum(name, room=ROOM) - earlier.sum(name, room=ROOM)


async def test_after_a_short_outage_the_naive_bridge_stays_down_and_the_hardened_one_does_not() -> None:
    """Long after the cause is gone as-found admits nobody; hardened admits nearly all, its breaker closed again."""
    storm = {"time_scale": 10.0, "load_s": 900.0, "listeners": 2_000_000, "after": 16.0}
    naive, hardened = await asyncio.gather(_arm("as-found", storm), _arm("hardened", storm))
    assert naive.tried_during > 50, "arrivals do not wait for answers"
    assert naive.joined < 0.1 * (naive.joined + naive.failed)
    assert not naive.breaker_opened
    assert hardened.joined > 0.8 * (hardened.joined + hardened.failed)
    assert hardened.breaker_opened
    assert not hardened.breaker_open_after
    assert hardened.thrown_out == hardened.interruptions == 0


async def _arm(profile: str, how: dict[str, float]) -> Seen:
    return await _outage(
        profile,
        time_scale=how["time_scale"],
        load_s=how["load_s"],
        listeners=int(how["listeners"]),
        after=how["after"],
    )


async def _expiry(knobs: dict[str, bool]) -> Seen:
    """An outage of ten seconds in which every token ends once: validity and grace are 7 s at this time_scale."""
    async with Rooms() as rooms:
        await rooms.configure({"scale": 1, "time_scale": 60, "knobs": dict(knobs)})
        await rooms.begin(plan(50, 60.0, time_scale=60.0))
        await asyncio.sleep(6.0)
        rooms.pause("platform")
        await asyncio.sleep(OUTAGE)
        truth, media = await rooms.metrics("audience"), await rooms.metrics("media-1")
        rooms.resume("platform")
        return Seen(
            joined=truth.sum("rooms_joins_succeeded_total"),
            failed=truth.sum("rooms_joins_failed_total"),
            thrown_out=media.sum("media_thrown_out_total"),
            interruptions=truth.sum("rooms_interruptions_total"),
            breaker_opened=media.sum("media_breaker_open") == 1,
            breaker_open_after=False,
            tried_during=0.0,
        )


async def test_renewals_that_fail_throw_listeners_out_unless_tokens_are_cached() -> None:
    """One knob decides: the token cache alone keeps everybody in through the same outage."""
    naive, cached = await asyncio.gather(_expiry({}), _expiry({"token_cache": True}))
    assert naive.thrown_out >= 40
    assert naive.interruptions >= 1
    assert cached.thrown_out == cached.interruptions == 0
