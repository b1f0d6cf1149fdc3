"""`process_kill`: a process is gone at once, without a word."""

from __future__ import annotations

from typing import Literal

from chaos.experiment.fault import ProcessFaultSpec
from chaos.faults.process.act import How
from chaos.faults.process.base import ProcessFault


class ProcessKillSpec(ProcessFaultSpec):
    """The process gets SIGKILL; the undo starts it again."""

    fault: Literal["process_kill"] = "process_kill"


class ProcessKill(ProcessFault[ProcessKillSpec]):
    """Kills processes (SIGKILL) and starts them again at the end."""

    name = "process_kill"
    spec_type = ProcessKillSpec

    @property
    def how(self) -> How:
        return "kill"
