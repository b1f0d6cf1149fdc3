"""What all faults of links share: each adds its parameters, the toxic that they make, and how its effect is
seen.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Awaitable, Iterable, Mapping
from random import Random
from typing import ClassVar, TypeVar

from chaos.clients.toxiproxy import NotThereError, Number, ProxyState, Toxic, Toxiproxy
from chaos.errors import ApiAwayError, ClientError, FaultError, PreflightError, ServerGoneError
from chaos.experiment.fault import LinkFaultSpec
from chaos.faults.base import Fault, Plan, together
from chaos.faults.link import effect, path
from chaos.faults.link.effect import Sight, Unmeasured
from chaos.faults.link.undo import toxic_step
from chaos.faults.targets import chosen, possible
from chaos.undo.steps import UndoStep
from chaos.worlds.base import Link, Proof, Proxy

GONE_WITHIN = 5.0
"""Real seconds that the link gets to behave as before when a fault was undone."""

CANARY = 0.25
"""Real seconds by which the canary delays a link: long enough for a connection to be seen."""
IDLE = "; not measured, for one of its ends does not run"

Spec = TypeVar("Spec", bound=LinkFaultSpec)
T = TypeVar("T")


class LinkFault(Fault[Spec]):
    """A fault that acts on the proxies of one link, all of them or those that `select` means."""

    @abstractmethod
    def sight(self, link: Link) -> Sight:
        """How the effect is seen."""

    @abstractmethod
    def step(self, proxy: Proxy, state: ProxyState) -> UndoStep:
        """What undoes the act on one proxy."""

    @abstractmethod
    async def act(self, proxy: Proxy) -> None:
        """The act on one proxy. Raises ClientError."""

    @abstractmethod
    async def held(self, proxy: Proxy) -> Proof:
        """Whether the server says that the fault is on, asked now. Raises ClientError."""

    @property
    def link(self) -> Link:
        """The link. Raises PreflightError when the world has none of that name."""
        try:
            return self.world.links[self.spec.link]
        except KeyError:
            known = ", ".join(sorted(self.world.links)) or "none"
            raise PreflightError(
                f"{self.spec.title}: the world `{self.world.name}` has no link `{self.spec.link}`, "
                f"only {known}"
            ) from None

    async def check(self) -> tuple[str, ...]:
        proxies = self._possible()
        if not proxies:
            raise PreflightError(
                f"{self.spec.title}: `select` can mean none of the proxies of {self.link.name}"
            )
        for proxy, found in zip(proxies, await _all(self._state(proxy) for proxy in proxies), strict=True):
            if isinstance(found, BaseException):
                raise PreflightError(f"{self.spec.title}: {found}") from found
            if not found.enabled:
                raise PreflightError(
                    f"{self.spec.title}: the proxy {proxy.name} at {proxy.server} is shut; enable it"
                )
            if _port(found.listen) != _port(proxy.listen) or found.upstream != proxy.upstream:
                raise PreflightError(
                    f"{self.spec.title}: the proxy {proxy.name} at {proxy.server} leads "
                    f"{found.listen} -> {found.upstream}, but the link says "
                    f"{proxy.listen} -> {proxy.upstream}; start the world anew"
                )
        return tuple(self._target(proxy) for proxy in proxies)

    async def prove_path(self) -> Proof:
        proxies = await self._chosen() or self._possible()
        return await path.prove(self.world, [proxy for proxy in proxies if not proxy.idle])

    @classmethod
    def canary_told(cls) -> str:
        return f"a delay of {CANARY * 1e3:.0f} ms for at most {path.WITHIN:g} s"

    async def canary(self) -> Plan:
        proxies = [proxy for proxy in await self._chosen() if not proxy.idle]
        states = await asyncio.gather(*(self._state(proxy) for proxy in proxies))
        steps = tuple(
            toxic_step(proxy, f"{self.id}-canary", enabled=state.enabled, beside=self._beside(proxy))
            for proxy, state in zip(proxies, states, strict=True)
        )
        return Plan(tuple(self._target(proxy) for proxy in proxies), steps)

    async def apply_canary(self, plan: Plan) -> None:
        small = Toxic(
            f"{self.id}-canary", "latency", attributes={"latency": round(CANARY * 1e3), "jitter": 0}
        )
        await asyncio.gather(
            *(Toxiproxy(proxy.server).add_toxic(proxy.name, small) for proxy in self._planned(plan))
        )

    async def plan(self) -> Plan:
        proxies = await self._chosen()
        if not proxies:
            raise FaultError(
                f"{self.spec.title}: `select` means none of the proxies of {self.link.name} just now"
            )
        states = await asyncio.gather(*(self._state(proxy) for proxy in proxies))
        steps = tuple(self.step(proxy, state) for proxy, state in zip(proxies, states, strict=True))
        return Plan(tuple(self._target(proxy) for proxy in proxies), steps)

    async def apply(self, plan: Plan) -> None:
        results = await _all(self.act(proxy) for proxy in self._planned(plan))
        failed = [str(result) for result in results if isinstance(result, BaseException)]
        if failed:
            raise FaultError(
                f"{self.spec.title} is on {len(results) - len(failed)} of {len(results)} proxies of {self.link.name}: "
                + "; ".join(failed)
            )

    async def observe(self, plan: Plan) -> Proof:
        proofs = await asyncio.gather(*(self._observe(proxy) for proxy in self._planned(plan)))
        seen = together(proofs)
        if seen.holds and all(isinstance(proof, Unmeasured) for proof in proofs):
            return Proof(None, f"{seen.evidence}: it could be measured nowhere")
        return seen

    async def prove_gone(self, plan: Plan) -> Proof:
        return together(await asyncio.gather(*(self._prove_gone(proxy) for proxy in self._planned(plan))))

    async def _observe(self, proxy: Proxy) -> Proof:
        try:
            held = await self.held(proxy)
        except (NotThereError, ServerGoneError) as error:
            return Proof(False, f"{proxy.name}: {error}")
        except ApiAwayError:
            raise
        except ClientError as error:
            return Proof(None, f"{proxy.name}: {error}")
        if held.holds is not True:
            return Proof(held.holds, f"{proxy.name}: {held.evidence}")
        if proxy.idle:
            return Unmeasured(True, f"{proxy.name}: {held.evidence}{IDLE}")
        seen = await effect.in_force(self.world.vantage, proxy, self.sight(self.link), self.spec.toxicity)
        if seen.holds is None and self._now(proxy).idle:
            return Unmeasured(True, f"{proxy.name}: {held.evidence}{IDLE}")
        if isinstance(seen, Unmeasured):
            return Unmeasured(True, f"{proxy.name}: {held.evidence}; not measured, for {seen.evidence}")
        return Proof(seen.holds, f"{proxy.name}: {held.evidence}; {seen.evidence}")

    def _now(self, proxy: Proxy) -> Proxy:
        """The same proxy as it stands now: an end of it may have gone while it was looked at."""
        return next((one for one in self.link.proxies if one.name == proxy.name), proxy)

    async def _prove_gone(self, proxy: Proxy) -> Proof:
        try:
            state = await self._state(proxy)
            toxics = await Toxiproxy(proxy.server).toxics(proxy.name)
        except (NotThereError, ServerGoneError) as error:
            return Proof(True, f"{proxy.name}: nothing is left of it: {error}")
        except ApiAwayError:
            raise
        except ClientError as error:
            return Proof(None, f"{proxy.name}: {error}")
        if self.id in toxics:
            return Proof(False, f"{proxy.name}: the server still has it: {toxics[self.id]}")
        if toxics:
            others = ", ".join(f"{toxic.name}: {toxic}" for toxic in toxics.values())
            return Proof(
                True,
                f"{proxy.name}: the server has it no more; not measured, for others act there ({others})",
            )
        if not state.enabled:
            return Proof(False, f"{proxy.name}: the server has it no more, but the proxy is shut")
        if proxy.idle:
            return Proof(True, f"{proxy.name}: the server has it no more{IDLE}")
        seen = await effect.clean(self.world.vantage, proxy, self.sight(self.link), GONE_WITHIN)
        holds = True if seen.holds is None else seen.holds
        return Proof(holds, f"{proxy.name}: the server has it no more; {seen.evidence}")

    async def _chosen(self) -> list[Proxy]:
        return await chosen(
            self.world,
            self.spec.select,
            self.link.proxies,
            _ends,
            Random(f"{self.seed}/{self.id}"),
        )

    def _beside(self, proxy: Proxy) -> list[Proxy]:
        """The proxies of its server that lead to the same callee, itself among them."""
        return [
            one
            for link in self.world.links.values()
            for one in link.proxies
            if (one.server, one.upstream) == (proxy.server, proxy.upstream)
        ]

    def _possible(self) -> list[Proxy]:
        return possible(self.spec.select, self.link.proxies, _ends)

    def _planned(self, plan: Plan) -> list[Proxy]:
        ours = {(step.args["server"], step.args["proxy"]) for step in plan.undo}
        return [proxy for proxy in self.link.proxies if (proxy.server, proxy.name) in ours]

    def _target(self, proxy: Proxy) -> str:
        return f"{self.link.name}/{proxy.name}"

    async def _state(self, proxy: Proxy) -> ProxyState:
        return await Toxiproxy(proxy.server).proxy(proxy.name)


class ToxicFault(LinkFault[Spec]):
    """A fault that is one toxic on each proxy, named after the fault's id."""

    toxic_type: ClassVar[str]
    """Toxiproxy's name for it."""

    @abstractmethod
    def attributes(self) -> Mapping[str, Number]:
        """The toxic's attributes in Toxiproxy's units."""

    @property
    def toxic(self) -> Toxic:
        """The toxic as it is sent and must be read back."""
        return Toxic(self.id, self.toxic_type, self.spec.direction, self.spec.toxicity, self.attributes())

    def step(self, proxy: Proxy, state: ProxyState) -> UndoStep:
        return toxic_step(proxy, self.id, enabled=state.enabled, beside=self._beside(proxy))

    async def act(self, proxy: Proxy) -> None:
        await Toxiproxy(proxy.server).add_toxic(proxy.name, self.toxic)

    async def held(self, proxy: Proxy) -> Proof:
        found = (await Toxiproxy(proxy.server).toxics(proxy.name)).get(self.id)
        if found is None:
            return Proof(False, "the server has no such toxic; it was restarted, or somebody removed it")
        if not self.toxic.same(found):
            return Proof(False, f"the server has {found} in place of {self.toxic}")
        return Proof(True, f"the server has {found}")


async def _all(calls: Iterable[Awaitable[T]]) -> list[T | BaseException]:
    """Every call to its end, whatever becomes of the others."""
    return list(await asyncio.gather(*calls, return_exceptions=True))


def _ends(proxy: Proxy) -> set[str]:
    return {proxy.caller, proxy.callee}


def _port(address: str) -> str:
    return address.rpartition(":")[2]
