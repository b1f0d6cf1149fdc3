from __future__ import annotations

from prometheus_client import CollectorRegistry

from chaos.crew.metrics import CrewMetrics
from chaos.record import Record
from chaos.testing.clock import FakeClock


def _stage(record: Record, stage: str, begins: float, *, person: int | None = None, helpers: int = 0) -> None:
    record.event(
        "crew_stage",
        incident="i",
        kind="k",
        stage=stage,
        person=person,
        attempt=1,
        helpers=helpers,
        begins=begins,
    )


def _people(registry: CollectorRegistry) -> list[float | None]:
    states = ("free", "busy", "helping", "away")
    return [registry.get_sample_value("crew_people", {"state": state}) for state in states]


def test_the_metrics_follow_the_record() -> None:
    """People by state, open incidents by stage, repairs by right and wrong, and story seconds by stage."""
    registry = CollectorRegistry()
    record = Record(clock=FakeClock())
    record.listen(CrewMetrics(registry))
    record.event("crew_begun", headcount=4, available=[1, 2, 4])
    assert _people(registry) == [3, 0, 0, 1]
    _stage(record, "notice", 0.0)
    _stage(record, "acknowledge", 10.0, person=2)
    assert _people(registry) == [3, 0, 0, 1]
    _stage(record, "triage", 40.0, person=2)
    _stage(record, "triage", 60.0, person=2, helpers=1)
    assert _people(registry) == [1, 1, 1, 1]
    assert registry.get_sample_value("crew_incidents", {"stage": "triage"}) == 1
    _stage(record, "decide", 100.0, person=2)
    assert registry.get_sample_value("crew_stage_seconds_sum", {"stage": "triage"}) == 60.0
    assert registry.get_sample_value("crew_stage_seconds_count", {"stage": "triage"}) == 1
    record.event("repair_started", action="restart", right=True)
    record.event("repair_started", action="restart", right=False)
    for right in ("true", "false"):
        assert registry.get_sample_value("crew_repairs_total", {"action": "restart", "right": right}) == 1
    _stage(record, "resolved", 130.0, person=2)
    assert _people(registry) == [3, 0, 0, 1]
    assert registry.get_sample_value("crew_incidents", {"stage": "decide"}) == 0
    assert registry.get_sample_value("crew_stage_seconds_sum", {"stage": "decide"}) == 30.0
