"""What is compared, what is said of it, and the page and the Markdown that say it."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from chaos.cli import reporting
from chaos.errors import UsageError
from chaos.record import Event, Json
from chaos.report.fields import items
from chaos.review import told as say
from chaos.review.compare import Comparison, compare
from chaos.review.page import markdown, page
from chaos.review.sides import side_of
from chaos.testing.events import example_run, write_events

PLAYS = "the room plays on"
HOSTILE = "<script>alert(1)</script> | `x` [l](y)"


def _shaken(events: Sequence[Event], by: float, seed: int, noise: float = 0.02) -> list[Event]:
    """The run with noise in what `the room plays on` measured, and `by` added from the begin on."""
    draws = random.Random(seed)
    luck = draws.gauss(0, noise)

    def changed(event: Event) -> Event:
        if event.name != "objective_judged" or event["name"] != PLAYS:
            return event
        series: list[Json] = []
        for sample in items(event["series"]):
            moment, value = items(sample)
            moved = value + by + luck + draws.gauss(0, noise) if isinstance(value, int | float) else value
            series.append([moment, moved])
        return replace(event, fields={**event.fields, "series": series})

    return [changed(event) for event in events]


def _sides(folder: Path, runs: int, by: float, title: str = "A launch") -> Comparison:
    for name, shift, first in (("before", 0.0, 0), ("after", by, 100)):
        for number in range(runs):
            events = _shaken(example_run(title=title, survived=True), shift, first + number)
            write_events(events, folder / name / f"run-{number}")
    return compare(side_of([folder / "before"]), side_of([folder / "after"]))


def test_a_run_beside_itself_has_not_moved(tmp_path: Path) -> None:
    """Every change is 0 and within noise, and the documents do not differ."""
    write_events(example_run(), tmp_path / "a")
    write_events(example_run(), tmp_path / "b")
    told = compare(side_of([tmp_path / "a"]), side_of([tmp_path / "b"]))
    assert told.moved
    assert all(one.shift is not None and one.shift.by == 0 and one.beyond is False for one in told.moved)
    assert say.headline(told).startswith("None of")
    assert "Neither the document nor the command line" in page(told)


@pytest.mark.parametrize("runs", [1, 5])
def test_a_shift_is_found_with_its_way_and_its_size(runs: int, tmp_path: Path) -> None:
    """One run each, or five: the objective that lost 0.2 is worse beyond noise, and is the only one that moved."""
    told = _sides(tmp_path, runs, -0.2)
    found = {one.name: one for one in told.moved}
    assert found[PLAYS].beyond is True
    assert found[PLAYS].way == "worse"
    shift = found[PLAYS].shift
    assert shift is not None
    assert shift.by == pytest.approx(-0.2, abs=0.05)
    assert [one.name for one in told.moved if one.beyond] == [PLAYS]
    assert f"1 of {len(told.moved)} objectives moved beyond noise: {PLAYS} (worse)." == say.headline(told)


def test_noise_is_no_change(tmp_path: Path) -> None:
    """Five runs each that differ by luck alone."""
    told = _sides(tmp_path, 5, 0.0)
    assert not any(one.beyond for one in told.moved)


def test_one_run_each_says_that_it_is_one_run_each(tmp_path: Path) -> None:
    """What varies from run to run cannot be seen in two runs, and with a crew each is one draw."""
    told = _sides(tmp_path, 1, 0.0)
    assert any("One run each" in note and "one draw" in note for note in told.notes)
    assert told.lost is not None
    assert "could" in told.lost.why


def test_two_and_two_runs_cannot_tell_and_say_what_could(tmp_path: Path) -> None:
    """Even a large change: the first line says that it cannot be told, not that nothing moved."""
    told = _sides(tmp_path, 2, -0.5)
    assert all(one.beyond is None for one in told.moved)
    assert "be told from noise with these runs" in say.headline(told)
    assert "4 and 4 could" in markdown(told)


def test_fates_are_counted(tmp_path: Path) -> None:
    """How many runs kept the room on each side, with Fisher's p."""
    write_events(example_run(survived=False), tmp_path / "a")
    write_events(example_run(survived=True), tmp_path / "b")
    told = compare(side_of([tmp_path / "a"]), side_of([tmp_path / "b"]))
    assert told.fates is not None
    assert say.fates(told.fates).startswith("The room was kept in 0 of 1 runs before and 1 of 1 after")


