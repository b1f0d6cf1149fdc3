"""Which of the possible targets `select` means."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from math import ceil
from random import Random
from typing import TypeVar

from chaos.experiment.fault import Select
from chaos.worlds.base import World

T = TypeVar("T")


def possible(
    select: Select | None, candidates: Sequence[T], names: Callable[[T], Collection[str]]
) -> list[T]:
    """The candidates that the selector may mean one day; where a room lives is known only when it is open."""
    if select is None or select.instance is None:
        return list(candidates)
    return [one for one in candidates if select.instance in names(one)]


async def chosen(
    world: World,
    select: Select | None,
    candidates: Sequence[T],
    names: Callable[[T], Collection[str]],
    draw: Random,
) -> list[T]:
    """The candidates that the selector means now, in their order; `names` tells by which names one is known.

    What `room` and `label` mean is asked of the world. `count` and `share` are drawn with `draw` from what is
    left.
    """
    if select is None:
        return list(candidates)
    left = possible(select, candidates, names)
    for asked in _questions(select):
        known = set(await world.locate(asked))
        left = [one for one in left if known & set(names(one))]
    wanted = len(left)
    if select.share is not None:
        wanted = ceil(select.share * len(left))
    if select.count is not None:
        wanted = min(wanted, select.count)
    drawn = set(draw.sample(range(len(left)), min(wanted, len(left))))
    return [one for place, one in enumerate(left) if place in drawn]


def _questions(select: Select) -> Iterator[Mapping[str, str]]:
    if select.room is not None:
        yield {"room": select.room}
    if select.label is not None:
        key, _, value = select.label.partition("=")
        yield {key: value}
