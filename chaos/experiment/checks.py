"""What must fit together across a document, and what is doubtful in it.

Checks read plain values and pass over what is malformed (that is told elsewhere), so that a document with a misspelt
key is told about its unknown link in the same breath.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from chaos.experiment.objective import JUDGED, PHASES, SOURCES
from chaos.experiment.people import (
    DETECTION,
    LARGEST_SHARE_OF_DETECTION,
    MEDIAN_ACKNOWLEDGEMENT,
    MEDIAN_ACKNOWLEDGEMENT_ATTENDING,
)
from chaos.experiment.system import GENERIC_REPAIRS, NO_PROMETHEUS
from chaos.experiment.units import UnitError, format_duration, parse_duration
from chaos.experiment.words import nearest, one_of

CLUSTERS = ("kind", "kubernetes")
"""The worlds in which everything runs already."""
LOCAL_ONLY = ("command", "address", "metrics", "env", "cwd")
"""What of a tier has a meaning in the world `local` alone."""
WEBHOOK = "webhook"
ROOMS_LINKS = ("edge", "media-to-platform", "platform-to-media")
ROOMS_TIERS = ("platform", "media", "audience")


@dataclass(frozen=True)
class Finding:
    """What does not fit, and the path at which it is written. A `doubt` is a warning, not an error."""

    path: tuple[str | int, ...]
    message: str
    expected: str = ""
    suggestion: str = ""
    doubt: bool = False


def check(document: object) -> Iterator[Finding]:
    """Everything in a document's plain values that does not fit together, errors and doubts."""
    whole = _mapping(document)
    yield from _one_system(whole)
    if whole.get("world") in CLUSTERS:
        yield from _system_in_a_cluster(whole)
    else:
        yield from _tiers_of_system(whole)
        yield from _links_of_system(whole)
    yield from _repairs_of_system(_mapping(whole.get("system")))
    yield from _without_prometheus(whole)
    if whole.get("world") not in CLUSTERS and _mapping(whole.get("crew")).get("alerts") == WEBHOOK:
        yield Finding(
            ("crew", "alerts"), "no Alertmanager's webhook is heard in the world `local`", "`prometheus`"
        )
    yield from _same_names(whole, "objectives")
    yield from _same_names(whole, "stop_when")
    yield from _same_names(whole, "faults")
    for index, objective in _items(whole, "objectives"):
        yield from _objective(("objectives", index), objective, whole)
    for index, fault in _items(whole, "faults"):
        yield from _target(("faults", index), fault, whole)
        yield from _times(("faults", index), fault, whole)
    yield from _detection(whole)
    yield from _ranges(whole)


# --- reading plain values, whatever they are ---------------------------------------------------------------------


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> Sequence[object]:
    return value if isinstance(value, list | tuple) else ()


def _items(whole: Mapping[str, object], key: str) -> Iterator[tuple[int, Mapping[str, object]]]:
    for index, item in enumerate(_list(whole.get(key))):
        if isinstance(item, Mapping):
            yield index, item


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _seconds(value: object) -> float | None:
    if value is None:
        return None
    try:
        return parse_duration(value)
    except UnitError:
        return None


def _given(section: Mapping[str, object], key: str) -> bool:
    return section.get(key) is not None


def _texts(value: object) -> list[str]:
    return [item for item in _list(value) if isinstance(item, str)]


# --- the system --------------------------------------------------------------------------------------------------


def _one_system(whole: Mapping[str, object]) -> Iterator[Finding]:
    if _given(whole, "rooms") and _given(whole, "system"):
        yield Finding(("system",), "stands beside `rooms`", "one of `rooms` and `system`")


def _tiers_of_system(whole: Mapping[str, object]) -> Iterator[Finding]:
    for name, tier in _mapping(_mapping(whole.get("system")).get("tiers")).items():
        if isinstance(tier, Mapping) and not (_given(tier, "command") or _given(tier, "address")):
            path = ("system", "tiers", name)
            yield Finding(path, "is neither started nor found", "a `command`, an `address`, or both")


