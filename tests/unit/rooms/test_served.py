from __future__ import annotations

import asyncio

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from prometheus_client import CollectorRegistry

from chaos.rooms.quick import Asked, Reply
from chaos.rooms.served import Served

ASKED = Asked("townhall", "", "", b"")


def _count(registry: CollectorRegistry, result: str) -> float | None:
    labels = {"link": "edge", "kind": "join", "result": result}
    return registry.get_sample_value("media_served_total", labels)


@pytest.mark.parametrize(
    ("status", "result"),
    [(200, "ok"), (404, "ok"), (503, "refused"), (504, "refused"), (500, "error"), (502, "error")],
)
async def test_what_is_answered_is_counted_by_its_result(status: int, result: str) -> None:
    """At once, later, or by aiohttp: one call each, with its duration; 4xx is an answer, as for callers."""
    registry = CollectorRegistry()
    served = Served("media", registry)

    async def later(_asked: Asked) -> Reply:
        return Reply(status)

    async def page(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=status)

    def at_once(_asked: Asked) -> Reply:
        return Reply(status)

    assert served.hot("edge", "join", at_once)(ASKED) == Reply(status)
    coming = served.hot("edge", "join", later)(ASKED)
    assert not isinstance(coming, Reply)
    assert (await coming).status == status
    assert (await served.route("edge", "join", page)(make_mocked_request("GET", "/"))).status == status
    assert _count(registry, result) == 3
    durations = registry.get_sample_value("media_served_seconds_count", {"link": "edge", "kind": "join"})
    assert durations == 3


async def test_a_call_that_is_cut_off_is_an_error() -> None:
    """A handler that raises or is cancelled has not answered."""
    registry = CollectorRegistry()
    served = Served("media", registry)
    waiting = served.hot("edge", "join", _never)(ASKED)
    assert not isinstance(waiting, Reply)
    task = asyncio.ensure_future(waiting)
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert _count(registry, "error") == 1
    assert _count(registry, "ok") == 0


async def _never(_asked: Asked) -> Reply:
    await asyncio.Event().wait()
    return Reply(200)
