from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chaos.errors import DocumentError
from chaos.experiment import Experiment, Loaded, load, loads, read
from chaos.experiment.base import Model
from chaos.experiment.fault import LinkFaultSpec
from chaos.experiment.loading import MOST_PROBLEMS, Variants
from chaos.experiment.units import RealDuration
from tests.unit.experiment.documents import (
    DOCUMENT,
    FAULTS,
    OWN_SERVICES,
    Kill,
    Slow,
    Stop,
    changed,
    loaded,
    one_problem,
    problems,
)


def test_a_sound_document_becomes_an_experiment() -> None:
    """Every section is read, with units, defaults and the fault's own class."""
    result = loaded(DOCUMENT)
    experiment = result.experiment
    assert isinstance(experiment, Experiment)
    assert result.warnings == ()
    assert result.text == DOCUMENT
    assert experiment.timeline.faults == 720.0
    assert experiment.rooms is not None
    assert experiment.rooms.audience[0].listeners == 600_000
    slow, kill = experiment.faults
    assert isinstance(slow, Slow)
    assert (slow.delay, slow.at, slow.until, slow.at_most, slow.toxicity) == (
        0.9,
        60.0,
        "repaired",
        600.0,
        1.0,
    )
    assert isinstance(kill, Kill)
    assert kill.select is not None
    assert kill.select.room == "townhall"
    assert experiment.crew is not None
    assert experiment.crew.headcount == 2
    assert experiment.stop_when[0].for_ == 60.0


def test_a_document_may_be_about_services_of_ones_own() -> None:
    """`system`, `load` and `prometheus` take the place of `rooms`."""
    experiment = loaded(OWN_SERVICES).experiment
    assert experiment.system is not None
    assert experiment.system.links["api-to-db"].from_ == "api"
    assert experiment.load is not None
    assert experiment.load.command == ("k6", "run", "load.js")
    assert isinstance(experiment.faults[0], Stop)
    assert experiment.faults[0].timeout == 0.0


def test_every_problem_is_told_at_once_with_its_place() -> None:
    """Wrong keys, units, words, types, links, names and bounds of one document come in one refusal, in its order."""
    text = """\
version: "1"
titel: A slip
time_scale: 0
timeline: {baseline: 120, faults: 12 min}
rooms:
  audience:
    - {room: hall, listeners: 6.5, join_over: 19m}
    - {room: barn, listeners: many, join_over: 19m}
objectives:
  - {name: a, query: up, expect: 1}
  - {name: a, survives: hal, during: [fault]}
faults:
  - {fault: latncy}
  - {fault: latency, link: edg, dely: 900ms}
  - {fault: latency, link: edge, delay: 0s, toxicity: 140%, lasts: 1m, until: repaired}
zzz: 1
"""
    assert [(one.line, one.column, one.path, one.suggestion) for one in problems(text)] == [
        (1, 10, "version", "1"),
        (2, 1, "titel", "title"),
        (3, 13, "time_scale", ""),
        (4, 22, "timeline.baseline", ""),
        (4, 35, "timeline.faults", "12m"),
        (7, 31, "rooms.audience[0].listeners", ""),
        (8, 31, "rooms.audience[1].listeners", ""),
        (10, 34, "objectives[0].expect", "== 1"),
        (11, 12, "objectives[1].name", ""),
        (11, 25, "objectives[1].survives", "hall"),
        (11, 39, "objectives[1].during[0]", "faults"),
        (13, 13, "faults[0].fault", "latency"),
        (14, 28, "faults[1].link", "edge"),
        (14, 33, "faults[1].dely", "delay"),
        (15, 41, "faults[2].delay", ""),
        (15, 55, "faults[2].toxicity", ""),
        (15, 68, "faults[2].lasts", ""),
        (15, 79, "faults[2].until", ""),
        (16, 1, "zzz", ""),
    ]


