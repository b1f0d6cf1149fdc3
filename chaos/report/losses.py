"""How long the loss of a node went unnoticed and unmended: by Kubernetes' own clock, and by what the audience heard."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import zip_longest

from chaos.record import Event
from chaos.report import fields as f
from chaos.report.model import NodeLoss, RoomSilence
from chaos.report.plots import Curve, curves, rooms_of
from chaos.report.svg import Points
from chaos.report.trail import Trail, moment

ENOUGH_HEAR = 0.5
"""The share of the admitted who hear, with which the audience counts as there: that of a room's survival."""
_NODE = re.compile(r"\bnode ([\w.-]+)")
_ON_AIR = re.compile(r"^host on air \((.+)\)$")


def node_losses_of(trail: Trail) -> tuple[NodeLoss, ...]:
    """Every node that a `node_loss` took away, in order, and when that was noticed and mended."""
    applied = sorted(_applied(trail), key=lambda event: event.t)
    found: list[NodeLoss] = []
    for event, following in zip_longest(applied, applied[1:]):
        rooms = tuple(_silences(trail, event, _act(following) if following is not None else trail.end_t))
        named = _NODE.findall(" ".join(f.texts(event, "targets")))
        found += [_loss(trail, event, node, rooms) for node in dict.fromkeys(named)]
    return tuple(found)


def _applied(trail: Trail) -> list[Event]:
    meant = {f.text(one, "id") for one in trail.of("fault_scheduled") if f.text(one, "fault") == "node_loss"}
    return [event for event in trail.of("fault_applied") if f.text(event, "id") in meant]


def _act(applied: Event) -> float:
    told = f.number(applied, "applied")
    return applied.t if told is None else told


def _loss(trail: Trail, event: Event, node: str, rooms: tuple[RoomSilence, ...]) -> NodeLoss:
    """Ready again is what the node is after it was NotReady; who leaves it later than that was not driven out by it."""
    lost = event.unix - event.t + _act(event)

    def after(name: str, begin: float, holds: Callable[[Event], bool] = lambda _event: True) -> float | None:
        """Kubernetes' moment of the first such event of the node that it dates, in real seconds since the loss."""
        dated = (
            f.number(one, "since")
            for one in trail.of(name)
            if one.t >= _act(event) and f.text(one, "node") == node and holds(one)
        )
        found = (max(0.0, round(since - lost, 1)) for since in dated if since is not None)
        return next((seconds for seconds in found if seconds >= begin), None)

    not_ready = after("node_changed", 0.0, lambda one: f.flag(one, "ready") is False)
    ready = None
    if not_ready is not None:
        ready = after("node_changed", not_ready, lambda one: f.flag(one, "ready") is True)
    evicted = after("pod_leaves", 0.0)
    if evicted is not None and ready is not None and evicted > ready:
        evicted = None
    return NodeLoss(
        fault=f.text(event, "id"),
        node=node,
        lost_at=moment(lost),
        not_ready_real_s=not_ready,
        evicted_real_s=evicted,
        ready_real_s=ready,
        rooms=rooms,
    )


def _silences(trail: Trail, event: Event, until: float) -> Iterator[RoomSilence]:
    """The rooms whose host was on air when the node was lost, and then no more."""
    lost, end = trail.story(_act(event)), trail.story(until)
    everything = curves(trail)
    audience = {room.room: room.roles for room in rooms_of(everything)[0]}
    for curve in everything:
        named = _ON_AIR.match(curve.label)
        if named is None or not any(value for t, value in curve.points if t <= lost):
            continue
        silent = _first(curve.points, lost, end, lambda value: value == 0)
        if silent is None:
            continue
        share = _share(audience.get(named[1], {}))
        away = _first(share, lost, end, lambda value: value < ENOUGH_HEAR)
        back = None if away is None else _first(share, away, end, lambda value: value >= ENOUGH_HEAR)
        reopened = _first(curve.points, silent, end, lambda value: value > 0)

        def real(story: float | None) -> float | None:
            return None if story is None else round((story - lost) / trail.time_scale, 1)

        yield RoomSilence(
            room=named[1],
            silent_real_s=real(silent) or 0.0,
            reopened_real_s=real(reopened),
            away_real_s=real(away),
            back_real_s=real(back),
        )


def _share(roles: dict[str, Curve]) -> Points:
    """Of those who were admitted, the share that hears; no sample while nobody is."""
    if not {"admitted", "hearing"} <= roles.keys():
        return ()
    admitted = dict(roles["admitted"].points)
    return tuple(
        (t, hearing / there)
        for t, hearing in roles["hearing"].points
        if hearing is not None and (there := admitted.get(t))
    )


def _first(
    points: Sequence[tuple[float, float | None]], begin: float, end: float, holds: Callable[[float], bool]
) -> float | None:
    return next((t for t, value in points if begin < t <= end and value is not None and holds(value)), None)
