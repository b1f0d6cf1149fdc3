"""`down`: nobody listens any more at the link; open connections break."""

from __future__ import annotations

from collections.abc import Sequence

from chaos.clients.probe import Answer, Question
from chaos.clients.toxiproxy import ProxyState, Toxiproxy
from chaos.errors import FaultError
from chaos.faults.link.effect import Control, Sight, ends, milliseconds
from chaos.faults.link.toxic import LinkFault
from chaos.faults.link.undo import open_step, shut
from chaos.faults.specs import DownSpec
from chaos.undo.steps import UndoStep
from chaos.worlds.base import Link, Proof, Proxy


class Down(LinkFault[DownSpec]):
    """Refuses new connections and breaks those that are open."""

    name = "down"
    spec_type = DownSpec

    def step(self, proxy: Proxy, state: ProxyState) -> UndoStep:
        if not state.enabled:
            raise FaultError(
                f"{self.spec.title}: the proxy {proxy.name} is shut already; does another fault hold it?"
            )
        return open_step(proxy, self.id)

    async def act(self, proxy: Proxy) -> None:
        await shut(proxy, self.id)

    async def held(self, proxy: Proxy) -> Proof:
        enabled = (await Toxiproxy(proxy.server).proxy(proxy.name)).enabled
        return Proof(not enabled, f"the server has the proxy {'open' if enabled else 'shut'}")

    def sight(self, link: Link) -> Sight:
        def met(answer: Answer, _straight: Control) -> bool | None:
            return None if answer.end == "silent" else answer.end == "refused"

        def figures(answers: Sequence[Answer], straight: Control) -> str:
            return f"{ends(answers)}, where the callee answers straight in {milliseconds(straight.last)}"

        question = Question(link.probe or "", within=1.5)
        return Sight(question, met, figures, blind="" if link.probe else f"{link.name} does not speak HTTP")
