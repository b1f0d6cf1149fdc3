from __future__ import annotations

from dataclasses import replace

import pytest

from chaos.clients.prometheus import NoPrometheus, Prometheus
from chaos.clock import RealSeconds, StorySeconds
from chaos.engine import judging
from chaos.engine.judgement import Verdict
from chaos.engine.judging import judge_goals, preflight_goal
from chaos.engine.probing import Slip, Taken
from chaos.engine.timeline import Span
from chaos.experiment.units import Expectation
from chaos.testing.prometheus import FakePrometheus
from chaos.worlds.system import Goal

SPANS = [Span("baseline", 100.0, 110.0), Span("faults", 110.0, 130.0), Span("after", 130.0, 140.0)]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A newest sample that never comes is not waited for as long as in a run."""
    monkeypatch.setattr(judging, "WAIT_FOR_NEWEST", 0.3)


def goal(
    *during: str,
    may_break_for: float = 0.0,
    once: bool = False,
    query: str = "ratio",
    in_all: float | None = None,
) -> Goal:
    """A goal on `ratio`, at least one half."""
    return Goal(
        "g", query, Expectation.parse(">= 0.5"), during, StorySeconds(may_break_for),
        None if in_all is None else StorySeconds(in_all), RealSeconds(5.0), once,
    )  # fmt: skip


async def judged(samples: list[tuple[float, float]], wanted: Goal, time_scale: float = 1.0) -> judging.Judged:
    """Judge a goal by what a Prometheus with these samples says."""
    async with FakePrometheus({"ratio": samples}) as fake, Prometheus(fake.url) as client:
        return (await judge_goals(client, {}, [wanted], SPANS, time_scale))[0]


def seconds(*values: float) -> list[tuple[float, float]]:
    """A sample in every second from 100 on."""
    return [(100.0 + second, value) for second, value in enumerate(values)]


async def test_phases_that_follow_each_other_are_one_window() -> None:
    """A break across the border of two phases counts as one break."""
    values = [0.9] * 8 + [0.1] * 4 + [0.9] * 29
    result = await judged(seconds(*values), goal("baseline", "faults", "after", may_break_for=3.0))
    assert result.judgement.verdict is Verdict.FAIL
    assert result.judgement.longest_break == 4.0


async def test_only_the_phases_that_were_asked_for_are_judged() -> None:
    """What breaks in *faults* does not matter to an objective of *after*."""
    values = [0.9] * 11 + [0.1] * 18 + [0.9] * 12
    assert (await judged(seconds(*values), goal("after"))).judgement.verdict is Verdict.PASS
    assert (await judged(seconds(*values), goal("baseline", "after"))).judgement.verdict is Verdict.PASS
    assert (await judged(seconds(*values), goal("faults"))).judgement.verdict is Verdict.FAIL


async def test_breaks_are_allowed_in_story_time() -> None:
    """A minute of story at twelve times is five seconds of samples."""
    values = [0.9] * 12 + [0.1] * 5 + [0.9] * 24
    assert (
        await judged(seconds(*values), goal("faults", may_break_for=60), 12)
    ).judgement.verdict is Verdict.PASS
    assert (
        await judged(seconds(*values), goal("faults", may_break_for=48), 12)
    ).judgement.verdict is Verdict.FAIL


async def test_a_query_that_matches_nothing_is_inconclusive_however_it_is_judged() -> None:
    """Over the whole window or once at its end: no data is no pass."""
    assert (await judged([], goal("faults"))).judgement.verdict is Verdict.INCONCLUSIVE
    assert (await judged([], goal("faults", once=True))).judgement.verdict is Verdict.INCONCLUSIVE


async def test_a_phase_that_was_never_reached_is_inconclusive() -> None:
    """An objective of *recovery* in a run without one."""
    assert (await judged(seconds(0.9), goal("recovery"))).judgement.verdict is Verdict.INCONCLUSIVE


async def test_an_objective_judged_once_takes_the_window_s_length() -> None:
    """`$window` becomes the length from its first phase to its last, and the value at the end decides."""
    wanted = goal("faults", "after", once=True, query="increase(x[$window])")
    async with (
        FakePrometheus({"increase(x[30000ms])": [(140.0, 0.4)]}) as fake,
        Prometheus(fake.url) as client,
    ):
        result = (await judge_goals(client, {}, [wanted], SPANS, 1.0))[0]
    assert (result.judgement.verdict, result.judgement.worst) == (Verdict.FAIL, 0.4)


async def test_a_server_that_does_not_answer_makes_it_inconclusive() -> None:
    """A Prometheus that broke is no fail of the system, and no pass."""
    async with FakePrometheus({"ratio": seconds(0.9)}) as fake, Prometheus(fake.url) as client:
        fake.mood = "broken"
        result = (await judge_goals(client, {}, [goal("faults")], SPANS, 1.0))[0]
    assert result.judgement.verdict is Verdict.INCONCLUSIVE
    assert "could not be judged" in result.judgement.why


async def test_a_break_shorter_than_two_intervals_cannot_be_asked_for() -> None:
    """Preflight refuses what no sample could tell, and says what would do."""
    async with FakePrometheus(interval=1) as fake, Prometheus(fake.url) as client:
        assert "at least 24s" in await preflight_goal(client, goal("faults", may_break_for=12), 12)
        assert await preflight_goal(client, goal("faults", may_break_for=24), 12) == ""
        assert await preflight_goal(client, goal("faults"), 12) == ""


@pytest.mark.parametrize(
    ("samples", "verdict", "why"),
    [
        ([], "inconclusive", "no data: there was no value in the window; the last time it raised KeyError"),
        (
            seconds(*[0.9] * 13),
            "inconclusive",
            "no data for 18.0 s of real time; 5.0 s is allowed; the last time it raised KeyError",
        ),
        (
            seconds(*[0.9] * 20, *[0.0] * 5, *[0.9] * 6),
            "fail",
            "broken for 5s at a stretch; 0s is allowed; the last time it was answered 503, not 200",
        ),
        (seconds(*[0.9] * 41), "pass", "held throughout"),
    ],
)
async def test_what_a_source_said_last_tells_why_its_objective_does_not_hold(
    samples: list[tuple[float, float]], verdict: str, why: str
) -> None:
    """The reason for a missing value where values are missing, for a bad one where they broke, none for a pass; and
    only from the phases that are judged.
    """
    slips = [
        Slip(90.0, True, "raised ValueError"), Slip(120.0, True, "raised KeyError"),
        Slip(121.0, False, "was answered 503, not 200"), Slip(139.0, True, "raised TypeError"),
        Slip(139.5, False, "was answered 500, not 200"),
    ]  # fmt: skip
    wanted = replace(goal("baseline", "faults"), interval=RealSeconds(1.0))
    judged = await judge_goals(NoPrometheus(), {"g": Taken(samples, slips)}, [wanted], SPANS, 1.0)
    assert (judged[0].judgement.verdict, judged[0].judgement.why) == (verdict, why)
