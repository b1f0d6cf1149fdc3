"""A document from the parts that were converted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from pydantic import JsonValue

from chaos.experiment.system import link_variable
from chaos.interchange.actions import Begins
from chaos.interchange.links import Links, link_name, server_name
from chaos.interchange.objectives import Plain

HYPOTHESIS: list[JsonValue] = ["hypothesis"]
"""In the place of an objective's phases: before and after, whatever these are."""
CALLER = """\
import os, select, socket, time
links = {name: at.rsplit(":", 1) for name, at in os.environ.items() if name.startswith("LINK_")}
held = {}
while True:
    for name in links.keys() - held.keys():
        try: held[name] = socket.create_connection(links[name], timeout=2)
        except OSError: pass
    talking, _, _ = select.select(held.values(), (), (), 0.5 if links.keys() - held.keys() else None)
    for name, line in list(held.items()):
        if line not in talking: continue
        try: closed = not line.recv(65536)
        except OSError: closed = True
        if closed:
            held.pop(name).close()
            time.sleep(0.1)
"""
"""Stands in for whoever calls over the links, of whom a Chaos Toolkit experiment says nothing.

It sleeps until a connection is closed or spoken to, and tries twice a second to open one that it has not.
"""
NOTHING_LEFT: Plain = {"name": "no probe could be converted: put what must hold here", "command": ["false"]}
"""Never holds, so that a document without an objective is never a pass."""


@dataclass
class Running:
    """A fault of the method, as its action is called, and when, in seconds from the start of the method."""

    begins: Begins
    at: float
    name: str = ""
    ends: float | None = None


@dataclass
class Parts:
    """What was converted so far; `clock` is how long the method has lasted by its pauses."""

    objectives: list[Plain] = field(default_factory=list)
    stops: list[Plain] = field(default_factory=list)
    running: list[Running] = field(default_factory=list)
    links: Links = field(default_factory=Links)
    prometheus: str = ""
    clock: float = 0.0

    @property
    def cluster(self) -> bool:
        """Whether the faults are those of a cluster."""
        return bool(self.running) and self.running[0].begins.cluster


def document(parts: Parts, source: Mapping[str, JsonValue]) -> Plain:
    """The whole document; titles and tags are those of the source."""
    hypothesis, tags = source.get("steady-state-hypothesis"), source.get("tags")
    asked = line(hypothesis.get("title")) if isinstance(hypothesis, Mapping) else ""
    words: list[JsonValue] = [line(tag) for tag in tags if line(tag)] if isinstance(tags, list) else []
    length = max([3.0, parts.clock + 2.0, *(one.at + 2.0 for one in parts.running)])
    made: Plain = {"version": 1, "title": line(source.get("title"))[:200] or "A converted experiment"}
    made |= {"question": asked} if asked else {}
    made |= {"tags": words} if words else {}
    made |= {"world": "kubernetes"} if parts.cluster else {}
    made["timeline"] = {
        "warm_up": "1s", "baseline": "3s", "faults": _seconds(length), "recovery": "1s", "after": "3s",
    }  # fmt: skip
    made["prometheus"] = {"url": parts.prometheus or "none"}
    made["system"] = _system(parts)
    if parts.links.proxies and not parts.cluster:
        made["load"] = {"command": ["python3", "-c", CALLER]}
    made["objectives"] = [*_objectives(parts)] or [NOTHING_LEFT]
    made |= {"stop_when": [*parts.stops]} if parts.stops else {}
    made["faults"] = [*_faults(parts)]
    return made


def _objectives(parts: Parts) -> Iterator[Plain]:
    """What Chaos Toolkit checks before and after the method: a fault that the method leaves is still there then."""
    lasting = [one for one in parts.running if one.ends is None]
    twice: list[JsonValue] = ["baseline", "faults" if lasting else "after"]
    for objective in parts.objectives:
        yield {**objective, "during": twice if objective["during"] == HYPOTHESIS else objective["during"]}


def _faults(parts: Parts) -> Iterator[Plain]:
    names: list[Plain] = []
    for one in parts.running:
        given = one.begins.fault
        names.append({"name": unique(line(given.get("name")) or one.name or str(given["fault"]), names)})
        where: Plain = {} if one.begins.cluster else {"link": link_name(one.begins.on)}
        lasts = None if one.ends is None else max(0.1, one.ends - one.at)
        yield {
            "fault": given["fault"], **names[-1], **where,
            **{key: value for key, value in given.items() if key not in ("fault", "name")},
            "at": _seconds(one.at), **({} if lasts is None else {"lasts": _seconds(lasts)}),
        }  # fmt: skip


def _system(parts: Parts) -> Plain:
    tiers: Plain = {}
    if parts.cluster:
        for one in parts.running:
            if "tier" in one.begins.fault:
                tiers[str(one.begins.fault["tier"])] = {}
        return {"tiers": tiers or {"workload": {}}}
    links: Plain = {}
    for name, proxy in parts.links.proxies.items():
        tier: Plain = {"address": proxy.upstream}
        if path := _asked_over(parts, link_name(name)):
            tier["ready"] = f"http://{proxy.upstream}{path}"
        tiers[server_name(name)] = tier
        links[link_name(name)] = {"from": "load", "to": server_name(name)}
    if not tiers:
        return {"tiers": {"nothing": {"command": ["sleep", "86400"]}}}
    return {"tiers": tiers, "links": links}


def _asked_over(parts: Parts, link: str) -> str:
    """The path of a request that is answered 200 over a link: by it the link's faults can be seen."""
    start = f"http://${link_variable(link)}"
    for objective in parts.objectives:
        http = objective.get("http")
        if isinstance(http, Mapping) and not {"method", "status"} & set(http):
            url = str(http["url"])
            if url.startswith(start):
                return urlsplit(url.replace(start, "http://link")).path or "/"
    return ""


def unique(name: str, others: Sequence[Plain]) -> str:
    """A name that none of the others has."""
    taken = {str(one["name"]) for one in others}
    told = name[:70] or "unnamed"
    if told not in taken:
        return told
    return next(again for number in range(2, len(taken) + 3) if (again := f"{told} ({number})") not in taken)


def line(value: JsonValue) -> str:
    """A text in one line, of letters that a document may hold; empty for what is none."""
    found = value if isinstance(value, str) else ""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in found).split())


def _seconds(value: float) -> str:
    return f"{max(0.0, round(value, 3)):.10g}s"
