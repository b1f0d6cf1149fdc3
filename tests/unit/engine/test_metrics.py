from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry

from chaos.engine.metrics import RunMetrics
from chaos.record import Record


@pytest.fixture
def registry() -> CollectorRegistry:
    """What Prometheus would scrape."""
    return CollectorRegistry()


@pytest.fixture
def record(registry: CollectorRegistry) -> Record:
    """A record in memory that the metrics follow."""
    record = Record()
    record.listen(RunMetrics(registry).hear)
    return record


def test_a_fault_is_active_from_its_act_to_its_undo(record: Record, registry: CollectorRegistry) -> None:
    """1 on each of its targets, then 0: what the dashboards' annotations are made of."""
    record.event("fault_applied", id="f1", fault="latency", targets=["a", "b"])
    labels = {"fault": "latency", "target": "b"}
    assert registry.get_sample_value("chaos_fault_active", labels) == 1
    record.event("fault_undone", id="f1")
    assert registry.get_sample_value("chaos_fault_active", labels) == 0


def test_an_objective_has_its_value_and_whether_it_holds(record: Record, registry: CollectorRegistry) -> None:
    """Its last value; figures are none of its business; without a value there is no sample, which is no 0."""
    labels = {"objective": "it hears"}
    record.event("sample", objective="it hears", value=0.4, holds=False)
    record.event("sample", figure="lag", label="", value=3.0)
    assert registry.get_sample_value("chaos_objective_value", labels) == 0.4
    assert registry.get_sample_value("chaos_objective_holds", labels) == 0
    record.event("sample", objective="it hears", value=0.6, holds=True)
    assert registry.get_sample_value("chaos_objective_holds", labels) == 1
    for _ in range(2):
        record.event("sample", objective="it hears", value=None, holds=None)
        assert registry.get_sample_value("chaos_objective_value", labels) is None
        assert registry.get_sample_value("chaos_objective_holds", labels) is None


def test_one_phase_is_active(record: Record, registry: CollectorRegistry) -> None:
    """The one that began last, until it ends."""
    record.phase = "baseline"
    record.event("phase_started")
    record.event("phase_ended")
    record.phase = "faults"
    record.event("phase_started")
    assert registry.get_sample_value("chaos_phase_active", {"phase": "baseline"}) == 0
    assert registry.get_sample_value("chaos_phase_active", {"phase": "faults"}) == 1


def test_the_run_is_named(record: Record, registry: CollectorRegistry) -> None:
    """By its name and its experiment's title."""
    record.event("run_started", run="r1", title="A slow bridge")
    assert registry.get_sample_value("chaos_run_info", {"run": "r1", "title": "A slow bridge"}) == 1
