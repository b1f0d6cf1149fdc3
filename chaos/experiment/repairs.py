"""The repairs that a runbook may name as actions, by what the document puts to the test."""

from __future__ import annotations

from chaos.experiment.model import Experiment
from chaos.experiment.system import GENERIC_REPAIRS

ROOMS_REPAIRS = (
    "fail_over_bridge",
    "bypass_tokens",
    "shed_announcements",
    "shed_joins",
    "restart_process",
    "bring_node_back",
    "scale_out_media",
    "reopen_room",
    "relaunch_room",
    "clear_link",
)
"""Repairs of the reference rooms."""


def repairs_of(experiment: Experiment) -> tuple[str, ...]:
    """The repairs that can be carried out on what this experiment is about."""
    if experiment.rooms is not None:
        return ROOMS_REPAIRS
    return (*GENERIC_REPAIRS, *(experiment.system.repairs if experiment.system is not None else ()))
