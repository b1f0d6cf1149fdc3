"""From a file to a study that may be played, or to every reason why it is none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from chaos.crew.runbook import Runbook, load_runbook
from chaos.errors import DocumentError, Problem
from chaos.experiment.fault import FaultSpec
from chaos.experiment.loading import Loaded, Variants, read
from chaos.experiment.locate import place_of, told_value
from chaos.experiment.quantity import UnitError
from chaos.experiment.repairs import repairs_of
from chaos.experiment.source import parse, read_text
from chaos.experiment.tree import Node, Path_, problem
from chaos.experiment.words import nearest, one_of
from chaos.study.changes import Between, overrides, text
from chaos.study.document import Arm, Changes, Study, Value
from chaos.study.evenings import Evenings, LiveTrial
from chaos.study.smallest.weakest import ladder


@dataclass(frozen=True)
class LoadedStudy:
    """A study that may be played: every arm, value, range and factor of it makes a sound experiment.

    `text` is what was written, `path` where; `variants` is its experiment, to be loaded with each cell's overrides;
    `kept` are the live trials of the file that it names.
    """

    study: Study
    text: str
    path: str
    folder: Path
    variants: Variants
    runbook: Runbook | None
    kept: tuple[LiveTrial, ...] = ()

    def experiment(self, *several: Mapping[str, Value]) -> Loaded:
        """The experiment with the study's own changes and, after them, these."""
        return self.variants.loaded(overrides(self.study.set, *several))


def load_study(path: str | Path, *, faults: Mapping[str, type[FaultSpec]]) -> LoadedStudy:
    """Read a study. Raises DocumentError with every problem at once; touches nothing but files that it names."""
    file = Path(path)
    written = read_text(file)
    study = read(file, Study)
    root, _ = parse(written, str(path))
    home = file.parent / study.experiment
    if not home.is_file():
        raise DocumentError(
            [_problem(root, ("experiment",), "no such file", "an experiment, from the document's folder")]
        )
    variants = Variants(read_text(home), faults=faults, name=str(home), folder=home.parent)
    plain = variants.loaded()
    crew = plain.experiment.crew
    runbook = None
    if crew is not None:
        runbook = load_runbook(plain.file(crew.runbooks), actions=repairs_of(plain.experiment))
    kept = _kept(study, file.parent, root)
    loaded = LoadedStudy(study, written, str(path), file.parent.absolute(), variants, runbook, kept)
    _play_again(loaded)
    found = list(dict.fromkeys([*_names(study, root), *_ranges(study, root), *_Trying(loaded, root).all()]))
    if found:
        raise DocumentError(sorted(found, key=lambda one: (one.line, one.column)))
    return loaded


def _kept(study: Study, folder: Path, root: Node) -> tuple[LiveTrial, ...]:
    """The live trials of the file that the study names. Raises DocumentError with the places of what is wrong.

    Nobody writes such a file by hand, so it may be larger than a document.
    """
    if study.live.kept is None:
        return ()
    if not (folder / study.live.kept).is_file():
        expected = "a file of live trials, from the document's folder"
        raise DocumentError([_problem(root, ("live", "kept"), "no such file", expected)])
    file = folder / study.live.kept
    try:
        return Evenings.model_validate_json(file.read_bytes()).trials
    except (OSError, ValidationError):
        return read(file, Evenings).trials  # which tells the places


def _play_again(loaded: LoadedStudy) -> None:
    """Whether the experiment still takes what the kept live trials changed in it. Raises DocumentError."""
    found: list[Problem] = []
    for overrides_ in dict.fromkeys(trial.overrides for trial in loaded.kept):
        try:
            loaded.variants.loaded(overrides_)
        except DocumentError as error:
            file = str(loaded.folder / (loaded.study.live.kept or ""))
            message = (
                f"what was run live with {', '.join(overrides_)} cannot be played again: {error.problems[0]}"
            )
            found.append(
                Problem(file, 0, 0, "trials", message, expected="trials of the experiment as it is now")
            )
    if found:
        raise DocumentError(found)


def _problem(root: Node, path: Path_, message: str, expected: str = "", suggestion: str = "") -> Problem:
    value = told_value(root, path)
    return problem(
        place_of(root, path),
        path,
        message,
        value="" if value.startswith("a ") else value,
        expected=expected,
        suggestion=suggestion,
    )


def _arms(study: Study) -> Iterator[tuple[Path_, Arm]]:
    """Everything that has an arm's name, with its place."""
    yield from ((("arms", number), arm) for number, arm in enumerate(study.arms))
    others = study.others.arms if study.others is not None else ()
    yield from ((("others", "arms", number), arm) for number, arm in enumerate(others))
    yield from ((("live", "measure", number), arm) for number, arm in enumerate(study.live.measure))


