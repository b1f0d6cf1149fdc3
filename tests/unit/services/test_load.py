"""The load on services that run elsewhere: a command of this machine, ended with everything that it started."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from chaos.clients import processes
from chaos.experiment.system import LoadSection
from chaos.record import Record
from chaos.services.load import MARK, end_load, load_of
from chaos.undo.journal import Journal, read
from tests.waiting import wait_until

ELSEWHERE = cast(Any, SimpleNamespace())


async def test_a_load_is_journaled_before_it_begins_and_gone_at_the_end(tmp_path: Path) -> None:
    """Its mark in the journal is enough to end it, with the children that it has, once or twice."""
    started = "import subprocess, sys, time; subprocess.Popen(['sleep', '600']); time.sleep(600)"
    section = LoadSection(command=(sys.executable, "-c", started))
    journal = Journal(tmp_path / "run.jsonl")
    load = load_of(section, ELSEWHERE, Record(), journal, home=tmp_path)
    assert load.check().holds is False
    await load.begin()
    (intent,) = read(journal.path).pending
    args = intent.steps[0].args
    wait_until(lambda: len(list(processes.marked(MARK, str(args["mark"])))) == 2, 30, "the load to begin")
    assert load.check().holds is True
    assert (await end_load(args)).holds is True
    assert not list(processes.marked(MARK, str(args["mark"])))
    assert await load.end() == []
    assert load.check().holds is False
    assert not read(journal.path).pending
    assert "another machine" in (await end_load({**args, "boot_id": "other"})).evidence
    journal.close()


async def test_without_a_load_the_traffic_that_is_there_counts(tmp_path: Path) -> None:
    """Nothing is started, and nothing speaks against the run."""
    journal = Journal(tmp_path / "run.jsonl")
    load = load_of(None, ELSEWHERE, Record(), journal, home=tmp_path)
    await load.begin()
    assert load.check().holds is True
    assert read(journal.path).pending == ()
    journal.close()
