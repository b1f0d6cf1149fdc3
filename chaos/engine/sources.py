"""Where an objective's values come from when it is no PromQL: a request, a command, a function.

A source is asked for one value at a time. `None` is no value: what could not be found out is never taken for a good
value, nor for a bad one. Where there is none, or a bad one without a number of its own, the source says why.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import math
import re
import sys
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import aiohttp
from pydantic import JsonValue

from chaos.clients import routes
from chaos.clients.commands import run_command
from chaos.clock import RealSeconds
from chaos.environment import filled_headers, named_in
from chaos.errors import PreflightError, StandbyError, WorldError
from chaos.experiment.fault import Proof
from chaos.experiment.objective import HttpCheck, Objective
from chaos.experiment.tree import printable

NUMBER = re.compile(rb"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_LINK = re.compile(r"\$(LINK_\w+)")
MOST_OUTPUT = 64 * 1024
"""Bytes of a command's output that are looked at for a number: the last ones."""
LONGEST_SAID = 200
"""Letters of somebody else's words that a reason repeats: the last ones."""


@dataclass(frozen=True)
class Found:
    """What a source answers: a value, or why there is none, or why it is 0."""

    value: float | None
    why: str = ""
    """What it did instead, as the end of "the last time it": `raised KeyError`."""
    said: str = ""
    """What the user's own code or server said to it; as long as it likes, and with whatever is in it."""

    def told(self, masked: Callable[[str], str]) -> str:
        """Why, in one line for a reader. `masked` takes the secrets out, before anything is cut off."""
        said = " ".join(printable(masked(self.said)).split())
        if len(said) > LONGEST_SAID:
            said = f"...{said[3 - LONGEST_SAID :]}"
        return f"{self.why}: {said}" if said else self.why


class Source(Protocol):
    """One value at a time."""

    text: str
    """What is asked, for the report."""

    async def ask(self) -> Found:
        """The value now, or why it cannot be told. Never raises; bounded in time by the source itself."""


class HttpSource:
    """1 when a request is answered with the right status in time, else 0. Redirects are not followed.

    Behind a cluster's API server there is no value while that one takes no connection.
    """

    def __init__(self, check: HttpCheck, timeout: RealSeconds) -> None:
        self.text = f"{check.method} {check.url} is answered {check.status} within {timeout:g} s"
        self._check = check
        self._timeout = timeout

    async def ask(self) -> Found:
        check = self._check
        try:
            async with (
                routes.opened(check.url, self._timeout) as (session, url),
                session.request(
                    check.method,
                    url,
                    headers={**check.headers, **routes.headers(check.url)},
                    data=check.body,
                    allow_redirects=False,
                ) as answer,
            ):
                await answer.read()
                if answer.status == check.status:
                    return Found(1.0)
                return Found(0.0, f"was answered {answer.status}, not {check.status}")
        except TimeoutError:
            return Found(0.0, f"was not answered within {self._timeout:g} s")
        except aiohttp.ClientConnectorError as error:
            return Found(None if routes.is_cluster(check.url) else 0.0, "was given no connection", str(error))
        except (aiohttp.ClientError, OSError) as error:
            return Found(0.0, f"broke off with {type(error).__name__}", str(error))
        except StandbyError as error:
            return Found(None, "could not be asked", str(error))


class CommandSource:
    """The number that a command prints last, 1 when it prints none; 0 when it fails or does not end in time.

    One that cannot be started gives no value.
    """

    def __init__(
        self, command: Sequence[str], timeout: RealSeconds, folder: Path, env: Mapping[str, str]
    ) -> None:
        self.text = f"`{' '.join(command)}`"
        self._command = tuple(command)
        self._timeout = timeout
        self._folder = folder
        self._env = env

    async def ask(self) -> Found:
        try:
            ended = await run_command(
                self._command, folder=self._folder, timeout=self._timeout, env=self._env
            )
        except WorldError as error:
            return Found(None, "could not be started", str(error))
        if ended.code is None:
            return Found(0.0, f"did not end within {self._timeout:g} s")
        output = ended.output[-MOST_OUTPUT:]
        if ended.code != 0:
            return Found(0.0, f"ended with exit code {ended.code}", output.decode(errors="replace"))
        numbers = NUMBER.findall(output)
        return _number(float(numbers[-1]) if numbers else 1.0, "printed")