def test_a_problem_is_one_line_with_place_value_expectation_and_word() -> None:
    """The line says file, line, column, path, what is wrong, the value, what was expected and the nearest word."""
    told = str(one_problem("fault: latency,", "fault: latenzy,"))
    assert told == (
        'x.yaml:21:13: faults[0].fault: unknown fault (got "latenzy"); '
        "expected one of latency, process_kill, timeout; did you mean `latency`?"
    )


@pytest.mark.parametrize(
    ("old", "new", "path", "expected", "suggestion"),
    [
        ("title: A room survives a slow bridge\n", "", "title", "a text", ""),
        ("title: A room survives a slow bridge", "title: 5", "title", 'a text such as "5"', ""),
        ("title: A room survives a slow bridge", "title:", "title", "a text", ""),
        ("world: local", "world: locl", "world", "one of local, kind, kubernetes", "local"),
        ("time_scale: 12", "time_scale: fast", "time_scale", "a number", ""),
        ("time_scale: 12", "time_scale: .nan", "time_scale", "a finite number", ""),
        ("time_scale: 12", "time_scale: 1e400", "time_scale", "a finite number", ""),
        ("time_scale: 12", "time_scale: true", "time_scale", "a number", ""),
        ("time_scale: 12", "time_scale: 12\nseed: 1.5", "seed", "a whole number", ""),
        ("time_scale: 12", f"time_scale: 12\nseed: {10**30}", "seed", f"less than {2**63}", ""),
        ("warm_up: 2m, ", "warmup: 2m, ", "timeline.warmup", "one of warm_up, baseline, faults, recovery, after",
         "warm_up"),
        ("baseline: 2m, ", "", "timeline.baseline", "a duration such as 900ms, 10s, 2m or 1h30m", ""),
        ("profile: as-found", "profile: as_found", "rooms.profile", "one of as-found, hardened", "as-found"),
        ("headcount: 2", "headcount: '2'", "crew.headcount", "a whole number", ""),
        ("headcount: 2", "headcount: 51", "crew.headcount", "at most 50", ""),
        ("headcount: 2", "headcount: 2\n  attending: yes", "crew.attending", "true or false", "true"),
        ("headcount: 2", "headcount: 2\n  mechanisms: {helpin: false}", "crew.mechanisms.helpin",
         "one of parallel, availability, coverage, helping", "helping"),
        ("select: {room: townhall}", "select: townhall", "faults[1].select", "a mapping of keys and values", ""),
        ('expect: "> 5"', "expect: =< 5", "stop_when[0].expect",
         'a comparison such as ">= 0.9", "== 1", "< 2" or "between 1 and 3"', "<= 5"),
        ("for: 1m", "for_: 1m", "stop_when[0].for_", "one of name, query, expect, for", "for"),
        ("fault: latency, ", "", "faults[0].fault", "one of latency, process_kill, timeout", ""),
        ("delay: 900ms, ", "", "faults[0].delay", "a duration such as 900ms, 10s, 2m or 1h30m", ""),
        ("link: media-to-platform, ", "", "faults[0].link", "a text", ""),
        ("tier: media, ", "", "faults[1]", "one of `process` and `tier`", ""),
        ("  - {name: the room survives, survives: townhall}", "  - the room survives", "objectives[1]",
         "a mapping of keys and values", ""),
    ],
)  # fmt: skip
def test_a_single_slip_is_a_single_problem(
    old: str, new: str, path: str, expected: str, suggestion: str
) -> None:
    """One slip makes one problem, at its path, with what was expected and the nearest valid word."""
    found = one_problem(old, new)
    assert (found.path, found.expected, found.suggestion) == (path, expected, suggestion)
    assert found.line > 0


def test_a_parameter_with_the_name_of_its_fault_is_placed_rightly() -> None:
    """The class that pydantic names in a location is not mistaken for a key of the same name."""
    found = one_problem("timeout: 0, at: 1m", "timeout: 0, at: 1m, othr: 5B", OWN_SERVICES)
    assert (found.line, found.column, found.path, found.suggestion) == (15, 59, "faults[0].othr", "other")
    found = one_problem("timeout: 0, at", "timeout: 5, at", OWN_SERVICES)
    assert (found.line, found.column, found.path) == (15, 48, "faults[0].timeout")


