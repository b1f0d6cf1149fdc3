from __future__ import annotations

import asyncio
import json
import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import jsonschema
import pytest

from chaos.catalogue import EVENTS
from chaos.catalogue.schema import schema
from tests.local.browser import CHROMIUM, browser
from tests.local.standby import Standby
from tests.unit.handbook.blocks import ROOT, blocks

pytestmark = [
    pytest.mark.local,
    pytest.mark.full,
    pytest.mark.timeout(240),
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium; on Debian: apt-get install chromium"),
]


@contextmanager
def watching(standby: Standby, *arguments: str | Path) -> Iterator[str]:
    """`standby watch` for the length of a block, in which it serves at the address; Ctrl-C ends it with 0."""
    watcher = standby.start("watch", *arguments)
    assert watcher.stdout is not None
    try:
        yield watcher.stdout.readline().strip()
        watcher.send_signal(signal.SIGINT)
        said, _ = watcher.communicate(timeout=20)
        assert watcher.returncode == 0, said
        assert "Traceback" not in said
    finally:
        if watcher.poll() is None:
            watcher.kill()
            watcher.communicate()


async def test_a_run_is_followed_from_before_its_beginning_to_its_report(tmp_path: Path) -> None:
    """The README's first experiment, in a reduced form, followed in a real browser: waiting, the fault in force, the
    objectives, the room, the verdict, the report. The browser asks this machine alone and has nothing to complain
    about; a second watcher sees the same; the record is as the published schema of events says.
    """
    standby = Standby(tmp_path)
    document = standby.document(blocks(ROOT / "README.md")[1].text)
    out = tmp_path / "out"
    pictures = os.environ.get("STANDBY_PICTURES")
    with watching(standby) as address:
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/[\w-]{32,}/", address)
        async with browser(tmp_path / "browser") as tab:
            await tab.open(address)
            await tab.until("document.body?.innerText.includes('next run to begin')", 30, "the page to wait")
            run = standby.start("run", document, "--out", out, "--set", "time_scale=20")
            try:
                await tab.until(
                    "document.querySelector('.state.hurt')?.innerText === 'in force'", 90, "the fault"
                )
                seen = await tab.text()
                for words in (
                    "A slow bridge",
                    "joins succeed",
                    "latency",
                    "townhall",
                    "OBJECTIVES NOW",
                    "left",
                ):
                    assert words.lower() in seen.lower(), words
                assert await tab.see("document.title") == "faults – A slow bridge"
                assert await tab.see("document.querySelectorAll('svg.plot.room path.hearing').length") > 0
                if pictures:
                    await tab.picture(Path(pictures) / "going.png", width=1200, height=1800, dark=False)
                with watching(standby, out) as second:
                    await _shows(second, "A slow bridge")
                await tab.until("document.body.innerText.includes('The run has ended.')", 90, "the end")
                await tab.until("document.querySelector('a[href=\"report.html\"]')", 30, "the report")
            finally:
                said = await asyncio.to_thread(run.communicate, None, 60)
            assert run.returncode == 0, said
            assert await tab.see("document.querySelector('h1 .word').innerText.toLowerCase()") == "pass"
            assert (await tab.see("document.title")).startswith("pass")
            report = await tab.see("fetch('report.html').then((answer) => answer.text())")
            assert report == (out / "report.html").read_text(encoding="utf-8")
            for name in ("joins succeed", "What is measured, what is assumed"):
                assert name in await tab.text()
            assert tab.complaints == []
            assert [url for url in tab.requested if not url.startswith((address, "about:"))] == []
    _as_published(out / "events.jsonl")
    assert standby.left() == []


async def _shows(address: str, words: str) -> None:
    async with aiohttp.ClientSession() as session, session.get(f"{address}now") as answer:
        assert words in await answer.text()


def _as_published(record: Path) -> None:
    """Every line is as the schema of its event says."""
    definitions = schema()["$defs"]
    checks = {
        name: jsonschema.Draft202012Validator({"$defs": definitions, "$ref": f"#/$defs/{name}"})
        for name in EVENTS
    }
    lines = [json.loads(line) for line in record.read_text(encoding="utf-8").splitlines()]
    for line in lines:
        checks[line["event"]].validate(line)
    assert len({line["event"] for line in lines}) > 15