class PythonSource:
    """What a function returns: a number, or a truth as 1 or 0. One that raises or does not return in time gives none.

    A function that is not asynchronous runs on a thread, which nothing can end: while one call hangs, no other is made.
    """

    def __init__(self, name: str, function: Callable[[], object], timeout: RealSeconds) -> None:
        self.text = f"{name}()"
        self._function = function
        self._timeout = timeout
        self._asked: asyncio.Future[object] | None = None

    async def ask(self) -> Found:
        if self._asked is not None and not self._asked.done():
            return Found(None, "had not returned from an earlier call")
        if inspect.iscoroutinefunction(self._function):
            self._asked = asyncio.ensure_future(self._function())
        else:
            self._asked = _on_thread(self._function)
        await asyncio.wait({self._asked}, timeout=self._timeout)
        if not self._asked.done():
            return Found(None, f"did not return within {self._timeout:g} s")
        if self._asked.cancelled():
            return Found(None, "was cancelled")
        if (error := self._asked.exception()) is not None:
            raised = error.error if isinstance(error, _Raised) else error
            return Found(None, f"raised {type(raised).__name__}", f"{_words(raised)} {_place(raised)}")
        return _number(self._asked.result(), "returned")


class _Raised(Exception):  # noqa: N818 - it carries what a function raised, which a future might not
    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error


def _words(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - a user's error may raise what it likes where it should tell itself
        return "(it cannot be told)"


def _place(error: BaseException) -> str:
    """Where it was raised, such as `(checks.py:12)`."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""


def _number(found: object, how: str) -> Found:
    """A finite number, or a truth as 1 or 0; anything else is no value."""
    if not isinstance(found, bool | int | float):
        return Found(None, f"{how} a {type(found).__name__}, no number")
    try:
        value = float(found)
    except OverflowError:
        value = math.inf
    return Found(value) if math.isfinite(value) else Found(None, f"{how} {value}, no finite number")


def _on_thread(function: Callable[[], object]) -> asyncio.Future[object]:
    """Call a function on a thread of its own, for which nobody waits when the program ends."""
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[object] = loop.create_future()
    outcome.add_done_callback(
        lambda ended: ended.cancelled() or ended.exception()
    )  # nobody may wait for it any more

    def settle(settled: Callable[[], None]) -> None:
        if not outcome.done():
            settled()

    def work() -> None:
        try:
            found = function()
        except BaseException as error:  # noqa: BLE001 - a user's function may raise what it likes
            reason = _Raised(error)
            with suppress(RuntimeError):  # the loop may be closed: then nobody is left to be told
                loop.call_soon_threadsafe(settle, lambda: outcome.set_exception(reason))
            return
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, lambda: outcome.set_result(found))

    threading.Thread(target=work, daemon=True).start()
    return outcome


def source_of(
    asked: Objective | Proof,
    folder: Path,
    links: Mapping[str, str],
    *,
    name: str,
    hide: Callable[[str], None],
) -> Source | None:
    """Where the values come from; None where Prometheus answers.

    Raises PreflightError for a missing function and for a missing variable of the environment; `name` is whose source
    it is. What the environment fills in, here or in the arguments of a function, is given to `hide`.

    Commands run in `folder`, and modules are looked for there as well: it is the document's. `links` are the addresses
    of the links by the names of their variables (`LINK_API_TO_DB`): commands have them in their environment, and in a
    URL `$LINK_API_TO_DB` stands for one.
    """
    if asked.http is not None:
        sent = {
            "url": filled(asked.http.url, links),
            "headers": filled_headers(asked.http.headers, f"{name}: http.headers", hide),
        }
        return HttpSource(asked.http.model_copy(update=sent), asked.timeout)
    if asked.command is not None:
        return CommandSource(asked.command, asked.timeout, folder, links)
    if asked.python is not None:
        function = _function(asked.python, folder)
        arguments = _with_links(asked.arguments, links) if isinstance(asked, Objective) else {}
        for value in named_in(arguments):
            hide(value)
        return PythonSource(
            asked.python, partial(function, **arguments) if arguments else function, asked.timeout
        )
    return None


def _with_links(arguments: Mapping[str, JsonValue], links: Mapping[str, str]) -> dict[str, JsonValue]:
    """The arguments of a function, with the addresses of links in their texts."""
    return {
        name: filled(value, links) if isinstance(value, str) else value for name, value in arguments.items()
    }


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
