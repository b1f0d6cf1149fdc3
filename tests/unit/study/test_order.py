from __future__ import annotations

from pathlib import Path

import pytest

from chaos.errors import UsageError
from chaos.study.live import Wanted, changed
from chaos.study.loading import LoadedStudy
from chaos.study.order import Order, order
from tests.unit.study.standin import ROOT, written

EXPERIMENT = (ROOT / "experiments" / "failure-to-launch.yaml").read_text(encoding="utf-8")
LOSS = EXPERIMENT[EXPERIMENT.index("  - {fault: node_loss") : EXPERIMENT.index("crew:\n")]
TEAM = "version: 1\nsource: a test\npeople: {mistriage: 40%}\n"
STUDY = """\
version: 1
title: A small study
experiment: launch.yaml
seed: 7
set: {time_scale: 4}
varies: {values: [1, 2]}
live: {trials: 4, set: {time_scale: 8}}
arms:
  - {name: as-found}
  - {name: hardened, set: {rooms.profile: hardened}}
"""


def study(folder: Path, experiment: str = EXPERIMENT.replace(LOSS, "")) -> LoadedStudy:
    """A study whose crew has a file for its runbook and one for its people."""
    (folder / "crew").mkdir(exist_ok=True)
    runbooks = (ROOT / "experiments" / "crew" / "runbooks.yaml").read_bytes()
    (folder / "crew" / "runbooks.yaml").write_bytes(runbooks)
    (folder / "team.yaml").write_text(TEAM)
    text = experiment.replace("  headcount: 2", "  headcount: 2\n  people_file: team.yaml")
    (folder / "launch.yaml").write_text(text)
    return written(folder, STUDY)


def wanted(loaded: LoadedStudy) -> list[Wanted]:
    """Both points of both arms."""
    return [Wanted(arm, value, 7) for arm in loaded.study.arms for value in (1, 2)]


def test_a_trial_elsewhere_is_the_trial_that_would_be_run_here(tmp_path: Path) -> None:
    """Without any file of the study, from its JSON: the same experiment, but for the world and what it may touch."""
    loaded = study(tmp_path)
    several = wanted(loaded)
    sent = Order.read(order(loaded, several).model_dump_json())
    for number, one in enumerate(several):
        here, folder = changed(loaded, one), tmp_path / f"pod-{number}"
        folder.mkdir()
        there = sent.loaded(sent.trials[number], folder)
        assert sent.trials[number].overrides == here.overrides
        assert (there.experiment.world, there.experiment.max_affected.nodes) == ("kubernetes", 1)
        crew, its = here.experiment.crew, there.experiment.crew
        assert crew is not None
        assert its is not None
        assert its.people.mistriage == 0.4
        assert there.file(its.runbooks).read_bytes() == here.file(crew.runbooks).read_bytes()
        same = its.model_copy(update={"runbooks": crew.runbooks, "people_file": crew.people_file})
        assert same == crew
        elsewhere = there.experiment.model_copy(
            update={"world": "local", "crew": crew, "max_affected": here.experiment.max_affected}
        )
        assert elsewhere == here.experiment


def test_a_trial_is_called_by_what_it_is_a_trial_of(tmp_path: Path) -> None:
    """Each has a name of its own, whatever else is ordered with it; another experiment's trials have other names."""
    loaded = study(tmp_path)
    several = wanted(loaded)
    whole = order(loaded, several)
    assert len(set(whole.names)) == 4
    last = order(loaded, several[-1:])
    assert (last.study, last.names) == (whole.study, whole.names[-1:])
    other = study(tmp_path, EXPERIMENT.replace(LOSS, "").replace("delay: 600ms", "delay: 610ms"))
    changed_ = order(other, wanted(other))
    assert changed_.study != whole.study
    assert not set(changed_.names) & set(whole.names)
    assert all(len(name) <= 63 for name in (*whole.names, whole.study))


def test_what_would_touch_other_trials_is_refused(tmp_path: Path) -> None:
    """A lost node is a node of all of them: the fault is named, and where it can be had."""
    loaded = study(tmp_path, EXPERIMENT)
    with pytest.raises(UsageError, match=r"a media node is lost \(node_loss\)(?s:.*)faults of links alone"):
        order(loaded, wanted(loaded))


def test_other_words_are_no_order() -> None:
    """Said with what is wrong."""
    with pytest.raises(UsageError, match="no trials of a study"):
        Order.read('{"version": 1}')
