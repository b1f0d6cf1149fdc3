from __future__ import annotations

import pytest
from pydantic import JsonValue

from chaos.interchange import probes
from chaos.interchange.tolerances import met, trouble

ANSWER: JsonValue = {"status": 200, "headers": {}, "body": '{"items": [{"n": 1}, {"n": 2}]}'}


@pytest.mark.parametrize(
    ("tolerance", "value", "holds"),
    [
        (True, True, True), (True, 1, True), (True, False, False), ("ok", "ok", True), ("ok", "no", False),
        (200, ANSWER, True), (500, ANSWER, False), (0, 0, True), ([200, 201], ANSWER, True),
        ([201, 202], ANSWER, False),
        ([1, 10], 5, True), ([1, 10], 11, False), (["a", "b", "c"], "b", True), ([1, 10], "x", False),
        ({"type": "regex", "pattern": "items", "target": "body"}, ANSWER, True),
        ({"type": "regex", "pattern": "items"}, ANSWER, False),
        ({"type": "jsonpath", "path": "$.items[*].n", "target": "body"}, ANSWER, True),
        ({"type": "jsonpath", "path": "$.items[*].n", "expect": [1, 2], "target": "body"}, ANSWER, True),
        ({"type": "jsonpath", "path": "$.items[1].n", "expect": 2, "target": "body"}, ANSWER, True),
        ({"type": "jsonpath", "path": "$.items[1].n", "expect": 3, "target": "body"}, ANSWER, False),
        ({"type": "jsonpath", "path": "$.items[*]", "count": 2, "target": "body"}, ANSWER, True),
        ({"type": "jsonpath", "path": "$['items'][7]", "target": "body"}, ANSWER, False),
        ({"type": "range", "range": [1, 2.5]}, "2.5", True), ({"type": "range", "range": [1, 2]}, "many", False),
        ({"type": "range", "range": [150, 250], "target": "status"}, ANSWER, True),
    ],
)  # fmt: skip
def test_a_tolerance_is_checked_as_chaos_toolkit_does(
    tolerance: JsonValue, value: JsonValue, holds: bool
) -> None:
    """Its kinds, its targets, and its odd ones: an answer is compared by its status, two numbers are bounds."""
    assert trouble(tolerance) == ""
    assert met(tolerance, value) is holds


@pytest.mark.parametrize(
    "tolerance",
    [None, 0.5, {"type": "probe"}, {"type": "regex", "pattern": "("}, {"type": "jsonpath", "path": "$..a"},
     {"type": "jsonpath", "path": "$.a[?(@.b)]"}, {"type": "range", "range": [1]}, {}],
)  # fmt: skip
def test_what_cannot_be_checked_says_so(tolerance: JsonValue) -> None:
    """Before a document is made of it."""
    assert trouble(tolerance)


def test_probes_read_the_environment_and_never_guess_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """`${NAME}` is what the environment says, `${NAME:-else}` something else without it; a missing one is no value."""
    monkeypatch.setenv("WORD", "hello")
    told: JsonValue = {"type": "regex", "pattern": "^hello you$", "target": "stdout"}
    assert probes.process(path="printf", arguments=["%s %s", "${WORD}", "${NONE:-you}"], tolerance=told)
    assert not probes.process(path="false", tolerance=0)
    with pytest.raises(KeyError, match="NONE is not set"):
        probes.process(path="true", arguments=["${NONE}"], tolerance=0)


def test_a_function_gets_configuration_and_secrets_if_it_takes_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in Chaos Toolkit: by name, and only where its signature has them."""
    monkeypatch.setenv("TOKEN", "t")
    here = {"module": "tests.unit.interchange.functions", "tolerance": True}
    assert probes.function(func="takes_both", configuration={"a": 1}, secrets={"s": "${TOKEN}"}, **here)  # type: ignore[arg-type]
    assert probes.function(func="takes_none", configuration={"a": 1}, **here)  # type: ignore[arg-type]