def test_an_objective_without_data_on_one_side_is_told(tmp_path: Path) -> None:
    """It is not dropped, and it is no pass: nothing is known of it."""
    write_events(example_run(), tmp_path / "a")
    write_events([event for event in example_run() if event.get("name") != PLAYS], tmp_path / "b")
    told = compare(side_of([tmp_path / "a"]), side_of([tmp_path / "b"]))
    found = next(one for one in told.moved if one.name == PLAYS)
    assert found.beyond is None
    assert "no data in b" in say.judged(found)


def _whole(events: Sequence[Event], value: float) -> list[Event]:
    """The run with one figure for the whole of it in place of what `the room plays on` measured."""
    one: dict[str, Json] = {"worst": value, "samples": 1, "series": []}
    return [
        replace(event, fields={**event.fields, **one})
        if event.name == "objective_judged" and event["name"] == PLAYS
        else event
        for event in events
    ]


@pytest.mark.parametrize(("runs", "says"), [(1, "1 and 1 runs cannot tell"), (5, "worse, beyond noise")])
def test_an_objective_with_one_figure_for_the_whole_run_is_compared_by_it(
    runs: int, says: str, tmp_path: Path
) -> None:
    """Both figures and the change are told and drawn; of one run each nobody knows whether it is noise."""
    for name, value in (("before", 0.9), ("after", 0.6)):
        for number in range(runs):
            write_events(_whole(example_run(), value + number / 1000), tmp_path / name / f"run-{number}")
    told = compare(side_of([tmp_path / "before"]), side_of([tmp_path / "after"]))
    found = next(one for one in told.moved if one.name == PLAYS)
    assert found.before == pytest.approx(0.9, abs=0.01)
    assert found.after == pytest.approx(0.6, abs=0.01)
    assert say.change(found).startswith("−0.3")
    assert says in say.judged(found)
    drawn = page(told)
    assert drawn.count('<line class="line before"') == drawn.count('<line class="line after"') == 1 + runs
    assert "one figure for the whole run" in drawn


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        assert not {name for name, _ in attrs} & {"style", "onclick", "src"}
        if tag not in ("meta", "br", "link"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_whole_without_script_or_network_and_nothing_hostile_becomes_markup(
    tmp_path: Path,
) -> None:
    """Well-formed, its style allowed by hash alone; a hostile title stays text, in the Markdown too."""
    told = _sides(tmp_path, 1, -0.2, title=HOSTILE)
    text = page(told)
    tags = _Tags()
    tags.feed(text)
    assert tags.open == []
    assert "script" not in tags.seen
    assert "default-src 'none'; style-src 'sha256-" in text
    assert re.search(r"&lt;script&gt;", text)
    lines = markdown(told).splitlines()
    table = [line for line in lines if line.startswith("|")]
    assert len({line.count("|") - line.count("\\|") for line in table}) == 1
    assert len(table) == 2 + len(told.moved) + 1


def test_the_command_takes_two_folders_or_sides_and_says_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two DIRs, or any number with --before and --after; both files are written where `--out` says."""
    _sides(tmp_path, 1, -0.2)
    first, second = tmp_path / "before" / "run-0", tmp_path / "after"
    assert reporting.report([first, second], [], [], tmp_path / "out") == 0
    assert "moved beyond noise" in capsys.readouterr().out
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"review.html", "review.md"}
    assert reporting.report([], [first, first], [second], tmp_path / "more") == 0
    with pytest.raises(UsageError, match="go together"):
        reporting.report([], [first], [], None)
    with pytest.raises(UsageError, match="go together"):
        reporting.report([first], [first], [second], None)
    with pytest.raises(UsageError, match="two to compare"):
        reporting.report([first] * 3, [], [], None)
    with pytest.raises(UsageError, match="nor do the folders in it"):
        reporting.report([first, tmp_path / "out"], [], [], None)
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "events.jsonl").write_text("{not json\n", encoding="utf-8")
    with pytest.raises(UsageError, match="is no record of a run"):
        reporting.report([first, tmp_path / "bad"], [], [], None)
