"""The rooms as real processes: what they do when nothing is wrong, when an instance dies, and what repairs do."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import aiohttp
import pytest
from pydantic import JsonValue

from chaos.clients.tools import ensure
from chaos.errors import WorldError
from chaos.experiment.rooms import Settings, config_hash
from chaos.rooms.standalone import Rooms
from tests.local.rooms_bench import ROOM, hearing, join, open_room, plan, post, until

pytestmark = [pytest.mark.local, pytest.mark.timeout(300)]

WITHIN = 60.0
"""Real seconds in which whatever is waited for has come about, even on a starved machine."""


async def home(rooms: Rooms) -> str:
    """The instance on which the room lives, which depends on which one platform heard from first."""
    _, listing = await rooms.get("platform", f"/rooms/{ROOM}")
    assert isinstance(listing, dict)
    return str(listing["instance"])


async def test_everybody_gets_in_and_hears_through_toxiproxy(tmp_path: Path) -> None:
    """Without a fault nobody fails to join, loses the sound or is thrown out, from opening to the planned end."""
    edge = ensure("toxiproxy-server")
    async with Rooms(media=("media-1", "media-2"), edge_proxy=edge, logs=tmp_path) as rooms:
        await rooms.configure({"scale": 1, "time_scale": 10})
        await rooms.begin(plan(60, 20.0, time_scale=10.0, planned_end_s=250.0))
        await until(lambda: _all_are_in(rooms, 60), WITHIN, what="all in the room, and hearing")
        await until(lambda: _ended(rooms, "planned"), WITHIN, what="the planned end")
        truth = await rooms.metrics("audience")
        assert truth.sum("rooms_joins_failed_total") == 0
        assert truth.sum("rooms_interruptions_total") == 0
        assert truth.sum("rooms_listeners_left_total", reason="patience") == 0
        # Each waits for the first sound up to 2 s real, 20 s of the story at this time_scale, on a free machine.
        assert truth.sum("rooms_lost_listener_seconds_total") < 60 * 100
        for name in ("media-1", "media-2"):
            assert (await rooms.metrics(name)).sum("media_thrown_out_total") == 0
        await until(lambda: _rooms_left(rooms), WITHIN, what="media forgetting the closed room")
    for name in ("platform", "media-1", "audience"):
        assert "Traceback" not in (tmp_path / f"{name}.log").read_text()


async def _all_are_in(rooms: Rooms, how_many: int) -> bool:
    truth = await rooms.metrics("audience")
    there = truth.sum("rooms_listeners_planned")
    return (
        truth.sum("rooms_joins_tried_total") == truth.sum("rooms_joins_succeeded_total") == how_many
        and truth.sum("rooms_listeners_hearing") == truth.sum("rooms_listeners_admitted") == there > 0
        and truth.sum("rooms_room_open") == truth.sum("rooms_host_on_air") == 1
    )


async def _ended(rooms: Rooms, reason: str, room: str = ROOM) -> bool:
    return (await rooms.metrics("audience")).sum("rooms_room_ended", room=room, reason=reason) == 1


async def _rooms_left(rooms: Rooms) -> bool:
    return sum([(await rooms.metrics(name)).sum("media_rooms") for name in ("media-1", "media-2")]) == 0


async def test_control_needs_the_token_and_every_tier_shows_its_configuration() -> None:
    """Without the token nothing is told or changed; wrong settings are refused whole; the hash is the right one."""
    async with Rooms() as rooms, aiohttp.ClientSession() as client:
        for name in ("platform", "media-1", "audience"):
            url = f"{rooms.url(name)}/control/settings"
            for headers in ({}, {"Authorization": "Bearer wrong"}):
                async with client.put(url, json={"scale": 1}, headers=headers) as answer:
                    assert answer.status == 401
            with pytest.raises(WorldError, match=r"422.*knobs\.braker"):
                await rooms.configure({"scale": 0.5, "knobs": {"braker": True}}, name)
            assert await rooms.control("GET", name, "settings", {}) == Settings().model_dump(mode="json")
        await rooms.configure({"time_scale": 12, "profile": "hardened"})
        wanted = config_hash(Settings().merged({"time_scale": 12, "profile": "hardened"}))
        for name in ("platform", "media-1", "audience"):
            assert (await rooms.metrics(name)).sum("rooms_config_info", config=wanted) == 1
            assert (await rooms.metrics(name)).sum("rooms_config_info") == 1
        async with client.get(f"{rooms.url('media-1')}/probe?bytes=100000") as answer:
            assert len(await answer.read()) == 100_000
        async with client.get(f"{rooms.url('media-1')}/probe?bytes=99999999") as answer:
            assert answer.status == 422
        async with client.post(f"{rooms.url('platform')}/probe", data=b"x" * 5_000) as answer:
            assert await answer.json() == {"bytes": 5_000}


async def test_processes_stop_at_sigterm() -> None:
    """Listeners, host and half-finished calls, who would stay for minutes, keep no tier from ending cleanly."""
    async with Rooms() as rooms:
        await rooms.configure({"scale": 1})
        await rooms.begin(plan(30, 1.0))
        await until(lambda: _all_hear(rooms, 30), WITHIN, what="all hearing")
        for name in ("media-1", "platform", "audience"):
            process = rooms.processes[name]
            process.terminate()
            assert await asyncio.wait_for(process.wait(), 20.0) == 0


async def _all_hear(rooms: Rooms, how_many: int) -> bool:
    return await hearing(rooms) >= how_many


async def test_a_lost_room_is_reopened_under_its_identity_and_relayed() -> None:
    """A dead instance takes the room with it; `reopen` brings it and its listeners back elsewhere; `relay` spreads."""
    async with Rooms(media=("media-1", "media-2")) as rooms:
        await rooms.configure({"scale": 1 / 100})
        await rooms.begin(plan(4_000, 1.0, scale=1 / 100))
        await until(lambda: _all_hear(rooms, 40), WITHIN, what="all hearing")
        first = await home(rooms)
        other = next(name for name in ("media-1", "media-2") if name != first)
        await rooms.kill(first)
        await until(lambda: _nobody_hears(rooms), WITHIN, what="silence after the instance died")
        truth = await rooms.metrics("audience")
        assert truth.sum("rooms_room_open") == 1
        assert truth.sum("rooms_interruptions_total") == 40

        await rooms.control("POST", "platform", "reopen", {"room": ROOM, "instance": other})
        status, listing = await rooms.get("platform", f"/rooms/{ROOM}")
        assert status == 200
        assert isinstance(listing, dict)
        assert (listing["instance"], listing["generation"], listing["state"]) == (other, 2, "open")
        await until(lambda: _all_hear(rooms, 40), WITHIN, what="all hearing again")
        truth = await rooms.metrics("audience")
        assert truth.sum("rooms_room_ended") == 0
        assert truth.sum("rooms_joins_failed_total") == 0, "a client's way back is no join"
        assert truth.sum("rooms_reconnects_total", result="ok") >= 40
        assert truth.sum("rooms_until_sound_seconds_count") >= 80, "each was let in twice, and heard"

        await rooms.start(first)
        await rooms.configure({"scale": 1 / 100}, first)
        await rooms.control("POST", "platform", "relay", {"room": ROOM, "instance": first})
        await until(lambda: _spread(rooms), WITHIN, what="listeners on both instances")
        assert await hearing(rooms) == 40
        assert (await rooms.metrics("audience")).sum("rooms_interruptions_total") == 40
        assert (await rooms.metrics(first)).sum("media_room_open") == 0, "a relay is not where the room lives"


async def _nobody_hears(rooms: Rooms) -> bool:
    return await hearing(rooms) == 0


async def _spread(rooms: Rooms) -> bool:
    shares = [(await rooms.metrics(name)).sum("media_listeners") for name in ("media-1", "media-2")]
    return min(shares) >= 15 and sum(shares) == 40


async def test_the_host_gives_up_a_broken_room_and_it_is_relaunched() -> None:
    """Broken for longer than the host's patience: over. Relaunched: another room, another account, a share of them."""
    async with Rooms(media=("media-1", "media-2")) as rooms:
        await rooms.configure({"scale": 1, "time_scale": 60})
        await rooms.begin(plan(60, 60.0, time_scale=60.0, host_patience_s=120.0))
        await until(lambda: _all_hear(rooms, 45), WITHIN, what="most hearing")
        await rooms.kill(await home(rooms))
        await until(lambda: _ended(rooms, "host_gave_up"), WITHIN, what="the host giving up")
        status, listing = await rooms.get("platform", f"/rooms/{ROOM}")
        assert isinstance(listing, dict)
        assert (status, listing["state"]) == (200, "closed")
        with pytest.raises(WorldError, match="409"):
            await rooms.control("POST", "platform", "reopen", {"room": ROOM, "instance": "media-2"})

        assert await rooms.control("POST", "audience", "relaunch", {"room": ROOM}) == {"room": f"{ROOM}-2"}
        await until(lambda: _some_hear_again(rooms), WITHIN, what="people in the relaunched room")
        truth = await rooms.metrics("audience")
        assert truth.sum("rooms_room_open", room=ROOM) == 0
        assert truth.sum("rooms_room_open", room=f"{ROOM}-2") == 1
        assert truth.sum("rooms_joins_tried_total", room=f"{ROOM}-2") < 45


