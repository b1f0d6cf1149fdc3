"""What only tiers and the run may ask of a tier: every such route of every tier, on real processes."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import aiohttp
import pytest

import chaos.rooms
from chaos.rooms.standalone import Rooms
from chaos.rooms.system.control import put_settings_back, settings_of, settings_step
from tests.local.rooms_bench import join, open_room, until

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


async def test_who_sets_a_tier_back_finds_it_calm(tmp_path: Path) -> None:
    """Forty joins wait for a token that takes hours: with the settings, the undo gives them up, and nothing waits."""
    secret = tmp_path / "token"
    async with Rooms(logs=tmp_path) as rooms:
        secret.write_text(rooms.token, encoding="ascii")
        before = {name: await settings_of(rooms.url(name), rooms.token) for name in ("platform", "media-1")}
        await open_room(rooms)
        await rooms.configure({"capacity": {"platform": 0.001}})
        joins = asyncio.gather(*(join(rooms, f"listener-{number}", timeout=60.0) for number in range(40)))

        async def waiting() -> tuple[float, float]:
            platform, media = await rooms.metrics("platform"), await rooms.metrics("media-1")
            return platform.sum("platform_token_queue_length"), media.sum("media_bridge_in_flight")

        async def stuck() -> bool:
            return all(number >= 40 for number in await waiting())

        await until(stuck, 30.0, what="everybody in the line")
        for name in ("media-1", "platform"):
            step = settings_step(rooms.url(name), str(secret), before[name])
            proof = await put_settings_back(step.args)
            assert proof.holds, proof.evidence
        assert {status for status, _ in await joins} == {503}

        async def calm() -> bool:
            return all(number <= 1 for number in await waiting())  # its own report, once a second

        await until(calm, 10.0, what="nothing waits any more")
