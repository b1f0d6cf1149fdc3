"""`process_kill`: a process is gone at once, without a word."""

from __future__ import annotations

from chaos.faults.process.act import How
from chaos.faults.process.base import ProcessFault
from chaos.faults.specs import ProcessKillSpec


class ProcessKill(ProcessFault[ProcessKillSpec]):
    """Kills processes (SIGKILL) and starts them again at the end."""

    name = "process_kill"
    spec_type = ProcessKillSpec
    nearest = "`pod_kill` with `grace: 0s`"

    @property
    def how(self) -> How:
        return "kill"
