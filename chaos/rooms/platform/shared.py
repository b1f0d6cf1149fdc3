"""The room directory kept in step with its store, so that every replica of platform has the same one.

What a replica decides it writes against what it has read; where another was quicker, it reads and decides again.
While the store cannot be reached, rooms are looked up in what was last read, and nothing can be placed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy

from pydantic import JsonValue

from chaos.rooms.platform.directory import Directory, Listing
from chaos.rooms.platform.store import Store, StoreError

TRIES = 8


class SharedDirectory:
    """`rooms` and `directory` are what this process knows; the methods bring that, and the store, up to date."""

    def __init__(self, directory: Directory, store: Store, clock: Callable[[], float]) -> None:
        self.directory = directory
        self.reachable = True
        """Whether the store answered the last time."""
        self._store = store
        self._clock = clock
        self._read: dict[str, str] = {}
        """What the store is known to keep of each room."""

    @property
    def rooms(self) -> Mapping[str, Listing]:
        return self.directory.rooms

    async def refresh(self) -> bool:
        """Take what the store has; whether it could be reached. A store that lost a room is given it again."""
        try:
            await self._refresh()
        except StoreError:
            self.reachable = False
        else:
            self.reachable = True
        return self.reachable

    async def look_up(self, room: str) -> Listing | None:
        """The room as it is listed now, or as it was last known."""
        await self.refresh()
        return self.rooms.get(room)

    async def number(self, room: str) -> int:
        """The generation for the room's next placement. Raises StoreError."""
        before = self.rooms.get(room)
        return await self._store.number(room, before.generation if before else 0)

    async def place(self, placed: Listing) -> tuple[Listing | None, bool]:
        """List a room as it was placed. What was listed before, and whether it is listed now as placed.

        It is not where the room was placed later than that already. Raises StoreError.
        """
        room = placed.room
        for _ in range(TRIES):
            await self._refresh()
            before = self.rooms.get(room)
            if before is not None and before.generation >= placed.generation:
                return before, before.kept() == placed.kept()
            if await self._write(room, placed):
                return before, True
        raise StoreError(f"{room} could not be listed: others changed it {TRIES} times meanwhile")

    async def change(self, room: str, change: Callable[[Listing], None]) -> Listing | None:
        """Change the room's listing; None when there is none. `change` may be called again. Raises StoreError."""
        for _ in range(TRIES):
            await self._refresh()
            before = self.rooms.get(room)
            if before is None:
                return None
            after = deepcopy(before)
            change(after)
            if after.kept() == before.kept() or await self._write(room, after):
                return after
        raise StoreError(f"{room} could not be changed: others changed it {TRIES} times meanwhile")

    async def heard_from(self, instance: str, rooms: Mapping[str, JsonValue], asked_at: float) -> None:
        """Take an instance's own account of its rooms, given after the monotonic moment `asked_at`."""
        await self.refresh()
        self.directory.heard_from(instance, rooms, asked_at)
        for room, listing in list(self.rooms.items()):
            if listing.kept() != self._read.get(room, ""):
                try:
                    await self._write(room, listing)
                except StoreError:
                    self.reachable = False

    async def close(self) -> None:
        await self._store.close()

    async def _refresh(self) -> None:
        kept = await self._store.read()
        for room, text in kept.items():
            if self._read.get(room) != text:
                self._take(room, text)
        self._read = kept
        for room in self.rooms.keys() - kept.keys():
            await self._write(room, self.rooms[room])

    def _take(self, room: str, text: str) -> None:
        mine = self.rooms.get(room)
        taken = Listing.from_kept(room, text, self._clock())
        if mine is not None:
            taken.listeners = mine.listeners
            if mine.generation == taken.generation:
                taken.placed_at = mine.placed_at
        self.directory.rooms[room] = taken

    async def _write(self, room: str, listing: Listing) -> bool:
        """Keep the listing if nobody else has changed the room since it was read."""
        before, after = self._read.pop(room, ""), listing.kept()
        written = await self._store.swap(room, before, after)
        if written:
            self._read[room] = after
            self.directory.rooms[room] = listing
        return written
