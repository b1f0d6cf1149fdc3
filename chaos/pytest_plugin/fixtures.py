"""Fixtures for tests of one's own services: a world with them, faults on it, whole runs.

def test_a_price_comes_also_from_a_slow_store(chaos_world, chaos_fault):
    with chaos_fault("latency", link="stock-to-redis", delay="300ms"):
        assert requests.get(SHOP, timeout=1).ok
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Protocol

import pytest

from chaos.pytest_plugin.asked import overrides_of, run_document
from chaos.pytest_plugin.background import Background
from chaos.pytest_plugin.turns import TURNS, used_by

if TYPE_CHECKING:
    from chaos.api import InForce, World
    from chaos.experiment import Loaded
    from chaos.report.model import RunReport


class OpenedWorld:
    """The services of a document, running behind their links; nothing is hurt but by `chaos_fault`."""

    def __init__(self, world: World, background: Background) -> None:
        self.world = world
        self._background = background

    @property
    def links(self) -> Mapping[str, str]:
        """The address (`host:port`) of each link, by the link's name."""
        return self.world.links

    @property
    def prometheus(self) -> str:
        """The base URL of the world's own Prometheus; empty where it has none."""
        return self.world.prometheus

    def fault(self, name: str, /, **parameters: object) -> FaultBlock:
        """A fault, for a `with` or an `async with`."""
        return FaultBlock(self._background.held(self.world.fault(name, **parameters)))


class FaultBlock:
    """A fault that is in force in a block, of a plain or an asynchronous test, and undone however the block ends."""

    def __init__(self, held: AbstractContextManager[InForce]) -> None:
        self._held = held

    def __enter__(self) -> InForce:
        return self._held.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held.__exit__(kind, error, trace)

    async def __aenter__(self) -> InForce:
        return await asyncio.to_thread(self.__enter__)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.shield(asyncio.to_thread(self.__exit__, kind, error, trace))


class Faults(Protocol):
    """What `chaos_fault` is: a name and the document's parameters to a fault for a block."""

    def __call__(self, name: str, /, **parameters: object) -> FaultBlock: ...


class Runs(Protocol):
    """What `chaos_run` is: a document to the report of its run."""

    def __call__(
        self, document: str | Path | Loaded, /, *, overrides: Sequence[str] = (), seed: int | None = None
    ) -> RunReport: ...


@pytest.fixture(scope="module")
def chaos_document(request: pytest.FixtureRequest) -> str | Path | Loaded:
    """The document whose services `chaos_world` starts: that of the setting `standby_document`.

    Override it in a module or a conftest.py to give another, as a path or as `chaos.loads(…)`.
    """
    named = request.config.getini("standby_document")
    if not named:
        raise pytest.UsageError(
            "chaos_world needs to know whose services to start: set `standby_document = FILE` in pytest's settings, "
            "or define a fixture `chaos_document` (scope module or wider) that returns the file"
        )
    home = request.config.inipath.parent if request.config.inipath else request.config.rootpath
    return home / str(named)


@pytest.fixture(scope="module")
def chaos_world(request: pytest.FixtureRequest, chaos_document: str | Path | Loaded) -> Iterator[OpenedWorld]:
    """The services of `chaos_document` behind real Toxiproxy links, for the tests of one module.

    Its load and crew are not started. It ends with the module, and also when pytest dies. Where another worker or
    session has a world with the same addresses, this one waits for it to end.
    """
    from chaos.api import open_world

    loaded = _loaded(request.config, chaos_document, ())
    background = Background()
    with ExitStack() as stack:
        stack.callback(background.close)
        stack.enter_context(request.config.stash[TURNS].taken(used_by(loaded)))
        world = stack.enter_context(background.held(open_world(loaded)))
        yield OpenedWorld(world, background)


@pytest.fixture
def chaos_fault(chaos_world: OpenedWorld) -> Faults:
    """Puts a fault on `chaos_world` for a block: `with chaos_fault("latency", link=…, delay="300ms") as fault:`.

    In the block it has been seen in force; after it, however it ended, it is undone and has been seen to be gone. A
    fault that is not seen is an error of the test, and never passes.
    """
    return chaos_world.fault


@pytest.fixture
def chaos_run(request: pytest.FixtureRequest) -> Runs:
    """Runs a document to its verdict, as the session's options ask: `report = chaos_run("slow-redis.yaml")`.

    The test decides what follows: `assert report.verdict == "pass", report.why`.
    """
    config = request.config

    def run(
        document: str | Path | Loaded, /, *, overrides: Sequence[str] = (), seed: int | None = None
    ) -> RunReport:
        loaded = _loaded(config, document, overrides)
        place = f"{request.node.nodeid.replace('::', '/')}/{Path(loaded.path).stem}"
        return run_document(config, loaded, folder=place, seed=seed)

    return run


def _loaded(config: pytest.Config, document: str | Path | Loaded, overrides: Sequence[str]) -> Loaded:
    """The document as the session asks; one that is loaded already is taken as it is."""
    from chaos.api import load

    if isinstance(document, (str, Path)):
        return load(document, overrides=[*overrides, *overrides_of(config)])
    return document
