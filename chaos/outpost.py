"""A small server inside the cluster, for runs outside of it: it probes links from where their addresses mean something,
shows Prometheus what such runs say of themselves, and hears from an Alertmanager which alerts fire.

    python -m chaos.outpost --listen 0.0.0.0:8000

    POST /probe          ask `host:port` a few times, each on a connection of its own; how each was answered
    PUT  /measures/RUN   what a run says of itself, in Prometheus' own text format; forgotten when it is not renewed
    GET  /metrics        what runs have said lately
    POST /alerts         Alertmanager's webhook
    GET  /alerts         which alerts fire by that; see `chaos.worlds.heard`
    GET  /healthz

What changes or reaches anything needs the token of $STANDBY_CONTROL_TOKEN, in the header `X-Outpost-Token`. The webhook
has a token of its own, $STANDBY_WEBHOOK_TOKEN, as `Authorization: Bearer …`: who tells alerts may do nothing else.
"""

from __future__ import annotations

import argparse
import asyncio
import hmac
import os
import signal

from aiohttp import web
from pydantic import ValidationError

from chaos.worlds.heard import Delivery, Heard
from chaos.worlds.outpost import MEASURES_LAST, TOKEN_HEADER, Asked, answers_text
from chaos.worlds.vantage import probe

TOKEN_ENV = "STANDBY_CONTROL_TOKEN"
WEBHOOK_TOKEN_ENV = "STANDBY_WEBHOOK_TOKEN"
TEXT = "text/plain; version=0.0.4; charset=utf-8"


class Outpost:
    """The state behind the routes: what each run said last, and when, and what an Alertmanager has told.

    A token that is empty opens nothing.
    """

    def __init__(self, token: str, webhook_token: str = "", heard: Heard | None = None) -> None:
        self._token = token
        self._webhook_token = webhook_token
        self._heard = heard or Heard()
        self._said: dict[str, tuple[float, str]] = {}

    def app(self) -> web.Application:
        """The routes."""
        app = web.Application(client_max_size=4 * 1024 * 1024)
        app.router.add_get("/healthz", self._healthy)
        app.router.add_get("/metrics", self._metrics)
        app.router.add_post("/probe", self._probe)
        app.router.add_put("/measures/{run}", self._measures)
        app.router.add_delete("/measures/{run}", self._forget)
        app.router.add_post("/alerts", self._told_alerts)
        app.router.add_get("/alerts", self._alerts)
        return app

    def _refused(self, request: web.Request) -> web.Response | None:
        return _unless(self._token, request.headers.get(TOKEN_HEADER, ""))

    async def _healthy(self, request: web.Request) -> web.Response:
        return web.json_response({"serving": True})

    async def _metrics(self, request: web.Request) -> web.Response:
        now = asyncio.get_running_loop().time()
        fresh = [text for said_at, text in self._said.values() if now - said_at < MEASURES_LAST]
        return web.Response(body="".join(fresh).encode(), headers={"Content-Type": TEXT})

    async def _probe(self, request: web.Request) -> web.Response:
        if (refused := self._refused(request)) is not None:
            return refused
        try:
            asked = Asked.model_validate_json(await request.read())
        except ValidationError as error:
            return web.json_response({"reason": str(error)}, status=422)
        found = await probe(asked.address, asked.question(), asked.connections)
        return web.Response(body=answers_text(found), content_type="application/json")

    async def _measures(self, request: web.Request) -> web.Response:
        if (refused := self._refused(request)) is not None:
            return refused
        now = asyncio.get_running_loop().time()
        self._said = {run: one for run, one in self._said.items() if now - one[0] < MEASURES_LAST}
        self._said[request.match_info["run"]] = (now, await request.text())
        return web.Response(status=204)

    async def _forget(self, request: web.Request) -> web.Response:
        if (refused := self._refused(request)) is not None:
            return refused
        self._said.pop(request.match_info["run"], None)
        return web.Response(status=204)

    async def _told_alerts(self, request: web.Request) -> web.Response:
        kind, _, given = request.headers.get("Authorization", "").partition(" ")
        if (refused := _unless(self._webhook_token, given if kind == "Bearer" else "")) is not None:
            return refused
        try:
            self._heard.take(Delivery.model_validate_json(await request.read()))
        except ValidationError as error:
            return web.json_response({"reason": str(error)}, status=422)
        return web.Response(status=204)

    async def _alerts(self, request: web.Request) -> web.Response:
        if (refused := self._refused(request)) is not None:
            return refused
        return web.json_response(text=self._heard.known().model_dump_json())


def _unless(token: str, given: str) -> web.Response | None:
    """The refusal of whoever does not give the token; None where it is given."""
    if token and hmac.compare_digest(given.encode(), token.encode()):
        return None
    return web.json_response({"reason": "the token is missing or wrong"}, status=401)


async def _serve(host: str, port: int) -> None:
    asked_to_stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, asked_to_stop.set)
    outpost = Outpost(os.environ.get(TOKEN_ENV, ""), os.environ.get(WEBHOOK_TOKEN_ENV, ""))
    runner = web.AppRunner(outpost.app(), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        await asked_to_stop.wait()
    finally:
        await runner.cleanup()


def main() -> None:
    """Read the command line and serve until SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m chaos.outpost", description=__doc__)
    parser.add_argument("--listen", required=True, metavar="HOST:PORT")
    host, _, port = parser.parse_args().listen.rpartition(":")
    asyncio.run(_serve(host, int(port)))


if __name__ == "__main__":
    main()
