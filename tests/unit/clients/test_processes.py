from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from chaos.clients import processes
from chaos.clients.processes import Identity
from chaos.errors import WorldError
from tests.waiting import until

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(99)"


def started(tmp_path: Path, code: str = "import time; time.sleep(600)", **env: str) -> Identity:
    """A process of this test, waited for on a thread."""
    command = [sys.executable, "-c", code]
    identity, child = processes.spawn(command, env={**os.environ, **env}, log=tmp_path / "log")
    threading.Thread(target=child.wait, daemon=True).start()
    return identity


@pytest.fixture
async def sleeper(tmp_path: Path) -> AsyncIterator[Identity]:
    """A process that sleeps, ended after the test."""
    identity = started(tmp_path)
    yield identity
    await processes.end(identity, grace=0)


async def test_a_process_is_alive_until_it_is_ended(sleeper: Identity) -> None:
    """`alive` follows the very process; `end` waits until it is gone and is true again when called twice."""
    assert processes.alive(sleeper)
    assert await processes.end(sleeper, grace=2)
    assert not processes.alive(sleeper)
    assert await processes.end(sleeper, grace=2)


async def test_a_reused_pid_is_never_touched(sleeper: Identity) -> None:
    """The same pid with another start time or another boot is somebody else: no signal reaches it."""
    for other in (replace(sleeper, started=sleeper.started - 1), replace(sleeper, boot_id="an earlier boot")):
        assert not processes.alive(other)
        assert not processes.signal(other, signal.SIGKILL)
        assert await processes.end(other, grace=1)
    assert processes.alive(sleeper)


async def test_a_paused_process_is_seen_to_be_paused_and_can_be_ended(sleeper: Identity) -> None:
    """SIGSTOP shows as paused; ending it continues it so that SIGTERM can work."""
    processes.signal(sleeper, signal.SIGSTOP)
    await until(lambda: processes.paused(sleeper))
    assert await processes.end(sleeper, grace=2)


async def test_whoever_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    """SIGKILL follows when the grace is over."""
    identity = started(tmp_path, STUBBORN)
    await until(lambda: "up" in (tmp_path / "log").read_text())
    assert await processes.end(identity, grace=0.2)
    assert not processes.alive(identity)


async def test_marked_processes_are_found_by_their_environment(tmp_path: Path) -> None:
    """A process is found by its mark even when nobody wrote its pid down."""
    mark = f"mark-{os.getpid()}-{time.monotonic_ns()}"
    identity = started(tmp_path, STANDBY_WORLD=mark)
    try:
        # While the program is only being loaded, the kernel shows no environment.
        await until(lambda: list(processes.marked("STANDBY_WORLD", mark)) == [identity])
        assert list(processes.marked("STANDBY_WORLD", mark + "x")) == []
    finally:
        await processes.end(identity, grace=0)


async def test_an_identity_survives_json() -> None:
    """What the journal holds is the same process again; anything else is refused."""
    me = processes.identify(os.getpid())
    assert me is not None
    assert Identity.from_json(me.to_json()) == me
    with pytest.raises(WorldError, match="not a process identity"):
        Identity.from_json({"pid": "1", "started": 2, "boot_id": "b"})


async def test_a_program_that_ends_at_once_has_been_one(tmp_path: Path) -> None:
    """However late its starter looks, it is a process that has ended, not one that could not be started."""
    looked = processes.identify

    def late(pid: int, *, ended: bool = False) -> Identity | None:
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        return looked(pid, ended=ended)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(processes, "identify", late)
        identity, child = processes.spawn(["true"], env=dict(os.environ), log=tmp_path / "log")
    assert not processes.alive(identity)
    assert child.wait() == 0


@pytest.mark.parametrize(
    ("program", "remedy"),
    [
        ("/no/such/program", "check that the file is there"),
        ("no-such-program", "it is not on the PATH: install it"),
    ],
)
async def test_a_program_that_is_not_there_is_a_clear_error(
    tmp_path: Path, program: str, remedy: str
) -> None:
    """The name of the program, the reason and what to do, not a traceback of the operating system."""
    with pytest.raises(WorldError, match=f"could not start `{program}`: .*; {remedy}"):
        processes.spawn([program], env={}, log=tmp_path / "log")
