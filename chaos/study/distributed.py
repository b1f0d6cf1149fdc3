"""The same sweep on a Dask cluster (extra `distributed`): cells go out, their trials come back in the cells' order.

Dask keeps the books: a cell whose worker is lost is played again by another one, and a cell is read once. Played
again it comes out the same, so the study's bytes do not tell who played it, or how often.

Whoever reaches a scheduler's port may run code on its workers: keep it inside a network that you trust, or use
`tls://` with Dask's own configuration.
"""

from __future__ import annotations

import logging
import pickle
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from typing import Protocol, cast

import chaos
from chaos.errors import ClientError, PreflightError, UsageError
from chaos.study import compiling
from chaos.study.simulator import Trials
from chaos.study.sweep import Cell, Player

ANSWERS_WITHIN = 20.0
"""Real seconds in which a scheduler has to answer, and to have a worker."""
GOODBYE = 5.0
"""Real seconds for leaving the cluster."""
ALONE_FOR = 60.0
"""Real seconds without any worker after which a study is given up."""
LOOKS = 4
"""How often it is looked within that time whether there is one."""
ALIKE = ("standby-chaos", "numpy", "numba")
"""Packages that have to be the same everywhere, or the bytes would not be."""
MISSING = "not at all"
_ADDRESS = re.compile(r"(tcp|tls|ucx|ws|wss)://\S+:\d+(/\S*)?")


class _Future(Protocol):
    def result(self, timeout: float) -> Trials: ...
    def release(self) -> None: ...


class _Client(Protocol):
    """What is used here of `distributed.Client`, which has few types of its own."""

    def wait_for_workers(self, n_workers: int, timeout: float) -> None: ...
    def run(self, function: Callable[..., str], *args: str, on_error: str) -> Mapping[str, object]: ...
    def run_on_scheduler(self, function: Callable[..., str], *args: str) -> str: ...
    def nthreads(self) -> Mapping[str, int]: ...
    def map(
        self,
        func: Callable[..., Trials],
        cells: Sequence[Cell],
        *,
        key: str,
        pure: bool,
        order: bytes,
        sources: str,
    ) -> Sequence[_Future]: ...
    def cancel(self, futures: Sequence[_Future]) -> None: ...
    def close(self, timeout: float) -> None: ...


@contextmanager
def dask(address: str) -> Iterator[Dask]:
    """An executor on the cluster whose scheduler listens at `address`.

    Raises UsageError for what is no address and without the extra, and PreflightError where no scheduler answers, none
    of its workers does, or one of them has other versions than this process.
    """
    if not _ADDRESS.fullmatch(address):
        raise UsageError(
            f"--scheduler {address}: is no scheduler's address; expected one like tcp://10.0.0.5:8786, as "
            "`dask scheduler` tells it when it starts"
        )
    try:
        from distributed import Client
    except ImportError as error:
        raise UsageError(
            "--scheduler needs Dask, which is not installed here; install the extra: "
            "pip install 'standby-chaos[sim,distributed]'"
        ) from error
    with _hushed():
        client = _connected(cast("Callable[..., _Client]", Client), address)
        try:
            _check(client, address)
            yield Dask(client, address)
        finally:
            with suppress(TimeoutError):  # a scheduler that is gone says no goodbye
                client.close(timeout=GOODBYE)


def _connected(client: Callable[..., _Client], address: str) -> _Client:
    try:
        return client(address, timeout=ANSWERS_WITHIN, set_as_default=False)
    except (OSError, TimeoutError) as error:
        raise PreflightError(
            f"no Dask scheduler answered at {address} within {ANSWERS_WITHIN:g} s ({_told(error)}); nothing was "
            "played. Start one with `dask scheduler`, or see whether its port can be reached from here"
        ) from error


@contextmanager
def _hushed() -> Iterator[None]:
    """Dask's own words about lost connections stay unsaid: what matters of them is raised."""
    loggers = [logging.getLogger(name) for name in ("distributed", "distributed.client", "distributed.gc")]
    levels = [one.level for one in loggers]
    for one in loggers:
        one.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for one, level in zip(loggers, levels, strict=True):
            one.setLevel(level)


