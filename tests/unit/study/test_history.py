from __future__ import annotations

import contextlib
import csv
import io
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.cli.app import run_app
from chaos.crew.people import ON_CALL
from chaos.errors import DocumentError, UsageError
from chaos.experiment.loading import read
from chaos.experiment.people import CrewFile
from chaos.study.history.incidents import COLUMNS, Incident, parse_incidents, read_incidents
from chaos.study.history.lognormal import _maximum, fit
from chaos.study.history.team import coverage_of, crew_file, fit_team, well

HEAD = "created,acknowledged,resolved,responder,service\n"
START = 1_767_225_600.0
"""2026-01-01, in seconds since 1970."""


def _wide(seed: int, count: int, *, until: float = 0.2) -> list[Incident]:
    """A history of known truth: answers lognormal(200 s, 0.9), work lognormal(1500 s, 1.0), 6 people of whom each
    knows some of 4 services, 15 of the 24 pairs in all; written `until` of a day after the last one began, so that some
    are open.
    """
    generator = np.random.default_rng(seed)
    knows = np.add.outer(np.arange(6), np.arange(4)) % 5 < 3
    created = START + np.sort(generator.uniform(0, 3 * 86_400, count))
    written = created[-1] + until * 86_400
    answers = created + 200 * np.exp(0.9 * generator.standard_normal(count))
    ends = answers + 1500 * np.exp(1.0 * generator.standard_normal(count))
    made = []
    for number in range(count):
        service = int(generator.integers(4))
        person = int(generator.choice(np.flatnonzero(knows[:, service])))
        answered = answers[number] if answers[number] <= written else None
        ended = ends[number] if ends[number] <= written else None
        made.append(Incident(created[number], answered, ended, f"p{person}", f"s{service}"))
    return made


def test_a_known_truth_is_found() -> None:
    """From 800 incidents, some open: medians within their intervals, spreads within four errors, and no bad fit."""
    team = fit_team(_wide(1, 800))
    assert 200 in team.acknowledge.median_interval(0.999)
    assert 1500 in team.work.median_interval(0.999)
    assert team.acknowledge.sigma == pytest.approx(0.9, abs=4 * team.acknowledge.sigma_error)
    assert team.work.sigma == pytest.approx(1.0, abs=4 * team.work.sigma_error)
    assert well(team.acknowledge)
    assert well(team.work)
    assert team.coverage is not None
    assert team.coverage.share == 15 / 24


def test_open_incidents_count_for_as_long_as_they_were_seen() -> None:
    """With half of the times cut off, the fit still finds the truth; leaving them out would not."""
    generator = np.random.default_rng(2)
    times = 600 * np.exp(generator.standard_normal(2000))
    limits = 600 * np.exp(generator.standard_normal(2000))
    seen = times <= limits
    found = fit(np.minimum(times, limits), seen, limits)
    assert found.open > 800
    assert found.median == pytest.approx(600, rel=0.08)
    assert found.sigma == pytest.approx(1.0, rel=0.06)
    assert np.median(times[seen]) < 400


def test_without_open_ones_it_is_the_mean_of_the_logarithms() -> None:
    """The maximum is known: mean and deviation of the logarithms, with the errors of the books."""
    generator = np.random.default_rng(3)
    times = np.exp(5 + 0.7 * generator.standard_normal(50))
    found = fit(times, np.ones(50, dtype=bool), np.full(50, np.inf))
    logs = np.log(times)
    assert found.mu == pytest.approx(logs.mean())
    assert found.sigma == pytest.approx(logs.std())
    assert found.mu_error == pytest.approx(logs.std() / 50**0.5)
    assert found.sigma_error == pytest.approx(logs.std() / 100**0.5)


def test_intervals_of_the_median_cover_the_truth() -> None:
    """Of 100 histories with open incidents, about 95 have the true median in their interval."""
    generator = np.random.default_rng(4)
    covered = 0
    for _ in range(100):
        times = np.exp(generator.standard_normal(60))
        limits = np.exp(0.5 + generator.standard_normal(60))
        mu, _, (error, _) = _maximum(np.log(np.minimum(times, limits)), times <= limits)
        covered += abs(mu) <= 1.96 * error
    assert 89 <= covered <= 100


def test_two_kinds_of_incident_fit_badly() -> None:
    """Half of the incidents take a minute and half take a day: no lognormal, and it is told."""
    generator = np.random.default_rng(5)
    times = np.exp(np.where(generator.random(300) < 0.5, 4.0, 11.0) + 0.3 * generator.standard_normal(300))
    assert not well(fit(times, np.ones(300, dtype=bool), np.full(300, np.inf)))


def test_a_lognormal_rarely_fits_badly() -> None:
    """Of 30 histories from a lognormal, at most 5 are said to fit badly at 5 %."""
    generator = np.random.default_rng(6)
    badly = 0
    for _ in range(30):
        times = np.exp(generator.standard_normal(40))
        badly += not well(fit(times, np.ones(40, dtype=bool), np.full(40, np.inf)))
    assert badly <= 5


