"""One source for two drivers: files that run plain, and once more as twins whose functions are compiled (extra `sim`).

A file takes part by

    from chaos.study.compiling import entry_of, inlined_of, jit_of, join
    jit, inlined, entry = jit_of(__name__), inlined_of(__name__), entry_of(__name__)
    join(globals())                  # in a twin: the modules it imports are the twins, too

`jit` marks what is compiled, `inlined` what is compiled into its callers (arrays go to a call word by word, which where
a step is a hundred nanoseconds is a fifth of it), `entry` what Python calls. Numba's cache sees edits to one file
only. So only entries are cached, each has everything it calls compiled into it, and each takes an argument whose
*type* has `stamp()` as a name, a digest of all the sources: edit one of them, and no cached code has the right types
any more.
"""

from __future__ import annotations

import hashlib
import importlib.util
import sys
import threading
from collections.abc import Callable, Mapping, MutableMapping
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TypeVar, cast

from chaos.crew import core
from chaos.errors import UsageError

F = TypeVar("F", bound=Callable[..., object])
SUFFIX = "_jit"
_LOADING = threading.RLock()
"""Held while a twin is loaded: nobody sees one that is half there."""
SOURCES = (
    "chaos.crew.core",
    "chaos.study.fluid",
    "chaos.study.line",
    "chaos.study.world",
    "chaos.study.driver",
)
"""What is compiled together."""


def jit_of(module: str) -> Callable[[F], F]:
    """The decorator of what is compiled into an entry; in the plain module it does nothing."""
    return _decorator(module)


def inlined_of(module: str) -> Callable[[F], F]:
    """The decorator of what is compiled into each of its callers; in the plain module it does nothing."""
    return _decorator(module, forceinline=True)


def entry_of(module: str) -> Callable[[F], F]:
    """The decorator of what Python calls; in the plain module it does nothing."""
    return _decorator(module, cache=True)


def _decorator(module: str, **options: bool) -> Callable[[F], F]:
    if not module.endswith(SUFFIX):
        return lambda function: function
    import numba

    # Nothing here allocates: without numba's runtime nothing is counted either, which halves time and code.
    njit = cast("Callable[..., Callable[[F], F]]", numba.njit)
    return njit(nogil=True, error_model="numpy", _nrt=False, **options)


def join(namespace: MutableMapping[str, object]) -> None:
    """In the namespace of a twin, put the twins of the modules of SOURCES in their place."""
    if str(namespace["__name__"]).endswith(SUFFIX):
        for name, value in list(namespace.items()):
            if isinstance(value, ModuleType) and value.__name__ in SOURCES:
                namespace[name] = twin(value)


def twin(module: ModuleType) -> ModuleType:
    """The module loaded once more, with its functions compiled. Raises UsageError without the extra `sim`."""
    if importlib.util.find_spec("numba") is None:
        raise UsageError(
            "simulating needs numba, which is not installed here; install the extra: pip install 'standby-chaos[sim]'"
        )
    with _LOADING:
        if module is core:
            return core.compiled()
        name = module.__name__ + SUFFIX
        if name not in sys.modules:
            assert module.__file__ is not None
            spec = importlib.util.spec_from_file_location(name, module.__file__)
            assert spec is not None
            assert spec.loader is not None
            made = importlib.util.module_from_spec(spec)
            sys.modules[name] = made
            spec.loader.exec_module(made)
        return sys.modules[name]


@cache
def stamp() -> str:
    """A name that stands for the sources of everything that is compiled together."""
    return digest({name: _source(name) for name in SOURCES})


def digest(sources: Mapping[str, bytes]) -> str:
    """A name for these sources, another one as soon as a byte of them is another."""
    whole = hashlib.sha256()
    for name, source in sorted(sources.items()):
        whole.update(f"{name} {len(source)} ".encode() + source)
    return f"sources_{whole.hexdigest()[:16]}"


def _source(name: str) -> bytes:
    spec = importlib.util.find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).read_bytes()
