"""Live trials that are run elsewhere: everything that is needed for them in one document, and a name for each of them.

The name of a trial follows from what it is a trial of (experiment, changes, seed) and from nothing else: wherever and
however often it is run, its result has one place.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from chaos.errors import UsageError
from chaos.experiment.base import Many, Model
from chaos.experiment.loading import Loaded, loads
from chaos.experiment.model import Experiment
from chaos.faults.specs import spec_types
from chaos.study import live
from chaos.study.document import Value
from chaos.study.evenings import Ended, LiveTrial
from chaos.study.loading import LoadedStudy

OF_NODES = ("node_loss", "node_cordon")
"""Faults of machines, on which other trials run as well."""
WITHIN = ("max_affected.nodes=1",)
"""What a trial may touch unless its experiment says so itself: its namespace is there for nothing else."""
_FILES = ("runbooks", "people_file")
"""What a crew names by path."""


class Trial(Model):
    """One trial: a point of an arm, its seed, and everything that its experiment is changed by."""

    arm: str
    value: Value
    seed: int
    overrides: Many[str]

    def ended(self, how: Ended) -> LiveTrial:
        """The trial with how it ended."""
        return LiveTrial(arm=self.arm, value=self.value, seed=self.seed, overrides=self.overrides, ended=how)


class Order(Model):
    """Trials of one study, with the experiment and the files that it names as they were when it was read."""

    version: Literal[1] = 1
    study: str
    """The study's name in the cluster."""
    experiment: str
    """The document's text."""
    files: dict[str, str]
    """The texts of the files that it names, by the paths under which it does."""
    trials: Many[Trial]

    @classmethod
    def read(cls, text: str) -> Order:
        """From JSON. Raises UsageError for anything else."""
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise UsageError(f"these are no trials of a study: {error}") from error

    @property
    def names(self) -> tuple[str, ...]:
        """The trials' names, in their order."""
        return tuple(self.name(one) for one in self.trials)

    def name(self, one: Trial) -> str:
        """A trial's own name: of its namespace, and of its result."""
        return f"trial-{_digest(self.experiment, self.files, one.model_dump(mode='json'))}"

    def loaded(self, one: Trial, folder: Path) -> Loaded:
        """The experiment of a trial as a cluster runs it; files that it names are laid into `folder`.

        Raises DocumentError, and UsageError where a file is missing.
        """
        overrides = [*one.overrides, "world=kubernetes"]
        crew = _plain(self.experiment, one.overrides).crew
        for key in _FILES if crew is not None else ():
            named = getattr(crew, key)
            if named is None:
                continue
            if named not in self.files:
                raise UsageError(f"the trials name the file {named}, and its text is not with them")
            (folder / f"{key}.yaml").write_text(self.files[named], encoding="utf-8")
            overrides.append(f"crew.{key}={key}.yaml")
        found = loads(
            self.experiment, faults=spec_types(), overrides=overrides, name="experiment.yaml", folder=folder
        )
        if "max_affected" in found.experiment.model_fields_set:
            return found
        return loads(
            self.experiment,
            faults=spec_types(),
            overrides=[*overrides, *WITHIN],
            name="experiment.yaml",
            folder=folder,
        )


def order(loaded: LoadedStudy, several: Sequence[live.Wanted]) -> Order:
    """The order of these trials. Raises UsageError for what cannot be run in a namespace of its own."""
    trials = tuple(
        Trial(arm=one.arm.name, value=one.value, seed=one.seed, overrides=live.changed(loaded, one).overrides)
        for one in several
    )
    files: dict[str, str] = {}
    for one in trials:
        variant = loaded.variants.loaded(one.overrides)
        _need_a_namespace(variant.experiment, loaded.path)
        crew = variant.experiment.crew
        for key in _FILES if crew is not None else ():
            if (named := getattr(crew, key)) is not None:
                files.setdefault(named, variant.file(named).read_text(encoding="utf-8"))
    text = loaded.variants.text
    return Order(
        study=f"study-{_digest(loaded.text, text, files)}", experiment=text, files=files, trials=trials
    )


def _need_a_namespace(experiment: Experiment, path: str) -> None:
    if experiment.rooms is None:
        raise UsageError(
            f"{path}: its experiment has no `rooms`; a trial in a cluster brings the rooms along, in a namespace of "
            "its own. Trials of your own services run one after the other, with `standby study`"
        )
    for spec in experiment.faults:
        if spec.fault in OF_NODES:
            raise UsageError(
                f"{path}: {spec.title} ({spec.fault}) touches a machine on which other trials run as well; trials in a "
                "cluster have faults of links alone. Run these on this machine: standby study"
            )


def _plain(text: str, overrides: Sequence[str]) -> Experiment:
    """The experiment before the files that it names are looked for."""
    return loads(text, faults=spec_types(), overrides=overrides, name="experiment.yaml").experiment


def _digest(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]
