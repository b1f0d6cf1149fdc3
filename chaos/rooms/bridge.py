"""Calls from one tier to the other, over the primary bridge or the spare, as naive or as careful as the knobs say."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from pydantic import JsonValue

from chaos.errors import ClientError
from chaos.experiment.rooms import Settings
from chaos.rooms.calls import Calls, Place
from chaos.rooms.contract import DEADLINE_HEADER
from chaos.rooms.resilience import Breaker, RetryBudget, State, pause_before_retry
from chaos.rooms.server import SettingsBox, tier_headers

SHARED_WORKERS = (
    512_000  # full scale; assumption: calls that the legacy tier has in hand at once, retries included
)
BULKHEAD_WORKERS: Mapping[str, int] = {"join": 256_000, "renewal": 256_000}  # assumption: each kind its own
OTHER_WORKERS = 16  # at any scale: reports, keep-alives, room commands
CALL_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0)
RESULTS = ("ok", "refused", "error", "unreachable", "timeout", "breaker_open")


class BridgeError(ClientError):
    """A call across the bridge was given up. `result` is one of RESULTS."""

    def __init__(self, link: str, kind: str, result: str) -> None:
        super().__init__(f"{link}: a {kind} was given up ({result})")
        self.result = result


@dataclass(frozen=True)
class Answer:
    """What the other tier said: its status and its JSON object."""

    status: int
    told: Mapping[str, JsonValue]


class BridgeMetrics:
    """The metric families of the calls over one link; `tier` is the prefix of their names."""

    def __init__(self, tier: str, link: str, kinds: Sequence[str], registry: CollectorRegistry) -> None:
        self.link = link
        self.kinds = tuple(kinds)
        self.calls = Counter(
            f"{tier}_bridge_calls_total",
            "Tries that ended.",
            ["link", "peer", "kind", "result"],
            registry=registry,
        )
        self.seconds = Histogram(
            f"{tier}_bridge_call_seconds",
            "Real seconds that a try took.",
            ["link", "peer", "kind"],
            buckets=CALL_BUCKETS,
            registry=registry,
        )
        self.in_flight = Gauge(
            f"{tier}_bridge_in_flight", "Tries under way.", ["link", "peer"], registry=registry
        )
        self.breaker_open = Gauge(
            f"{tier}_breaker_open",
            "1 while the circuit breaker is not closed.",
            ["link", "peer"],
            registry=registry,
        )


class _Counted:
    """The children of one peer, kept."""

    def __init__(self, families: BridgeMetrics, peer: str) -> None:
        link = families.link
        self.calls = {
            (kind, result): families.calls.labels(link, peer, kind, result)
            for kind in families.kinds
            for result in RESULTS
        }
        self.seconds = {kind: families.seconds.labels(link, peer, kind) for kind in families.kinds}
        self.in_flight = families.in_flight.labels(link, peer)
        self.breaker_open = families.breaker_open.labels(link, peer)


def in_hand(kind: str, *, bulkhead: bool, scale: float) -> int:
    """How many calls a tier has in hand at once: of this kind behind a bulkhead, else of all kinds together."""
    whole = BULKHEAD_WORKERS.get(kind, 0) if bulkhead else SHARED_WORKERS
    return max(OTHER_WORKERS, round(whole * scale))


@dataclass
class _Pool:
    """Connections of their own and so many calls in hand at once."""

    workers: asyncio.Semaphore
    calls: Calls


@dataclass
class Bridge:
    """The calls of one tier to one process of the other, `peer`.

    `primary` and `spare` are base URLs; `settings.now.bridge` chooses between them at every try.
    """

    peer: str
    primary: str
    spare: str
    settings: SettingsBox
    families: BridgeMetrics
    breaker: Breaker = field(default_factory=Breaker)
    budget: RetryBudget = field(default_factory=RetryBudget)
    _pools: dict[str, _Pool] = field(default_factory=dict)
    _random: random.Random = field(default_factory=random.Random)
    _counted: _Counted = field(init=False)
    _places: dict[str, Place] = field(init=False)
    _shown: str = field(init=False)

    def __post_init__(self) -> None:
        self.link = self.families.link
        self._places = {"primary": Place.at(self.primary), "spare": Place.at(self.spare)}
        told = {"Content-Type": "application/json", **tier_headers()}
        self._shown = "".join(f"{name}: {value}\r\n" for name, value in told.items())
        self._counted = _Counted(self.families, self.peer)
        self.settings.on_change(self._changed)

    def _changed(self, before: Settings) -> None:
        now = self.settings.now
        if before.bridge != now.bridge or not now.knobs.breaker:
            self.breaker.reset()
        if before.scale != now.scale:  # another size of everything, the pools as well
            self.abandon()

    def abandon(self) -> None:
        """Give up all calls, those that wait for a worker or a retry as well; new ones connect anew."""
        for pool in self._pools.values():
            pool.calls.close()
        self._pools.clear()

    async def close(self) -> None:
        for pool in self._pools.values():
            pool.calls.close()

    async def call(
        self, method: str, path: str, kind: str, told: Mapping[str, JsonValue] | None = None
    ) -> Answer:
        """Make the call as the knobs say; any answer below 500 is one. Raises BridgeError when given up."""
        pool = self._pool(kind)
        knobs = self.settings.now.knobs
        deadline = time.time() + knobs.call_timeout if knobs.deadlines else None
        body = json.dumps(told or {}).encode()
        self.budget.pay_in()
        tries = 0
        async with _Slot(pool.workers, None if deadline is None else knobs.call_timeout) as got:
            if not got:
                raise BridgeError(self.link, kind, "timeout")
            while True:
                if pool.calls.closed:  # nobody will take the answer
                    raise BridgeError(self.link, kind, "unreachable")
                result, answer = await self._guarded_try(pool, method, path, kind, body, deadline)
                if answer is not None:
                    return answer
                tries += 1
                pause = pause_before_retry(
                    self.settings.now.knobs.retries, tries, self.budget, self._random.random()
                )
                if pause is None or (deadline is not None and time.time() + pause >= deadline):
                    raise BridgeError(self.link, kind, result)
                await asyncio.sleep(pause)

    def _pool(self, kind: str) -> _Pool:
        own = self.settings.now.knobs.bulkhead
        name = (kind if kind in BULKHEAD_WORKERS else "other") if own else "shared"
        if name not in self._pools:
            limit = in_hand(kind, bulkhead=own, scale=self.settings.now.scale)
            self._pools[name] = _Pool(asyncio.Semaphore(limit), Calls())
        return self._pools[name]

    async def _guarded_try(
        self, pool: _Pool, method: str, path: str, kind: str, body: bytes, deadline: float | None
    ) -> tuple[str, Answer | None]:
        """One try under the breaker, if it is on; counted with its result."""
        loop = asyncio.get_running_loop()
        ticket = self.breaker.allow(loop.time()) if self.settings.now.knobs.breaker else None
        if ticket is None and self.settings.now.knobs.breaker:
            self._counted.calls[kind, "breaker_open"].inc()
            return "breaker_open", None
        begun = loop.time()
        result, answer = "timeout", None
        self._counted.in_flight.inc()
        try:
            result, answer = await self._try(pool, method, path, body, deadline)
        finally:
            self._counted.in_flight.dec()
            self._counted.seconds[kind].observe(loop.time() - begun)
            self._counted.calls[kind, result].inc()
            if ticket is not None:
                # A refusal came back in time: the bridge carries, so it says nothing against the bridge.
                self.breaker.record(ticket, result in ("ok", "refused"), loop.time())
        return result, answer

    async def _try(
        self, pool: _Pool, method: str, path: str, body: bytes, deadline: float | None
    ) -> tuple[str, Answer | None]:
        settings = self.settings.now
        seconds, headers = settings.knobs.call_timeout, self._shown
        if deadline is not None:
            seconds = min(seconds, max(0.001, deadline - time.time()))
            headers += f"{DEADLINE_HEADER}: {deadline:.3f}\r\n"
        try:
            status, text = await pool.calls.ask(
                self._places[settings.bridge], method, path, headers, body, seconds
            )
        except TimeoutError:
            return "timeout", None
        except OSError:
            return "unreachable", None
        if status >= 500:
            return ("refused" if status in (503, 504) else "error"), None
        return "ok", Answer(status, _object(text))

    def collect(self) -> None:
        """Bring the breaker's gauge up to date."""
        self._counted.breaker_open.set(self.breaker.state is not State.CLOSED)


def _object(text: bytes) -> Mapping[str, JsonValue]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


@dataclass
class _Slot:
    """A worker, waited for at most `patience` real seconds (None: for ever). Enters with whether there was one."""

    workers: asyncio.Semaphore
    patience: float | None
    _got: bool = False

    async def __aenter__(self) -> bool:
        if self.workers.locked():
            try:
                async with asyncio.timeout(self.patience):
                    await self.workers.acquire()
            except TimeoutError:
                return False
        else:
            await self.workers.acquire()  # there is one: no turn of the loop is waited for
        self._got = True
        return True

    async def __aexit__(self, *exc: object) -> None:
        if self._got:
            self.workers.release()
