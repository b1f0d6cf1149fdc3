"""How far a process is behind its own clock: a starved machine must not pass for a broken room."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field

LAG_WINDOW = 1.0  # real seconds
LAG_LOOK = 0.05  # real seconds between looks at the loop


@dataclass
class Lag:
    """The worst lateness of the last second: of the event loop, and of whatever else is noted."""

    _noted: deque[tuple[float, float]] = field(default_factory=deque)

    def note(self, now: float, late: float) -> None:
        """Something happened `late` real seconds after its time."""
        while self._noted and self._noted[-1][1] <= late:
            self._noted.pop()
        self._noted.append((now, late))

    def worst(self, now: float) -> float:
        """The worst lateness of the last second, real seconds."""
        while self._noted and self._noted[0][0] < now - LAG_WINDOW:
            self._noted.popleft()
        return self._noted[0][1] if self._noted else 0.0

    async def watch(self) -> None:
        """Measure the loop, for ever."""
        loop = asyncio.get_running_loop()
        due = loop.time() + LAG_LOOK
        while True:
            await asyncio.sleep(max(0.0, due - loop.time()))
            now = loop.time()
            self.note(now, max(0.0, now - due))
            due = now + LAG_LOOK
