"""`chaos_*` metrics of a run, fed by its record."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Gauge

from chaos.record import Event


class RunMetrics:
    """Shows Prometheus which run goes on, its phase, which faults are in force and what its objectives are at.

    Hand `hear` to `Record.listen`.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._info = Gauge("chaos_run_info", "The run that goes on.", ["run", "title"], registry=registry)
        self._phase = Gauge(
            "chaos_phase_active", "1 while the run is in the phase.", ["phase"], registry=registry
        )
        self._active = Gauge(
            "chaos_fault_active", "1 while the fault is in force.", ["fault", "target"], registry=registry
        )
        self._value = Gauge(
            "chaos_objective_value",
            "What the objective's query, probe or command last gave; no sample while it gives nothing.",
            ["objective"],
            registry=registry,
        )
        self._holds = Gauge(
            "chaos_objective_holds",
            "1 while the objective's last value is as expected, else 0; no sample while there is no value.",
            ["objective"],
            registry=registry,
        )
        self._targets: dict[str, tuple[str, list[str]]] = {}

    def hear(self, event: Event) -> None:
        """Take in one event of the record."""
        match event.name:
            case "run_started":
                self._info.labels(str(event["run"]), str(event["title"])).set(1)
            case "phase_started":
                self._phase.labels(event.phase).set(1)
            case "phase_ended":
                self._phase.labels(event.phase).set(0)
            case "sample":
                self._sample(event)
            case "fault_applied":
                targets = event["targets"]
                assert isinstance(targets, list)
                self._targets[str(event["id"])] = (str(event["fault"]), [str(target) for target in targets])
                self._set(str(event["id"]), 1)
            case "fault_undone":
                self._set(str(event["id"]), 0)

    def _sample(self, event: Event) -> None:
        """Take in a value of an objective, or that it has none; figures have metrics of their own."""
        name, value, holds = event.get("objective"), event.get("value"), event.get("holds")
        if not isinstance(name, str):
            return
        if isinstance(value, int | float):
            self._value.labels(name).set(value)
            self._holds.labels(name).set(1 if holds else 0)
            return
        for family in (self._value, self._holds):
            family.labels(name)
            family.remove(name)

    def _set(self, id: str, value: int) -> None:
        fault, targets = self._targets.get(id, ("", []))
        for target in targets:
            self._active.labels(fault, target).set(value)
