"""What a tier answered, as it saw it itself: the callee's side of each link, beside what the callers counted."""

from __future__ import annotations

import time
from collections.abc import Coroutine

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Histogram

from chaos.rooms.bridge import CALL_BUCKETS
from chaos.rooms.quick import Asked, Reply
from chaos.rooms.quick import Handler as HotHandler
from chaos.rooms.server import Handler

RESULTS = ("ok", "refused", "error")


class Served:
    """`TIER_served_total` and `TIER_served_seconds` by the link over which a call came, and its kind."""

    def __init__(self, tier: str, registry: CollectorRegistry) -> None:
        self.calls = Counter(
            f"{tier}_served_total",
            "Calls answered: ok, refused (503, 504) or error (any other 5xx, or a caller cut off).",
            ["link", "kind", "result"],
            registry=registry,
        )
        self.seconds = Histogram(
            f"{tier}_served_seconds",
            "Real seconds from a call's arrival to its answer.",
            ["link", "kind"],
            buckets=CALL_BUCKETS,
            registry=registry,
        )

    def hot(self, link: str, kind: str, handler: HotHandler) -> HotHandler:
        """A hot route's handler that is counted."""
        count = _Count(self, link, kind)

        def counted(asked: Asked) -> Reply | Coroutine[object, object, Reply]:
            begun = time.monotonic()
            found = handler(asked)
            if isinstance(found, Reply):
                count(found.status, begun)
                return found
            return answered(found, begun)

        async def answered(answering: Coroutine[object, object, Reply], begun: float) -> Reply:
            status = 500
            try:
                reply = await answering
                status = reply.status
                return reply
            finally:
                count(status, begun)

        return counted

    def route(self, link: str, kind: str, handler: Handler) -> Handler:
        """Any other route's handler that is counted."""
        count = _Count(self, link, kind)

        async def counted(request: web.Request) -> web.StreamResponse:
            begun, status = time.monotonic(), 500
            try:
                answer = await handler(request)
                status = answer.status
                return answer
            finally:
                count(status, begun)

        return counted


class _Count:
    """The children of one kind of call over one link, kept."""

    def __init__(self, families: Served, link: str, kind: str) -> None:
        self._results = {result: families.calls.labels(link, kind, result) for result in RESULTS}
        self._seconds = families.seconds.labels(link, kind)

    def __call__(self, status: int, begun: float) -> None:
        self._seconds.observe(time.monotonic() - begun)
        result = "ok" if status < 500 else "refused" if status in (503, 504) else "error"
        self._results[result].inc()
