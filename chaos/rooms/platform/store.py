"""Where the room directory is kept: in this process, or in a Redis that platform's replicas share.

A store keeps a text for each room. What was written by somebody else since it was read is never overwritten, and no
generation of a room is given twice, so that of two replicas that place a room at once only the later one has placed it.
"""

from __future__ import annotations

from typing import Protocol

from chaos.errors import ClientError


class StoreError(ClientError):
    """The store cannot be reached, or answered with an error."""


class Store(Protocol):
    """Texts by room. Every method raises StoreError."""

    async def read(self) -> dict[str, str]:
        """All that is kept."""

    async def swap(self, room: str, before: str, after: str) -> bool:
        """Keep `after` if what is kept is `before` ("": nothing); whether it was."""

    async def number(self, room: str, above: int) -> int:
        """A generation of the room that was never given before, and is higher than `above`."""

    async def close(self) -> None:
        """Let go of it."""


class MemoryStore:
    """Kept in this process, and gone with it."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._numbers: dict[str, int] = {}

    async def read(self) -> dict[str, str]:
        return dict(self._texts)

    async def swap(self, room: str, before: str, after: str) -> bool:
        if self._texts.get(room, "") != before:
            return False
        self._texts[room] = after
        return True

    async def number(self, room: str, above: int) -> int:
        self._numbers[room] = max(self._numbers.get(room, 0), above) + 1
        return self._numbers[room]

    async def close(self) -> None:
        return