def _system_in_a_cluster(whole: Mapping[str, object]) -> Iterator[Finding]:
    """There the tiers run already, and the links and Prometheus are there; what only `local` does says so."""
    system = _mapping(whole.get("system"))
    tiers = _mapping(system.get("tiers"))
    world = _text(whole.get("world"))
    for name, tier in tiers.items():
        for key in LOCAL_ONLY:
            if _given(_mapping(tier), key):
                told = f"belongs to the world local; in {world} the tier is the Deployment {name}, as it runs there"
                yield Finding(("system", "tiers", name, key), told, "`ready`, or nothing")
    if _list(system.get("rules")):
        told = f"belongs to the world local; in {world} Prometheus has its own rules"
        yield Finding(("system", "rules"), told, "no `rules`")
    for name, link in _mapping(system.get("links")).items():
        for end in ("from", "to"):
            tier = _text(_mapping(link).get(end))
            if tier is not None and tier not in tiers:
                path = ("system", "links", name, end)
                yield Finding(
                    path, "is no tier of this system", one_of(list(tiers)), nearest(tier, list(tiers))
                )
    if system and not _given(whole, "prometheus"):
        told = f"has no Prometheus of its own for services in {world}"
        yield Finding(("system",), told, "a section `prometheus` with its `url`, or with `none`")


def _links_of_system(whole: Mapping[str, object]) -> Iterator[Finding]:
    system = _mapping(whole.get("system"))
    tiers = _mapping(system.get("tiers"))
    callers = [*tiers, *(["load"] if _given(whole, "load") else [])]
    for name, link in _mapping(system.get("links")).items():
        path = ("system", "links", name)
        for end, known in (("from", callers), ("to", list(tiers))):
            tier = _text(_mapping(link).get(end))
            if tier is not None and tier not in known:
                yield Finding((*path, end), "is no tier of this system", one_of(known), nearest(tier, known))
            elif (
                tier is not None
                and tier in tiers
                and end == "to"
                and not _given(_mapping(tiers[tier]), "address")
            ):
                yield Finding((*path, end), f"the tier {tier} has no address", "a tier with one")
            elif (
                tier is not None
                and tier in tiers
                and end == "from"
                and not _given(_mapping(tiers[tier]), "command")
            ):
                yield Finding(
                    (*path, end),
                    f"the tier {tier} is not started here, so it cannot be given the link's address",
                    "a tier with a `command`, or `load`",
                )


def _repairs_of_system(system: Mapping[str, object]) -> Iterator[Finding]:
    known = [*_mapping(system.get("links")), *_mapping(system.get("tiers"))]
    for name, repair in _mapping(system.get("repairs")).items():
        if name in GENERIC_REPAIRS:
            told = f"a name other than {', '.join(GENERIC_REPAIRS)}"
            yield Finding(("system", "repairs", name), "is a repair that every system has", told)
        for place, mended in enumerate(_texts(_mapping(repair).get("mends"))):
            if mended not in known:
                path = ("system", "repairs", name, "mends", place)
                yield Finding(
                    path, "is no link and no tier of this system", one_of(known), nearest(mended, known)
                )


def _without_prometheus(whole: Mapping[str, object]) -> Iterator[Finding]:
    """What cannot be asked where there is no Prometheus."""
    if _mapping(whole.get("prometheus")).get("url") != NO_PROMETHEUS:
        return
    expected = "a Prometheus, or a source such as `http` or `command`"
    asked: list[tuple[str | int, ...]] = []
    for index, objective in _items(whole, "objectives"):
        asked += [("objectives", index, key) for key in ("query", "survives") if _given(objective, key)]
    asked += [("stop_when", index, "query") for index, _ in _items(whole, "stop_when")]
    for index, fault in _items(whole, "faults"):
        if _given(_mapping(fault.get("proof")), "query"):
            asked.append(("faults", index, "proof", "query"))
    for path in asked:
        yield Finding(path, "there is no Prometheus to ask", expected)
    if _given(whole, "crew") and _mapping(whole.get("crew")).get("alerts") != WEBHOOK:
        yield Finding(("crew",), "there is no Prometheus whose alerts could call anybody", "a Prometheus")


def _links(whole: Mapping[str, object]) -> tuple[str, ...]:
    own = tuple(_mapping(_mapping(whole.get("system")).get("links")))
    return ROOMS_LINKS + own if _given(whole, "rooms") else own


def _tiers(whole: Mapping[str, object]) -> tuple[str, ...]:
    own = tuple(_mapping(_mapping(whole.get("system")).get("tiers")))
    return ROOMS_TIERS + own if _given(whole, "rooms") else own


def _rooms(whole: Mapping[str, object]) -> list[str]:
    groups = _list(_mapping(whole.get("rooms")).get("audience"))
    return [room for group in groups if (room := _text(_mapping(group).get("room"))) is not None]


