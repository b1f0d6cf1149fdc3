"""Annotations through Grafana's HTTP API, against a server that takes what the API's documentation asks for alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from pydantic import BaseModel, ConfigDict, StrictInt, StrictStr

from chaos.clients.grafana import TOKEN_ENV, Grafana, Note
from chaos.errors import ClientError, UsageError

NOTES = [
    Note(1_763_733_600.25, 1_763_733_660.5, ("standby", "fault", "latency"), "a slow bridge"),
    Note(1_763_733_601.0, 1_763_733_661.0, ("standby", "run", "pass"), "the run"),
]


class _Documented(BaseModel):
    """What `POST /api/annotations` takes: moments as whole milliseconds since 1970."""

    model_config = ConfigDict(extra="forbid")
    time: StrictInt
    timeEnd: StrictInt  # noqa: N815 - Grafana's name
    tags: list[StrictStr]
    text: StrictStr
    dashboardUID: StrictStr = ""  # noqa: N815
    panelId: StrictInt = 0  # noqa: N815


class _Server:
    def __init__(self, answers: list[int]) -> None:
        self.taken: list[_Documented] = []
        self.answers = answers
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != "Bearer s3cret-token":
            return web.json_response({"message": "Invalid API key"}, status=401)
        if request.content_type != "application/json":
            return web.json_response({"message": "bad request data"}, status=400)
        told = _Documented.model_validate_json(await request.read())
        status = self.answers.pop(0) if self.answers else 200
        if status != 200:
            return web.json_response({"message": "s3cret-token may not"}, status=status)
        self.taken.append(told)
        return web.json_response({"message": "Annotation added", "id": len(self.taken)})


@asynccontextmanager
async def _grafana(*answers: int) -> AsyncIterator[_Server]:
    server = _Server(list(answers))
    app = web.Application()
    app.router.add_post("/grafana/api/annotations", server.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}/grafana/"
    try:
        yield server
    finally:
        await runner.cleanup()


async def test_an_annotation_is_the_request_that_grafana_documents() -> None:
    """POST, JSON, a bearer token; whole milliseconds; no other field; below the path that Grafana is served at."""
    async with _grafana() as server:
        await Grafana(server.url.rstrip("/"), "s3cret-token").annotate(NOTES)
    first = server.taken[0]
    assert (first.time, first.timeEnd) == (1_763_733_600_250, 1_763_733_660_500)
    assert (first.tags, first.text) == (["standby", "fault", "latency"], "a slow bridge")
    assert len(server.taken) == len(NOTES)


async def test_a_refusal_says_how_many_were_taken_and_why_without_the_token() -> None:
    """What Grafana says is told, but never the token, even where Grafana repeats it."""
    async with _grafana(200, 403) as server:
        with pytest.raises(
            ClientError, match=r"took 1 of 2 annotations, then answered 403.*may it write"
        ) as caught:
            await Grafana(server.url.rstrip("/"), "s3cret-token").annotate(NOTES)
    assert "s3cret-token" not in str(caught.value)
    async with _grafana() as server:
        with pytest.raises(ClientError, match="took 0 of 2 annotations, then answered 401"):
            await Grafana(server.url.rstrip("/"), "another").annotate(NOTES)


async def test_a_grafana_that_is_not_there_is_a_clear_error() -> None:
    """Nobody listens."""
    with pytest.raises(ClientError, match="could not be reached"):
        await Grafana("http://127.0.0.1:9", "t").annotate(NOTES)


@pytest.mark.parametrize("url", ["grafana.example", "ftp://grafana.example", "https://me:pw@grafana.example"])
def test_an_address_that_is_none_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is touched."""
    monkeypatch.setenv(TOKEN_ENV, "t")
    with pytest.raises(UsageError, match="is no address"):
        Grafana.given(url)


def test_a_url_without_a_token_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The token comes from the environment alone, and the message says from which variable."""
    monkeypatch.delenv(TOKEN_ENV, raising=False)
    with pytest.raises(UsageError, match=TOKEN_ENV):
        Grafana.given("https://grafana.example")
    monkeypatch.setenv(TOKEN_ENV, "t")
    assert Grafana.given("https://grafana.example/") == Grafana("https://grafana.example", "t")
