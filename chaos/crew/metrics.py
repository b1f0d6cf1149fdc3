"""The crew's metrics, fed by the events of the record alone."""

from __future__ import annotations

from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from chaos.crew.people import STAGES
from chaos.record import Event

OPEN_STAGES = (*STAGES[:2], "waiting", *STAGES[2:])
PEOPLE_STATES = ("free", "busy", "helping", "away")
_LEADING = frozenset(("triage", "decide", "act", "verify"))
_BUCKETS = (15.0, 30.0, 60.0, 120.0, 240.0, 480.0, 900.0, 1800.0, 3600.0)


@dataclass(frozen=True)
class _Standing:
    stage: str
    attempt: int
    begins: float
    person: int | None
    helpers: int


class CrewMetrics:
    """`crew_people`, `crew_incidents`, `crew_repairs_total` and `crew_stage_seconds`: listen with `record.listen`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._people = Gauge(
            "crew_people", "People of the crew: leading, helping, free, away", ("state",), registry=registry
        )
        self._incidents = Gauge(
            "crew_incidents", "Open incidents by the stage they are in", ("stage",), registry=registry
        )
        self._repairs = Counter("crew_repairs", "Repairs carried out", ("action", "right"), registry=registry)
        self._seconds = Histogram(
            "crew_stage_seconds",
            "Story seconds that incidents spent in each stage",
            ("stage",),
            registry=registry,
            buckets=_BUCKETS,
        )
        self._headcount = 0
        self._available = 0
        self._open: dict[str, _Standing] = {}
        for stage in OPEN_STAGES:
            self._seconds.labels(stage)
        self._count()

    def __call__(self, event: Event) -> None:
        """Take in one event of the record."""
        if event.name == "crew_stage":
            self._stage(event)
        elif event.name == "repair_started":
            right = "true" if event.get("right") else "false"
            self._repairs.labels(str(event["action"]), right).inc()
        elif event.name == "crew_begun":
            available = event["available"]
            self._headcount = _number(event, "headcount")
            self._available = len(available) if isinstance(available, list) else 0
            self._count()

    def _stage(self, event: Event) -> None:
        incident, stage = str(event["incident"]), str(event["stage"])
        begins = event["begins"]
        person = event.get("person")
        standing = _Standing(
            stage,
            _number(event, "attempt"),
            float(begins) if isinstance(begins, int | float) else 0.0,
            person if isinstance(person, int) else None,
            _number(event, "helpers"),
        )
        before = self._open.get(incident)
        if before is not None and (before.stage, before.attempt) == (stage, standing.attempt):
            standing = _Standing(stage, before.attempt, before.begins, standing.person, standing.helpers)
        elif before is not None:
            self._seconds.labels(before.stage).observe(max(0.0, standing.begins - before.begins))
        if stage == "resolved":
            self._open.pop(incident, None)
        else:
            self._open[incident] = standing
        self._count()

    def _count(self) -> None:
        """Set the gauges to what is open now."""
        stages = [standing.stage for standing in self._open.values()]
        for stage in OPEN_STAGES:
            self._incidents.labels(stage).set(stages.count(stage))
        busy = len({each.person for each in self._open.values() if each.stage in _LEADING})
        helping = min(sum(each.helpers for each in self._open.values()), self._available - busy)
        counts = (self._available - busy - helping, busy, helping, self._headcount - self._available)
        for state, count in zip(PEOPLE_STATES, counts, strict=True):
            self._people.labels(state).set(count)


def _number(event: Event, key: str) -> int:
    value = event.get(key)
    return value if isinstance(value, int) else 0
