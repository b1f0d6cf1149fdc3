from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
from aiohttp import web

import chaos
from chaos.errors import PreflightError
from chaos.record import Record
from chaos.subjects import Subject, subject_of

DOCUMENT = """
version: 1
title: A given Prometheus
timeline: {{baseline: 1s, faults: 1s, after: 1s}}
prometheus: {{url: "{url}", {how}}}
system: {{tiers: {{front: {{command: [front], address: "127.0.0.1:8"}}}}}}
objectives: [{{name: it is up, query: up, expect: "== 1"}}]
"""
NOBODY: Any = cast(Any, None)


def subject(folder: Path, how: str, url: str = "http://127.0.0.1:9") -> Subject:
    """What a document is about that has its own Prometheus."""
    return subject_of(chaos.loads(DOCUMENT.format(url=url, how=how), folder=folder))


async def test_a_given_prometheus_is_asked_with_the_secrets_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every request carries the bearer token and the headers, filled in; the record never shows their values."""
    asked: list[tuple[str | None, str | None]] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append((request.headers.get("Authorization"), request.headers.get("X-Scope-OrgID")))
        return web.json_response({"status": "success", "data": {"version": "3"}})

    monkeypatch.setenv("PROM_TOKEN", "t0ken")
    monkeypatch.setenv("TENANT", "shops")
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        how = "bearer_token_env: PROM_TOKEN, headers: {X-Scope-OrgID: of $TENANT}"
        record = Record()
        given = subject(tmp_path, how, f"http://{host}:{port}").prometheus(NOBODY, record)
        async with given as prometheus:
            assert await prometheus.version() == "3"
    finally:
        await runner.cleanup()
    assert asked == [("Bearer t0ken", "of shops")]
    assert record.masked("t0ken of shops") == "[redacted] of [redacted]"


@pytest.mark.parametrize(
    ("how", "told"),
    [
        (
            "bearer_token_env: NO_SUCH_TOKEN",
            r"prometheus\.bearer_token_env needs .*\$NO_SUCH_TOKEN, which is not set",
        ),
        ("headers: {X-Login: $NO_SUCH_LOGIN}", r"prometheus\.headers\.X-Login needs .*\$NO_SUCH_LOGIN"),
        ("ca_file: ca.pem", r"prometheus\.ca_file: .*ca\.pem cannot be used"),
    ],
    ids=["token", "header", "ca"],
)
def test_a_secret_that_is_not_there_is_told_before_anything_is_asked(
    tmp_path: Path, how: str, told: str
) -> None:
    """Which variable or file, and where the document names it."""
    (tmp_path / "ca.pem").write_text("no certificate")
    with pytest.raises(PreflightError, match=told):
        subject(tmp_path, how).prometheus(NOBODY, Record())
