"""Serves the live page on this machine alone, to whoever holds the token in its address."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from chaos.watch.follow import Follower
from chaos.watch.page import parts, shell

LOOPBACK = "127.0.0.1"
_REPORT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; frame-ancestors 'none'"
"""The report allows its own style sheet by its hash, in itself."""


@asynccontextmanager
async def served(follower: Follower, *, port: int = 0) -> AsyncIterator[str]:
    """The page's address, token included, while the block lasts. `port` 0 takes one that is free."""
    token = secrets.token_urlsafe(24)
    runner = web.AppRunner(_application(follower, token), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, LOOPBACK, port)
        await site.start()
        bound: int = runner.addresses[0][1]
        yield f"http://{LOOPBACK}:{bound}/{token}/"
    finally:
        await runner.cleanup()


def _application(follower: Follower, token: str) -> web.Application:
    page = _Page(follower)
    app = web.Application(middlewares=[_guarded(token)])
    app.router.add_get("/{token}/", page.shell)
    app.router.add_get("/{token}/now", page.now)
    app.router.add_get("/{token}/report.html", page.report)
    return app


def _guarded(token: str) -> Middleware:
    """Refuses whoever does not know the token, and whoever came by another name: a site that had a browser resolve its
    own name to this machine would come by that name.
    """

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        host = request.headers.get("Host", "").rpartition(":")[0]
        given = request.path.split("/")[1]
        if host not in (LOOPBACK, "localhost") or not hmac.compare_digest(given.encode(), token.encode()):
            return _secured(
                web.Response(status=403, text="the address printed by `standby watch` is needed\n")
            )
        try:
            return _secured(await handler(request))
        except web.HTTPException as error:
            return _secured(web.Response(status=error.status, text=f"{error.reason}\n"))

    return guard


def _secured(answer: web.StreamResponse) -> web.StreamResponse:
    answer.headers.setdefault("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["Referrer-Policy"] = "no-referrer"
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    return answer


class _Page:
    """The three things that can be asked for. What is drawn is kept until there is something else to draw."""

    def __init__(self, follower: Follower) -> None:
        self._follower = follower
        self._drawn = ("", "")

    async def shell(self, _request: web.Request) -> web.Response:
        made = shell()
        return web.Response(
            text=made.text, content_type="text/html", headers={"Content-Security-Policy": made.policy}
        )

    async def now(self, request: web.Request) -> web.Response:
        followed = self._follower.look()
        tag = f'"{self._follower.version}"'
        if request.headers.get("If-None-Match") == tag:
            return web.Response(status=304, headers={"ETag": tag})
        if self._drawn[0] != tag:
            self._drawn = (tag, parts(followed, self._follower.others))
        return web.Response(text=self._drawn[1], content_type="text/html", headers={"ETag": tag})

    async def report(self, _request: web.Request) -> web.StreamResponse:
        followed = self._follower.followed
        if followed is None or not followed.reported:
            raise web.HTTPNotFound
        text = (followed.run.folder / "report.html").read_text(encoding="utf-8")
        return web.Response(
            text=text, content_type="text/html", headers={"Content-Security-Policy": _REPORT_POLICY}
        )