# --- names -------------------------------------------------------------------------------------------------------


def _same_names(whole: Mapping[str, object], key: str) -> Iterator[Finding]:
    seen: dict[str, int] = {}
    for index, item in _items(whole, key):
        name = _text(item.get("name"))
        if name is not None and name in seen:
            yield Finding(
                (key, index, "name"), f"is the name of {key}[{seen[name]}], too", "a name of its own"
            )
        elif name is not None:
            seen[name] = index


# --- objectives --------------------------------------------------------------------------------------------------


def _objective(
    path: tuple[str | int, ...], objective: Mapping[str, object], whole: Mapping[str, object]
) -> Iterator[Finding]:
    sources = [source for source in SOURCES if _given(objective, source)]
    if len(sources) != 1:
        have = f"has {len(sources)} sources ({', '.join(sources)})" if sources else "has no source"
        yield Finding(path, have, f"exactly {one_of(SOURCES)}")
    if "query" in sources and not _given(objective, "expect"):
        yield Finding(
            path, "says nothing about what the query's value must be", 'a key expect, such as ">= 0.9"'
        )
    if _given(objective, "arguments") and "python" not in sources:
        yield Finding((*path, "arguments"), "are of no function", "a key python beside them")
    if "survives" in sources:
        yield from _survives(path, objective, whole)
    yield from _phases(path, objective, _mapping(whole.get("timeline")))
    longest, in_all = _seconds(objective.get("may_break_for")), _seconds(objective.get("may_break_in_all"))
    if longest is not None and in_all is not None and in_all < longest:
        told = f"at least {format_duration(longest)}, as may_break_for"
        yield Finding((*path, "may_break_in_all"), "forgives less than one break may last", told)


def _survives(
    path: tuple[str | int, ...], objective: Mapping[str, object], whole: Mapping[str, object]
) -> Iterator[Finding]:
    room, rooms = _text(objective.get("survives")), _rooms(whole)
    if not _given(whole, "rooms"):
        yield Finding((*path, "survives"), "the document has no rooms", "a section `rooms`, or a `query`")
    elif room is not None and room not in rooms:
        yield Finding(
            (*path, "survives"), "is no room of the audience", one_of(rooms, "a room"), nearest(room, rooms)
        )
    for key in ("expect", "may_break_for", "may_break_in_all"):
        if _given(objective, key):
            yield Finding((*path, key), "does not go with `survives`", "limits in `rooms: {survival: ...}`")


def _phases(
    path: tuple[str | int, ...], objective: Mapping[str, object], timeline: Mapping[str, object]
) -> Iterator[Finding]:
    phases = _texts(objective.get("during"))
    for index, phase in enumerate(phases):
        if phase in phases[:index]:
            yield Finding((*path, "during", index), "is named twice", "each phase once")
        elif phase in PHASES and timeline and _length(timeline, phase) == 0:
            yield Finding(
                (*path, "during", index), "is a phase of no length", f"a length in timeline.{phase}"
            )


def _length(timeline: Mapping[str, object], phase: str) -> float | None:
    return _seconds(timeline.get(phase, 0))


# --- faults ------------------------------------------------------------------------------------------------------


def _target(
    path: tuple[str | int, ...], fault: Mapping[str, object], whole: Mapping[str, object]
) -> Iterator[Finding]:
    link, links = _text(fault.get("link")), _links(whole)
    if link is not None and link not in links:
        has = one_of(links, "a section `rooms`, or `system` with links")
        yield Finding((*path, "link"), "is no link of this experiment", has, nearest(link, links))
    tier, tiers = _text(fault.get("tier")), _tiers(whole)
    if tier is not None and tier not in tiers:
        has = one_of(tiers, "a section `rooms` or `system`")
        yield Finding((*path, "tier"), "is no tier of this experiment", has, nearest(tier, tiers))
    room, rooms = _text(_mapping(fault.get("select")).get("room")), _rooms(whole)
    if room is not None and room not in rooms:
        has = one_of(rooms, "a section `rooms`")
        yield Finding((*path, "select", "room"), "is no room of the audience", has, nearest(room, rooms))


