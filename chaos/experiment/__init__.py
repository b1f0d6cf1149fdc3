"""What the user wrote: the document's models, loading with line and column, the published JSON Schema.

Names are imported when they are used: a process that needs units only does not build the models of a document.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chaos.errors import Problem
    from chaos.experiment.loading import Loaded, load, loads, read
    from chaos.experiment.model import Experiment

__all__ = ["Experiment", "Loaded", "Problem", "load", "loads", "read"]

_HOMES = {
    "Experiment": "chaos.experiment.model",
    "Loaded": "chaos.experiment.loading",
    "Problem": "chaos.errors",
    "load": "chaos.experiment.loading",
    "loads": "chaos.experiment.loading",
    "read": "chaos.experiment.loading",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
