"""One fault's life: announced, applied, seen to be in force, undone, seen to be gone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from chaos.clients.prometheus import Prometheus
from chaos.clock import Clock, StoryClock, StorySeconds
from chaos.engine.sources import Found, Source
from chaos.errors import ApiAwayError, FaultError, StandbyError
from chaos.experiment.fault import FaultSpec
from chaos.experiment.fault import Proof as OwnProof
from chaos.faults.base import Fault, HasCanary, Plan
from chaos.proof import Proof
from chaos.record import Record
from chaos.undo.journal import Intent, Journal
from chaos.undo.recovery import API_AWAY_PAUSE, undo
from chaos.undo.steps import bound_of
from chaos.worlds.system import System

LEAD = 0.25
"""Real seconds before a fault is due at which its targets are resolved and its undo is journaled."""
LEASE = 60.0
"""Real seconds beyond a fault's planned end after which anyone may undo it."""
OWN_PROOF_LOOKS = 10
"""How often, a second apart, a user's own proof is looked at before it counts as not given."""
PROOF_BOUND = 30.0
"""Real seconds that any proof may take."""


@dataclass
class Injection:
    """What became of one fault of the run; `doubts` are reasons why the run cannot be concluded from."""

    id: str
    spec: FaultSpec
    fault: Fault[FaultSpec]
    faults_last: StorySeconds
    prometheus: Prometheus
    most: int | None = None
    """How many targets it may touch (`max_affected`); None: as many as it names."""
    proves: Source | None = None
    """Where the value of the user's own proof comes from; None where Prometheus answers it, or where there is none."""
    doubts: list[str] = field(default_factory=list)
    left: str = ""
    repaired: asyncio.Event = field(default_factory=asyncio.Event)
    intent: Intent | None = None
    _plan: Plan | None = None
    _took: float = 0.5
    _is_applied: bool = False
    _seen_last: bool = False
    """Whether it was looked at just before its undo."""
    _undoing: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def is_applied(self) -> bool:
        """Whether it was applied, wherever it may be now."""
        return self._is_applied

    @property
    def targets(self) -> tuple[str, ...]:
        """What it touches, once that is resolved."""
        return self._plan.targets if self._plan else ()

    async def run(
        self, begin: float, story: StoryClock, clock: Clock, record: Record, journal: Journal
    ) -> None:
        """Live from the schedule: due at its moment after `begin` (monotonic), undone at its end or when repaired."""
        due = begin + story.real(self.spec.at)
        end = begin + story.real(self.spec.ends(self.faults_last))
        await clock.sleep_until(due - LEAD)
        try:
            await self._announce(end, clock, journal)
            await clock.sleep_until(due)
            await self._apply(due, clock, record, journal)
        except StandbyError as error:
            self.doubts.append(f"{self.spec.title} could not be applied: {error}")
            record.event("fault_failed", id=self.id, why=str(error))
            await self.end("recovery", record, journal)
            return
        repaired = asyncio.create_task(self.repaired.wait())
        watch = asyncio.create_task(self._watch(end, clock, record))
        try:
            await asyncio.wait({repaired, watch}, return_when=asyncio.FIRST_COMPLETED)
            by = "repair" if self.repaired.is_set() else "schedule"
            await watch if by == "schedule" else await self.see_last(record)
        finally:
            for task in (repaired, watch):
                task.cancel()
            await asyncio.gather(repaired, watch, return_exceptions=True)
        await self.end(by, record, journal)

    async def prove_path(self, record: Record, journal: Journal) -> Proof:
        """Show that the caller depends on what will be hurt; where its connections are too short to be seen, with a
        canary: a small delay for a few seconds, journaled and undone like a fault."""
        proof = await self._bounded(self.fault.prove_path)
        if proof.holds is not None or not isinstance(self.fault, HasCanary):
            return proof
        plan = await self.fault.canary()
        what = f"canary of {self.spec.title} on {', '.join(plan.targets)}"
        intent = Intent(f"{self.id}-canary", what, plan.undo, time.time() + LEASE)
        journal.intend(intent.id, intent.what, intent.steps, lease=intent.lease)
        record.event("canary_applied", id=self.id, targets=list(plan.targets))
        try:
            await self.fault.apply_canary(plan)
            seen = await self._bounded(self.fault.prove_path)
        finally:
            gone = await undo(intent, journal)
            record.event("canary_undone", id=self.id, gone=gone.holds, evidence=gone.evidence)
        if not gone.holds:
            self.left = f"{what}: {gone.evidence}"
            return Proof(None, f"the canary could not be taken away: {gone.evidence}")
        return Proof(seen.holds, f"{seen.evidence} (seen with a canary)")

    async def see_last(self, record: Record) -> None:
        """Show that it is in force to the last, unless that is done; what was never applied is a doubt.

        However late this machine comes to it: until it is undone it ought to be there.
        """
        if self._seen_last:
            return
        if self._is_applied:
            await self._see(record, "before undo")
            self._seen_last = True
        elif not self.doubts:
            self.doubts.append(
                f"{self.spec.title} was not applied: *faults* was over before this machine came to it"
            )

    def is_mended_by(self, system: System, action: str, target: Mapping[str, str]) -> bool:
        """Whether it lasts until it is repaired, and this repair, if it succeeds, removes it or works around it."""
        if self.spec.until != "repaired" or self.intent is None:
            return False
        about = self.spec.model_dump(mode="json", exclude_none=True) | {"targets": list(self.targets)}
        return system.mends(action, target, about)

    def look_again(self) -> None:
        """It goes on: the look that was thought to be its last was not."""
        self._seen_last = False

    async def end(self, by: str, record: Record, journal: Journal) -> None:
        """Undo it, if it was announced and is not undone yet, and show that it is gone."""
        async with self._undoing:
            if self.intent is None or self._plan is None:
                return
            proof = await undo(self.intent, journal)
            record.event("fault_undone", id=self.id, by=by)
            if proof.holds:
                plan = self._plan
                proof = await self._bounded(lambda: self.fault.prove_gone(plan))
            record.event("fault_gone", id=self.id, gone=proof.holds, evidence=proof.evidence)
            if not proof.holds:
                self.left = f"{self.spec.title} on {', '.join(self._plan.targets)}: {proof.evidence}"
            self.intent = None

    async def _announce(self, end: float, clock: Clock, journal: Journal) -> None:
        self._plan = await self.fault.plan()
        if self.most is not None and len(self._plan.targets) > self.most:
            named = ", ".join(self._plan.targets)
            raise FaultError(
                f"it would touch {len(self._plan.targets)} targets ({named}), and `max_affected` allows {self.most}; "
                "narrow `select`, or raise the limit"
            )
        what = f"{self.spec.fault} on {', '.join(self._plan.targets)}"
        undoing = max((bound_of(step) for step in self._plan.undo), default=0.0)
        lease = clock.unix() + max(0.0, end - clock.monotonic()) + max(LEASE, undoing)
        intent = Intent(self.id, what, self._plan.undo, lease)
        journal.intend(intent.id, intent.what, intent.steps, lease=lease)
        self.intent = intent

    async def _apply(self, due: float, clock: Clock, record: Record, journal: Journal) -> None:
        assert self._plan is not None
        begun = clock.monotonic()
        await self.fault.apply(self._plan)
        self._is_applied = True
        journal.applied(self.id)
        record.event(
            "fault_applied",
            id=self.id,
            name=self.spec.title,
            fault=self.spec.fault,
            targets=list(self._plan.targets),
            due=record.since_start(due),
            applied=record.since_start(begun),
            lateness_s=begun - due,
        )

    async def _watch(self, end: float, clock: Clock, record: Record) -> None:
        """Show that it is in force right after the act, and again just before its end."""
        begun = clock.monotonic()
        await self._see(record, "after act")
        self._took = clock.monotonic() - begun
        await clock.sleep_until(end - self._took - 0.1)
        await self.see_last(record)
        await clock.sleep_until(end)

    async def _see(self, record: Record, when: str) -> None:
        assert self._plan is not None
        plan = self._plan
        proof = await self._bounded(lambda: self.fault.observe(plan))
        if proof.holds is not False and self.spec.proof is not None:
            wanted = self.spec.proof
            own = await self._bounded(lambda: self._own_proof(wanted, record))
            proof = Proof(own.holds, f"{own.evidence}; {proof.evidence}")
        record.event("fault_observed", id=self.id, in_force=proof.holds, evidence=proof.evidence, when=when)
        if not proof.holds:
            self.doubts.append(f"{self.spec.title} was not seen in force ({when}): {proof.evidence}")

    async def _own_proof(self, wanted: OwnProof, record: Record) -> Proof:
        """The user's own proof of effect: where its value comes from, and what that must be; given a few looks."""
        text = self.proves.text if self.proves is not None else wanted.query or ""
        found = Found(None)
        for _ in range(OWN_PROOF_LOOKS):
            found = await self._own_value(wanted)
            if found.value is not None and wanted.expect.holds(found.value):
                return Proof(True, f"{text} is {found.value:.4g}, as its proof expects ({wanted.expect})")
            await asyncio.sleep(1)
        why = found.told(record.masked)
        reason = f"; the last time it {why}" if why else ""
        if found.value is None:
            return Proof(None, f"{text} has no data{reason}")
        return Proof(False, f"{text} is {found.value:.4g}; its proof expects {wanted.expect}{reason}")

    async def _own_value(self, wanted: OwnProof) -> Found:
        if self.proves is not None:
            return await self.proves.ask()
        found = await self.prometheus.instant(wanted.query or "", lookback=3.0)
        return Found(next((sample for series in found for _, sample in series.samples), None))

    async def _bounded(self, prove: Callable[[], Awaitable[Proof]]) -> Proof:
        """A proof within its bound; while a cluster's API server is away it is tried again, for it comes back."""
        away = ""
        try:
            async with asyncio.timeout(PROOF_BOUND):
                while True:
                    try:
                        return await prove()
                    except ApiAwayError as error:
                        away = f": {error}"
                        await asyncio.sleep(API_AWAY_PAUSE)
        except TimeoutError:
            return Proof(None, f"could not be seen within {PROOF_BOUND:g} s{away}")
        except StandbyError as error:
            return Proof(None, str(error))


@asynccontextmanager
async def repairing(
    injections: Sequence[Injection],
    system: System,
    action: str,
    target: Mapping[str, str],
    record: Record,
) -> AsyncIterator[Callable[[], None]]:
    """Around a repair; what is yielded is called when it has succeeded.

    Each fault that lasts until it is repaired, and that this repair removes or works around, then ends. What the
    repair itself takes away is looked at before it; if the repair does not succeed, that look was not the last.
    """

    def hurt() -> list[Injection]:
        return [one for one in injections if one.is_mended_by(system, action, target)]

    taken = [one for one in hurt() if one.fault.taken_away_by_repairs and one.is_applied]
    await asyncio.gather(*(one.see_last(record) for one in taken))
    succeeded = asyncio.Event()
    try:
        yield succeeded.set
    finally:
        for one in hurt() if succeeded.is_set() else ():  # some may have begun meanwhile
            one.repaired.set()
        for one in taken if not succeeded.is_set() else ():
            one.look_again()
