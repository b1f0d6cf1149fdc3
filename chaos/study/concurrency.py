"""How many live trials may run side by side: an A/A test of whether worlds on one machine disturb each other.

The same short evening, with the study's own rooms and faults and nobody on call, is run alone and then several at once.
Joins, the audience's lag and the detection of faults have to be equivalent (two one-sided tests at 5 % each) within
margins of the document; so many worlds are allowed as pass without a gap from two on. Too few data allow one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from statistics import fmean

from pydantic import ValidationError

from chaos.errors import DocumentError, UsageError
from chaos.experiment.base import Many, Model
from chaos.experiment.loading import Loaded
from chaos.record import Event
from chaos.report import fields as f
from chaos.report.files import put
from chaos.report.model import RunReport
from chaos.report.trail import Trail
from chaos.study import measuring
from chaos.study.changes import overrides
from chaos.study.curves import bounds
from chaos.study.document import Changes, Live, Margins
from chaos.study.loading import LoadedStudy
from chaos.study.result import Concurrency, Disturbance, SideBySide
from chaos.study.statistics.means import FEWEST, equivalent

WORTH_IT = 4
"""Trials still to be run below which the test would take longer than it saves."""
ALONE = 2
"""Runs alone, one after the other."""
BLOCK = 5.0
"""Real seconds whose mean counts as one value: neighbouring samples of a curve are not independent."""
WARM_UP, BASELINE, FAULTS, ENDS = 6.0, 8.0, 20.0, 3.0
"""Real seconds of the phases of the short evening; recovery and after last ENDS each."""
FIRST, APART = 1.0, 4.0
"""Real seconds from the begin of the faults to the first, and from each to the next."""
_CURVES = (
    ("audience lag", "audience lag", "audience_lag"),
    ("join seconds", "join latency", "join_latency"),
)


class Calm(Model):
    """What one short evening showed, in real seconds: by measure (`audience_lag`, `join_latency`, `detection`), and by
    when (the number of the block) or of what.
    """

    values: dict[str, dict[str, float]]


class Tried(Model):
    """The runs of an A/A test: alone (`worlds` 1), or so many at once; each begins with the same seeds."""

    worlds: int
    runs: Many[Calm]


class Tested(Model):
    """An A/A test that was run: what its experiment was changed by, and what it showed."""

    overrides: Many[str]
    tried: Many[Tried]


class KeptTest:
    """The A/A test of a study in a file; one of another experiment does not count.

    Raises UsageError where the file holds something else.
    """

    def __init__(self, path: Path, loaded: LoadedStudy, *, resume: bool) -> None:
        self._path = path
        evening = short(loaded) if loaded.study.live.concurrency == "auto" else None
        self._overrides = None if evening is None else evening.overrides
        self.tried: tuple[Tried, ...] = ()
        if resume and path.exists():
            try:
                found = Tested.model_validate_json(path.read_text(encoding="utf-8"))
            except ValidationError as error:
                raise UsageError(f"{path} is no A/A test; remove it to go on") from error
            self.tried = found.tried if found.overrides == self._overrides else ()

    @property
    def wanted(self) -> bool:
        """Whether it is still to be run."""
        return self._overrides is not None and not self.tried

    def keep(self, tried: Sequence[Tried]) -> None:
        """Keep what was found."""
        self.tried = tuple(tried)
        put(
            self._path,
            Tested(overrides=self._overrides or (), tried=self.tried).model_dump_json(indent=1) + "\n",
        )


Play = Callable[[Loaded, int, Path], Awaitable["Calm | int"]]
"""Runs an experiment under a seed in a folder; the exit code where it was interrupted."""


def short(loaded: LoadedStudy) -> Loaded | None:
    """The short evening at the size and speed of the live trials; None where the experiment does not bear it."""
    study = loaded.study
    try:
        usual = loaded.experiment(study.live.set).experiment
        scale = usual.time_scale

        def story(real: float) -> str:
            return f"{real * scale:g}s"

        changes: Changes = {
            "timeline.warm_up": story(WARM_UP),
            "timeline.baseline": story(BASELINE),
            "timeline.faults": story(FAULTS),
            "timeline.recovery": story(ENDS),
            "timeline.after": story(ENDS),
        }
        for number in range(len(usual.faults)):
            changes[f"faults[{number}].at"] = story(FIRST + number * APART)
        if usual.crew is not None:
            changes["crew.headcount"] = 0
        return loaded.variants.loaded(overrides(study.set, study.arms[0].set, study.live.set, changes))
    except DocumentError:
        return None


def calm_of(report: RunReport, events: Sequence[Event]) -> Calm:
    """What a short evening showed."""
    trail = Trail(events)
    values: dict[str, dict[str, float]] = {}
    for event in trail.of("figure"):
        for figure, _, name in _CURVES:
            if f.text(event, "name") == figure:
                values.setdefault(name, _blocks(f.series(event, "series"), trail.zero))
    seen = measuring.observed(report, events)
    values["detection"] = {
        f"{name} {number}": value
        for name in _ACTS
        for number, value in enumerate(seen.get(name, ()), start=1)
    }
    return Calm(values=values)


_ACTS = ("bridge_slow_seen", "bridge_failing_seen", "instance_seen", "room_gone_seen")
"""Alerts whose cause is an act, so that its moment is known."""


def _blocks(series: f.Series, zero: float) -> dict[str, float]:
    blocks: dict[int, list[float]] = {}
    for t, value in series:
        if value is not None and t >= zero:
            blocks.setdefault(int((t - zero) // BLOCK), []).append(value)
    return {str(number): round(fmean(values), 6) for number, values in sorted(blocks.items())}


async def try_out(
    loaded: LoadedStudy,
    play: Play,
    folder: Path,
    most: int,
    heard: Callable[[int, int], None] = lambda _done, _all: None,
) -> list[Tried] | int:
    """Run the A/A test for up to `most` worlds; it ends with the first number that does not pass.

    The exit code where a run was interrupted; nothing at all where the experiment bears no short evening.
    """
    evening = short(loaded)
    if evening is None or most < 2:
        return []
    seed, whole = loaded.study.seed, ALONE + most - 1
    heard(0, whole)
    alone: list[Calm] = []
    for number in range(ALONE):
        found = await play(evening, seed + number, folder / f"alone-{number + 1}")
        if isinstance(found, int):
            return found
        alone.append(found)
        heard(number + 1, whole)
    tried = [Tried(worlds=1, runs=tuple(alone))]
    for worlds in range(2, most + 1):
        several = await asyncio.gather(
            *(
                play(evening, seed + number, folder / f"{worlds}-at-once-{number + 1}")
                for number in range(worlds)
            )
        )
        calm = [one for one in several if not isinstance(one, int)]
        if len(calm) < worlds:
            return next(one for one in several if isinstance(one, int))
        tried.append(Tried(worlds=worlds, runs=tuple(calm)))
        heard(ALONE + worlds - 1, whole)
        if judged(loaded.study.live, tried).worlds < worlds:
            break
    return tried


def judged(live: Live, tried: Sequence[Tried]) -> Concurrency:
    """How many worlds the A/A test allows, with everything that it rests on."""
    if isinstance(live.concurrency, int):
        told = "one after the other" if live.concurrency == 1 else f"{live.concurrency} side by side"
        return Concurrency(worlds=live.concurrency, says=f"Live evenings ran {told}, as the document says.")
    alone = [run for one in tried if one.worlds == 1 for run in one.runs]
    found: list[SideBySide] = []
    allowed = 1
    for one in tried:
        if one.worlds > 1:
            measures = tuple(_measures(alone, one.runs, live.margins))
            found.append(SideBySide(worlds=one.worlds, measures=measures))
            if one.worlds == allowed + 1 and all(measure.undisturbed for measure in measures):
                allowed = one.worlds
    return Concurrency(worlds=allowed, says=_says(allowed, found), tried=tuple(found))


def _measures(alone: Sequence[Calm], beside: Sequence[Calm], margins: Margins) -> list[Disturbance]:
    told = [(what, name) for _, what, name in _CURVES] + [("detection", "detection")]
    return [
        _measure(what, list(_pairs(alone, beside, name)), float(getattr(margins, name)))
        for what, name in told
    ]


def _pairs(alone: Sequence[Calm], beside: Sequence[Calm], name: str) -> Iterator[tuple[float, float]]:
    """The same seed at the same time, or of the same fault, alone and beside others."""
    for one, other in zip(alone, beside, strict=False):
        here, there = one.values.get(name, {}), other.values.get(name, {})
        yield from ((here[key], there[key]) for key in here if key in there)


def _measure(what: str, pairs: Sequence[tuple[float, float]], margin: float) -> Disturbance:
    found = equivalent([beside - alone for alone, beside in pairs], margin)
    return Disturbance(
        what=what,
        unit="real s",
        alone=round(fmean(alone for alone, _ in pairs), 4) if pairs else 0.0,
        beside=round(fmean(beside for _, beside in pairs), 4) if pairs else 0.0,
        pairs=len(pairs),
        interval=None if found.holds is None else bounds(found.interval),
        margin=margin,
        undisturbed=found.holds,
    )


def _says(allowed: int, found: Sequence[SideBySide]) -> str:
    if not found:
        return "Live evenings ran one after the other: that several at once do not disturb each other was not shown."
    last = found[-1]
    if allowed == last.worlds:
        return f"Live evenings ran {allowed} side by side: an A/A test shows that so many do not disturb each other."
    disturbed = [one.what for one in last.measures if one.undisturbed is False]
    unknown = [one.what for one in last.measures if one.undisturbed is None]
    why = f"there are fewer than {FEWEST} pairs of {' and '.join(unknown)}"
    if disturbed:
        why = f"{' and '.join(disturbed)} may change by more than the margin"
    how = "one after the other" if allowed == 1 else f"{allowed} side by side"
    return f"Live evenings ran {how}: with {last.worlds} at once {why}."
