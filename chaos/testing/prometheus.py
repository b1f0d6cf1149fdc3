"""A Prometheus that says what a test tells it to, over the real HTTP API."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Literal, Self

from aiohttp import web

Samples = Sequence[tuple[float, float]]
Mood = Literal["well", "broken", "silent", "garbage"]


class FakePrometheus:
    """Answers queries from `series`: the query's text to samples of (unix seconds, value).

        async with FakePrometheus({"up": [(100.0, 1.0)]}) as fake:
            async with Prometheus(fake.url) as client: ...

    A query that is not there matches nothing. A range query returns the samples within its bounds as they are; an
    instant query the last one that is not younger than its time. `jobs` are what it says that it scrapes, each with its
    URL. `mood`: `broken` answers 500, `silent` nothing, `garbage` something that is no JSON. `snapshot` is the name of
    the snapshot that it says it wrote.
    """

    def __init__(self, series: Mapping[str, Samples] | None = None, *, interval: float = 1.0) -> None:
        self.series: dict[str, Samples] = dict(series or {})
        self.firing: list[Mapping[str, str]] = []
        self.jobs: list[tuple[str, str]] = []
        self.mood: Mood = "well"
        self.snapshot = ""
        self.asked: list[Mapping[str, str]] = []
        self._interval = interval
        self._runner: web.AppRunner | None = None
        self._woken = asyncio.Event()
        self.url = ""

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._woken.set()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        if self.mood == "broken":
            return web.Response(status=500, text="internal error")
        if self.mood == "garbage":
            return web.Response(text="<html>not a Prometheus</html>")
        if self.mood == "silent":
            await self._woken.wait()
        asked = {key: str(value) for key, value in (await request.post()).items()}
        self.asked.append(asked)
        return web.json_response({"status": "success", "data": self._data(request.path, asked)})

    def _data(self, path: str, asked: Mapping[str, str]) -> object:
        found = self._told().get(path.rpartition("/")[2])
        match path.rpartition("/")[2]:
            case "query":
                found = {"resultType": "vector", "result": self._instant(asked)}
            case "query_range":
                found = {"resultType": "matrix", "result": self._range(asked)}
        return {} if found is None else found

    def _told(self) -> Mapping[str, object]:
        """What is answered whatever is asked, by the end of the path."""
        return {
            "alerts": {"alerts": [{"labels": dict(labels), "state": "firing"} for labels in self.firing]},
            "config": {"yaml": f"global:\n  scrape_interval: {self._interval:g}s\n"},
            "rules": {"groups": []},
            "snapshot": {"name": self.snapshot},
            "buildinfo": {"version": "3.0.0"},
            "values": sorted(self.series),
            "targets": {
                "activeTargets": [{"labels": {"job": job}, "scrapeUrl": url} for job, url in self.jobs]
            },
        }

    def _instant(self, asked: Mapping[str, str]) -> list[object]:
        query = asked["query"]
        newest = query.removeprefix("max(timestamp(").removesuffix("))")
        samples = self.series.get(newest if newest != query else query, ())
        if not samples:
            return []
        at = float(asked["time"]) if "time" in asked else samples[-1][0]
        stamp, value = max((sample for sample in samples if sample[0] <= at), default=samples[0])
        return [{"metric": {}, "value": [at, str(stamp if newest != query else value)]}]

    def _range(self, asked: Mapping[str, str]) -> list[object]:
        start, end = float(asked["start"]), float(asked["end"])
        rows = [
            [stamp, str(value)]
            for stamp, value in self.series.get(asked["query"], ())
            if start <= stamp <= end
        ]
        return [{"metric": {}, "values": rows}] if rows else []
