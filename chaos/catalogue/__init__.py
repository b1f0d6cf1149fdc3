"""What each event of a record tells: its fields with their types and units. Published as a JSON Schema.

A record is read leniently, for it may be of another version or damaged; this is what is written.
"""

from __future__ import annotations

from chaos.catalogue import course, hurt, people, worlds
from chaos.catalogue.told import Told

GROUPS: dict[str, tuple[type[Told], ...]] = {
    "The course of a run": course.EVENTS,
    "Faults": hurt.EVENTS,
    "People": people.EVENTS,
    "Worlds": worlds.EVENTS,
}
"""Every event by what it is about."""
EVENTS: dict[str, type[Told]] = {one.event_name(): one for group in GROUPS.values() for one in group}
"""Every event by its name."""