def test_a_problem_in_what_an_alias_repeats_is_told_where_it_is_written() -> None:
    """A wrong value behind an anchor is told at the anchor, for each path at which it counts."""
    text = changed("at: 4m, lasts: 4m}", "at: &x 4, lasts: *x}")
    assert [(one.line, one.column, one.path) for one in problems(text)] == [
        (22, 70, "faults[1].at"),
        (22, 70, "faults[1].lasts"),
    ]


def test_only_known_faults_may_be_named() -> None:
    """With one fault, or none, the others are unknown words like any other."""
    with pytest.raises(DocumentError, match=r"faults\[1\]\.fault"):
        loads(DOCUMENT, faults={"latency": Slow})
    with pytest.raises(DocumentError, match="faults: no faults are known here"):
        loads(DOCUMENT, faults={})


def test_a_users_own_fault_is_checked_like_the_others() -> None:
    """A class that came in through an entry point brings its parameters and their errors."""

    class Corrupt(LinkFaultSpec):
        """A user's own fault."""

        fault: Literal["corrupt"] = "corrupt"
        every: RealDuration

    text = changed(
        "fault: latency, name: slow, link: media-to-platform, delay: 900ms",
        "fault: corrupt, link: edge, every: 5",
    )
    with pytest.raises(DocumentError, match=r"faults\[0\]\.every: needs a unit"):
        loads(text, faults={**FAULTS, "corrupt": Corrupt})


def test_no_document_is_told_more_problems_than_anyone_reads() -> None:
    """A thousand problems are cut, and the cut is told."""
    found = problems("".join(f"key{n}: 1\n" for n in range(1000)))
    assert len(found) == MOST_PROBLEMS + 1
    assert "problems more" in found[-1].message


def test_files_that_a_document_names_must_be_there(tmp_path: Path) -> None:
    """Runbooks are looked for from the document's folder, and their absence is told at their place."""
    file = tmp_path / "x.yaml"
    file.write_text(DOCUMENT)
    with pytest.raises(DocumentError) as caught:
        load(file, faults=FAULTS)
    assert [(one.line, one.path, one.message) for one in caught.value.problems] == [
        (25, "crew.runbooks", "no such file")
    ]
    (tmp_path / "runbooks.yaml").write_text("a: 1\n")
    result = load(file, faults=FAULTS)
    assert result.file("runbooks.yaml") == tmp_path / "runbooks.yaml"
    assert result.folder == tmp_path


def test_other_files_are_read_with_the_same_errors(tmp_path: Path) -> None:
    """`read` gives any model the loader's places and words."""

    class Book(Model):
        """A file of another kind."""

        chapters: int

    file = tmp_path / "book.yaml"
    file.write_text("chapter: 5\n")
    with pytest.raises(DocumentError, match=r"book\.yaml:1:1: chapter: unknown key.*did you mean `chapters`"):
        read(file, Book)
    file.write_text("chapters: 5\n")
    assert read(file, Book) == Book(chapters=5)


def accepted(text: str) -> Loaded | None:
    """What becomes of a text: an experiment, or nothing, when it is refused with reasons."""
    try:
        return loaded(text)
    except DocumentError as error:
        if not error.problems or any(not one.file for one in error.problems):
            raise AssertionError("a refusal without a reason or a place") from error
        return None


SNIPPETS = st.sampled_from(
    ["", "null", "[]", "{}", "- ", "\t", "*a", "&a ", "!!x ", '"', "'", "|", ">", "? ", ": ", "{", "}", "[", "]", ",",
     "1e400", "-1", "0", "true", "9" * 30, ".nan", "\n", "\n  ", "#", "%", "@", "---\n", "<<: ", "é", "10s", "x"]
)  # fmt: skip


