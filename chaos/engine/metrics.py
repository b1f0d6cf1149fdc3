"""`chaos_*` metrics of a run, fed by its record."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Gauge

from chaos.record import Event


class RunMetrics:
    """Shows Prometheus which run goes on and which faults are in force; hand `hear` to `Record.listen`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._info = Gauge("chaos_run_info", "The run that goes on.", ["run", "title"], registry=registry)
        self._active = Gauge(
            "chaos_fault_active", "1 while the fault is in force.", ["fault", "target"], registry=registry
        )
        self._targets: dict[str, tuple[str, list[str]]] = {}

    def hear(self, event: Event) -> None:
        """Take in one event of the record."""
        match event.name:
            case "run_started":
                self._info.labels(str(event["run"]), str(event["title"])).set(1)
            case "fault_applied":
                targets = event["targets"]
                assert isinstance(targets, list)
                self._targets[str(event["id"])] = (str(event["fault"]), [str(target) for target in targets])
                self._set(str(event["id"]), 1)
            case "fault_undone":
                self._set(str(event["id"]), 0)

    def _set(self, id: str, value: int) -> None:
        fault, targets = self._targets.get(id, ("", []))
        for target in targets:
            self._active.labels(fault, target).set(value)
