"""What only tiers and the run may ask of a tier: every such route of every tier, on real processes."""

from __future__ import annotations

import re
from pathlib import Path

import aiohttp
import pytest

import chaos.rooms
from chaos.rooms.standalone import Rooms

pytestmark = pytest.mark.local

HOME = Path(chaos.rooms.__file__).parent
GUARDED = re.compile(r'\.control\(\s*"([A-Z]+)",\s*"(/[^"]+)"')
OPEN = re.compile(r'\.add_\w+\(\s*(?:"[A-Z]+",\s*)?"/(?:internal|control)\b')


def guarded(tier: str) -> list[tuple[str, str]]:
    """The method and path of every route that a tier keeps to those with the token, as its source has them."""
    sources = [HOME / "server.py", *(HOME / tier).rglob("*.py")]
    texts = [path.read_text(encoding="utf-8") for path in sources]
    assert not any(OPEN.search(text) for text in texts)
    return [found for text in texts for found in GUARDED.findall(text)]


async def test_nothing_internal_answers_without_the_control_token(tmp_path: Path) -> None:
    """Settings, rooms, relays, segments for other instances, sessions: 401 without the token or with another one."""
    asked = 0
    async with Rooms(logs=tmp_path) as rooms, aiohttp.ClientSession() as stranger:
        for tier, name in (
            ("platform", "platform"),
            ("media", next(iter(rooms.media))),
            ("audience", "audience"),
        ):
            for method, path in guarded(tier):
                where = rooms.url(name) + re.sub(r"\{\w+\}", "townhall", path)
                for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": rooms.token}):
                    async with stranger.request(method, where, json={}, headers=headers) as answer:
                        assert answer.status == 401, f"{method} {path} of {name} with {headers}"
                asked += 1
        assert len([path for _, path in guarded("media") if path.startswith("/internal/")]) >= 6
    assert asked >= 12
