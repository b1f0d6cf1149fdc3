"""Loading what the command line names, and telling what is in it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from chaos.errors import DocumentError, Problem, UsageError
from chaos.experiment import Loaded, load
from chaos.experiment.source import LARGEST_FILE
from chaos.experiment.units import UnitError, parse_ratio
from chaos.faults.specs import spec_types

_VARIES = re.compile(rb"^varies:", re.MULTILINE)


def load_all(files: Sequence[Path], overrides: Sequence[str]) -> list[Loaded]:
    """Every document, before any of them runs. Raises DocumentError with the problems of all of them."""
    known = spec_types()
    problems: list[Problem] = []
    loaded: list[Loaded] = []
    for path in expanded(files):
        try:
            one = load(path, faults=known, overrides=overrides)
            _check_runbook(one)
            loaded.append(one)
        except DocumentError as error:
            problems.extend(error.problems)
    if problems:
        raise DocumentError(problems)
    return loaded


def told_apart(files: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """The studies among the files, and the others: a study says what varies."""
    several = expanded(files)
    studies = [path for path in several if _is_study(path)]
    return studies, [path for path in several if path not in studies]


def _is_study(path: Path) -> bool:
    """A file that cannot be read is none; whoever loads it says why."""
    try:
        with path.open("rb") as file:
            return _VARIES.search(file.read(LARGEST_FILE)) is not None
    except (OSError, ValueError):
        return False


def _check_runbook(loaded: Loaded) -> None:
    if loaded.experiment.crew is not None:
        from chaos.crew.runbook import load_runbook
        from chaos.experiment.repairs import repairs_of

        load_runbook(loaded.file(loaded.experiment.crew.runbooks), actions=repairs_of(loaded.experiment))


def about_something(loaded: Sequence[Loaded]) -> None:
    """Refuse a document that says what is hurt, but not on what. Raises UsageError."""
    for one in loaded:
        if one.experiment.rooms is None and one.experiment.system is None:
            raise UsageError(f"{one.path}: says what is hurt, but not on what; add `rooms:` or `system:`")


def tell_plan(loaded: Loaded) -> None:
    """What a run would do and touch, in words."""
    from chaos.faults.base import HasCanary
    from chaos.faults.registry import registry  # the faults' classes bring in clients and worlds

    experiment, scale = loaded.experiment, loaded.experiment.time_scale
    print(f"{loaded.path}: {experiment.title}")
    pace = f" ({scale:g} times compressed)" if scale != 1 else ""
    print(f"  world {experiment.world}; {experiment.timeline.total / scale:.0f} s of real time{pace}")
    for spec in experiment.faults:
        end = spec.ends(experiment.timeline.faults)
        targets = (getattr(spec, key, None) for key in ("link", "process", "tier", "node"))
        target = next((name for name in targets if name), "its target")
        until = f"until repaired, at most to {_clock(end)}" if spec.until else f"to {_clock(end)}"
        print(f"  {_clock(spec.at)} {until}: {spec.fault} on {target}")
        fault = registry()[spec.fault]
        if issubclass(fault, HasCanary):
            print(
                f"    before the faults {fault.canary_told()} on {target} as a canary,"
                " if the caller's connections do not show by themselves that they lead there"
            )
    for warning in loaded.warnings:
        print(f"  warning: {warning}")


def expanded(files: Sequence[Path]) -> list[Path]:
    """The files, and those of the folders among them. Raises UsageError for a folder without any."""
    found: list[Path] = []
    for path in files:
        if path.is_dir():
            inside = sorted(path.glob("*.yaml"))
            if not inside:
                raise UsageError(f"{path} holds no experiment (*.yaml)")
            found += inside
        else:
            found.append(path)
    return found


def _clock(seconds: float) -> str:
    return f"{int(seconds // 60):02d}:{int(seconds % 60):02d}"


def share_of(option: str, text: str) -> float:
    """A share between 0 and 1 as an option has it: `80%`, `0.8`. Raises UsageError."""
    try:
        share = parse_ratio(text)
    except UnitError as error:
        raise UsageError(f"{option} {text}: {error.message}; expected {error.expected}") from error
    if not 0 < share < 1:
        raise UsageError(f"{option} {text}: expected a share above 0 and below 1, e.g. 90%")
    return share
