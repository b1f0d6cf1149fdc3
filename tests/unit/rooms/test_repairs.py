"""Repairs of the rooms, on a world that only tells what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from chaos.clock import StorySeconds
from chaos.experiment.rooms import RoomsSection
from chaos.rooms.system.rooms import RoomsSystem


class _World:
    """A cluster in which a bridge's pod was made anew while a node came back."""

    def find_by(self, _locator: object) -> None: ...
    def arrivals(self, _arrived: object) -> None: ...

    async def bring_node_back(self, _node: str) -> Sequence[str]:
        return ["bridge-spare"]


async def test_a_node_is_back_also_when_a_bridge_was_made_anew_meanwhile() -> None:
    """A bridge has no settings that it could be given: it is not asked, and the repair has succeeded."""
    nothing = cast("Any", None)
    section = RoomsSection.model_validate(
        {"audience": [{"room": "launch", "listeners": 1000, "join_over": "1m"}]}
    )
    rooms = RoomsSystem(
        section, cast("Any", _World()), nothing, nothing, nothing,
        seed=1, time_scale=1.0, planned_end=StorySeconds(60.0),
    )  # fmt: skip
    repaired = await rooms.perform("bring_node_back", {"node": "standby-worker2"})
    assert repaired.ok, repaired.detail