@settings(max_examples=80)
@given(st.sampled_from([DOCUMENT, OWN_SERVICES]), st.data())
def test_a_damaged_document_is_accepted_or_refused(text: str, data: st.DataObject) -> None:
    """Whatever is cut out of a document or put into it: an experiment that prints and reads back, or reasons."""
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        length = data.draw(st.integers(0, 12))
        text = text[:start] + data.draw(SNIPPETS) + text[start + length :]
    result = accepted(text)
    if result is not None:
        again = type(result.experiment).model_validate(result.experiment.plain())
        assert again == result.experiment


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abfq", max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)
PLACES = [
    "version", "title", "question", "tags", "expected", "world", "time_scale", "seed", "timeline", "rooms", "system",
    "load", "prometheus", "objectives", "stop_when", "faults", "max_affected", "crew", "timeline.faults", "crew.people",
    "rooms.audience", "rooms.audience[0].room", "objectives[0].during", "objectives[0].query", "faults[0].fault",
    "faults[0].link", "faults[0].select", "faults[0].at", "stop_when[0].for", "objectives[0].http", "crew.headcount",
]  # fmt: skip


@settings(max_examples=80)
@given(st.sampled_from(PLACES), VALUES)
def test_any_value_anywhere_is_accepted_or_refused(path: str, value: object) -> None:
    """Whatever value stands at whatever path, through `--set` in flow style: an experiment, or reasons."""
    import json

    try:
        loaded(DOCUMENT, f"{path}={json.dumps(value)}")
    except DocumentError as error:
        refused = [str(one) for one in error.problems]
    else:
        refused = ["accepted"]
    assert refused


CREW_FILE = """\
version: 1
source: a year of incidents
people: {triage: {median: 4m, sigma: 0.9}, knows: 0.6, hands: [1.0, 1.0, 1.0, 1.0]}
"""


def test_people_come_from_a_crew_file_below_the_documents_own(tmp_path: Path) -> None:
    """A crew file replaces the model's people, and the document's own figures replace the file's, one by one."""
    (tmp_path / "r.yaml").write_text("entries: []\n")
    (tmp_path / "team.yaml").write_text(CREW_FILE)
    crew = (
        "runbooks: r.yaml\n  people_file: team.yaml\n  people: {triage: {sigma: 0.5}, verify: {median: 2m}}"
    )
    experiment = loads(changed("runbooks: runbooks.yaml", crew), faults=FAULTS, folder=tmp_path).experiment
    assert experiment.crew is not None
    people = experiment.crew.people
    assert (people.triage.median, people.triage.sigma, people.knows) == (240.0, 0.5, 0.6)
    assert people.verify.median == 120.0
    assert people.hands == (1.0, 1.0, 1.0, 1.0)


def test_a_crew_file_is_read_as_strictly_as_the_document(tmp_path: Path) -> None:
    """Its problems come with its own name, line and column."""
    (tmp_path / "r.yaml").write_text("entries: []\n")
    (tmp_path / "team.yaml").write_text("version: 1\nsource: guesses\npeople: {traige: {median: 4m}}\n")
    crew = "runbooks: r.yaml\n  people_file: team.yaml"
    with pytest.raises(DocumentError) as refused:
        loads(changed("runbooks: runbooks.yaml", crew), faults=FAULTS, folder=tmp_path)
    told = str(refused.value)
    assert "team.yaml:3:10: people.traige: unknown key" in told
    assert "did you mean `triage`?" in told


def test_variants_are_what_loading_gives() -> None:
    """A document that is read once gives, with overrides, what loading it with them gives."""
    variants = Variants(DOCUMENT, faults=FAULTS)
    for overrides in ((), ("seed=5",), ("timeline.faults=15m", "seed=6"), ("seed=5",)):
        assert variants.loaded(overrides) == loads(DOCUMENT, faults=FAULTS, overrides=overrides)
