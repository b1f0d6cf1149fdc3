"""What every tier's process shares: start-up, settings, control with a token, health, metrics, logs, shutdown."""

from __future__ import annotations

import asyncio
import gc
import hmac
import json
import logging
import os
import resource
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import structlog
import uvloop
from aiohttp import web
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Gauge,
    disable_created_metrics,
    generate_latest,
)
from pydantic import JsonValue, ValidationError

from chaos.clock import RealSeconds
from chaos.experiment.rooms import Settings, config_hash
from chaos.rooms.contract import CONTROL_HEADER
from chaos.rooms.lag import Lag
from chaos.rooms.quick import KEPT_IDLE, Fronts, Reply
from chaos.rooms.quick import Handler as HotHandler
from chaos.rooms.waiting import Waiting

CONTROL_TOKEN_ENV = "STANDBY_CONTROL_TOKEN"
RUN_ENV = "STANDBY_RUN"
LARGEST_PROBE = 4 * 1024 * 1024  # bytes
BACKLOG = 4096  # connections that wait to be accepted; Linux allows no more by default
COLLECT_AFTER = (20_000, 20, 20)  # objects made, younger and middle collections
SHUTDOWN = RealSeconds(0.5)  # how long open requests may still take after SIGTERM

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Log = structlog.typing.FilteringBoundLogger


class SettingsBox:
    """The settings in force. `on_change` hears of every change with what was before."""

    def __init__(self, tier: str, name: str, registry: CollectorRegistry) -> None:
        self.now = Settings()
        self.tier = tier
        self.name = name
        self._heard_by: list[Callable[[Settings], None]] = []
        self._info = Gauge(
            "rooms_config_info",
            "The configuration in force; always 1.",
            ["tier", "instance", "profile", "scale", "time_scale", "config"],
            registry=registry,
        )
        self._show()

    def on_change(self, hear: Callable[[Settings], None]) -> None:
        self._heard_by.append(hear)

    def lay_over(self, patch: Mapping[str, JsonValue]) -> Settings:
        """Merge a partial object; raises pydantic's ValidationError and changes nothing if it does not fit."""
        before, self.now = self.now, self.now.merged(patch)
        self._show()
        for hear in self._heard_by:
            hear(before)
        return self.now

    def _show(self) -> None:
        self._info.clear()
        told = self.now
        self._info.labels(
            self.tier, self.name, told.profile, f"{told.scale:g}", f"{told.time_scale:g}", config_hash(told)
        ).set(1)


@dataclass
class Tier:
    """One tier's process: its name, its settings, its metrics, its log, its routes."""

    tier: str
    name: str
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    app: web.Application = field(
        default_factory=lambda: web.Application(client_max_size=LARGEST_PROBE + 1024)
    )
    settings: SettingsBox = field(init=False)
    log: Log = field(init=False)
    lag: Lag = field(default_factory=Lag)
    fronts: Fronts = field(default_factory=Fronts)
    collects: list[Callable[[], None]] = field(default_factory=list)
    """Called before every scrape, to bring gauges up to date."""
    abandons: list[Callable[[], None]] = field(default_factory=list)
    """Called to have everything given up that still waits for its turn or for an answer."""

    def __post_init__(self) -> None:
        self.settings = SettingsBox(self.tier, self.name, self.registry)
        self.log = structlog.get_logger().bind(
            tier=self.tier, instance=self.name, run=os.environ.get(RUN_ENV, "")
        )
        self._lag_seconds = Gauge(
            "rooms_loop_lag_seconds",
            "How late this process' event loop was at the worst of the last second.",
            registry=self.registry,
        )
        Waiting(self.registry)
        self.collects.append(self._show_lag)
        self.app.cleanup_ctx.append(self._watch)
        self.app.on_shutdown.append(self._close_fronts)
        self.app.router.add_get("/healthz", self._healthy)
        self.app.router.add_get("/metrics", self._metrics)
        self.app.router.add_get("/probe", self._probe)
        self.app.router.add_post("/probe", self._swallow)
        self.control("GET", "/control/settings", self._settings)
        self.control("PUT", "/control/settings", self._set)
        self.control("POST", "/control/abandon", self._abandon)

    def hot(self, method: str, path: str, handler: HotHandler) -> None:
        """A route that is asked thousands of times a second; see `quick` for what its path may be."""
        self.fronts.add(self.app, method, path, handler)

    def control(self, method: str, path: str, handler: Handler) -> None:
        """A route that only the holder of the control token may use."""
        token = os.environ.get(CONTROL_TOKEN_ENV, "")

        async def guarded(request: web.Request) -> web.StreamResponse:
            if not token:
                return problem(
                    403, f"control is off: ${CONTROL_TOKEN_ENV} was not set when this tier started"
                )
            if not hmac.compare_digest(_shown(request).encode(), token.encode()):
                return problem(401, "the control token is missing or wrong")
            return await handler(request)

        self.app.router.add_route(method, path, guarded)

    def _show_lag(self) -> None:
        self._lag_seconds.set(self.lag.worst(asyncio.get_running_loop().time()))

    async def _watch(self, app: web.Application) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        watches = [loop.create_task(self.lag.watch()), loop.create_task(self.fronts.sweep())]
        yield
        for watch in watches:
            watch.cancel()

    async def _close_fronts(self, app: web.Application) -> None:
        await self.fronts.close(SHUTDOWN)

    async def _healthy(self, request: web.Request) -> web.Response:
        return web.json_response({"tier": self.tier, "instance": self.name, "serving": True})

    async def _metrics(self, request: web.Request) -> web.Response:
        for collect in self.collects:
            collect()
        return web.Response(
            body=generate_latest(self.registry), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )

    async def _probe(self, request: web.Request) -> web.Response:
        wanted = request.query.get("bytes", "0")
        if not wanted.isascii() or not wanted.isdigit() or int(wanted) > LARGEST_PROBE:
            return problem(422, f"bytes must be a whole number up to {LARGEST_PROBE}, not {wanted[:20]!r}")
        return web.Response(body=bytes(int(wanted)), content_type="application/octet-stream")

    async def _swallow(self, request: web.Request) -> web.Response:
        return web.json_response({"bytes": len(await request.read())})

    async def _settings(self, request: web.Request) -> web.Response:
        return web.json_response(self.settings.now.model_dump(mode="json"))

    async def _set(self, request: web.Request) -> web.Response:
        patch = await json_object(request)
        if patch is None:
            return problem(422, "the body must be a JSON object with some of the settings")
        try:
            now = self.settings.lay_over(patch)
        except ValidationError as error:
            return problem(422, reasons(error))
        self.log.info("settings", changed=sorted(patch), config=config_hash(now))
        return web.json_response(now.model_dump(mode="json"))

    async def _abandon(self, request: web.Request) -> web.Response:
        for abandon in self.abandons:
            abandon()
        self.log.info("abandoned what was waiting")
        return web.json_response({"abandoned": True})


