"""`process_pause`: a process hangs; its connections stay open and nothing answers."""

from __future__ import annotations

from chaos.faults.process.act import How
from chaos.faults.process.base import ProcessFault
from chaos.faults.specs import ProcessPauseSpec


class ProcessPause(ProcessFault[ProcessPauseSpec]):
    """Stops processes in their tracks (SIGSTOP) and lets them run on at the end."""

    name = "process_pause"
    spec_type = ProcessPauseSpec
    nearest = "`node_loss` with `how: pause`"

    @property
    def how(self) -> How:
        return "pause"