def _times(
    path: tuple[str | int, ...], fault: Mapping[str, object], whole: Mapping[str, object]
) -> Iterator[Finding]:
    if _given(fault, "until") and _given(fault, "lasts"):
        yield Finding((*path, "lasts"), "stands beside `until`", "one of `lasts` and `until`")
    if _given(fault, "until") and not _given(whole, "crew"):
        yield Finding((*path, "until"), "nobody is there to repair it", "a section `crew`, or `lasts`")
    if _given(fault, "at_most") and not _given(fault, "until"):
        yield Finding(
            (*path, "at_most"), "bounds nothing", "`until: repaired` beside it, or `lasts` in its place"
        )
    phase = _seconds(_mapping(whole.get("timeline")).get("faults"))
    at = _seconds(fault.get("at", 0))
    if phase is None or at is None:
        return
    if at >= phase:
        yield Finding(
            (*path, "at"), "begins after the phase faults has ended", f"less than {format_duration(phase)}"
        )
        return
    for key in ("lasts", "at_most"):
        length = _seconds(fault.get(key))
        if length is not None and at + length > phase + 1e-9:
            most = f"at most {format_duration(phase - at)}, when timeline.faults ends"
            yield Finding((*path, key), "reaches beyond the phase faults", most)


# --- doubts ------------------------------------------------------------------------------------------------------


def _detection(whole: Mapping[str, object]) -> Iterator[Finding]:
    crew, scale = _mapping(whole.get("crew")), whole.get("time_scale", 1.0)
    if (
        not crew
        or isinstance(scale, bool)
        or not isinstance(scale, int | float)
        or crew.get("headcount") == 0
    ):
        return
    own = _seconds(_mapping(_mapping(crew.get("people")).get("acknowledge")).get("median"))
    usual = MEDIAN_ACKNOWLEDGEMENT_ATTENDING if crew.get("attending") is True else MEDIAN_ACKNOWLEDGEMENT
    median = own or usual
    share = DETECTION * scale / median
    if share > LARGEST_SHARE_OF_DETECTION and scale < 1e6:
        most = LARGEST_SHARE_OF_DETECTION * median / DETECTION
        yield Finding(
            ("time_scale",) if "time_scale" in whole else ("crew",),
            f"detection takes {format_duration(round(DETECTION * scale))} of story time, "
            f"{share:.0%} of the median acknowledgement ({format_duration(round(median, 3))}): "
            "conclusions about people are distorted",
            f"a time_scale of at most {max(most, 1):.3g}",
            doubt=True,
        )


_RANGE = re.compile(
    r"\[\s*((?:[0-9]+(?:ms|[smhdwy]))+)\s*(?::[^\]]*)?\]|\boffset\s+((?:[0-9]+(?:ms|[smhdwy]))+)"
)
_QUOTED = re.compile(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|`[^`]*`")
_PROMQL_PART = re.compile(r"([0-9]+)(ms|[smhdwy])")
_PROMQL_UNITS = {
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
    "d": 86_400.0,
    "w": 604_800.0,
    "y": 31_536_000.0,
}


def reach(query: str) -> float:
    """The longest range or offset of a PromQL query, in (real) seconds; 0 when it has none."""
    found = _RANGE.findall(_QUOTED.sub('""', query))
    return max((_promql_seconds(ranged or offset) for ranged, offset in found), default=0.0)


def _promql_seconds(text: str) -> float:
    return sum(float(number[:12]) * _PROMQL_UNITS[unit] for number, unit in _PROMQL_PART.findall(text))


def _ranges(whole: Mapping[str, object]) -> Iterator[Finding]:
    scale = whole.get("time_scale", 1.0)
    timeline = _mapping(whole.get("timeline"))
    if isinstance(scale, bool) or not isinstance(scale, int | float) or not 0 < scale < 1e6 or not timeline:
        return
    for index, objective in _items(whole, "objectives"):
        back = reach(_text(objective.get("query")) or "")
        phases = _texts(objective.get("during")) or list(JUDGED)
        blocks = [phase for phase in phases if phase in PHASES and _before(phase) not in phases]
        for phase in blocks if back else ():
            length = (_length(timeline, phase) or 0.0) / scale
            yield Finding(
                ("objectives", index, "query"),
                f"looks {format_duration(back)} of real time back, so the first values of {phase} "
                f"({format_duration(round(length, 3))} of real time) also see what came before it",
                "a range that is short beside the phase, or a recording rule",
                doubt=True,
            )


def _before(phase: str) -> str:
    names = ("", *PHASES)
    return names[names.index(phase) - 1]