def test_the_models_stages_add_up_to_the_history() -> None:
    """With wrong diagnoses and missing skills, the stages of the crew file take as long as the history says."""
    team = fit_team(_wide(7, 600))
    assert team.exact
    assert team.coverage is not None
    generator = np.random.default_rng(8)
    total = np.zeros(40_000)
    going = np.ones(40_000, dtype=bool)
    slower = np.where(generator.random(40_000) < team.coverage.share, 1.0, ON_CALL.unskilled)
    while going.any():
        took = {
            name: np.exp(times.mu + times.sigma * generator.standard_normal(40_000))
            for name, times in team.stages.items()
        }
        total += np.where(going, took["triage"] * slower + took["decide"] + took["act"], 0.0)
        going &= generator.random(40_000) < ON_CALL.mistriage
        total += np.where(going, took["verify"], 0.0)
    assert float(np.median(total)) == pytest.approx(team.work.median, rel=0.04)
    low, high = np.quantile(np.log(total), [0.1587, 0.8413])
    assert (high - low) / 2 == pytest.approx(team.work.sigma, rel=0.05)


def test_the_crew_file_is_one(tmp_path: Path) -> None:
    """What is written loads as strictly as anything, and holds the fit."""
    team = fit_team(_wide(9, 400))
    path = tmp_path / "crew.yaml"
    path.write_text(crew_file(team, 'a "strange": name.csv'))
    loaded = read(path, CrewFile)
    assert loaded.people.acknowledge.median == pytest.approx(team.acknowledge.median, rel=0.01)
    assert loaded.people.triage.sigma == pytest.approx(team.stages["triage"].sigma, abs=1e-3)
    assert team.coverage is not None
    assert loaded.people.knows == pytest.approx(team.coverage.share, abs=0.001)


def test_a_service_that_was_hardly_met_shows_no_coverage() -> None:
    """Two incidents among three people say nothing about who knows what; nor does a team of one."""
    few = [Incident(0, 1, 2, f"p{number % 3}", f"s{number}") for number in range(6)]
    assert coverage_of(few) is None
    assert coverage_of([Incident(0, 1, 2, "p", "s") for _ in range(50)]) is None


def test_the_truck_factor_counts_who_may_leave() -> None:
    """One person who alone knows three of four services: without that one, most services have nobody."""
    pairs = [("a", "s1"), ("a", "s2"), ("a", "s3"), ("b", "s4")]
    found = coverage_of([Incident(0, 1, 2, person, service) for person, service in pairs for _ in range(6)])
    assert found is not None
    assert found.truck_factor == 1


def test_too_little_history_is_refused() -> None:
    """With what is missing, and nothing is fitted."""
    with pytest.raises(UsageError, match="7 acknowledgements in the history are too few; at least 8"):
        fit_team([Incident(float(n), n + 5.0 + n, n + 50.0, "p", "s") for n in range(1, 8)])
    with pytest.raises(UsageError, match="the same time"):
        fit_team([Incident(float(n), n + 5.0, n + 50.0, "p", "s") for n in range(20)])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "is empty"),
        (HEAD, "holds no incident"),
        ("created,acknowledged,resolved,responder\n", "incidents:1:1: service: no such column"),
        ("created,acknowleged,resolved,responder,service\n", "did you mean `acknowleged`?"),
        ("created,created,acknowledged,resolved,responder,service\n", "created: is there twice"),
        (HEAD + "2026-01-01,5,x,p,s\n", "incidents:2:1: resolved: is no moment (got x)"),
        (HEAD + ",5,9,p,s\n", "incidents:2:1: created: is missing"),
        (HEAD + "2026-01-01,5,9,p,s\n2026-01-01,9,5,p,s\n", "incidents:3:1: resolved: is before it was acknowledged"),
        (HEAD + "2026-01-02T00:00:00,2026-01-01T00:00:00,,p,s\n", "acknowledged: is before it was created"),
        (HEAD + "2026-01-01,5,9,p\n", "incidents:2:1: has 4 cells; expected 5"),
        (HEAD + '2026-01-01,5,9,"p,s\n', "is no CSV"),
        (HEAD + "5,5,9,p,s\n2026-01-01,5,9,p,s\n", "reaches over more than fifty years"),
    ],
)  # fmt: skip
def test_a_wrong_history_is_refused_where_it_is_wrong(text: str, told: str) -> None:
    """With its line and column."""
    with pytest.raises(DocumentError) as refused:
        parse_incidents(text)
    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("head", "row"),
    [
        (HEAD, "2026-01-01T00:00:00Z,2026-01-01T00:03:00+00:00,2026-01-01T01:00:00Z,ann,api\n"),
        (HEAD, "2026-01-01 00:00:00,2026-01-01 00:03:00,2026-01-01 01:00:00,ann,api\n"),
        (HEAD, "1767225600,1767225780,1767229200,ann,api\n"),
        (HEAD, "1767225600000,1767225780000,1767229200000,ann,api\n"),
        (
            "id,created_on,resolved_by_user_name,service_name,seconds_to_first_ack,seconds_to_resolve\n",
            "7,2026-01-01T00:00:00Z,ann,api,180,3600\n",
        ),
        (
            "created_at,seconds_to_first_ack,resolved_at,owner,service\n",
            "2026-01-01T00:00:00Z,180,2026-01-01T01:00:00Z,ann,api\n",
        ),
    ],
)
def test_the_same_incident_in_the_words_of_many_exports(head: str, row: str) -> None:
    """Moments with and without zone, seconds and milliseconds, seconds since creation; columns by their usual names."""
    assert parse_incidents(head + row) == [Incident(START, START + 180, START + 3600, "ann", "api")]


