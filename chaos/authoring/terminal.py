"""The picture of a document for a terminal: who calls whom, and when each fault is there."""

from __future__ import annotations

from collections.abc import Iterator

from chaos.authoring.outline import Outline, Span
from chaos.report.words import clock

NARROWEST, WIDEST = 40, 100
_LABELS = 24


def drawn(plan: Outline, width: int) -> list[str]:
    """Lines of at most `width` characters, bounded to what is readable."""
    width = max(NARROWEST, min(WIDEST, width))
    return [*_map(plan, width), "", *_schedule(plan, width)]


def _map(plan: Outline, width: int) -> Iterator[str]:
    """One line for each link; what a fault touches stands between ×."""
    longest = max((len(way.caller) for way in plan.links), default=0)
    for way in plan.links:
        hurt = way.name in plan.hurt_links
        line = f"── {way.name} ──▶" if not hurt else f"×× {way.name} ××▶"
        yield f"  {_tier(plan, way.caller):>{longest + 2}} {line} {_tier(plan, way.called)}"[:width]
    linked = {name for way in plan.links for name in (way.caller, way.called)}
    for name in plan.tiers:
        if name not in linked:
            yield f"  {_tier(plan, name)}"[:width]


def _tier(plan: Outline, name: str) -> str:
    return f"×{name}×" if name in plan.hurt_tiers else f"[{name}]"


def _schedule(plan: Outline, width: int) -> Iterator[str]:
    labels = (
        min(_LABELS, width // 3, max(len(each.span.name) for each in plan.faults) if plan.faults else 6) + 2
    )
    room = width - labels - 2
    yield " " * labels + _axis(plan, room)
    yield f"{'phase':<{labels}}" + _phases(plan, room)
    for fault in plan.faults:
        label = fault.span.name if len(fault.span.name) < labels else fault.span.name[: labels - 2] + "…"
        mark = "▒" if fault.until_repaired else "█"
        yield f"{label:<{labels}}" + _bar(fault.span, plan.ends, room, mark)
    if plan.faults:
        yield ""
        yield "  × touched by a fault   █ in force"
    if any(fault.until_repaired for fault in plan.faults):
        yield "  ▒ in force until a repair ends it"


def _axis(plan: Outline, room: int) -> str:
    """The moments at which phases begin and the last one ends, as far as they have room; those of the faults first."""
    line = " " * (room + 1)
    ends = [
        moment for phase in plan.phases if phase.name == "faults" for moment in (phase.begins, phase.ends)
    ]
    for moment in (*ends, *(phase.begins for phase in plan.phases), plan.ends):
        told = clock(moment)
        at = min(_at(moment, plan.ends, room), room + 1 - len(told))
        if not line[max(0, at - 1) : at + len(told) + 1].strip():
            line = line[:at] + told + line[at + len(told) :]
    return line.rstrip()


def _phases(plan: Outline, room: int) -> str:
    """The phases, those with their names that have room for them."""
    line = ""
    for phase in plan.phases:
        begin, end = _at(phase.begins, plan.ends, room), _at(phase.ends, plan.ends, room)
        name = phase.name if len(phase.name) < end - begin else ""
        line += f"|{name}".ljust(end - begin, "·")
    return line[:room] + "|"


def _bar(span: Span, end: float, room: int, mark: str) -> str:
    begins, ends = _at(span.begins, end, room), _at(span.ends, end, room)
    return " " * begins + mark * max(1, ends - begins)


def _at(moment: float, end: float, room: int) -> int:
    return round(room * moment / end)
