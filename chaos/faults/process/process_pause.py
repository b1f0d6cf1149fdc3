"""`process_pause`: a process hangs; its connections stay open and nothing answers."""

from __future__ import annotations

from typing import Literal

from chaos.experiment.fault import ProcessFaultSpec
from chaos.faults.process.act import How
from chaos.faults.process.base import ProcessFault


class ProcessPauseSpec(ProcessFaultSpec):
    """The process gets SIGSTOP; the undo lets it run on."""

    fault: Literal["process_pause"] = "process_pause"


class ProcessPause(ProcessFault[ProcessPauseSpec]):
    """Stops processes in their tracks (SIGSTOP) and lets them run on at the end."""

    name = "process_pause"
    spec_type = ProcessPauseSpec

    @property
    def how(self) -> How:
        return "pause"
