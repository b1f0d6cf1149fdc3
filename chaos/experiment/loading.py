"""From a file to an `Experiment`, or to every reason why it is none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from chaos.errors import DocumentError, Problem
from chaos.experiment import overrides as command_line
from chaos.experiment.base import CHECKED_ELSEWHERE, Model
from chaos.experiment.checks import check
from chaos.experiment.fault import FaultSpec
from chaos.experiment.locate import place_of, problems, told_value
from chaos.experiment.model import Experiment, experiment_model
from chaos.experiment.people import CrewFile
from chaos.experiment.source import parse, read_text
from chaos.experiment.tree import Data, Node, data, problem, unshared

MOST_PROBLEMS = 100
AnyModel = TypeVar("AnyModel", bound=Model)


@dataclass(frozen=True)
class Loaded:
    """A document that may run.

    `text` is what was written, `path` where (a name, for a text that came from no file), `folder` the one from
    which its relative paths count, `overrides` what the command line changed, `warnings` what is doubtful.
    """

    experiment: Experiment
    text: str
    path: str
    folder: Path
    overrides: tuple[str, ...] = ()
    warnings: tuple[Problem, ...] = ()

    def file(self, path: str) -> Path:
        """A path of the document, from its folder."""
        return self.folder / path


def load(path: str | Path, *, faults: Mapping[str, type[FaultSpec]], overrides: Sequence[str] = ()) -> Loaded:
    """Read an experiment. Raises DocumentError with every problem at once; touches nothing but the file.

    `faults` are the faults that a document may name, `overrides` the texts of `--set path=value`.
    """
    file = Path(path)
    text = read_text(file)
    return loads(text, faults=faults, overrides=overrides, name=str(path), folder=file.parent)


def loads(
    text: str,
    *,
    faults: Mapping[str, type[FaultSpec]],
    overrides: Sequence[str] = (),
    name: str = "document",
    folder: Path | None = None,
) -> Loaded:
    """The same for a text; without `folder`, files that it names are not looked for."""
    return Variants(text, faults=faults, name=name, folder=folder).loaded(overrides)


class Variants:
    """A document that is read once and loaded many times, each time with other overrides.

    Raises DocumentError when there is no document to be had; what else is wrong shows when it is loaded.
    """

    def __init__(
        self,
        text: str,
        *,
        faults: Mapping[str, type[FaultSpec]],
        name: str = "document",
        folder: Path | None = None,
    ) -> None:
        self._people: dict[str, CrewFile] = {}
        self._read(text, faults, name, folder)

    def _read(self, text: str, faults: Mapping[str, type[FaultSpec]], name: str, folder: Path | None) -> None:
        self.text, self.name, self.folder, self._faults = text, name, folder, dict(faults)
        self._root, self._problems = parse(text, name)
        self._model = experiment_model(tuple(faults[word] for word in sorted(faults)))

    def __getstate__(self) -> tuple[str, dict[str, type[FaultSpec]], str, dict[str, CrewFile]]:
        """What another process needs: the text, and the crew files that were read with it so far."""
        return self.text, self._faults, self.name, self._people

    def __setstate__(self, state: tuple[str, dict[str, type[FaultSpec]], str, dict[str, CrewFile]]) -> None:
        """There the document has no folder: what was read goes along, and nothing else is looked for."""
        text, faults, name, self._people = state
        self._read(text, faults, name, None)

    def loaded(self, overrides: Sequence[str] = ()) -> Loaded:
        """The document with these overrides. Raises DocumentError with every problem at once."""
        root, found = self._root, list(self._problems)
        if overrides:
            root = unshared(root)
            found += command_line.apply(root, overrides)
        experiment = _validated(root, self._model, found)
        warnings = self._check(root, found)
        if experiment is not None and not found:
            experiment = self._with_people(experiment, found)
        if found or experiment is None:
            raise DocumentError(_sorted(found))
        home = (self.folder or Path()).absolute()
        return Loaded(experiment, self.text, self.name, home, tuple(overrides), tuple(_sorted(warnings)))

    def written(self, overrides: Sequence[str] = ()) -> Data:
        """What the document says with these overrides; whether that is sound shows when it is loaded."""
        root = unshared(self._root)
        command_line.apply(root, overrides)
        return data(root)

    def _check(self, root: Node, found: list[Problem]) -> list[Problem]:
        """What does not fit together is added to `found`; what is doubtful is returned."""
        plain = data(root)
        warnings: list[Problem] = []
        for finding in check(plain):
            place = place_of(root, finding.path)
            shown = "" if finding.doubt else told_value(root, finding.path)
            told = problem(
                place,
                finding.path,
                finding.message,
                value="" if shown.startswith("a ") else shown,
                expected=finding.expected,
                suggestion=finding.suggestion,
            )
            (warnings if finding.doubt else found).append(told)
        if self.folder is not None:
            found += _missing_files(root, plain, self.folder)
        return warnings

    def _with_people(self, experiment: Experiment, found: list[Problem]) -> Experiment:
        """With the people of the document's crew file below those that it gives itself."""
        crew = experiment.crew
        if crew is None or crew.people_file is None:
            return experiment
        try:
            if crew.people_file not in self._people:
                if self.folder is None:
                    return experiment
                self._people[crew.people_file] = read(self.folder / crew.people_file, CrewFile)
        except DocumentError as error:
            found += error.problems
            return experiment
        people = crew.people.over(self._people[crew.people_file].people)
        return experiment.model_copy(update={"crew": crew.model_copy(update={"people": people})})


def read(path: str | Path, model: type[AnyModel]) -> AnyModel:
    """Read another YAML file (runbooks, say) as `model`, with the same errors as a document."""
    root, found = parse(read_text(Path(path)), str(path))
    result = _validated(root, model, found)
    if found or result is None:
        raise DocumentError(_sorted(found))
    return result


def _validated(root: Node, model: type[AnyModel], found: list[Problem]) -> AnyModel | None:
    """`root` as `model`, or None with the reasons added to `found`."""
    try:
        return model.model_validate(data(root), by_alias=True, by_name=False, context=CHECKED_ELSEWHERE)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        found += problems(details[: 2 * MOST_PROBLEMS], root, model)
        return None


def _missing_files(root: Node, plain: Data, folder: Path) -> Iterable[Problem]:
    """Files that the document names and that are not there."""
    for path in (("crew", "runbooks"), ("crew", "people_file"), ("prometheus", "ca_file")):
        section = plain.get(path[0]) if isinstance(plain, dict) else None
        name = section.get(path[1]) if isinstance(section, dict) else None
        if not isinstance(name, str) or not name or "\0" in name:
            continue
        if not (folder / name).is_file():
            value = told_value(root, path)
            yield problem(
                place_of(root, path),
                path,
                "no such file",
                value=value,
                expected="a file, from the document's folder",
            )


def _sorted(found: Sequence[Problem]) -> list[Problem]:
    """In the order of the document, each once, and not more than anyone reads."""
    several = list(dict.fromkeys(sorted(found, key=lambda one: (one.line or 1 << 31, one.column))))
    if len(several) <= MOST_PROBLEMS:
        return several
    more = Problem(several[0].file, 0, 0, "", f"and {len(several) - MOST_PROBLEMS} problems more")
    return [*several[:MOST_PROBLEMS], more]