def _names(study: Study, root: Node) -> Iterator[Problem]:
    """Names that are there twice, and names of nothing."""
    names = [arm.name for arm in study.all_arms]
    given: dict[str, Path_] = {}
    for where, arm in _arms(study):
        if arm.name in given:
            yield _problem(root, (*where, "name"), "is the name of another arm too", "a name of its own")
        given.setdefault(arm.name, where)
    named: list[tuple[Path_, str | None]] = [
        (("ablation", "arm"), study.ablation.arm if study.ablation else None),
        (("sensitivity", "at", "arm"), study.sensitivity.at.arm if study.sensitivity else None),
    ]
    named += [(("smallest", number, "at", "arm"), one.at.arm) for number, one in enumerate(study.smallest)]
    for where, called in named:
        if called is not None and called not in names:
            yield _problem(root, where, "no arm has this name", one_of(names), nearest(called, names))
    values = study.varies.values
    for number, value in enumerate(values):
        if value in values[:number]:
            yield _problem(root, ("varies", "values", number), "is there twice", "each value once")
    if study.sensitivity is not None and study.parameters is None:
        yield _problem(root, ("sensitivity",), "needs `parameters` with their ranges")
    points: list[tuple[Path_, Value]] = []
    if study.sensitivity is not None:
        points += [(("sensitivity", "at", "value"), study.sensitivity.at.value)]
    points += [
        (("smallest", number, "at", "value"), one.at.value) for number, one in enumerate(study.smallest)
    ]
    points += [(("live", "measure", n, "value"), one.value) for n, one in enumerate(study.live.measure)]
    for where, value in points:
        if value not in values:
            yield _problem(root, where, "is no value of `varies`", one_of([text(one) for one in values]))


def _ranges(study: Study, root: Node) -> Iterator[Problem]:
    """Ranges whose ends are no ends."""
    given = study.parameters.ranges if study.parameters is not None else ()
    names = [arm.name for arm in study.all_arms]
    for number, one in enumerate(given):
        where: Path_ = ("parameters", "ranges", number)
        for place, called in enumerate(one.arms):
            if called not in names:
                path = (*where, "arms", place)
                yield _problem(root, path, "no arm has this name", one_of(names), nearest(called, names))
        before = [other for other in given[:number] if other.path == one.path]
        if any(one.about(name) and other.about(name) for other in before for name in names):
            yield _problem(root, (*where, "path"), "has another range already", "each path once for each arm")
        try:
            Between.of(one)
        except UnitError as error:
            yield _problem(root, (*where, "low"), error.message, error.expected)
    for number, asked in enumerate(study.smallest):
        if asked.from_ is not None and asked.to is not None:
            try:
                ladder(asked.from_, asked.to, asked.steps)
            except UnitError as error:
                yield _problem(root, ("smallest", number, "from"), error.message, error.expected)


class _Trying:
    """Loads the experiment with every change that the study asks for; a problem stands where the change is written."""

    def __init__(self, loaded: LoadedStudy, root: Node) -> None:
        self.loaded, self.study, self.root = loaded, loaded.study, root

    def all(self) -> Iterator[Problem]:
        """Every problem of any change, of those to the whole study first: where they are wrong, all others are."""
        study = self.study
        found = [*self._try(("set",), study.set)]
        for number, value in enumerate(study.varies.values):
            found += self._try(("varies", "values", number), self._varied(value))
        if found:
            yield from found
            return
        easiest = self._varied(study.varies.values[-1])
        for number, arm in enumerate(study.arms):
            yield from self._try(("arms", number, "set"), arm.set, easiest)
        for number, arm in enumerate(study.others.arms if study.others is not None else ()):
            yield from self._try(("others", "arms", number, "set"), arm.set, easiest)
        yield from self._live(easiest)
        for number, scale in enumerate(study.scales.values if study.scales is not None else ()):
            yield from self._try(("scales", "values", number), {"time_scale": scale}, easiest)
        for number, one in enumerate(study.parameters.ranges if study.parameters is not None else ()):
            for end in ("low", "high"):
                value = one.low if end == "low" else one.high
                yield from self._try(("parameters", "ranges", number, end), {one.path: value}, easiest)
        for number, factor in enumerate(study.attribution.factors if study.attribution is not None else ()):
            yield from self._try(("attribution", "factors", number, "from"), easiest, factor.from_)
            yield from self._try(("attribution", "factors", number, "to"), easiest, factor.to)
        for number, asked in enumerate(study.smallest):
            for end, strength in (("from", asked.from_), ("to", asked.to)):
                if asked.path is not None and strength is not None:
                    point = [one.set for one in study.all_arms if one.name == asked.at.arm]
                    there = (*point, self._varied(asked.at.value), {asked.path: strength})
                    yield from self._try(("smallest", number, end), *there)

    def _live(self, easiest: Changes) -> Iterator[Problem]:
        live = self.study.live
        yield from self._try(("live", "set"), easiest, live.set)
        for number, one in enumerate(live.measure):
            yield from self._try(
                ("live", "measure", number, "set"), live.set, self._varied(one.value), one.set
            )

    def _varied(self, value: Value) -> Changes:
        return {self.study.varies.path: value}

    def _try(self, where: Path_, *several: Changes) -> Sequence[Problem]:
        try:
            self.loaded.experiment(*several)
        except DocumentError as error:
            return [self._told(where, several, one) for one in error.problems]
        return []

    def _told(self, where: Path_, several: Sequence[Changes], one: Problem) -> Problem:
        """A problem of the changed experiment, at the place of the change that brought it, as far as that is known."""
        for path in (path for changes in several for path in changes):
            if one.file.startswith(f"--set {path}=") and place_of(self.root, (*where, path)) != place_of(
                self.root, where
            ):
                where = (*where, path)
                break
        place = place_of(self.root, where)
        said = f"{one.path}: {one.message}" if one.path else one.message
        return Problem(
            place.file,
            place.line,
            place.column,
            problem(place, where, "").path,
            f"the experiment refuses it: {said}",
            one.value,
            one.expected,
            one.suggestion,
        )
