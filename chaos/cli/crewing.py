"""`standby crew fit`: from a team's incidents to a crew file, with what the fit is worth."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from chaos.crew.people import ALL_INCIDENTS
from chaos.errors import UsageError
from chaos.report.files import put
from chaos.report.words import counted
from chaos.study.history.incidents import COLUMNS, moment_of, read_incidents
from chaos.study.history.lognormal import Fit
from chaos.study.history.team import ENOUGH_EACH, Team, crew_file, fit_team, share_over, well

CHECKED = (10, 21, 70)
"""Minutes at which the sum of the stages is laid beside incidents of all kinds."""


def fit(file: Path, out: Path, columns: Sequence[str], until: str | None) -> int:
    """Read the incidents, fit the people, tell how well, write the crew file; 0 when it is written."""
    if out.exists():
        raise UsageError(f"{out} is there already; name another file with `--out`, or remove it")
    written = None if until is None else moment_of(until)
    if until is not None and written is None:
        raise UsageError(f"`--until {until}` is no moment; expected one such as 2026-03-01T12:00:00Z")
    incidents = read_incidents(file, _columns(columns))
    team = fit_team(incidents, written)
    _tell(team)
    put(out, crew_file(team, file.name))
    print(f"{out}: use it as `crew: {{people_file: {out.name}}}` in an experiment")
    return 0


def _columns(given: Sequence[str]) -> dict[str, str]:
    named: dict[str, str] = {}
    for one in given:
        column, equals, name = one.partition("=")
        if not equals or not name:
            raise UsageError(f"`--column {one}` is not COLUMN=NAME; columns are {', '.join(COLUMNS)}")
        named[column.strip()] = name.strip()
    return named


def _tell(team: Team) -> None:
    console = Console(highlight=False)
    table = Table(title=f"{counted(team.incidents, 'incident')}")
    for name in ("stage", "ended", "open", "median", "95 % interval", "sigma", "distance", "fits"):
        table.add_column(name, justify="left" if name in ("stage", "fits") else "right")
    for name, one in (("to the first answer", team.acknowledge), ("from there to the end", team.work)):
        low, high = one.median_interval()
        table.add_row(
            name,
            str(one.seen),
            str(one.open),
            _minutes(one.median),
            f"{_minutes(low)} to {_minutes(high)}",
            f"{one.sigma:.2f} ± {1.96 * one.sigma_error:.2f}",
            f"{one.distance:.3f}",
            _fits(one),
        )
    console.print(table)
    for sentence in _sentences(team):
        print(textwrap.fill(sentence, 100))


def _fits(one: Fit) -> str:
    return f"{'yes' if well(one) else 'BADLY'}, p {one.p_value:.2f}"


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.3g} min"


def _sentences(team: Team) -> Iterator[str]:
    """What the table does not tell."""
    if not (well(team.acknowledge) and well(team.work)):
        yield (
            "Where it fits badly, no lognormal is like these times; several kinds of incident or people may be mixed. "
            "The file has the nearest one; fit them apart, by service or by time of day."
        )
    if not team.exact:
        yield "The spread from the first answer to the end is beyond what the stages allow; the nearest is taken."
    if team.coverage is None:
        yield (
            f"Coverage was not fitted: no service has {ENOUGH_EACH} incidents for each person. The model's own "
            "assumption stays."
        )
    else:
        one = team.coverage
        yield (
            f"Coverage: of {one.pairs} pairs of {counted(one.people, 'person', 'people')} and "
            f"{counted(one.services, 'service')}, {one.known} were seen ({one.share:.0%}, 95 % interval "
            f"{one.interval.low:.0%} to {one.interval.high:.0%}); more may be known than was met. Truck factor: "
            f"{one.truck_factor}."
        )
    shares = "; ".join(f"{share_over(team, minutes):.0%} within {minutes} min" for minutes in CHECKED)

    usual = ", ".join(f"{ALL_INCIDENTS.cdf(math.log(minutes)):.0%}" for minutes in CHECKED)
    yield f"A check on the sum: {shares}. Of production incidents of all kinds it is {usual} (Davidovic 2021)."
    yield (
        "Not in such a history, so assumed: wrong diagnoses and what they cost, helpers, escalation, and what fewer "
        "people than these would have done."
    )
