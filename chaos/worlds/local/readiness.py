"""Waiting until a process of a local world is ready; one that is not is told with its last words."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import aiohttp

from chaos.clients.reach import connects
from chaos.errors import WorldError
from chaos.worlds.layout import ProcessSpec

READY_WITHIN = 45.0
"""Real seconds that a process has to become ready."""


async def until_ready(spec: ProcessSpec, log: Path, *, alive: Callable[[], bool]) -> None:
    """Wait until a process answers at its health URL. Raises WorldError, with the last lines of its log."""
    until = time.monotonic() + READY_WITHIN
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2), trust_env=False) as session:
        while True:
            if spec.role != "external" and not alive():
                raise WorldError(f"{spec.name} ended while it was starting; {_last_words(log)}")
            if spec.health is None or await _answers(session, spec.health):
                return
            if time.monotonic() > until:
                raise WorldError(
                    f"{spec.name} is not ready after {READY_WITHIN:g} s (no answer from {spec.health}); "
                    f"{_last_words(log)}"
                )
            await asyncio.sleep(0.03)


async def _answers(session: aiohttp.ClientSession, url: str) -> bool:
    if url.startswith("tcp://"):
        return await connects(url.removeprefix("tcp://"), within=2.0)
    try:
        async with session.get(url) as response:
            return response.status == 200
    except (aiohttp.ClientError, TimeoutError):
        return False


def _last_words(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-5:] if log.exists() else []
    return f"the end of {log}:\n" + "\n".join(f"  {line}" for line in lines) if lines else f"{log} is empty"
