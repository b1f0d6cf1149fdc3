"""What a run shows while it goes on."""

from __future__ import annotations

import io
import re
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from chaos.record import Event, Json
from chaos.report.console import LiveView, picture
from chaos.report.live import Situation
from chaos.report.summary import summarise
from chaos.testing.events import example_run

RUN = example_run(headcount=5)


def _piped(*, quiet: bool = False, name: str = "", events: list[Event] = RUN) -> list[str]:
    out = io.StringIO()
    with LiveView(quiet=quiet, name=name, console=Console(file=out, width=80)) as view:
        for event in events:
            view.hear(event)
        view.end(summarise(events), Path("/runs/x/report.html"))
    return out.getvalue().splitlines()


def _pictured(run: Situation, width: int, height: int) -> list[str]:
    out = io.StringIO()
    Console(file=out, width=width, height=height, force_terminal=True, color_system=None).print(
        picture(run, width, height)
    )
    return out.getvalue().splitlines()


def _until(t: float, events: list[Event] = RUN) -> Situation:
    run = Situation()
    for event in events:
        if event.t <= t:
            run.hear(event)
    return run


def test_in_a_pipe_there_is_a_line_per_notable_event() -> None:
    """Phases, faults, alerts, repairs and the end are told; every line begins with the story's clock."""
    lines = _piped()
    assert "04:00  phase faults (1 min 40 s)" in lines
    assert "05:01  fault applied: slow bridge (latency on media-to-platform)" in lines
    assert "05:18  alert BridgeSlow media-to-platform" in lines
    assert any("repair by person 1: restart process platform" in line and "WRONG" in line for line in lines)
    assert any("resolved: BridgeSlow media-to-platform" in line for line in lines)
    assert all(re.match(r"(--:--|\d\d:\d\d)  ", line) for line in lines[:-3])


def test_in_a_pipe_nothing_is_told_every_second_but_progress_every_ten() -> None:
    """A run of 150 real seconds with some 600 samples gives no line per sample, and never ten seconds of silence."""
    lines = _piped()
    assert len(lines) < 70
    told = [_seconds(line) for line in lines if re.match(r"\d\d:\d\d  ", line)]
    gaps = [(after - before) / 12 for before, after in pairwise(told)]
    assert max(gaps) <= 11.0


def _seconds(line: str) -> int:
    minutes, seconds = line[:5].split(":")
    return 60 * int(minutes) + int(seconds)


def test_it_ends_with_the_verdict_and_where_the_report_is() -> None:
    """The last lines are the verdict's sentence, the room's fate as one draw, and the page's path."""
    verdict, fate, page = _piped()[-3:]
    assert verdict == "✗ fail: the room plays on: broken for 16 min 50 s at a stretch; 2 min are allowed"
    assert "one draw, seed 7" in fate
    assert page == "report: /runs/x/report.html"


def test_quiet_is_the_verdict_alone() -> None:
    """`--quiet` prints one line."""
    assert _piped(quiet=True) == [
        "✗ fail: the room plays on: broken for 16 min 50 s at a stretch; 2 min are allowed"
    ]


def test_runs_at_once_say_which_is_speaking() -> None:
    """With a name each line begins with it, and there is no picture even on a terminal."""
    assert all(line.startswith("[three people] ") for line in _piped(name="three people"))
    view = LiveView(name="three people", console=Console(file=io.StringIO(), force_terminal=True, width=120))
    assert view._live is None


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40), (60, 12), (200, 60)])
@pytest.mark.parametrize("t", [0.5, 5.0, 20.0, 88.0, 140.0, 200.0])
def test_the_picture_fits_the_terminal(width: int, height: int, t: float) -> None:
    """At every moment of a run no line is longer than the terminal is wide, and there are fewer than it is high."""
    lines = _pictured(_until(t), width, height)
    assert len(lines) < height
    assert max(len(line) for line in lines) <= width


def test_a_crowded_run_still_fits_80_by_24() -> None:
    """With more faults, people, objectives and alerts than there are lines, what is left out is counted."""
    run = _until(88.0)
    for number in range(30):
        run.hear(
            Event(
                "sample",
                88.0,
                0.0,
                "faults",
                {"objective": f"objective {number} " * 9, "value": 1.0, "holds": True},
            )
        )
        run.hear(
            Event(
                "fault_scheduled",
                88.0,
                0.0,
                "faults",
                {"id": f"x{number}", "name": "n" * 90, "fault": "latency"},
            )
        )
        stage: dict[str, Json] = {
            "incident": f"i{number}" * 30,
            "stage": "triage",
            "person": number,
            "begins": 900.0,
        }
        run.hear(Event("crew_stage", 88.0, 0.0, "faults", stage))
    lines = _pictured(run, 80, 24)
    assert len(lines) < 24
    assert max(len(line) for line in lines) <= 80
    assert "more)" in "\n".join(lines)


def test_the_picture_tells_phase_objectives_faults_and_people() -> None:
    """In the middle of the run: the time left, the broken objective, faults by state, who does what, what waits."""
    text = "\n".join(_pictured(_until(88.0), 100, 40))
    assert "story 16:24; real time left: phase 38 s, run 1 min 8 s" in text
    assert re.search(r"✗ +the room plays on .* BROKEN for 03:12", text)
    assert re.search(r"● +slow bridge +in force for 11:12", text)
    assert re.search(r"✓ +platform hangs +gone", text)
    assert re.search(r"person 1 +triage", text)
    assert re.search(r"nobody +waiting +RoomGone townhall", text)
    assert "alerts BridgeSlow media-to-platform, RoomGone townhall" in text


def test_names_cannot_style_or_steer_the_terminal() -> None:
    """Markup and escape sequences in names are shown as text or dropped, never carried out."""
    events = example_run(title="[bold red]x[/bold red] \x1b[2J\x07", room="[blink]room\x1b]0;t\x07")
    text = "\n".join(_piped(events=events))
    assert "[bold red]x[/bold red]" in text
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "\x1b" not in "\n".join(_pictured(_until(88.0, events), 80, 24))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(RUN), max_size=60))
def test_any_events_in_any_order_can_be_watched(events: list[Event]) -> None:
    """No subset and no order of events makes the view fail; they are told as lines and as a picture."""
    _piped(events=events)
    run = Situation()
    for event in events:
        run.hear(event)
    assert len(_pictured(run, 80, 24)) < 24
