"""What each replica of platform counts for when several serve together."""

from __future__ import annotations

import pytest

from chaos.rooms.platform.app import Platform
from chaos.rooms.server import Tier


@pytest.mark.parametrize(("replicas", "spoken_for"), [(1, 4.0), (2, 1.0)])
async def test_a_report_speaks_for_its_own_time_where_replicas_share_the_reports(
    replicas: int, spoken_for: float
) -> None:
    """A replica that hears every other report must not count the seconds that the other one was told of."""
    platform = Platform(Tier("platform", "platform"), {"media-1": "http://m"}, {}, replicas=replicas)
    assert platform._gap({"since": 1.0}, since_heard=4.0) == spoken_for


async def test_replicas_have_a_part_of_the_capacity_each() -> None:
    """Four replicas serve together what one would serve alone."""
    alone, quarter = Tier("platform", "platform"), Tier("platform", "platform")
    Platform(alone, {"media-1": "http://m"}, {})
    Platform(quarter, {"media-1": "http://m"}, {}, replicas=4)
    told = []
    for tier in (alone, quarter):
        for collect in tier.collects:
            collect()
        told.append(tier.registry.get_sample_value("platform_token_capacity"))
    assert told[0] == 4 * (told[1] or 0.0) > 0.0
