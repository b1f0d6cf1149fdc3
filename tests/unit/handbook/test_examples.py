from __future__ import annotations

import pytest

from chaos.authoring.reference import Entry, entries
from chaos.experiment import loads
from chaos.faults.specs import BUILT_IN
from tests.unit.handbook.blocks import ROOT

DOCUMENT = """
version: 1
title: An example
timeline: {{warm_up: 1m, baseline: 1m, faults: 12m, recovery: 1m, after: 1m}}
rooms: {{audience: [{{room: townhall, listeners: 1000, join_over: 1m}}]}}
crew: {{headcount: 1, runbooks: crew/runbooks.yaml}}
objectives: [{{name: the room survives, survives: townhall}}]
faults: [{example}]
"""


KNOWN = {str(spec.model_fields["fault"].default): spec for spec in BUILT_IN}


@pytest.mark.parametrize("entry", entries(KNOWN), ids=lambda entry: entry.name)
def test_the_example_of_every_fault_is_valid(entry: Entry) -> None:
    """Each fault has an example in the reference, and whoever copies it gets no error."""
    loads(DOCUMENT.format(example=entry.example), faults=KNOWN, folder=ROOT / "experiments")
