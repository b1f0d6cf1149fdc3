"""All faults by name: those that come with Standby, and a user's own through the entry point group `standby.faults`.

    [project.entry-points."standby.faults"]
    disk_full = "mycompany.faults:DiskFull"

Importing this module also registers how each built-in fault is undone; `registry()` does so for a user's own.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import cache
from importlib.metadata import EntryPoint
from typing import Any

from chaos.errors import UsageError
from chaos.experiment.fault import FaultSpec
from chaos.faults.base import Fault
from chaos.faults.kubernetes.image_break import ImageBreak
from chaos.faults.kubernetes.node_cordon import NodeCordon
from chaos.faults.kubernetes.pod_kill import PodKill
from chaos.faults.kubernetes.rollout_restart import RolloutRestart
from chaos.faults.kubernetes.scale_down import ScaleDown
from chaos.faults.link.bandwidth import Bandwidth
from chaos.faults.link.down import Down
from chaos.faults.link.latency import Latency
from chaos.faults.link.limit_data import LimitData
from chaos.faults.link.reset import Reset
from chaos.faults.link.slicer import Slicer
from chaos.faults.link.timeout import Timeout
from chaos.faults.node_loss import NodeLoss
from chaos.faults.process.process_kill import ProcessKill
from chaos.faults.process.process_pause import ProcessPause
from chaos.faults.specs import offered

BUILT_IN: tuple[type[Fault[Any]], ...] = (
    Latency,
    Timeout,
    Reset,
    Down,
    Bandwidth,
    Slicer,
    LimitData,
    ProcessKill,
    ProcessPause,
    NodeLoss,
    NodeCordon,
    PodKill,
    ScaleDown,
    RolloutRestart,
    ImageBreak,
)


_BROKEN = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    ImportError,
    LookupError,
    NameError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
)
"""What a broken module raises when it is imported."""


@cache
def registry() -> Mapping[str, type[Fault[Any]]]:
    """Every fault class by its name. Raises UsageError for an entry point that is broken or takes a name that is
    used.
    """
    found: dict[str, type[Fault[Any]]] = {fault.name: fault for fault in BUILT_IN}
    origin = dict.fromkeys(found, "Standby itself")
    for point in sorted(offered(), key=lambda point: (point.name, point.value)):
        fault = _load(point)
        if fault.name in found and found[fault.name] is not fault:
            raise UsageError(
                f"two faults are called `{fault.name}`: one of {origin[fault.name]}, one of {_of(point)}; "
                "rename one, or uninstall its package"
            )
        found[fault.name] = fault
        origin[fault.name] = _of(point)
    return found


def _load(point: EntryPoint) -> type[Fault[Any]]:
    try:
        fault = point.load()
    except _BROKEN as error:
        raise UsageError(
            f"the fault `{point.name}` of {_of(point)} cannot be loaded ({type(error).__name__}: {error}); "
            "repair or uninstall that package"
        ) from error
    wanted = "must be a class derived from chaos.faults.base.Fault"
    if not (inspect.isclass(fault) and issubclass(fault, Fault)):
        raise UsageError(f"the fault `{point.name}` of {_of(point)} is {fault!r}, but {wanted}")
    missing = sorted(fault.__abstractmethods__)
    if missing:
        raise UsageError(f"the fault `{point.name}` of {_of(point)} does not define {', '.join(missing)}")
    spec = getattr(fault, "spec_type", None)
    if getattr(fault, "name", None) != point.name:
        raise UsageError(
            f"the fault `{point.name}` of {_of(point)} calls itself `{getattr(fault, 'name', None)}`; "
            "the class attribute `name` and the entry point must agree"
        )
    if not (inspect.isclass(spec) and issubclass(spec, FaultSpec)):
        raise UsageError(
            f"the fault `{point.name}` of {_of(point)} needs a class attribute `spec_type`, a model derived from "
            "chaos.experiment.fault.FaultSpec"
        )
    return fault


def _of(point: EntryPoint) -> str:
    return f"{point.dist.name} ({point.value})" if point.dist else point.value
