from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from yarl import URL

from chaos.clients import processes
from chaos.record import Event
from chaos.report.write import write
from chaos.testing.events import example_run, write_events
from chaos.watch.follow import Followed, Follower
from chaos.watch.page import parts, shell
from chaos.watch.runs import Watchable
from chaos.watch.server import served
from tests.unit.report.test_html import HOSTILE, _Page

EVENTS = example_run()


def following(folder: Path, events: list[Event], *, alive: bool = True) -> Follower:
    """A follower of a run whose record has these events."""
    write_events(events, folder)
    follower = Follower(str(folder))
    me = processes.identify(os.getpid()) if alive else None
    follower.followed = Followed(Watchable(folder.name, folder, me))
    return follower


def at(phase: str) -> list[Event]:
    """The example's events until the middle of a phase."""
    places = [place for place, event in enumerate(EVENTS) if event.phase == phase]
    return EVENTS[: (places[0] + places[-1]) // 2]


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    """Asks as a browser would."""
    async with aiohttp.ClientSession() as session:
        yield session


async def test_only_who_has_the_token_and_comes_by_this_machines_name_gets_in(
    tmp_path: Path, client: aiohttp.ClientSession
) -> None:
    """No token, a wrong one, a part of it, and another host's name with the right one: 403, and nothing of the run."""
    async with served(following(tmp_path, at("faults"))) as address:
        right = URL(address)
        assert right.host == "127.0.0.1"
        token = right.path.strip("/")
        assert len(token) >= 32
        for path in ("/", "/now", "/wrong/", f"/{token[:-1]}/", f"/{token[:-1]}/now", f"//{token}/now"):
            async with client.get(right.with_path(path)) as answer:
                assert answer.status == 403, path
                assert "townhall" not in await answer.text()
        for host in ("evil.example", f"evil.example:{right.port}", "127.0.0.1.evil.example:80", ""):
            async with client.get(right / "now", headers={"Host": host}) as answer:
                assert answer.status in (400, 403), host
                assert "townhall" not in await answer.text()
        async with client.get(right / "now", headers={"Host": f"localhost:{right.port}"}) as answer:
            assert answer.status == 200
        async with client.post(right / "now") as answer:
            assert answer.status == 405
        async with client.get(right / "events.jsonl") as answer:
            assert answer.status == 404


async def test_the_page_may_run_its_own_script_and_style_and_reach_nobody(
    tmp_path: Path, client: aiohttp.ClientSession
) -> None:
    """The policy is sent as a header, and its hashes are those of what the page holds; no address stands in it."""
    async with served(following(tmp_path, at("faults"))) as address, client.get(address) as answer:
        policy = answer.headers["Content-Security-Policy"]
        page = await answer.text()
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
    for tag, directive in (("style", "style-src"), ("script", "script-src")):
        (held,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(held.encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}'" in policy
    for rule in ("default-src 'none'", "connect-src 'self'", "frame-ancestors 'none'"):
        assert rule in policy
    assert "unsafe" not in policy
    assert not re.search(r"https?://|src=|@import|url\((?!#)", page)
    assert shell().text == page


async def test_what_has_not_changed_is_not_sent_again(tmp_path: Path, client: aiohttp.ClientSession) -> None:
    """304 while nothing happens, the new picture as soon as something has."""
    write_events(at("baseline"), tmp_path)
    async with served(following(tmp_path, at("baseline"))) as address:
        async with client.get(f"{address}now") as answer:
            tag = answer.headers["ETag"]
        async with client.get(f"{address}now", headers={"If-None-Match": tag}) as answer:
            assert answer.status == 304
        write_events(at("faults"), tmp_path)
        async with client.get(f"{address}now", headers={"If-None-Match": tag}) as answer:
            assert answer.status == 200
            assert answer.headers["ETag"] != tag


async def test_who_watches_before_a_run_begins_is_told_to_wait(client: aiohttp.ClientSession) -> None:
    """And there is no report yet."""
    async with served(Follower(None)) as address:
        async with client.get(f"{address}now") as answer:
            assert "for the next run to begin" in await answer.text()
        async with client.get(f"{address}report.html") as answer:
            assert answer.status == 404


@pytest.mark.parametrize(
    "phase", ["preflight", "warm_up", "baseline", "faults", "recovery", "after", "judging"]
)
def test_a_run_is_shown_as_far_as_it_has_come(tmp_path: Path, phase: str) -> None:
    """In each phase the parts are whole, and claim nothing that only the end can show."""
    followed = following(tmp_path, at(phase)).look()
    assert followed is not None
    text = parts(followed)
    seen = _Page(text)
    assert (seen.open, seen.unbalanced) == ([], [])
    assert "cut off" not in seen.text
    assert "never applied" not in seen.text
    assert "Nothing can be concluded" not in seen.text
    if phase == "faults":
        for words in ("in force", "Person 1", "townhall", "People now", "Objectives now", "not judged yet"):
            assert words in seen.text, words


@given(st.integers(1, len(EVENTS) - 1))
@settings(max_examples=20)
def test_any_beginning_of_a_record_can_be_shown(
    tmp_path_factory: pytest.TempPathFactory, length: int
) -> None:
    """Wherever it stands, the parts are whole, and nothing is drawn that lies ahead but what is scheduled."""
    folder = tmp_path_factory.mktemp("run")
    followed = following(folder, EVENTS[:length]).look()
    assert followed is not None
    seen = _Page(parts(followed))
    assert (seen.open, seen.unbalanced) == ([], [])
    lines = [float(str(tag["x1"]).strip("%")) for _, tag in seen.tags if tag.get("class") == "now"]
    assert len(set(lines)) <= 1
    drawn = [
        float(str(tag["x"]).strip("%")) + float(str(tag["width"]).strip("%"))
        for name, tag in seen.tags
        if name == "rect"
        and "x" in tag
        and re.match(r"force|alert|stage|broken|phase", tag.get("class") or "")
    ]
    assert not drawn or followed.standing != "going" or max(drawn) <= lines[0] + 0.2


def test_the_end_is_the_report(tmp_path: Path) -> None:
    """What is drawn at the end is what the report holds, section by section; and the page links the report."""
    follower = following(tmp_path, EVENTS)
    write(tmp_path)
    followed = follower.look()
    assert followed is not None
    text = parts(followed)
    report = (tmp_path / "report.html").read_text(encoding="utf-8")
    sections = re.findall(r"<section>.*?</section>", report, re.DOTALL)
    assert len(sections) > 5
    for section in sections:
        assert section in text
    assert 'href="report.html"' in text
    assert "The run has ended." in text


def test_a_run_that_is_gone_is_said_to_be(tmp_path: Path) -> None:
    """Its process is not there and it never said that it ended."""
    followed = following(tmp_path, at("faults"), alive=False).look()
    assert followed is not None
    assert "its process is gone" in parts(followed)


def test_hostile_names_stay_names(tmp_path: Path) -> None:
    """Titles, rooms and incidents that look like markup bring no tag into the page."""
    events = example_run(title=HOSTILE, room=HOSTILE)
    for end in (len(events) // 3, 2 * len(events) // 3, len(events)):
        followed = following(tmp_path / str(end), events[:end]).look()
        assert followed is not None
        seen = _Page(parts(followed))
        assert {tag for tag, _ in seen.tags} & {"script", "style", "img", "iframe", "object", "link"} == set()
        assert (seen.open, seen.unbalanced) == ([], [])
        assert not [
            name
            for _, attributes in seen.tags
            for name in attributes
            if name.startswith("on") or name == "style"
        ]
