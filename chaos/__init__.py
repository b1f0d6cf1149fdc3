"""Standby: chaos engineering for the seam between two tiers, with the people who repair it in the picture.

For programs: `load`, `loads`, `run`, `run_async`, `open_world`, and the types `Experiment`, `Report`, `World` and
`InForce` (see `chaos.api`). They are imported when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chaos.api import Experiment as Experiment
    from chaos.api import InForce as InForce
    from chaos.api import Report as Report
    from chaos.api import World as World
    from chaos.api import load as load
    from chaos.api import loads as loads
    from chaos.api import open_world as open_world
    from chaos.api import run as run
    from chaos.api import run_async as run_async

__version__ = "0.1.0"

__all__ = ["Experiment", "InForce", "Report", "World", "load", "loads", "open_world", "run", "run_async"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from chaos import api

    return getattr(api, name)
