"""Where an objective's values come from when it is no PromQL: a request, a command, a function.

A source is asked for one value at a time. `None` is no value: what could not be found out is never taken for a good
value, nor for a bad one.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import re
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import aiohttp

from chaos.clients.commands import run_command
from chaos.clock import RealSeconds
from chaos.errors import PreflightError
from chaos.experiment.fault import Proof
from chaos.experiment.objective import HttpCheck, Objective

NUMBER = re.compile(rb"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_LINK = re.compile(r"\$(LINK_\w+)")
MOST_OUTPUT = 64 * 1024
"""Bytes of a command's output that are looked at for a number: the last ones."""


class Source(Protocol):
    """One value at a time."""

    text: str
    """What is asked, for the report."""

    async def value(self) -> float | None:
        """The value now, or None where it cannot be told. Bounded in time by the source itself."""


class HttpSource:
    """1 when a request is answered with the right status in time, else 0. Redirects are not followed."""

    def __init__(self, check: HttpCheck, timeout: RealSeconds) -> None:
        self.text = f"{check.method} {check.url} is answered {check.status} within {timeout:g} s"
        self._check = check
        self._timeout = aiohttp.ClientTimeout(total=timeout)

    async def value(self) -> float | None:
        check = self._check
        try:
            async with (
                aiohttp.ClientSession(timeout=self._timeout, trust_env=False) as session,
                session.request(
                    check.method, check.url, headers=check.headers, data=check.body, allow_redirects=False
                ) as answer,
            ):
                await answer.read()
                return float(answer.status == check.status)
        except (aiohttp.ClientError, OSError, TimeoutError):
            return 0.0


class CommandSource:
    """The number that a command prints last, 1 when it prints none; 0 when it fails or does not end in time."""

    def __init__(
        self, command: Sequence[str], timeout: RealSeconds, folder: Path, env: Mapping[str, str]
    ) -> None:
        self.text = f"`{' '.join(command)}`"
        self._command = tuple(command)
        self._timeout = timeout
        self._folder = folder
        self._env = env

    async def value(self) -> float | None:
        ended = await run_command(self._command, folder=self._folder, timeout=self._timeout, env=self._env)
        if ended.code != 0:
            return 0.0
        numbers = NUMBER.findall(ended.output[-MOST_OUTPUT:])
        return float(numbers[-1]) if numbers else 1.0


class PythonSource:
    """What a function returns: a number, or a truth as 1 or 0. One that raises or does not return in time gives none.

    A function that is not asynchronous runs on a thread, which nothing can end: while one call hangs, no other is made.
    """

    def __init__(self, name: str, function: Callable[[], object], timeout: RealSeconds) -> None:
        self.text = f"{name}()"
        self._function = function
        self._timeout = timeout
        self._asked: asyncio.Future[object] | None = None

    async def value(self) -> float | None:
        if self._asked is not None and not self._asked.done():
            return None
        if inspect.iscoroutinefunction(self._function):
            self._asked = asyncio.ensure_future(self._function())
        else:
            self._asked = _on_thread(self._function)
        await asyncio.wait({self._asked}, timeout=self._timeout)
        if not self._asked.done() or self._asked.cancelled() or self._asked.exception() is not None:
            return None
        found = self._asked.result()
        return float(found) if isinstance(found, bool | int | float) else None


def _on_thread(function: Callable[[], object]) -> asyncio.Future[object]:
    """Call a function on a thread of its own, for which nobody waits when the program ends."""
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[object] = loop.create_future()

    def settle(settled: Callable[[], None]) -> None:
        if not outcome.done():
            settled()

    def work() -> None:
        try:
            found = function()
        except BaseException as error:  # noqa: BLE001 - a user's function may raise what it likes
            reason = RuntimeError(f"{type(error).__name__}: {error}")
            with suppress(RuntimeError):  # the loop may be closed: then nobody is left to be told
                loop.call_soon_threadsafe(settle, lambda: outcome.set_exception(reason))
            return
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, lambda: outcome.set_result(found))

    threading.Thread(target=work, daemon=True).start()
    return outcome


def source_of(asked: Objective | Proof, folder: Path, links: Mapping[str, str]) -> Source | None:
    """Where the values come from; None where Prometheus answers. Raises PreflightError for a missing function.

    Commands run in `folder`, and modules are looked for there as well: it is the document's. `links` are the addresses
    of the links by the names of their variables (`LINK_API_TO_DB`): commands have them in their environment, and in a
    URL `$LINK_API_TO_DB` stands for one.
    """
    if asked.http is not None:
        url = filled(asked.http.url, links)
        return HttpSource(asked.http.model_copy(update={"url": url}), asked.timeout)
    if asked.command is not None:
        return CommandSource(asked.command, asked.timeout, folder, links)
    if asked.python is not None:
        return PythonSource(asked.python, _function(asked.python, folder), asked.timeout)
    return None


def filled(text: str, links: Mapping[str, str]) -> str:
    """`text` with the addresses of links in place of their `$LINK_NAME`s. Raises PreflightError for an unknown one."""

    def fill(found: re.Match[str]) -> str:
        if found[1] not in links:
            known = ", ".join(f"${name}" for name in links) or "none"
            raise PreflightError(f"{text}: ${found[1]} is no link of this experiment; there are {known}")
        return links[found[1]]

    return _LINK.sub(fill, text)


def _function(name: str, folder: Path) -> Callable[[], object]:
    module, _, attribute = name.partition(":")
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, SyntaxError) as error:
        raise PreflightError(
            f"the function `{name}` cannot be had: {error}; modules are looked for in {folder} and in the environment"
        ) from error
    if not callable(found):
        raise PreflightError(f"`{name}` is no function but {type(found).__name__}")
    function: Callable[[], object] = found
    return function


Sources = Mapping[str, Source]
"""The sources of a run's goals by the goals' names."""
