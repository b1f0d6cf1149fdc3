"""Keeping the files of a run in an object store: what is sent, what is refused, what is said when it fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from chaos.cli.app import run_app
from chaos.errors import ReportError
from chaos.report.store import Store

EXPERIMENT = Path(__file__).parents[3] / "experiments" / "slow-bridge.yaml"


class Bucket:
    """A server that takes objects as S3's protocol has it, and remembers them."""

    def __init__(self) -> None:
        self.objects: dict[str, str] = {}
        self.authorized: set[str] = set()
        self.refuses = False

    async def put(self, request: web.Request) -> web.Response:
        if self.refuses:
            return web.Response(status=403, text="<Error><Code>AccessDenied</Code></Error>")
        self.objects[request.path] = await request.text()
        self.authorized.add(request.headers.get("Authorization", "").partition("/")[0])
        return web.Response(headers={"ETag": '"1"'})


@pytest.fixture
async def bucket(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bucket]:
    """A bucket, and an environment that leads to it."""
    made = Bucket()
    app = web.Application()
    app.router.add_put("/{key:.*}", made.put)
    server = web.AppRunner(app)
    await server.setup()
    site = web.TCPSite(server, "127.0.0.1", 0)
    await site.start()
    host, port = server.addresses[0][:2]
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_REGION", "somewhere")
    yield made
    await server.cleanup()


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """The folder of a run that ended."""
    folder = tmp_path / "run-1"
    (folder / "world").mkdir(parents=True)
    (folder / "world" / "toxiproxy.log").write_text("noise")
    (folder / "prometheus" / "block").mkdir(parents=True)
    (folder / "prometheus" / "block" / "index").write_text("series")
    (folder / "run.json").write_text("{}")
    (folder / "report.html").write_text("<p>")
    return folder


async def test_the_files_of_a_run_are_put_into_a_bucket(bucket: Bucket, run: Path) -> None:
    """Each file, the series included, signed with the environment's key; nothing of the world's own folder."""
    kept = await asyncio.to_thread(Store("s3://bucket/a/b/").keep, run, "run-1")
    assert kept == "s3://bucket/a/b/run-1"
    assert bucket.objects == {
        "/bucket/a/b/run-1/run.json": "{}", "/bucket/a/b/run-1/report.html": "<p>",
        "/bucket/a/b/run-1/prometheus/block/index": "series",
    }  # fmt: skip
    assert bucket.authorized == {"AWS4-HMAC-SHA256 Credential=key"}


async def test_a_store_that_refuses_is_told_with_the_place_where_everything_still_is(
    bucket: Bucket, run: Path
) -> None:
    """Which file, which store, why, on one line; and the folder on the disk is untouched."""
    bucket.refuses = True
    with pytest.raises(ReportError) as told:
        await asyncio.to_thread(Store("s3://bucket/a").keep, run, "run-1")
    text = str(told.value)
    assert "s3://bucket/a" in text
    assert str(run) in text
    assert "\n" not in text
    assert (run / "run.json").read_text() == "{}"


@pytest.mark.parametrize(
    "url",
    ["ftp://host/x", "bucket/folder", "s3://", "memory:///", "https://me:pass@host/x", "file:///not/there"],
)
def test_what_is_no_address_of_a_store_is_refused_before_anything_runs(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 2 with a reason, no run, and no password repeated."""
    out = tmp_path / "out"
    assert run_app(["run", str(EXPERIMENT), "--store", url, "--out", str(out)]) == 2
    error = capsys.readouterr().err
    assert "store" in error
    assert "pass@" not in error
    assert not out.exists()


def test_a_mounted_folder_is_a_store_too(run: Path, tmp_path: Path) -> None:
    """`file://` copies to a folder that is there."""
    (tmp_path / "shelf").mkdir()
    Store(f"file://{tmp_path}/shelf").keep(run, "run-1")
    assert (tmp_path / "shelf" / "run-1" / "report.html").read_text() == "<p>"


def test_runs_with_one_out_folder_do_not_take_each_others_place(run: Path, tmp_path: Path) -> None:
    """The results of an earlier run are still there, as they were, after a later one of the same `--out`."""
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    store = Store(f"file://{shelf}")
    kept = [store.keep(run, "20261127-200000-aaaa")]
    (run / "report.html").write_text("<p>later")
    kept.append(store.keep(run, "20261127-210000-bbbb"))
    assert [(shelf / url.removeprefix(f"file://{shelf}/") / "report.html").read_text() for url in kept] == [
        "<p>",
        "<p>later",
    ]
    assert kept[0] == f"file://{shelf}/run-1/20261127-200000-aaaa"