def _check(client: _Client, address: str) -> None:
    """Somebody is there, and everybody has what this process has."""
    try:
        client.wait_for_workers(1, timeout=ANSWERS_WITHIN)
    except TimeoutError as error:
        raise PreflightError(
            f"the Dask scheduler at {address} has no worker after {ANSWERS_WITHIN:g} s; nothing was played. "
            f"Start some: dask worker {address}"
        ) from error
    for package in ALIKE:
        here = installed(package)
        there = {
            f"the worker {name}": _told_version(told)
            for name, told in client.run(installed, package, on_error="return").items()
        }
        if package == ALIKE[0]:  # it reads what goes through it
            there["the scheduler"] = _version_on(client, package)
        for who, other in there.items():
            if other != here:
                differing = f"{package} {other}, where this command has {here}"
                raise PreflightError(_differs(f"{who} of {address}", differing))


def _version_on(client: _Client, package: str) -> str:
    try:
        return client.run_on_scheduler(installed, package)
    except ImportError:
        return MISSING


def _told_version(told: object) -> str:
    return told if isinstance(told, str) else MISSING


def _differs(who: str, differing: str) -> str:
    return (
        f"{who} has {differing}: its evenings would not be those of this study; nothing it plays is used. "
        f"Install the same there: pip install 'standby-chaos[sim,distributed]=={chaos.__version__}', or use one image"
    )


class Dask:
    """Plays cells on the workers of a Dask cluster; see `dask`."""

    def __init__(self, client: _Client, address: str) -> None:
        self._client, self._address = client, address
        self._gone = False

    def played(self, player: Player, cells: Sequence[Cell]) -> Iterator[Trials]:
        """See `Executor`. Raises ClientError where the cluster cannot go on."""
        if not cells:
            return
        futures = self._client.map(
            play, cells, order=pickle.dumps(player), sources=_sources(), pure=False, key="evenings"
        )
        left = list(reversed(futures))
        try:
            while left:
                yield self._result(left[-1], len(left))
                left.pop().release()
        finally:
            if not self._gone:
                self._client.cancel(left)

    def _result(self, future: _Future, left: int) -> Trials:
        from distributed import KilledWorker

        looks = 0
        while True:
            try:
                return future.result(timeout=ALONE_FOR / LOOKS)
            except TimeoutError:
                looks = 0 if self._workers(left) else looks + 1
            except KilledWorker as error:
                raise ClientError(
                    f"{self._address}: a cell of the study took one worker after the other with it ({error}); nothing "
                    "was written. See the workers' logs: most often they have too little memory"
                ) from error
            except CancelledError as error:
                raise self._without_scheduler(left, error) from error
            if looks >= LOOKS:
                raise ClientError(
                    f"{self._address} has had no worker for {ALONE_FOR:g} s; {left} cells of the study are missing "
                    f"and nothing was written. Start workers (dask worker {self._address}), then repeat the command"
                )

    def _workers(self, left: int) -> int:
        try:
            return len(self._client.nthreads())
        except OSError as error:
            raise self._without_scheduler(left, error) from error

    def _without_scheduler(self, left: int, error: BaseException) -> ClientError:
        self._gone = True
        return ClientError(
            f"the Dask scheduler at {self._address} is gone ({type(error).__name__}); {left} cells of the study are "
            "missing and nothing was written. Start it again, then repeat the command"
        )


def play(cell: Cell, order: bytes, sources: str) -> Trials:
    """On a worker: the trials of a cell; `order` is the pickled `Player`.

    Raises UsageError where the worker runs other sources: it may have come later than the versions were compared.
    """
    here = _sources()
    if here != sources:
        raise UsageError(_differs(_worker(), f"{here}, where this command has {sources}"))
    return _player(order)(cell)


@lru_cache(maxsize=4)
def _player(order: bytes) -> Player:
    """The study as this worker has read it."""
    player = pickle.loads(order)  # noqa: S301 - from the client that told the worker to run this
    assert isinstance(player, Player)
    return player


def _sources() -> str:
    """What everything is played with: versions, and a digest of what is compiled."""
    packages = ", ".join(f"{name} {installed(name)}" for name in ALIKE[1:])
    return f"standby {chaos.__version__} ({compiling.stamp()}), {packages}"


def installed(package: str) -> str:
    """The version of a package here; Standby's own is told by itself, for it need not have been installed by pip."""
    if package == ALIKE[0]:
        return chaos.__version__
    try:
        return version(package)
    except PackageNotFoundError:
        return MISSING


def _worker() -> str:
    from distributed import get_worker

    return f"the worker {get_worker().address}"


def _told(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
