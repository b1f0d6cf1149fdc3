"""The one control of Chaos Toolkit with an equivalent: it ends an experiment by what Prometheus says."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import JsonValue

from chaos.experiment.objective import StopCondition
from chaos.interchange.actions import NoEquivalentError
from chaos.interchange.assembly import Parts, line, unique
from chaos.interchange.objectives import Plain, judged
from chaos.interchange.validity import invalid, unreadable
from chaos.interchange.values import Values

MODULE = "chaosaddons.controls.safeguards"


def add_stops(control: JsonValue, values: Values, parts: Parts) -> None:
    """Give `parts` the stop conditions of a control. Raises NoEquivalentError, or UnknownValueError, and adds none."""
    provider = control.get("provider") if isinstance(control, Mapping) else None
    if not isinstance(provider, Mapping) or provider.get("module") != MODULE:
        raise NoEquivalentError(
            "Standby has no controls; of Chaos Toolkit's, safeguards that ask Prometheus have an equivalent"
        )
    arguments = provider.get("arguments")
    probes = arguments.get("probes") if isinstance(arguments, Mapping) else None
    stops: list[Plain] = []
    prometheus = parts.prometheus
    for probe in probes if isinstance(probes, list) else []:
        if not isinstance(probe, Mapping):
            raise NoEquivalentError("one of its probes is none")
        made = judged(probe, values, lambda value: value)
        if "query" not in made.source or prometheus not in ("", made.prometheus):
            raise NoEquivalentError("only a safeguard that asks one Prometheus for one number can stop a run")
        prometheus = made.prometheus
        name = unique(line(probe.get("name")) or "a safeguard", [*parts.stops, *stops])
        expect = str(made.source["expect"]).replace("==", "!=")
        stops.append({"name": name, "query": made.source["query"], "expect": expect})
    if not stops or any(unreadable(stop) or invalid(StopCondition, stop) for stop in stops):
        raise NoEquivalentError("its probes do not make a stop condition")
    parts.prometheus = prometheus
    parts.stops += stops
