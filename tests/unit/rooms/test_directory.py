"""Platform's room directory."""

from __future__ import annotations

from pydantic import JsonValue

from chaos.rooms.platform.directory import Directory, Listing, RoomState


def _account(generation: int = 1, *, origin: bool = True, listeners: int = 5) -> dict[str, JsonValue]:
    return {"townhall": {"listeners": listeners, "generation": generation, "host": "h", "origin": origin}}


def _place(directory: Directory, room: str, instance: str, now: float, generation: int = 1) -> Listing:
    directory.rooms[room] = Listing(room, "h", 10, instance, now, generation)
    return directory.rooms[room]


def _directory() -> Directory:
    directory = Directory(("media-1", "media-2"))
    _place(directory, "townhall", "media-1", now=100.0)
    return directory


def _state(directory: Directory) -> RoomState:
    return directory.rooms["townhall"].state


def test_a_room_that_its_instance_does_not_have_is_lost_and_found_again_there() -> None:
    """A restarted instance has no rooms: lost. Lost is not closed: the room may be there again."""
    directory = _directory()
    directory.heard_from("media-1", {}, asked_at=101.0)
    assert _state(directory) is RoomState.LOST
    directory.heard_from("media-1", _account(), asked_at=102.0)
    assert _state(directory) is RoomState.OPEN


def test_an_answer_asked_for_before_the_room_was_placed_does_not_lose_it() -> None:
    """A slow keep-alive that left before the opening says nothing about it."""
    directory = _directory()
    directory.heard_from("media-1", {}, asked_at=99.9)
    assert directory.rooms["townhall"].state is RoomState.OPEN


def test_another_instances_silence_about_a_room_means_nothing() -> None:
    """Only the instance that should have it can lose it."""
    directory = _directory()
    directory.heard_from("media-2", {}, asked_at=101.0)
    assert directory.rooms["townhall"].state is RoomState.OPEN


def test_a_room_reopened_elsewhere_is_not_won_back_by_its_former_instance() -> None:
    """The former instance's account of the old generation does not win it back."""
    directory = _directory()
    directory.heard_from("media-1", {}, asked_at=101.0)
    _place(directory, "townhall", "media-2", now=102.0, generation=2)
    directory.heard_from("media-1", _account(1), asked_at=103.0)
    directory.heard_from("media-2", {}, asked_at=103.0)
    assert directory.rooms["townhall"].state is RoomState.LOST
    directory.heard_from("media-1", _account(1), asked_at=104.0)
    assert directory.rooms["townhall"].state is RoomState.LOST


def test_a_relay_that_lost_the_room_is_no_longer_listed() -> None:
    """Listeners are sent only where the room is served."""
    directory = _directory()
    room = directory.rooms["townhall"]
    room.relays.append("media-2")
    assert room.told()["serving"] == ["media-1", "media-2"]
    directory.heard_from("media-2", _account(origin=False), asked_at=101.0)
    assert room.told()["serving"] == ["media-1", "media-2"]
    directory.heard_from("media-2", {}, asked_at=102.0)
    assert room.told()["serving"] == ["media-1"]
    assert room.state is RoomState.OPEN


def test_a_restarted_platform_takes_its_rooms_over_from_media() -> None:
    """An empty directory lists what the instances say they have, in its generation; relays found no room."""
    directory = Directory(("media-1", "media-2"))
    directory.heard_from("media-2", _account(3, origin=False), asked_at=1.0)
    assert directory.rooms == {}
    directory.heard_from("media-1", _account(3), asked_at=1.0)
    room = directory.rooms["townhall"]
    assert (room.instance, room.generation, room.host) == ("media-1", 3, "h")


def test_rooms_go_to_the_least_loaded_instance_that_lives() -> None:
    """Fewest rooms first; an instance that has not answered lately gets none, unless none has."""
    directory = Directory(("media-1", "media-2", "media-3"))
    assert directory.least_loaded(now=0.0) == "media-1"
    directory.heard_from("media-1", {}, asked_at=100.0)
    directory.heard_from("media-2", {}, asked_at=100.0)
    _place(directory, "a", "media-1", now=100.0)
    assert directory.least_loaded(now=101.0) == "media-2"
    _place(directory, "b", "media-2", now=100.0)
    assert directory.least_loaded(now=101.0) == "media-1"
    directory.heard_from("media-2", {}, asked_at=110.0)
    assert directory.least_loaded(now=111.0) == "media-2"


def test_two_rooms_opened_at_once_go_to_two_instances() -> None:
    """An opening under way counts before the room is listed."""
    directory = Directory(("media-1", "media-2"))
    directory.promised.append(directory.least_loaded(now=0.0))
    assert directory.least_loaded(now=0.0) == "media-2"
