"""Prometheus' HTTP API, as far as a run needs it: instant and range queries, alerts, and the intervals it works at."""

from __future__ import annotations

import math
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self, TypeVar
from urllib.parse import urlsplit

import aiohttp
from pydantic import BaseModel, Field, ValidationError
from ruamel.yaml import YAML

from chaos.clients import routes
from chaos.errors import ClientError


@dataclass(frozen=True)
class Series:
    """One time series: its labels and its samples as (unix seconds, value); NaN stays NaN."""

    labels: Mapping[str, str]
    samples: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class FiringAlert:
    """An alert that Prometheus holds to be firing; `labels` without `alertname`."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)


_Model = TypeVar("_Model", bound=BaseModel)


class _Answer(BaseModel):
    status: str
    data: object = None
    error: str = ""
    error_type: str = Field("", alias="errorType")


class _Row(BaseModel):
    metric: dict[str, str] = {}
    value: tuple[float, str] | None = None
    values: list[tuple[float, str]] = []


class _Vector(BaseModel):
    result_type: str = Field(alias="resultType")
    result: list[_Row] | tuple[float, str]


class _Alert(BaseModel):
    labels: dict[str, str]
    state: str


class _Alerts(BaseModel):
    alerts: list[_Alert]


class _Rule(BaseModel):
    name: str


class _Group(BaseModel):
    interval: float
    rules: list[_Rule]


class _Groups(BaseModel):
    groups: list[_Group]


class _Target(BaseModel):
    labels: dict[str, str] = {}
    scrape_url: str = Field("", alias="scrapeUrl")


class _Targets(BaseModel):
    active: list[_Target] = Field([], alias="activeTargets")


class _Names(BaseModel):
    names: list[str]


class _Config(BaseModel):
    yaml: str


class _Snapshot(BaseModel):
    name: str


class _BuildInfo(BaseModel):
    version: str = ""


class Prometheus:
    """One Prometheus server. Use as an async context manager; every request is bounded by `timeout` real seconds."""

    def __init__(
        self,
        url: str,
        *,
        timeout: float = 5.0,
        headers: Mapping[str, str] | None = None,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        """`headers` go with every request; `trust` has the certificate authorities where the usual ones will not do."""
        self.url = url.rstrip("/")
        self._real = routes.resolved(self.url)
        self._timeout = timeout
        self._headers = dict(headers or {})
        self._trust = trust
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=routes.connector(self.url, self._trust),
            timeout=aiohttp.ClientTimeout(total=self._timeout),
            headers={**routes.headers(self.url), **self._headers},
            trust_env=False,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def ready(self) -> bool:
        """Whether it answers queries now."""
        try:
            async with self._open().get(f"{self._real}/-/ready") as response:
                return response.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False

    async def version(self) -> str:
        """The server's version, empty where its build does not tell."""
        return _BuildInfo.model_validate(await self._get("status/buildinfo")).version

    async def instant(
        self, query: str, *, at: float | None = None, lookback: float | None = None
    ) -> list[Series]:
        """The value of `query` now, or at `at` (unix seconds): each series with one sample."""
        parameters = {"query": query}
        if at is not None:
            parameters["time"] = f"{at:.3f}"
        return self._series(await self._post("query", _lookback(parameters, lookback)), query)

    async def range(
        self, query: str, *, start: float, end: float, step: float, lookback: float | None = None
    ) -> list[Series]:
        """`query` from `start` to `end` (unix seconds) every `step` seconds.

        `lookback` bounds how long a sample holds; without it the server's own (5 minutes by default) papers over gaps.
        """
        parameters = {"query": query, "start": f"{start:.3f}", "end": f"{end:.3f}", "step": f"{step:g}"}
        return self._series(await self._post("query_range", _lookback(parameters, lookback)), query)

    async def firing(self) -> list[FiringAlert]:
        """The alerts that fire now."""
        alerts = self._parse(_Alerts, await self._get("alerts"), "alerts").alerts
        return [
            FiringAlert(
                alert.labels.get("alertname", ""), {k: v for k, v in alert.labels.items() if k != "alertname"}
            )
            for alert in alerts
            if alert.state == "firing"
        ]

    async def metrics(self) -> list[str]:
        """The names of all metrics that it has, those of recording rules included."""
        return self._parse(_Names, {"names": await self._get("label/__name__/values")}, "metric names").names

    async def targets(self) -> list[tuple[str, str]]:
        """What it scrapes: each target's job and the URL that is scraped."""
        found = self._parse(_Targets, await self._get("targets?state=active"), "targets")
        return [(one.labels.get("job", ""), one.scrape_url) for one in found.active]

    async def interval(self, query: str) -> float:
        """How far apart new values of `query` come, in seconds: the longest of the global scrape interval and the
        intervals of the recording rules that `query` names."""
        config = YAML(typ="safe").load(self._parse(_Config, await self._get("status/config"), "config").yaml)
        found = [_seconds(str(config.get("global", {}).get("scrape_interval", "1m")))]
        for group in self._parse(_Groups, await self._get("rules"), "rules").groups:
            if any(rule.name in query for rule in group.rules):
                found.append(group.interval)
        return max(found)

    async def clock_offset(self) -> float | None:
        """By how many seconds the server's clock is ahead of this machine's, as far as one request can tell.

        None when it does not tell its time.
        """
        asked = time.time()
        found = await self.instant("time()")
        answered = time.time()
        if not found:
            return None
        theirs = found[0].samples[0][1]
        if asked <= theirs <= answered:
            return 0.0
        return theirs - (answered if theirs > answered else asked)

    async def snapshot(self) -> str:
        """Have the server write a snapshot of all that it has; its name under `snapshots/` of the server's data.

        Raises ClientError where the server's admin API is off.
        """
        return self._parse(_Snapshot, await self._post("admin/tsdb/snapshot", {}), "snapshot").name

    async def newest(self, query: str, *, lookback: float) -> float | None:
        """The unix time of the newest sample that `query` has, None when it has none."""
        stamps = await self.instant(f"max(timestamp({query}))", lookback=lookback)
        return stamps[0].samples[0][1] if stamps else None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise ClientError(f"the client of {self.url} is used outside `async with`")
        return self._session

    async def _get(self, path: str) -> object:
        return await self._request("GET", path, {})

    async def _post(self, path: str, data: Mapping[str, str]) -> object:
        return await self._request("POST", path, data)

    async def _request(self, method: str, path: str, data: Mapping[str, str]) -> object:
        url = f"{self._real}/api/v1/{path}"
        where = f"Prometheus at {self.url if routes.is_cluster(self.url) else urlsplit(self.url).netloc}"
        try:
            async with self._open().request(method, url, data=data or None) as response:
                body = await response.read()
                status = response.status
        except TimeoutError as error:
            raise ClientError(
                f"{where} did not answer {path} within {self._timeout:g} s; is it overloaded?"
            ) from error
        except aiohttp.ClientError as error:
            if routes.is_cluster(self.url):
                raise routes.away(self.url, error) from error
            raise ClientError(f"{where} cannot be reached for {path}: {error}; is it running?") from error
        if (trouble := routes.trouble(self.url, status, body.decode(errors="replace"))) is not None:
            raise trouble
        try:
            answer = _Answer.model_validate_json(body)
        except ValidationError as error:
            raise ClientError(
                f"{where} answered {path} with {status} and no valid JSON; is this a Prometheus?"
            ) from error
        if answer.status != "success":
            raise ClientError(
                f"{where} refused {path} ({data.get('query', '')}): {answer.error_type}: {answer.error}"
            )
        return answer.data

    def _series(self, data: object, query: str) -> list[Series]:
        vector = self._parse(_Vector, data, query)
        if isinstance(vector.result, tuple):
            stamp, value = vector.result
            return [Series({}, ((stamp, _number(value)),))]
        return [Series(row.metric, _samples(row)) for row in vector.result]

    def _parse(self, model: type[_Model], data: object, what: str) -> _Model:
        try:
            return model.model_validate(data)
        except ValidationError as error:
            raise ClientError(
                f"Prometheus at {self.url} answered {what} in a form that is not its API's: {error}"
            ) from error


