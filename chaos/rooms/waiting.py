"""How long a process stood in line for a processor: what a starved machine does to everybody, whatever the load."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

SCHEDSTAT = Path("/proc/self/schedstat")
"""Of the main thread, which runs the event loop: nanoseconds on a processor, nanoseconds in line for one, turns
(Documentation/scheduler/sched-stats.rst in the kernel's source)."""


class Waiting(Collector):
    """Exports `rooms_cpu_wait_seconds_total`; nothing where the kernel does not tell."""

    def __init__(self, registry: CollectorRegistry, source: Path = SCHEDSTAT) -> None:
        self._source = source
        registry.register(self)

    def collect(self) -> Iterable[Metric]:
        family = CounterMetricFamily(
            "rooms_cpu_wait_seconds",
            "Real seconds that this process' event loop was ready to run and stood in line for a processor.",
        )
        waited = seconds_in_line(self._source)
        if waited is not None:
            family.add_metric([], waited)
        return [family]


def seconds_in_line(source: Path = SCHEDSTAT) -> float | None:
    """Real seconds in line for a processor since the process began; None where the kernel does not tell."""
    try:
        return int(source.read_text(encoding="ascii").split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return None
