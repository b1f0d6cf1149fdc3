import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chaos.errors import DocumentError
from tests.unit.experiment.documents import DOCUMENT, Slow, changed, loaded, problems


def test_overrides_change_the_document() -> None:
    """Keys, indices and items found by a word lead to a value; the last override of a path counts."""
    result = loaded(
        DOCUMENT,
        "faults[0].delay=1s",
        "faults[name=slow].delay=2s",
        "crew.headcount=3",
        "rooms.audience[0].listeners=1000",
        "rooms.audience[room=townhall].followers=1_000",
        "objectives[0].expect=>= 0.8",
        "seed=7",
    )
    experiment = result.experiment
    assert isinstance(experiment.faults[0], Slow)
    assert experiment.faults[0].delay == 2.0
    assert experiment.crew is not None
    assert experiment.crew.headcount == 3
    assert experiment.rooms is not None
    assert (experiment.rooms.audience[0].listeners, experiment.rooms.audience[0].followers) == (1000, 1000)
    assert str(experiment.objectives[0].expectation) == ">= 0.8"
    assert experiment.seed == 7
    assert result.text == DOCUMENT
    assert "crew.headcount=3" in result.overrides


def test_overrides_may_add_remove_and_replace_sections() -> None:
    """A missing section is made, null takes one away, and a value in brackets replaces one."""
    overrides = ("crew.mechanisms.helping=false", "faults=[]", "expected={verdict: fail, because: x}")
    experiment = loaded(DOCUMENT, *overrides).experiment
    assert experiment.crew is not None
    assert experiment.crew.mechanisms.helping is False
    assert experiment.faults == ()
    assert experiment.expected is not None
    assert experiment.expected.verdict == "fail"
    assert loaded(DOCUMENT, "faults=[]", "crew=null").experiment.crew is None


@pytest.mark.parametrize(
    ("override", "path", "suggestion"),
    [
        ("faults[0].dely=2s", "faults[0].dely", "delay"),
        ("crew.headcuont=3", "crew.headcuont", "headcount"),
        ("faults[name=slwo].delay=2s", "faults[name=slwo]", "slow"),
        ("fautls[0].delay=2s", "fautls", "faults"),
        ("crw.headcount=2", "crw", "crew"),
        ("faults[0].fault=latenci", "faults[0].fault", "latency"),
        ("faults[0].delay=2 sec", "faults[0].delay", "2s"),
        ("faults[0].delay=2", "faults[0].delay", ""),
        ("faults[7].delay=2s", "faults[7]", ""),
        ("faults[0].link=edg", "faults[0].link", "edge"),
        ("title.x=1", "title.x", ""),
        ("crew[0]=1", "crew[0]", ""),
        ("faults[fault=latency].select={room: x", "", ""),
        ("faults[0].select={room: townhall, room: townhall}", "room", ""),
        ("no equals sign", "", ""),
        ("=5", "", ""),
        (".title=x", ".title", ""),
        ("faults[].delay=5s", "faults[].delay", ""),
        ("a.." + "b=1", "a..b", ""),
        ("x" + ".x" * 100 + "=1", ("x" + ".x" * 100)[:100], ""),
        ("crew.headcount=", "crew.headcount", ""),
    ],
)
def test_a_wrong_override_obeys_the_same_rules(override: str, path: str, suggestion: str) -> None:
    """An override is refused like the document: with its text as the place, its path and the nearest word."""
    found = [one for one in problems(DOCUMENT, override) if one.file.startswith("--set ")]
    assert [(one.path, one.suggestion) for one in found] == [(path, suggestion)]
    assert (found[0].line, found[0].column) == (0, 0)
    assert str(found[0]).startswith(f"--set {override[:90]}")


def test_problems_of_the_document_and_of_overrides_come_together() -> None:
    """A slip in the file and two on the command line are told in one refusal."""
    text = changed("world: local", "world: locl")
    found = problems(text, "crew.headcuont=3", "nonsense")
    assert [one.file for one in found] == ["x.yaml", "--set nonsense", "--set crew.headcuont=3"]


def test_a_word_that_several_items_have_is_refused() -> None:
    """An override never picks one of several."""
    text = changed(
        "fault: process_kill, tier: media, select: {room: townhall}", "fault: latency, link: edge, delay: 1s"
    )
    found = problems(text, "faults[fault=latency].delay=5s")
    assert [one.message for one in found] == ["2 items have fault=latency"]


def test_an_override_changes_one_use_of_an_alias_only() -> None:
    """What an alias repeats is changed where the override says, and nowhere else."""
    text = changed("select: {room: townhall}", "select: &s {room: townhall}").replace(
        "name: slow,", "name: slow, select: {room: townhall},"
    )
    text = text.replace("crew:\n", "  - {fault: process_kill, tier: media, select: *s, at: 9m}\ncrew:\n")
    faults = loaded(text, "faults[2].select.count=1").experiment.faults
    assert [fault.select.count for fault in faults if fault.select is not None] == [None, None, 1]


@settings(max_examples=50)
@given(st.text(max_size=40), st.text(max_size=20))
def test_any_override_is_applied_or_refused(path: str, value: str) -> None:
    """Whatever stands on the command line: an experiment, or reasons."""
    try:
        loaded(DOCUMENT, f"{path}={value}")
    except DocumentError as error:
        reasons = [str(one) for one in error.problems]
    else:
        reasons = ["applied"]
    assert reasons
