"""From a team's incidents to the people of the crew model: the stages, who knows what, and what stays assumed."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chaos.clock import StorySeconds
from chaos.crew.people import ON_CALL, StageTime
from chaos.errors import UsageError
from chaos.experiment.tree import printable
from chaos.experiment.units import format_duration
from chaos.study.history.incidents import Incident
from chaos.study.history.lognormal import FEWEST, Fit, fit
from chaos.study.statistics.binomial import Interval, wilson

Floats = NDArray[np.float64]
SHORTEST = 1.0
"""Seconds: a time of 0 was less than the clock could tell."""
ENOUGH_EACH = 3
"""Incidents for each person, below which a service cannot show who does not know it."""
DRAWN = 20_000
_WORK = ("triage", "decide", "act", "verify")


@dataclass(frozen=True)
class Coverage:
    """Who knows what: of `pairs` of a person and a service, `known` were seen; `services` were met often enough."""

    people: int
    services: int
    pairs: int
    known: int
    interval: Interval
    truck_factor: int
    """How few people may leave until more than half of those services have nobody left who was seen to know them."""

    @property
    def share(self) -> float:
        """The share of pairs that were seen."""
        return self.known / self.pairs


@dataclass(frozen=True)
class Team:
    """What a history shows.

    `acknowledge`: from the page to the first answer. `work`: from there to the end. `stages`: the model's own stages
    that give times like `work`, wrong diagnoses and missing skills included.
    """

    incidents: int
    acknowledge: Fit
    work: Fit
    coverage: Coverage | None
    stages: dict[str, StageTime]
    exact: bool
    """Whether the spread of `work` could be met; otherwise the narrowest or the widest that the stages allow is."""


def fit_team(incidents: Sequence[Incident], until: float | None = None, *, seed: int = 0) -> Team:
    """Fit the stages and the coverage; incidents that are open are known to last until `until` at least.

    `until` is when the history was written: the last moment in it unless given. Raises UsageError where there are too
    few incidents to fit anything.
    """
    moments = [
        moment for one in incidents for moment in (one.created, one.acknowledged, one.resolved) if moment
    ]
    written = max(moments) if until is None else until
    if until is not None and written < max(moments):
        raise UsageError("the history has moments after the one at which it was written")
    acknowledge = _fit("acknowledgements", list(_answers(incidents, written)), seed)
    work = _fit("ends after an acknowledgement", list(_works(incidents, written)), seed)
    coverage = coverage_of(incidents)
    knows = coverage.share if coverage is not None else ON_CALL.knows
    stages, exact = _stages(work, knows, seed)
    return Team(len(incidents), acknowledge, work, coverage, stages, exact)


_Time = tuple[float, bool, float]
"""How long, whether its end was seen, and how long it could have been watched."""


def _answers(incidents: Sequence[Incident], written: float) -> Iterator[_Time]:
    """From the page to the first answer; one that ended unanswered was not answered until then."""
    for one in incidents:
        if one.acknowledged is not None:
            yield one.acknowledged - one.created, True, written - one.created
        else:
            last = written if one.resolved is None else one.resolved
            yield last - one.created, False, last - one.created


def _works(incidents: Sequence[Incident], written: float) -> Iterator[_Time]:
    """From the first answer to the end."""
    for one in incidents:
        if one.acknowledged is not None:
            last = written if one.resolved is None else one.resolved
            yield last - one.acknowledged, one.resolved is not None, written - one.acknowledged


def _fit(what: str, times: Sequence[_Time], seed: int) -> Fit:
    lasted = np.maximum([time for time, _, _ in times], SHORTEST)
    ended = np.array([seen for _, seen, _ in times], dtype=bool)
    limits = np.maximum([limit for _, _, limit in times], lasted)
    if ended.sum() < FEWEST:
        raise UsageError(f"{ended.sum()} {what} in the history are too few; at least {FEWEST} are needed")
    if np.ptp(lasted[ended]) == 0:
        raise UsageError(f"all {what} in the history took the same time: that is no distribution")
    return fit(lasted, ended, limits, seed=seed)


def coverage_of(incidents: Sequence[Incident]) -> Coverage | None:
    """Who was seen to handle what; None where no service was met often enough, or by one person only.

    A person who knows a service may not have met it: the share is a lower bound, and services that were met less than
    three times for each person are left out.
    """
    handled = [(one.responder, one.service) for one in incidents if one.responder and one.service]
    people = sorted({person for person, _ in handled})
    met = Counter(service for _, service in handled)
    services = [service for service, count in sorted(met.items()) if count >= ENOUGH_EACH * len(people)]
    if len(people) < 2 or not services:
        return None
    seen = {(person, service) for person, service in handled if service in services}
    pairs = len(people) * len(services)
    return Coverage(
        len(people), len(services), pairs, len(seen), wilson(len(seen), pairs), _truck_factor(seen, services)
    )


def _truck_factor(seen: set[tuple[str, str]], services: Sequence[str]) -> int:
    """Those who know most leave first (the greedy bound)."""
    left, gone = set(seen), 0
    while 2 * len({service for _, service in left}) >= len(services) and left:
        most = max(
            sorted({person for person, _ in left}), key=lambda one: sum(person == one for person, _ in left)
        )
        left = {pair for pair in left if pair[0] != most}
        gone += 1
    return gone


def _stages(work: Fit, knows: float, seed: int) -> tuple[dict[str, StageTime], bool]:
    """The model's stages, all scaled alike, and the spread of triage, so that their sum is as `work`.

    All medians keep their proportions; scaling them scales the sum, so its spread depends on triage's sigma alone.
    """
    drawn = _Drawn.of(knows, seed)
    low, high = 0.0, 3.0
    narrowest, widest = drawn.spread(low), drawn.spread(high)
    exact = narrowest <= work.sigma <= widest
    for _ in range(40):
        middle = (low + high) / 2
        if drawn.spread(middle) < work.sigma:
            low = middle
        else:
            high = middle
    sigma = round((low + high) / 2, 3)
    factor = work.median / float(np.median(drawn.sums(sigma)))
    stages = {
        name: StageTime.model_construct(
            median=StorySeconds(ON_CALL.stage(name).median * factor),
            sigma=sigma if name == "triage" else ON_CALL.stage(name).sigma,
        )
        for name in _WORK
    }
    return stages, exact


@dataclass(frozen=True)
class _Drawn:
    """Luck for many incidents, the same for whatever sigma is tried."""

    normal: dict[str, Floats]
    slower: Floats
    rounds: NDArray[np.int64]

    @classmethod
    def of(cls, knows: float, seed: int) -> _Drawn:
        generator = np.random.default_rng([seed, DRAWN])
        rounds = np.minimum(generator.geometric(1 - ON_CALL.mistriage, DRAWN), 5)
        shape = (int(rounds.max()), DRAWN)
        normal = {name: generator.standard_normal(shape) for name in _WORK}
        slower = np.where(generator.random(DRAWN) < knows, 1.0, ON_CALL.unskilled)
        return cls(normal, slower, rounds)

    def sums(self, sigma: float) -> Floats:
        """From the first answer to the end; each wrong diagnosis costs a look whether it helped, and a round."""
        total = np.zeros(DRAWN)
        for number in range(len(self.normal["triage"])):
            took = {
                name: np.exp(
                    ON_CALL.stage(name).mu
                    + (sigma if name == "triage" else ON_CALL.stage(name).sigma) * self.normal[name][number]
                )
                for name in _WORK
            }
            round_ = took["triage"] * self.slower + took["decide"] + took["act"]
            total += np.where(number < self.rounds, round_, 0.0)
            total += np.where(number + 1 < self.rounds, took["verify"], 0.0)
        return total

    def spread(self, sigma: float) -> float:
        """The middle two thirds of the logarithm, as a standard deviation."""
        low, high = np.quantile(np.log(self.sums(sigma)), [0.1587, 0.8413])
        return float(high - low) / 2


def crew_file(team: Team, name: str) -> str:
    """The crew file, as a text: what was fitted, with its source; what was not stays the model's own assumption."""
    source = (
        f"{team.incidents} incidents of {name}: {team.acknowledge.seen} acknowledged, {team.work.seen} resolved, "
        f"{team.work.open + team.acknowledge.open} still open at one of the two"
    )
    lines = [
        "# People as the team's own history shows them; written by `standby crew fit`.",
        "# In an experiment: crew: {people_file: THIS FILE}. Single figures under `people:` there go before it.",
        "version: 1",
        f"source: {_quoted(source)}",
        "people:",
        "  # The history counts from the page; and people who do not answer are in the acknowledgement's tail.",
        "  notice: {median: 1s, sigma: 0}",
        f"  acknowledge: {_stage(team.acknowledge.median, team.acknowledge.sigma)}",
        "  available: 100%",
        "  # From there to the end, divided as the model's own stages are.",
        *(f"  {stage}: {_stage(times.median, times.sigma)}" for stage, times in team.stages.items()),
    ]
    if team.coverage is not None:
        lines += [
            f"  # {team.coverage.people} people, {team.coverage.services} services that were met often enough.",
            f"  knows: {team.coverage.share:.3g}",
        ]
    return "\n".join(lines) + "\n"


def _stage(median: float, sigma: float) -> str:
    rounded = float(f"{median:.3g}") if median >= 1 else 1.0
    return f"{{median: {format_duration(rounded)}, sigma: {min(3.0, sigma):.4g}}}"


def _quoted(text: str) -> str:
    return '"' + printable(text).replace("\\", "/").replace('"', "'") + '"'


def share_over(team: Team, minutes: float) -> float:
    """Which share of incidents is over within so many minutes from the page, by the two fits (a check on the sum)."""
    generator = np.random.default_rng(0)
    first = np.exp(team.acknowledge.mu + team.acknowledge.sigma * generator.standard_normal(DRAWN))
    rest = np.exp(team.work.mu + team.work.sigma * generator.standard_normal(DRAWN))
    return float((first + rest < minutes * 60).mean())


def well(one: Fit) -> bool:
    """Whether a lognormal may be taken for it."""
    return one.p_value >= 0.05 and math.isfinite(one.distance)
