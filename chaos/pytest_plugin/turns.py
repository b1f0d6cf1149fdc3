"""Runs that would touch the same thing take turns, also those of several xdist workers and sessions."""

from __future__ import annotations

import fcntl
import re
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest

from chaos import state
from chaos.errors import UsageError

if TYPE_CHECKING:
    from chaos.experiment import Loaded


def used_by(loaded: Loaded) -> list[str]:
    """What only one run can have at a time: a cluster, the kept world, an address at which a service listens."""
    from chaos.worlds.local.kept import kept_folder

    experiment = loaded.experiment
    if experiment.world != "local":
        return [experiment.world]
    if experiment.system is None:
        return ["the kept world"] if (kept_folder() / "world.json").exists() else []
    return sorted({tier.address for tier in experiment.system.tiers.values() if tier.address})


class Turns:
    """What this session has at the moment."""

    def __init__(self) -> None:
        self._held: set[str] = set()

    @contextmanager
    def taken(self, names: Iterable[str]) -> Iterator[None]:
        """Have each of these for the length of a block, after whoever else has it now.

        Everybody takes them in the same order, so none waits for another who waits for it. Raises UsageError for what
        this session itself has: it would wait for ever.
        """
        wanted = sorted(set(names))
        if mine := self._held.intersection(wanted):
            raise UsageError(
                f"{', '.join(sorted(mine))}: a world that this test has opened is using it; "
                "give the run another document, or the test no chaos_world"
            )
        folder = state.state_folder() / "turns"
        with ExitStack() as stack:
            for name in wanted:
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                file = stack.enter_context((folder / re.sub(r"\W", "-", name)).open("w"))
                fcntl.flock(file, fcntl.LOCK_EX)
            self._held.update(wanted)
            stack.callback(self._held.difference_update, wanted)
            yield


TURNS = pytest.StashKey[Turns]()
"""Where a session keeps them."""
