"""The two ways of getting a program that is not here: a pinned release, and a build with Go."""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import requests

from chaos.clients.tool_pins import Kit

CONNECT_TIMEOUT = 5.0
"""Real seconds for a connection to the server of a download."""
READ_TIMEOUT = 30.0
"""Real seconds without a byte after which a download is given up."""
BUILD_TIMEOUT = 1800.0
"""Real seconds for one command of a build with Go."""
_FIRST_REPORT = 2.0
_NEXT_REPORTS = 10.0
_ATTEMPTS = 3
_CHUNK = 1 << 18

Say = Callable[[str], None]
"""Takes one line about what is being done."""


class WayFailedError(Exception):
    """One way of getting a program did not work; the next one is tried."""


def say_on_stderr(line: str) -> None:
    """Write one line of progress to stderr."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def this_platform() -> str:
    """This machine as `system-architecture`, for example `linux-amd64`."""
    machine = platform.machine().lower()
    architecture = {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)
    return f"{platform.system().lower()}-{architecture}"


def download(kit: Kit, stage: Path, say: Say) -> None:
    """Download the kit's release, check it, and put its programs into `stage`.

    Raises WayFailedError; without a network it does so within seconds.
    """
    here = this_platform()
    if here not in kit.sha256:
        raise WayFailedError(f"there is no pinned release for {here}")
    address = kit.archive.format(platform=kit.platforms[here])
    archive = stage / "release"
    digest = _receive(address, archive, f"{kit.name} {kit.version}", say)
    if digest != kit.sha256[here]:
        raise WayFailedError(
            f"{address}: its SHA-256 is {digest}, pinned is {kit.sha256[here]}: a corrupted or exchanged file"
        )
    if address.endswith(".tar.gz"):
        _unpack(archive, {tool.name for tool in kit.tools}, stage)
    else:
        archive.replace(stage / kit.tools[0].name)


def _receive(address: str, archive: Path, what: str, say: Say) -> str:
    """Write what `address` serves to `archive` and return its SHA-256; try again when a connection breaks."""
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return _receive_once(address, archive, what, say)
        except requests.RequestException as error:
            status = error.response.status_code if error.response is not None else 0
            # Without a single byte there is no network, or none that is allowed: another try only takes time.
            hopeless = not archive.exists() and status < 500
            if hopeless or attempt == _ATTEMPTS:
                raise WayFailedError(f"{address}: {_reason(error)}") from error
    raise AssertionError("the last attempt returns or raises")


def _receive_once(address: str, archive: Path, what: str, say: Say) -> str:
    digest, received, report_at = hashlib.sha256(), 0, time.monotonic() + _FIRST_REPORT
    with requests.get(address, stream=True, timeout=(CONNECT_TIMEOUT, READ_TIMEOUT)) as response:
        response.raise_for_status()
        total = int(response.headers.get("Content-Length", 0))
        with archive.open("wb") as file:
            for chunk in response.iter_content(_CHUNK):
                file.write(chunk)
                digest.update(chunk)
                received += len(chunk)
                if time.monotonic() >= report_at:
                    report_at = time.monotonic() + _NEXT_REPORTS
                    of = f" of {total / 1e6:.0f}" if total else ""
                    say(f"{what}: downloading, {received / 1e6:.0f}{of} MB")
    return digest.hexdigest()


def _reason(error: requests.RequestException) -> str:
    """What a network error comes down to, without the wrappers around it."""
    if error.response is not None:
        return f"the server answered {error.response.status_code} {error.response.reason}"
    innermost: BaseException = error
    while (deeper := innermost.__cause__ or innermost.__context__) is not None:
        innermost = deeper
    return str(innermost) or type(innermost).__name__


def _unpack(archive: Path, names: set[str], stage: Path) -> None:
    """Copy the regular files called `names`, in whatever folder of the archive, to `stage`."""
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                name = Path(member.name).name
                if name in names and member.isfile() and (content := tar.extractfile(member)) is not None:
                    with (stage / name).open("wb") as file:
                        shutil.copyfileobj(content, file)
    except (tarfile.TarError, EOFError) as error:
        raise WayFailedError(f"the archive cannot be read: {error}") from error
    if missing := sorted(name for name in names if not (stage / name).exists()):
        raise WayFailedError(f"the archive has no {', '.join(missing)}")


def build(kit: Kit, stage: Path, say: Say, path: str | None = None) -> None:
    """Build the kit's programs into `stage` from their Go module, whose checksum Go itself verifies.

    `go` is looked up on `path` (default: `$PATH`). Raises WayFailedError.
    """
    go = shutil.which("go", path=path)
    if go is None:
        raise WayFailedError("there is no `go` on the PATH")
    # A module of our own, because `go install` refuses a module that replaces some of its dependencies.
    module = stage / "module"
    temporary = stage / "tmp"
    module.mkdir()
    temporary.mkdir()
    settings = {"CGO_ENABLED": "0", "GOWORK": "off", "GOFLAGS": "-mod=mod", "GOTMPDIR": str(temporary)}
    what = f"{kit.name} {kit.version}: building with Go (takes minutes the first time)"
    packages = [f"{tool.package}@{kit.module_version}" for tool in kit.tools]
    compile_to = ["build", "-trimpath", "-ldflags", f"-s -w -X {kit.version_variable}={kit.version}", "-o"]
    commands = [["mod", "init", "standby/build"], ["get", *packages]]
    commands += [[*compile_to, str(stage / tool.name), tool.package] for tool in kit.tools]
    for command in commands:
        _go([go, *command], module, os.environ | settings, what, say)


def _go(command: Sequence[str], module: Path, environment: Mapping[str, str], what: str, say: Say) -> None:
    """Run one Go command in `module` to its end, telling now and then that it goes on."""
    log = module.parent / "log"
    # A signal between the start of the process and the `try` would leave the process behind: it has to wait.
    unblocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                cwd=module,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            signal.pthread_sigmask(signal.SIG_SETMASK, unblocked)
            status = _watch(process, f"{what}: go {command[1]}", say)
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, unblocked)
    if status != 0:
        end = " / ".join(log.read_text(errors="replace").strip().splitlines()[-4:])
        raise WayFailedError(f"`go {' '.join(command[1:3])}` ended with {status}: {end}")


def _watch(process: subprocess.Popen[bytes], what: str, say: Say) -> int:
    begun, pause = time.monotonic(), _FIRST_REPORT
    while time.monotonic() - begun < BUILD_TIMEOUT:
        try:
            return process.wait(timeout=pause)
        except subprocess.TimeoutExpired:
            say(f"{what}, {time.monotonic() - begun:.0f} s")
            pause = _NEXT_REPORTS
    raise WayFailedError(f"{what} took more than {BUILD_TIMEOUT:.0f} s")
