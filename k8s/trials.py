"""Live trials of a study in a cluster: laid out, followed, their results kept as `standby study` keeps its own."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from chaos import state
from chaos.clients.cluster import Cluster, NotInClusterError
from chaos.errors import ClientError, UsageError, WorldError
from chaos.faults.specs import spec_types
from chaos.report.write import write as write_report
from chaos.study import live, validation
from chaos.study.handing_in import HandedIn, handed_in
from chaos.study.loading import LoadedStudy, load_study
from chaos.study.order import Order, order
from chaos.study.simulator import simulate
from k8s.images import build_and_load
from k8s.laying_out import ORDER, RELEASE, STUDY, Layout, lay_out
from k8s.nodes import CONTEXT
from k8s.steps import need_docker, say

LOOK_EVERY: Final = 2.0
"""Real seconds between two looks at the results."""
GONE_WITHIN: Final = 240.0
"""Real seconds that the namespaces get to be gone."""

pause = asyncio.sleep


@dataclass(frozen=True)
class Asked:
    """What the command line asks for; None: as the document says, where `standby study` looks, built here."""

    study: Path
    live: int | None = None
    out: Path | None = None
    context: str = CONTEXT
    image: str | None = None


def trials(asked: Asked) -> None:
    """Run the live trials of a study that were not run yet, each in a namespace of its own, and keep their results.

    What an earlier call has begun is gone on with. Raises WorldError where trials have no result in the end.
    """
    if asked.image is None and asked.context != CONTEXT:
        raise UsageError(f"--context {asked.context}: needs --image, one that its nodes can pull")
    loaded = load_study(asked.study, faults=spec_types())
    count = loaded.study.live.trials if asked.live is None else asked.live
    folder = (asked.out or state.state_folder() / "studies" / asked.study.stem).absolute()
    kept = live.Kept(folder / "live.jsonl", resume=True)
    scouting = partial(simulate, durations=validation.fitted(loaded, ()))
    several = live.wanted(loaded, scouting, count, workers=os.cpu_count() or 1)
    order(loaded, several)  # what cannot be run there is refused before anything is made
    if asked.image is None:
        need_docker()
        image = build_and_load()
    else:
        image = asked.image
    at_once = loaded.study.live.concurrency
    layout = Layout(image, at_once if isinstance(at_once, int) else 1, strict=asked.context == CONTEXT)
    asyncio.run(_run(loaded, several, kept, folder, asked.context, layout))
    say(f"{len(several)} live trials are kept in {folder}; go on with: standby study {asked.study} --resume")


async def _run(
    loaded: LoadedStudy,
    several: Sequence[live.Wanted],
    kept: live.Kept,
    folder: Path,
    context: str,
    layout: Layout,
) -> None:
    async with Cluster(context) as cluster:
        study = order(loaded, several).study
        if (earlier := await _laid_out(cluster, study)) is not None:
            say(f"going on with the {len(earlier.trials)} trials that are under way in {study}")
            await _Trials(cluster, earlier, kept, folder).to_their_end()
        await remove(cluster, study)
        waiting = [one for one in several if kept.find(loaded, one) is None]
        if not waiting:
            return
        wanted = order(loaded, waiting)
        say(
            f"{len(waiting)} trials, {layout.parallelism} at a time, each in a namespace of its own ({study})"
        )
        await lay_out(cluster, wanted, layout)
        await _Trials(cluster, wanted, kept, folder).to_their_end()
        await remove(cluster, study)
        left = [one for one in waiting if kept.find(loaded, one) is None]
    if left:
        names = ", ".join(f"{one.arm.name} at {one.value} with seed {one.seed}" for one in left)
        raise WorldError(
            f"these trials came to no result, whatever was tried: {names}; run the command again"
        )


async def _laid_out(cluster: Cluster, study: str) -> Order | None:
    """The trials that an earlier call has laid out whole; None where there are none."""
    try:
        await cluster.ask("GET", _job(study), f"show the trials of {study}")
        path = f"/api/v1/namespaces/{study}/configmaps/{ORDER}"
        found = await cluster.ask("GET", path, f"show what the trials of {study} are")
    except NotInClusterError:
        return None
    return Order.read(found["data"]["order.json"])


@dataclass
class _Trials:
    """Trials that are under way, and those whose results are kept."""

    cluster: Cluster
    order: Order
    kept: live.Kept
    folder: Path
    _left: list[str] = field(init=False)
    _away: bool = False

    def __post_init__(self) -> None:
        self._left = list(self.order.names)

    async def to_their_end(self) -> None:
        """Keep the results in the order of the trials, as they come, until the Job has ended."""
        ended = False
        while self._left and not ended:
            try:
                ended = _ended(await self.cluster.ask("GET", _job(self.order.study), "show the trials' Job"))
                self._keep(await handed_in(self.cluster, self.order.study), all_there=ended)
                self._away = False
            except ClientError as error:
                if isinstance(error, NotInClusterError):
                    raise
                if not self._away:
                    say(f"{error}; the trials go on, and are asked for again")
                self._away, ended = True, False
            await pause(0 if ended else LOOK_EVERY)

    def _keep(self, found: Mapping[str, HandedIn], *, all_there: bool) -> None:
        """Keep what is there up to the first that is not, or at the end all that is there."""
        before = len(self._left)
        for name in list(self._left):
            if name in found:
                self._left.remove(name)
                self._take(found[name])
            elif not all_there:
                break
        if len(self._left) < before:
            whole = len(self.order.trials)
            say(f"{whole - len(self._left)} of {whole} results are kept")

    def _take(self, one: HandedIn) -> None:
        if one.trial in self.kept.trials:
            return
        if one.events:
            home = live.home(self.folder / "live", one.trial.arm, one.trial.value, one.trial.seed)
            home.mkdir(parents=True, mode=0o700)
            record = home / "events.jsonl"
            record.touch(mode=0o600)
            record.write_bytes(one.events)
            write_report(home)
        self.kept.add(one.trial)


def _ended(job: Any) -> bool:
    conditions = (job.get("status") or {}).get("conditions") or ()
    return any(one["type"] in ("Complete", "Failed") and one["status"] == "True" for one in conditions)


async def remove(cluster: Cluster, study: str) -> None:
    """Remove all namespaces of a study, and wait until they are gone. Raises WorldError."""
    until = time.monotonic() + GONE_WITHIN
    while left := await _namespaces(cluster, study):
        for name, leaving in left.items():
            if not leaving:
                await cluster.ask("DELETE", f"/api/v1/namespaces/{name}", f"delete the namespace {name}")
        if time.monotonic() > until:
            raise WorldError(
                f"these namespaces are not gone after {GONE_WITHIN:g} s: {', '.join(left)}; see what keeps them: "
                f"kubectl --context {cluster.context} describe namespace -l {STUDY}={study}"
            )
        await pause(LOOK_EVERY)


async def _namespaces(cluster: Cluster, study: str) -> Mapping[str, bool]:
    """The namespaces of a study, and whether each is being deleted already."""
    found = await cluster.ask(
        "GET", "/api/v1/namespaces", "list its namespaces", labelSelector=f"{STUDY}={study}"
    )
    return {one["metadata"]["name"]: "deletionTimestamp" in one["metadata"] for one in found["items"]}


def _job(study: str) -> str:
    return f"/apis/batch/v1/namespaces/{study}/jobs/{RELEASE}"