async def _some_hear_again(rooms: Rooms) -> bool:
    return await hearing(rooms, f"{ROOM}-2") >= 10


async def test_repairs_of_the_bridge_change_the_path_of_calls() -> None:
    """A dead primary admits nobody; the spare does, and so does going without platform; shedding refuses at once."""
    dead = "http://127.0.0.1:9"
    async with Rooms(links={"media-to-platform": dead}) as rooms:
        await rooms.configure({"scale": 1, "knobs": {"retries": "none"}})
        await open_room(rooms)
        assert (await join(rooms, "a"))[0] == 503
        await rooms.configure({"bridge": "spare"}, "media-1")
        assert (await join(rooms, "a"))[0] == 200
        await rooms.configure({"bridge": "primary", "bypass": True}, "media-1")
        assert (await join(rooms, "b"))[0] == 200
        await rooms.configure({"bypass": False, "shed_joins": 1.0, "bridge": "spare"}, "media-1")
        assert (await join(rooms, "c"))[0] == 503
        seen = await rooms.metrics("media-1")
        results = {
            name: seen.sum("media_joins_total", result=name) for name in ("admitted", "bypassed", "shed")
        }
        assert results == {"admitted": 1, "bypassed": 1, "shed": 1}
        assert seen.sum("media_bridge_calls_total", kind="join", result="unreachable") == 1


