"""The room directory that several replicas of platform share through a store."""

from __future__ import annotations

from pydantic import JsonValue

from chaos.rooms.platform.directory import Directory, Listing, RoomState
from chaos.rooms.platform.shared import SharedDirectory
from chaos.rooms.platform.store import MemoryStore, StoreError

ROOM = "townhall"


class LosableStore(MemoryStore):
    """A store that can be out of reach, and can lose all that it kept."""

    def __init__(self) -> None:
        super().__init__()
        self.gone = False

    async def read(self) -> dict[str, str]:
        if self.gone:
            raise StoreError("gone")
        return await super().read()

    async def swap(self, room: str, before: str, after: str) -> bool:
        if self.gone:
            raise StoreError("gone")
        return await super().swap(room, before, after)

    def lose(self) -> None:
        self._texts.clear()


def _replica(store: MemoryStore, now: float = 100.0) -> SharedDirectory:
    return SharedDirectory(Directory(("media-1", "media-2")), store, lambda: now)


def _listing(instance: str, generation: int, now: float = 100.0) -> Listing:
    return Listing(ROOM, "h", 10, instance, now, generation)


def _account(generation: int) -> dict[str, JsonValue]:
    return {ROOM: {"listeners": 5, "generation": generation, "host": "h", "origin": True}}


def _close(listing: Listing) -> None:
    listing.state = RoomState.CLOSED


async def test_what_one_replica_placed_another_looks_up() -> None:
    """The point of sharing: a room opened through one replica is found through the other."""
    store = MemoryStore()
    one, other = _replica(store), _replica(store)
    await one.place(_listing("media-1", await one.number(ROOM)))
    found = await other.look_up(ROOM)
    assert found is not None
    assert (found.instance, found.generation, found.host, found.followers) == ("media-1", 1, "h", 10)


async def test_generations_are_never_given_twice() -> None:
    """Two replicas that place a room at once get different ones, each above what is listed."""
    store = MemoryStore()
    one, other = _replica(store), _replica(store)
    given = [await one.number(ROOM), await other.number(ROOM)]
    assert given == [1, 2]
    await one.place(_listing("media-1", 7))
    assert await one.number(ROOM) == 8


async def test_of_two_placements_at_once_the_later_one_wins_in_whatever_order_they_are_listed() -> None:
    """Listed last or first: the higher generation stays, and the other placement is told that it was not taken."""
    for order in ((1, 2), (2, 1)):
        store = MemoryStore()
        replicas = {1: _replica(store), 2: _replica(store)}
        told = {n: await replicas[n].place(_listing(f"media-{n}", n)) for n in order}
        assert told[2][1] is True
        assert told[1][1] is (order[0] == 1)
        found = await replicas[1].look_up(ROOM)
        assert found is not None
        assert found.instance == "media-2"


async def test_a_change_builds_on_what_another_replica_has_changed_meanwhile() -> None:
    """Closing and relaying through two replicas: both hold."""
    store = MemoryStore()
    one, other = _replica(store), _replica(store)
    await one.place(_listing("media-1", 1))
    await other.refresh()
    await one.change(ROOM, lambda now: now.relays.append("media-2"))
    closed = await other.change(ROOM, _close)
    assert closed is not None
    assert (closed.state, closed.relays) == (RoomState.CLOSED, ["media-2"])


async def test_a_loss_that_one_replica_sees_is_known_to_the_other() -> None:
    """One keep-alive is enough; a closed room is not lost by a replica that had not heard of the closing."""
    store = MemoryStore()
    one, other = _replica(store), _replica(store)
    await one.place(_listing("media-1", 1))
    await one.heard_from("media-1", {}, asked_at=101.0)
    found = await other.look_up(ROOM)
    assert found is not None
    assert found.state is RoomState.LOST
    await one.change(ROOM, _close)
    await other.heard_from("media-1", {}, asked_at=102.0)
    found = await one.look_up(ROOM)
    assert found is not None
    assert found.state is RoomState.CLOSED


async def test_a_room_is_not_lost_by_an_answer_older_than_what_this_replica_knows_of_it() -> None:
    """Replicas have clocks of their own: a placement counts from when a replica has heard of it."""
    store = MemoryStore()
    one, other = _replica(store, now=5.0), _replica(store, now=100.0)
    await one.place(_listing("media-1", 1, now=5.0))
    await other.heard_from("media-1", {}, asked_at=99.0)
    found = await other.look_up(ROOM)
    assert found is not None
    assert found.state is RoomState.OPEN


async def test_while_the_store_is_gone_rooms_are_looked_up_in_what_was_last_known() -> None:
    """Losing the store is no loss of the rooms; it can be seen, and is over when the store is back."""
    store = LosableStore()
    replica = _replica(store)
    await replica.place(_listing("media-1", 1))
    store.gone = True
    found = await replica.look_up(ROOM)
    assert found is not None
    assert not replica.reachable
    await replica.heard_from("media-1", {}, asked_at=101.0)
    store.gone = False
    await replica.heard_from("media-1", _account(1), asked_at=102.0)
    found = await replica.look_up(ROOM)
    assert found is not None
    assert (found.state, replica.reachable) == (RoomState.OPEN, True)


async def test_a_store_that_was_emptied_is_given_again_what_a_replica_knows() -> None:
    """A restarted Redis has nothing; rooms that are lost with their instance would be forgotten otherwise."""
    store = LosableStore()
    one, other = _replica(store), _replica(store)
    await one.place(_listing("media-1", 3))
    await one.heard_from("media-1", {}, asked_at=101.0)
    store.lose()
    await one.refresh()
    found = await other.look_up(ROOM)
    assert found is not None
    assert (found.state, found.generation) == (RoomState.LOST, 3)
    assert await other.number(ROOM) == 4