class NoPrometheus(Prometheus):
    """Stands where a document says that there is no Prometheus: every query matches nothing, and nothing fires."""

    def __init__(self) -> None:
        super().__init__("none")

    async def ready(self) -> bool:
        return False

    async def clock_offset(self) -> float | None:
        return 0.0

    async def version(self) -> str:
        return ""

    async def instant(
        self, query: str, *, at: float | None = None, lookback: float | None = None
    ) -> list[Series]:
        return []

    async def range(
        self, query: str, *, start: float, end: float, step: float, lookback: float | None = None
    ) -> list[Series]:
        return []

    async def firing(self) -> list[FiringAlert]:
        return []


def _lookback(parameters: dict[str, str], lookback: float | None) -> dict[str, str]:
    return parameters if lookback is None else parameters | {"lookback_delta": f"{lookback:.3f}"}


def _samples(row: _Row) -> tuple[tuple[float, float], ...]:
    rows: Sequence[tuple[float, str]] = row.values or ([row.value] if row.value else [])
    return tuple((stamp, _number(value)) for stamp, value in rows)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _seconds(text: str) -> float:
    units = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
    total, number = 0.0, ""
    rest = text
    while rest:
        if rest[0].isdigit() or rest[0] == ".":
            number, rest = number + rest[0], rest[1:]
            continue
        unit = "ms" if rest.startswith("ms") else rest[0]
        total += float(number or 0) * units.get(unit, 0.0)
        number, rest = "", rest[len(unit) :]
    return total