async def test_admission_refuses_at_once_what_would_wait_too_long() -> None:
    """Hardened, a token that would wait over 1 s is refused at once; as found, everyone stands in the line.

    The line is 100 s long: 60 tokens at 0.6 per second.
    """
    answers = {}
    for profile, patience in (("as-found", 3.0), ("hardened", 60.0)):
        async with Rooms() as rooms:
            await rooms.configure({"scale": 1 / 10_000, "profile": profile})
            ask = [post(f"{rooms.url('platform')}/tokens", {"listener": str(n)}, patience) for n in range(60)]
            answers[profile] = await asyncio.gather(*ask)
    refused = [seconds for status, seconds in answers["hardened"] if status == 503]
    assert len(refused) >= 40
    assert max(refused) < 30
    assert not [status for status, _ in answers["as-found"] if status == 503]
    assert len([status for status, _ in answers["as-found"] if status == 0]) >= 40


async def test_a_full_instance_refuses_joins_and_an_unguarded_one_breaks_the_sound() -> None:
    """Beyond egress capacity: with admission the door is shut at once; without it all get in and sound is late."""
    lowered: dict[str, JsonValue] = {"scale": 1 / 100_000, "capacity": {"media": 0.5}}
    async with Rooms() as rooms:
        await rooms.configure({**lowered, "knobs": {"admission": True}, "bypass": True})
        await open_room(rooms)
        first = [(await join(rooms, f"l{number}"))[0] for number in range(8)]
        assert first == [200] * 8
        assert (await join(rooms, "one too many"))[0] == 503
    async with Rooms() as rooms:
        await rooms.configure({**lowered, "bypass": True})
        await rooms.begin(plan(3_000_000, 1.0, scale=1 / 100_000))
        await until(lambda: _saturated(rooms), WITHIN, what="a saturated egress")
        await until(lambda: _all_in_and_not_all_hear(rooms, 30), WITHIN, what="all in, and late sound")
        seen = await rooms.metrics("media-1")
        begun = time.monotonic()
        sent, can = seen.sum("media_segments_sent_total"), seen.sum("media_egress_capacity")
        await until(lambda: _sent(rooms, sent + 2 * can), WITHIN, what="two seconds' worth of sound more")
        assert time.monotonic() - begun > 1.0, "no more goes out than can"


async def _saturated(rooms: Rooms) -> bool:
    seen = await rooms.metrics("media-1")
    return seen.sum("media_egress_utilisation") > 0.9 and seen.sum("media_egress_delay_seconds") > 3.0


async def _sent(rooms: Rooms, segments: float) -> bool:
    return (await rooms.metrics("media-1")).sum("media_segments_sent_total") >= segments


async def _all_in_and_not_all_hear(rooms: Rooms, how_many: int) -> bool:
    truth = await rooms.metrics("audience")
    return truth.sum("rooms_listeners_admitted") == how_many > truth.sum("rooms_listeners_hearing")


async def test_announcements_take_the_workers_until_they_are_shed() -> None:
    """140 million followers at the lowered capacity are half a minute of work; shedding drops it and what comes."""
    async with Rooms() as rooms:
        await rooms.configure({"scale": 1 / 1000, "capacity": {"platform": 0.4}})
        told: dict[str, object] = {"room": ROOM, "host": "h", "followers": 140_000_000}
        async with (
            aiohttp.ClientSession() as client,
            client.post(rooms.url("platform") + "/rooms", json=told),
        ):
            seen = await rooms.metrics("platform")
        left = seen.sum("platform_announcements_backlog")
        assert 0 < left <= 140_000
        a_second = left / seen.sum("platform_announcements_backlog_seconds")
        assert 140_000 / a_second == pytest.approx(29.2, rel=0.05)
        await rooms.configure({"shed_announcements": True}, "platform")
        assert (await rooms.metrics("platform")).sum("platform_announcements_backlog") == 0
