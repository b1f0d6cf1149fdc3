from __future__ import annotations

import uvloop
from prometheus_client import CollectorRegistry

from chaos.rooms.platform.tokens import Outcome, TokenService
from chaos.rooms.platform.workers import Done, Workers
from chaos.rooms.server import SettingsBox


def test_who_waits_for_less_than_the_loop_counts_keeps_no_processor_busy() -> None:
    """A sixth of a millisecond each, on the tiers' loop: one look at the line for each token asked for and one for
    each served, not one after another until its turn has come.
    """
    looks = 0

    class Counted(Workers[object]):
        def advance(self, now: float) -> list[Done[object]]:
            nonlocal looks
            looks += 1
            return super().advance(now)

    async def take(count: int) -> list[Outcome]:
        registry = CollectorRegistry()
        settings = SettingsBox("platform", "platform", registry)
        service = TokenService(settings, registry)
        settings.lay_over({"scale": 0.1, "time_scale": 10})
        service._workers = Counted(6_000.0)  # type: ignore[assignment]
        return [await service.take(None) for _ in range(count)]

    assert uvloop.run(take(50)) == [Outcome.SERVED] * 50
    assert looks <= 50 * 3  # asking looks twice: for who is done, and to stand in the line