def test_columns_may_have_any_name(tmp_path: Path) -> None:
    """Where the file's names are none of the known ones, they are told; a wrong one is refused."""
    path = tmp_path / "i.csv"
    path.write_text("opened,acknowledged,resolved,who,service\n2026-01-01,,,ann,api\n\n")
    named = {"created": "opened", "responder": "who"}
    assert read_incidents(path, named) == [Incident(START, None, None, "ann", "api")]
    with pytest.raises(DocumentError, match=r"craeted: is no column that is read.*did you mean `created`"):
        read_incidents(path, {"craeted": "opened"})


MOMENTS = st.floats(0, 3e6).map(lambda second: START + round(second, 3))
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Zs")), max_size=8).map(
    str.strip
)


@st.composite
def histories(draw: st.DrawFn) -> list[Incident]:
    """Any incidents, answered and ended or not."""
    made = []
    for _ in range(draw(st.integers(1, 5))):
        moments = sorted(draw(st.lists(MOMENTS, min_size=3, max_size=3)))
        answered = draw(st.sampled_from([moments[1], None]))
        ended = draw(st.sampled_from([moments[2], None]))
        made.append(Incident(moments[0], answered, ended, draw(WORDS), draw(WORDS)))
    return made


@given(histories(), st.booleans())
def test_any_history_reads_back_as_it_was(history: list[Incident], as_text: bool) -> None:
    """Written by a CSV writer, as seconds or as texts, read by this one."""
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(COLUMNS)

    def shown(moment: float | None) -> str:
        if moment is None:
            return ""
        return datetime.fromtimestamp(moment, UTC).isoformat() if as_text else repr(moment)

    for one in history:
        writer.writerow(
            [*map(shown, (one.created, one.acknowledged, one.resolved)), one.responder, one.service]
        )
    found = parse_incidents(file.getvalue())
    assert [(one.responder, one.service) for one in found] == [
        (one.responder, one.service) for one in history
    ]
    for one, other in zip(found, history, strict=True):
        assert one.created == pytest.approx(other.created, abs=1e-3)
        for name in ("acknowledged", "resolved"):
            assert (getattr(one, name) is None) == (getattr(other, name) is None)


@given(st.one_of(st.text(max_size=200), st.text(max_size=100).map(lambda text: HEAD + text)))
def test_whatever_is_in_the_file_it_is_read_or_refused(text: str) -> None:
    """Any text gives incidents or a DocumentError, never another error and never nothing."""
    with contextlib.suppress(DocumentError):
        assert parse_incidents(text)


def test_a_crew_is_fitted_at_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The fit is shown with its goodness, the file is written once, and loads."""
    path, out = tmp_path / "incidents.csv", tmp_path / "team.yaml"
    rows = [
        f"{one.created},{one.acknowledged or ''},{one.resolved or ''},{one.responder},{one.service}\n"
        for one in _wide(10, 300)
    ]
    path.write_text(HEAD + "".join(rows))
    assert run_app(["crew", "fit", str(path), "--out", str(out)]) == 0
    told = capsys.readouterr().out
    assert "BADLY" not in told
    assert told.count("yes, ") == 2
    assert "Truck factor" in told
    assert read(out, CrewFile).people.available == 1.0
    assert run_app(["crew", "fit", str(path), "--out", str(out)]) == 2
    assert "is there already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--column", "created"], "is not COLUMN=NAME"),
        (["--until", "tomorrow"], "is no moment"),
        (["--until", "2020-01-01"], "moments after the one at which it was written"),
    ],
)
def test_a_wrong_command_line_writes_nothing(
    more: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 2, with what is wrong."""
    path, out = tmp_path / "incidents.csv", tmp_path / "team.yaml"
    path.write_text(HEAD + "2026-01-01,5,9,p,s\n" * 10)
    assert run_app(["crew", "fit", str(path), "--out", str(out), *more]) == 2
    assert told in capsys.readouterr().err
    assert not out.exists()
