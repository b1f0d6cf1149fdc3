"""The smallest failures that a study asks for, simulated at its points."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from chaos.study.changes import overrides
from chaos.study.document import Smallest
from chaos.study.loading import LoadedStudy
from chaos.study.result import SmallestFailure
from chaos.study.smallest.judging import Judge
from chaos.study.smallest.oracles import SIMULATED, Document, Swept
from chaos.study.smallest.searching import fewest_faults, weakest_fault
from chaos.study.smallest.weakest import ladder
from chaos.study.sweep import Sweep


def smallest_failures(loaded: LoadedStudy, sweep: Sweep) -> Iterator[SmallestFailure]:
    """What each question of the section `smallest` comes to; the same for any executor of the sweep."""
    for asked in loaded.study.smallest:
        yield _found(loaded, sweep, asked)


def _found(loaded: LoadedStudy, sweep: Sweep, asked: Smallest) -> SmallestFailure:
    study = loaded.study
    point = (study.arm(asked.at.arm).set, {study.varies.path: asked.at.value})
    rules = replace(
        SIMULATED,
        share=asked.breaks_at,
        confidence=study.target.confidence,
        patience=min(SIMULATED.patience, study.trials.simulated),
    )
    judge = Judge(Swept(sweep, point), rules, study.seed)
    if asked.path is not None and asked.from_ is not None and asked.to is not None:
        values = ladder(asked.from_, asked.to, asked.steps)
        return SmallestFailure(
            arm=asked.at.arm,
            value=asked.at.value,
            found=weakest_fault(judge, "simulated", asked.path, values),
        )
    document = Document(loaded.variants, overrides(study.set, *point))
    titles = [spec.title for spec in loaded.experiment(*point).experiment.faults]
    return SmallestFailure(
        arm=asked.at.arm,
        value=asked.at.value,
        found=fewest_faults(judge, "simulated", document, titles),
    )