def tier_headers() -> dict[str, str]:
    """What a tier shows another one to be heard where only tiers are; nothing where this tier was given no token."""
    token = os.environ.get(CONTROL_TOKEN_ENV, "")
    return {"Authorization": f"Bearer {token}"} if token else {}


def _shown(request: web.Request) -> str:
    """The control token that a request shows; "" where it shows none."""
    if CONTROL_HEADER in request.headers:
        return request.headers[CONTROL_HEADER]
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token if scheme == "Bearer" else ""


def problem(status: int, reason: str) -> web.Response:
    """An answer that says in one field why not."""
    return web.json_response({"reason": reason}, status=status)


def refusal(status: int, reason: str) -> Reply:
    """What `problem` says, of a hot route."""
    return Reply(status, json.dumps({"reason": reason}).encode())


def reasons(error: ValidationError) -> str:
    """All that is wrong with an object, in one line."""
    return "; ".join(
        f"{'.'.join(str(part) for part in found['loc']) or 'object'}: {found['msg']}"
        for found in error.errors()
    )


async def json_object(request: web.Request) -> dict[str, JsonValue] | None:
    """The request's JSON object, or None where it has none."""
    return object_in(await request.read())


def object_in(body: bytes) -> dict[str, JsonValue] | None:
    """The JSON object that these bytes are, or None where they are none."""
    try:
        found = json.loads(body)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def text_of(told: Mapping[str, JsonValue], key: str) -> str:
    """The text at `key`, or "" where there is none."""
    found = told.get(key)
    return found if isinstance(found, str) else ""


def number_of(told: Mapping[str, JsonValue], key: str) -> float:
    """The number at `key`, or 0 where there is none."""
    found = told.get(key)
    return float(found) if isinstance(found, int | float) and not isinstance(found, bool) else 0.0


def address(text: str) -> tuple[str, int]:
    """`"127.0.0.1:8000"` as host and port. Raises ValueError."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65_535:
        raise ValueError(f"{text!r} is not an address such as 127.0.0.1:8000")
    return host, int(port)


def named(text: str) -> tuple[str, str]:
    """`"media-1=127.0.0.1:8000"` as name and address. Raises ValueError."""
    name, _, where = text.partition("=")
    if not name or not where:
        raise ValueError(f"{text!r} is not NAME=ADDRESS such as media-1=127.0.0.1:8000")
    return name, where


def log_as_json() -> None:
    """One JSON object per line on stdout."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(sys.stdout),
    )


def serve(listen: str, build: Callable[[], Tier]) -> None:
    """Run a tier until SIGTERM or SIGINT; `build` is called inside the running loop."""
    log_as_json()
    disable_created_metrics()  # type: ignore[no-untyped-call]
    _allow_many_files()
    uvloop.run(_serve(listen, build))


def _settle_memory() -> None:
    """Have the collector pass over what was loaded, and look less often: most garbage here is in no cycle."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)


def _allow_many_files() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def _serve(listen: str, build: Callable[[], Tier]) -> None:
    host, port = address(listen)
    loop = asyncio.get_running_loop()
    asked_to_stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked_to_stop.set)
    tier = build()
    runner = web.AppRunner(tier.app, access_log=None, shutdown_timeout=SHUTDOWN, keepalive_timeout=KEPT_IDLE)
    await runner.setup()
    assert runner.server is not None
    listening = None
    try:
        protocol = tier.fronts.protocol(runner.server)
        listening = await loop.create_server(protocol, host, port, backlog=BACKLOG, reuse_address=True)
        _settle_memory()
        tier.log.info("serving", address=f"{host}:{port}", pid=os.getpid())
        await asked_to_stop.wait()
        tier.log.info("stopping")
    finally:
        if listening is not None:
            listening.close()
        await runner.cleanup()
    tier.log.info("stopped")
