"""The room directory: which room is open, on which instance, in which generation. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from pydantic import JsonValue

from chaos.rooms.server import number_of, text_of

LIVES = 5.0  # real seconds after its last answer that an instance is taken to live


class RoomState(StrEnum):
    """`lost`: its instance no longer has it; `closed`: by its host, or by order."""

    OPEN = "open"
    LOST = "lost"
    CLOSED = "closed"


@dataclass
class Listing:
    """One room. `generation` grows with every placement; `relays` serve its segments beside `instance`."""

    room: str
    host: str
    followers: int
    instance: str
    placed_at: float
    """The monotonic moment from which on its instance must have it: when this process placed it or heard of that."""
    generation: int = 1
    state: RoomState = RoomState.OPEN
    relays: list[str] = field(default_factory=list)
    listeners: dict[str, int] = field(default_factory=dict)
    """Live listeners by instance, as last reported."""

    def kept(self) -> str:
        """The listing as it is kept for other processes: without what only this one has seen or its clock means."""
        return json.dumps(
            {
                "host": self.host,
                "followers": self.followers,
                "instance": self.instance,
                "generation": self.generation,
                "state": self.state.value,
                "relays": self.relays,
            }
        )

    @classmethod
    def from_kept(cls, room: str, text: str, placed_at: float) -> Listing:
        """A listing that was kept. Raises ValueError or TypeError for what is none."""
        told = json.loads(text)
        return cls(room=room, placed_at=placed_at, **{**told, "state": RoomState(told["state"])})

    def told(self) -> dict[str, JsonValue]:
        """The listing as clients get it."""
        return {
            "room": self.room,
            "state": self.state.value,
            "instance": self.instance,
            "serving": [self.instance, *self.relays],
            "generation": self.generation,
        }


@dataclass
class Directory:
    """All rooms, and where they may be placed."""

    instances: Sequence[str]
    rooms: dict[str, Listing] = field(default_factory=dict)
    heard_at: dict[str, float] = field(default_factory=dict)
    promised: list[str] = field(default_factory=list)
    """Instances on which a room is being opened right now, once for each room."""

    def least_loaded(self, now: float) -> str:
        """Of the instances that live, the one with the fewest open rooms, then the fewest listeners.

        An instance lives if it has answered lately; if none has, any may be tried.
        """
        living = [name for name in self.instances if now - self.heard_at.get(name, -LIVES) < LIVES]

        def load(name: str) -> tuple[int, int]:
            here = [
                one for one in self.rooms.values() if one.state is RoomState.OPEN and one.instance == name
            ]
            return len(here) + self.promised.count(name), sum(sum(one.listeners.values()) for one in here)

        return min(living or self.instances, key=load)

    def heard_from(self, instance: str, rooms: Mapping[str, JsonValue], asked_at: float) -> None:
        """Take an instance's own account of its rooms, given after the moment `asked_at`.

        A room that it should have and has not is lost. A room that is not listed (platform itself was restarted)
        is taken over from the account.
        """
        self.heard_at[instance] = asked_at
        here = {room: told for room, told in rooms.items() if isinstance(told, dict)}
        for listing in self.rooms.values():
            told = here.get(listing.room)
            if told is not None:
                listing.listeners[instance] = int(number_of(told, "listeners"))
            else:
                listing.listeners.pop(instance, None)
                if listing.placed_at <= asked_at:
                    self._missing(listing, instance)
            if (
                told is not None
                and listing.state is RoomState.LOST
                and self._is_origin(listing, instance, told)
            ):
                listing.state = RoomState.OPEN
        for room, told in here.items():
            if room not in self.rooms and told.get("origin") is True:
                generation = max(1, int(number_of(told, "generation")))
                self.rooms[room] = Listing(room, text_of(told, "host"), 0, instance, asked_at, generation)

    @staticmethod
    def _is_origin(listing: Listing, instance: str, told: Mapping[str, JsonValue]) -> bool:
        same = int(number_of(told, "generation")) == listing.generation
        return listing.instance == instance and told.get("origin") is True and same

    @staticmethod
    def _missing(listing: Listing, instance: str) -> None:
        if instance in listing.relays:
            listing.relays.remove(instance)
        if listing.instance == instance and listing.state is RoomState.OPEN:
            listing.state = RoomState.LOST

    def count(self, state: RoomState) -> int:
        return sum(1 for listing in self.rooms.values() if listing.state is state)
