"""A Toxiproxy server without traffic: its HTTP API on a free port, in this event loop, with switches to misbehave.

    async with FakeToxiproxy() as server:
        server.add("bridge", listen="127.0.0.1:1", upstream="127.0.0.1:2")
        await Toxiproxy(server.url).add_toxic("bridge", Toxic("slow", "latency", attributes={"latency": 5}))
        assert server.proxies["bridge"].toxics["slow"]["attributes"] == {"latency": 5}

It believes whatever it is told, as the real one does.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web


@dataclass
class FakeProxy:
    """One proxy of the fake, as its API shows it."""

    name: str
    listen: str
    upstream: str
    enabled: bool = True
    toxics: dict[str, dict[str, Any]] = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        """The proxy as the API answers it."""
        return {
            "name": self.name,
            "listen": self.listen,
            "upstream": self.upstream,
            "enabled": self.enabled,
            "toxics": list(self.toxics.values()),
        }


@dataclass
class FakeToxiproxy:
    """The API of a Toxiproxy server; use it as an async context manager.

    `status`: answer every request with it. `hangs`: never answer a request whose method and path start so, e.g.
    `DELETE /proxies/bridge/toxics`. `forgets`: take toxics without keeping them. `misreads`: keep every attribute as 0.
    `log` holds `METHOD /path` of every request.
    """

    version: str = "2.12.0"
    status: int | None = None
    hangs: str | None = None
    forgets: bool = False
    misreads: bool = False
    proxies: dict[str, FakeProxy] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    url: str = ""

    def add(self, name: str, *, listen: str, upstream: str, enabled: bool = True) -> FakeProxy:
        """Put a proxy there."""
        self.proxies[name] = FakeProxy(name, listen, upstream, enabled)
        return self.proxies[name]

    async def __aenter__(self) -> Self:
        app = web.Application(middlewares=[self._misbehave])
        app.add_routes(
            [
                web.get("/version", self._version),
                web.get("/proxies", self._index),
                web.post("/proxies", self._create),
                web.get("/proxies/{proxy}", self._show),
                web.post("/proxies/{proxy}", self._update),
                web.delete("/proxies/{proxy}", self._delete),
                web.get("/proxies/{proxy}/toxics", self._toxics),
                web.post("/proxies/{proxy}/toxics", self._add_toxic),
                web.post("/proxies/{proxy}/toxics/{toxic}", self._update_toxic),
                web.delete("/proxies/{proxy}/toxics/{toxic}", self._remove_toxic),
            ]
        )
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port, *_ = self._runner.addresses[0]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    @web.middleware
    async def _misbehave(self, request: web.Request, handler: Any) -> web.StreamResponse:
        line = f"{request.method} {request.path}"
        self.log.append(line)
        if self.hangs is not None and line.startswith(self.hangs):
            await asyncio.sleep(3600)
        if self.status is not None:
            return web.json_response({"error": "as told", "status": self.status}, status=self.status)
        answer: web.StreamResponse = await handler(request)
        return answer

    async def _version(self, _request: web.Request) -> web.Response:
        return web.json_response({"version": self.version})

    async def _index(self, _request: web.Request) -> web.Response:
        return web.json_response({name: proxy.to_json() for name, proxy in self.proxies.items()})

    async def _create(self, request: web.Request) -> web.Response:
        asked = await request.json()
        if asked["name"] in self.proxies:
            return _problem(409, "proxy already exists")
        proxy = self.add(
            asked["name"],
            listen=asked["listen"],
            upstream=asked["upstream"],
            enabled=asked.get("enabled", True),
        )
        return web.json_response(proxy.to_json(), status=201)

    async def _show(self, request: web.Request) -> web.Response:
        proxy = self.proxies.get(request.match_info["proxy"])
        return _problem(404, "proxy not found") if proxy is None else web.json_response(proxy.to_json())

    async def _update(self, request: web.Request) -> web.Response:
        proxy = self.proxies.get(request.match_info["proxy"])
        if proxy is None:
            return _problem(404, "proxy not found")
        proxy.enabled = (await request.json()).get("enabled", proxy.enabled)
        return web.json_response(proxy.to_json())

    async def _delete(self, request: web.Request) -> web.Response:
        found = self.proxies.pop(request.match_info["proxy"], None)
        return _problem(404, "proxy not found") if found is None else web.Response(status=204)

    async def _toxics(self, request: web.Request) -> web.Response:
        proxy = self.proxies.get(request.match_info["proxy"])
        if proxy is None:
            return _problem(404, "proxy not found")
        return web.json_response(list(proxy.toxics.values()))

    async def _add_toxic(self, request: web.Request) -> web.Response:
        proxy = self.proxies.get(request.match_info["proxy"])
        if proxy is None:
            return _problem(404, "proxy not found")
        toxic = await request.json()
        if toxic["name"] in proxy.toxics:
            return _problem(409, "toxic already exists")
        if self.misreads:
            toxic["attributes"] = dict.fromkeys(toxic["attributes"], 0)
        if not self.forgets:
            proxy.toxics[toxic["name"]] = toxic
        return web.json_response(toxic)

    async def _update_toxic(self, request: web.Request) -> web.Response:
        proxy = self.proxies.get(request.match_info["proxy"])
        found = proxy.toxics.get(request.match_info["toxic"]) if proxy is not None else None
        if found is None:
            return _problem(404, "toxic not found")
        found["toxicity"] = (await request.json()).get("toxicity", found["toxicity"])
        return web.json_response(found)

    async def _remove_toxic(self, request: web.Request) -> web.Response:
        proxy = self.proxies.get(request.match_info["proxy"])
        found = proxy and proxy.toxics.pop(request.match_info["toxic"], None)
        return web.Response(status=204) if found else _problem(404, "toxic not found")


def _problem(status: int, text: str) -> web.Response:
    return web.json_response({"error": text, "status": status}, status=status)
