from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest

from chaos.catalogue import EVENTS
from chaos.catalogue.schema import schema
from chaos.testing.events import example_run, write_events

CHAOS = Path(__file__).parents[2] / "chaos"
TELLING = {"event", "tell", "_tell", "_tell_pod"}
"""What is called to record an event."""
NOT_EVENTS = {"GET", "POST", "PUT", "DELETE", "HEAD"}


def recorded() -> Iterator[tuple[str, str, set[str]]]:
    """Every call that records an event: where, the event's name, and the fields that are given by name."""
    for path in sorted(CHAOS.rglob("*.py")):
        if path.is_relative_to(CHAOS / "testing"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args):
                continue
            if node.func.attr in TELLING:
                given = {keyword.arg for keyword in node.keywords if keyword.arg is not None}
                for name in names(node.args[0]):
                    yield f"{path.relative_to(CHAOS)}:{node.lineno}", name, given


def names(argument: ast.expr) -> Iterator[str]:
    """The name that a call gives, or the two of a choice."""
    match argument:
        case ast.Constant(value=str() as name) if name not in NOT_EVENTS:
            yield name
        case ast.IfExp(body=one, orelse=other):
            yield from names(one)
            yield from names(other)


def test_everything_that_is_recorded_is_in_the_catalogue_and_nothing_else() -> None:
    """Each event that the code records is described with all its fields, and each that is described is recorded."""
    found = list(recorded())
    for where, name, given in found:
        assert name in EVENTS, f"{where} records `{name}`, which the catalogue does not have"
        unknown = given - set(EVENTS[name].model_fields)
        assert not unknown, f"{where}: `{name}` has {unknown}, which the catalogue does not tell of"
    assert set(EVENTS) - {name for _, name, _ in found} == set()


def test_every_event_says_what_it_is() -> None:
    """No event without a sentence."""
    assert [name for name, event in EVENTS.items() if not (event.__doc__ or "").strip()] == []


def test_the_schema_is_one_and_knows_its_events() -> None:
    """A valid JSON Schema; a line with a field too many, one too few, or of an unknown event is refused."""
    whole = schema()
    jsonschema.Draft202012Validator.check_schema(whole)
    check = jsonschema.Draft202012Validator(whole)
    line = {
        "event": "fault_undone",
        "t": 1.0,
        "unix": 2.0,
        "time": "…",
        "phase": "faults",
        "id": "f1",
        "by": "repair",
    }
    assert check.is_valid(line)
    assert not check.is_valid({**line, "more": 1})
    assert not check.is_valid({key: value for key, value in line.items() if key != "by"})
    assert not check.is_valid({**line, "event": "fault_undnoe"})


@pytest.mark.parametrize(
    ("headcount", "survived"), [(0, False), (3, False), (6, True)], ids=["nobody", "too few", "enough"]
)
def test_the_example_record_reads_as_a_real_one(tmp_path: Path, headcount: int, survived: bool) -> None:
    """Every line of the record that tests of others are made with is as the schema has it: no field less, none more."""
    definitions = schema()["$defs"]
    checks = {
        name: jsonschema.Draft202012Validator({"$defs": definitions, "$ref": f"#/$defs/{name}"})
        for name in EVENTS
    }
    events = write_events(example_run(headcount=headcount, survived=survived), tmp_path)
    wrong = {
        f"{line['event']}: {error.message}"
        for line in map(json.loads, events.read_text(encoding="utf-8").splitlines())
        for error in checks[line["event"]].iter_errors(line)
    }
    assert wrong == set()
