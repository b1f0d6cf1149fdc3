"""A sound document, faults of the tests' own, and short ways to load them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from chaos.errors import DocumentError, Problem
from chaos.experiment import Loaded, loads
from chaos.experiment.fault import FaultSpec, LinkFaultSpec, ProcessFaultSpec
from chaos.experiment.units import RealDuration, Size


class Slow(LinkFaultSpec):
    """A fault with a duration and a size."""

    fault: Literal["latency"] = "latency"
    delay: Annotated[RealDuration, Field(gt=0)]
    chunk: Size = 0


class Stop(LinkFaultSpec):
    """A fault with a parameter that has the fault's own name."""

    fault: Literal["timeout"] = "timeout"
    timeout: RealDuration
    other: Size = 0


class Kill(ProcessFaultSpec):
    """A fault of a process."""

    fault: Literal["process_kill"] = "process_kill"


FAULTS: Mapping[str, type[FaultSpec]] = {"latency": Slow, "timeout": Stop, "process_kill": Kill}

DOCUMENT = """\
version: 1
title: A room survives a slow bridge
question: Do two people work around it?
world: local
time_scale: 12
timeline: {warm_up: 2m, baseline: 2m, faults: 12m, recovery: 4m, after: 3m}
rooms:
  scale: 1/1000
  profile: as-found
  audience:
    - {room: townhall, listeners: 600_000, from: 0m, join_over: 19m}
objectives:
  - name: joins succeed
    query: rooms:join_success:ratio{room="townhall"}
    expect: ">= 0.9"
    may_break_for: 2m
  - {name: the room survives, survives: townhall}
stop_when:
  - {name: this machine suffers, query: "rooms:audience_lag:seconds", expect: "> 5", for: 1m}
faults:
  - {fault: latency, name: slow, link: media-to-platform, delay: 900ms, at: 1m, until: repaired, at_most: 10m}
  - {fault: process_kill, tier: media, select: {room: townhall}, at: 4m, lasts: 4m}
crew:
  headcount: 2
  runbooks: runbooks.yaml
"""

OWN_SERVICES = """\
version: 1
title: The API lives without its database
timeline: {baseline: 1m, faults: 5m}
system:
  tiers:
    api: {command: [python, api.py], ready: "http://127.0.0.1:8000/healthz"}
    db: {address: "127.0.0.1:5432"}
  links:
    api-to-db: {from: api, to: db}
load: {command: [k6, run, load.js]}
prometheus: {url: "https://prometheus.example", bearer_token_env: PROM_TOKEN}
objectives:
  - {name: the api answers, http: {url: "http://127.0.0.1:8000/"}}
faults:
  - {fault: timeout, link: api-to-db, timeout: 0, at: 1m, lasts: 2m}
"""


def loaded(text: str, *overrides: str) -> Loaded:
    """Load a text with the faults of the tests."""
    return loads(text, faults=FAULTS, overrides=overrides, name="x.yaml")


def problems(text: str, *overrides: str) -> list[Problem]:
    """The problems for which a text is refused; none when it is accepted."""
    try:
        loaded(text, *overrides)
    except DocumentError as error:
        return [*error.problems] or [Problem("", 0, 0, "", "refused without a reason")]
    return []


def changed(old: str, new: str, text: str = DOCUMENT) -> str:
    """The document with one text in place of another, which must be there once."""
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in the document"
    return text.replace(old, new)


def one_problem(old: str, new: str, text: str = DOCUMENT) -> Problem:
    """The only problem that the document has after the change."""
    found = problems(changed(old, new, text))
    assert len(found) == 1, [str(one) for one in found]
    return found[0]
