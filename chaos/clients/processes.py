"""Processes of this machine, told apart by pid, start time and boot, so that a reused pid is never touched."""

from __future__ import annotations

import asyncio
import os
import signal as signals
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from chaos.errors import WorldError
from chaos.record import Json


@dataclass(frozen=True)
class Identity:
    """One process for good: no later process with the same pid is equal to it.

    `started` is its creation time in clock ticks since boot (on Linux; elsewhere in milliseconds since 1970).
    """

    pid: int
    started: int
    boot_id: str

    def to_json(self) -> dict[str, Json]:
        return {"pid": self.pid, "started": self.started, "boot_id": self.boot_id}

    @classmethod
    def from_json(cls, data: Mapping[str, Json]) -> Identity:
        pid, started, boot = data["pid"], data["started"], data["boot_id"]
        if not (isinstance(pid, int) and isinstance(started, int) and isinstance(boot, str)):
            raise WorldError(
                f"this is not a process identity: {dict(data)}; the journal was edited or damaged"
            )
        return cls(pid, started, boot)


def boot_id() -> str:
    """What tells this boot of the machine from the next."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return f"boot-{int(psutil.boot_time())}"


def identify(pid: int, *, ended: bool = False) -> Identity | None:
    """The process that has `pid` now, or None when there is none.

    One that has ended and is not waited for yet (a zombie) is none, unless `ended` asks for such as well.
    """
    with suppress(OSError, IndexError, ValueError):
        # The command's name, in brackets, may hold spaces and brackets; what counts stands after the last one.
        fields = (
            Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        )
        return None if fields[0] in "ZX" and not ended else Identity(pid, int(fields[19]), boot_id())
    if Path("/proc/self/stat").exists():
        return None
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        if process.status() != psutil.STATUS_ZOMBIE:
            return Identity(pid, int(process.create_time() * 1000), boot_id())
    return None


def alive(identity: Identity) -> bool:
    """Whether this very process still runs (paused counts as running)."""
    return identify(identity.pid) == identity


def paused(identity: Identity) -> bool:
    """Whether this very process is there and stopped by a signal."""
    if not alive(identity):
        return False
    with suppress(psutil.Error):
        return bool(psutil.Process(identity.pid).status() == psutil.STATUS_STOPPED)
    return False


def signal(identity: Identity, number: signals.Signals) -> bool:
    """Send a signal to this very process; False when it is gone. Never reaches a later process with its pid."""
    if not hasattr(os, "pidfd_open"):
        if not alive(identity):
            return False
        with suppress(ProcessLookupError):
            os.kill(identity.pid, number)
            return True
        return False
    try:
        handle = os.pidfd_open(identity.pid)
    except ProcessLookupError:
        return False
    try:
        if not alive(identity):
            return False
        signals.pidfd_send_signal(handle, number)
        return True
    except ProcessLookupError:
        return False
    finally:
        os.close(handle)


async def wait_gone(identity: Identity, timeout: float) -> bool:
    """Wait until this very process is gone; False when it is still there after `timeout` real seconds."""
    with suppress(TimeoutError):
        async with asyncio.timeout(timeout):
            await _told_of_end(identity)
            while alive(identity):
                await asyncio.sleep(0.01)
    return not alive(identity)


async def _told_of_end(identity: Identity) -> None:
    """Until the kernel tells that the process has ended; at once where this kernel cannot tell."""
    if not hasattr(os, "pidfd_open"):
        return
    try:
        handle = os.pidfd_open(identity.pid)
    except OSError:
        return
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(handle, ended.set)
    try:
        if alive(identity):  # asked after the handle was taken: it is not that of a later process
            await ended.wait()
    finally:
        loop.remove_reader(handle)
        os.close(handle)


async def end(identity: Identity, *, grace: float) -> bool:
    """SIGTERM, then SIGKILL after `grace` real seconds (0: at once). True when it is gone (or was before)."""
    if grace > 0 and signal(identity, signals.SIGTERM):
        signal(identity, signals.SIGCONT)
        if await wait_gone(identity, grace):
            return True
    signal(identity, signals.SIGKILL)
    return await wait_gone(identity, 5.0)


def marked(variable: str, value: str) -> Iterator[Identity]:
    """Every process of ours that has `variable=value` in its environment, ourselves left out."""
    wanted = f"\0{variable}={value}\0".encode()
    for pid in psutil.pids():
        if pid == os.getpid():
            continue
        with suppress(psutil.Error, OSError):
            if wanted in b"\0" + _environment(pid) and (found := identify(pid)) is not None:
                yield found


def _environment(pid: int) -> bytes:
    """The environment of a process, each variable ended by a zero byte. Raises OSError or psutil's errors."""
    with suppress(FileNotFoundError):
        return Path(f"/proc/{pid}/environ").read_bytes()
    return "".join(f"{name}={value}\0" for name, value in psutil.Process(pid).environ().items()).encode()


def spawn(
    argv: Sequence[str], *, env: Mapping[str, str], log: Path, cwd: str | None = None
) -> tuple[Identity, subprocess.Popen[bytes]]:
    """Start a program in a session of its own, its output appended to `log` (the user's alone).

    Its own session keeps a Ctrl-C at the terminal for the run, which then ends the world in order. The program goes on
    when the caller ends. Whoever keeps the caller alive must `wait` for it, or it stays a zombie.
    """
    log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        process = subprocess.Popen(
            list(argv),
            env=dict(env),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=handle,
            stderr=handle,
            start_new_session=True,
        )
    except OSError as error:
        unknown = isinstance(error, FileNotFoundError) and os.sep not in argv[0]
        remedy = (
            "it is not on the PATH: install it, or name it with its path"
            if unknown
            else "check that the file is there and executable"
        )
        raise WorldError(f"could not start `{argv[0]}`: {error}; {remedy}") from error
    finally:
        os.close(handle)
    identity = identify(process.pid, ended=True)  # whoever waits for it to be ready tells how it ended
    if identity is None:
        code = process.wait()
        raise WorldError(f"`{argv[0]}` ended at once with code {code}; its last words are in {log}")
    return identity, process
