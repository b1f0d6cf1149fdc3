"""The account of a conversion: each part of the source, and what it became or why it is left out."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Item:
    """One part of the source: what it became, or, if that is empty, why it is left out. `notes` are for its author."""

    place: str
    name: str
    became: str = ""
    why: str = ""
    notes: tuple[str, ...] = ()


class Items(list[Item]):
    """All parts, in the order in which they were looked at."""

    def keep(self, place: str, name: str, became: str, *notes: str) -> None:
        """This part has an equivalent."""
        self.append(Item(place, name, became=became, notes=notes))

    def leave(self, place: str, name: str, why: str) -> None:
        """This part is left out."""
        self.append(Item(place, name, why=why))
