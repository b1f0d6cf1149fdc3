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
    root, found = parse(text, name)
    if overrides:
        root = unshared(root)
        found += command_line.apply(root, overrides)
    model = experiment_model(tuple(faults[word] for word in sorted(faults)))
    experiment = _validated(root, model, found)
    plain = data(root)
    warnings: list[Problem] = []
    for finding in check(plain):
        place = place_of(root, finding.path)
        shown = "" if finding.doubt else told_value(root, finding.path)
        value = "" if shown.startswith("a ") else shown
        told = problem(
            place,
            finding.path,
            finding.message,
            value=value,
            expected=finding.expected,
            suggestion=finding.suggestion,
        )
        (warnings if finding.doubt else found).append(told)
    if folder is not None:
        found += _missing_files(root, plain, folder)
    if found or experiment is None:
        raise DocumentError(_sorted(found))
    return Loaded(
        experiment, text, name, (folder or Path()).absolute(), tuple(overrides), tuple(_sorted(warnings))
    )


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
    for path in (("crew", "runbooks"), ("prometheus", "ca_file")):
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
