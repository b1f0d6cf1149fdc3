from __future__ import annotations

import pytest

from chaos.authoring.reference import Entry, entries, shared_parameters
from chaos.experiment import loads
from chaos.experiment.fault import FaultSpec
from chaos.faults.specs import spec_types

ROOMS = """
version: 1
title: An example
world: {world}
timeline: {{warm_up: 1m, baseline: 2m, faults: 4m, recovery: 1m, after: 1m}}
time_scale: 12
rooms: {{audience: [{{room: townhall, listeners: 60_000, from: 0m, join_over: 6m, shape: linear}}]}}
objectives: [{{name: joins succeed, query: 'rooms:join_success:ratio{{room="townhall"}}', expect: ">= 0.9"}}]
faults:
  - {example}
"""


@pytest.mark.parametrize("entry", entries(spec_types()), ids=lambda entry: entry.name)
def test_the_example_of_every_fault_is_valid(entry: Entry) -> None:
    """Put below `faults:` it loads, is this fault, and gives everything that has to be given."""
    loaded = loads(ROOMS.format(world="kind", example=entry.example), faults=spec_types())
    (spec,) = loaded.experiment.faults
    assert spec.fault == entry.name
    assert {one.name for one in entry.parameters if one.needed} <= spec.model_fields_set


@pytest.mark.parametrize("entry", entries(spec_types()), ids=lambda entry: entry.name)
def test_every_parameter_is_told_with_its_unit_and_its_meaning(entry: Entry) -> None:
    """None is missing, and none is left to the schema."""
    spec = spec_types()[entry.name]
    shared = {one.name for one in shared_parameters(spec_types())}
    told = {one.name for one in entry.parameters} | shared | {"fault"}
    assert told == {field.alias or name for name, field in spec.model_fields.items()}
    assert entry.does
    for one in entry.parameters:
        assert one.text, one.name
        assert "see the schema" not in one.kind, one.name


def test_a_fault_of_ones_own_is_told_like_the_others() -> None:
    """From its class alone: units, what must be given, and an example."""
    from typing import Literal

    from chaos.experiment.units import RealDuration

    class DiskFull(FaultSpec):
        """The disk of a process fills up."""

        fault: Literal["disk_full"] = "disk_full"
        within: RealDuration

    (entry,) = entries({"disk_full": DiskFull})
    assert entry.does == "The disk of a process fills up."
    assert entry.parameters[0].kind.startswith("duration")
    assert entry.example == "{fault: disk_full, within: 400ms, at: 30s, lasts: 2m}"
