"""`standby dashboards`: what runs and studies measured, served again by Prometheus, and shown by Grafana."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from urllib.parse import urlencode

from aiohttp import web

from chaos import record, series, state
from chaos.cli.running import stop_on_signals
from chaos.clients import processes, tools
from chaos.errors import StandbyError, UsageError
from chaos.undo.journal import Journal, begun
from chaos.worlds.local import replay
from chaos.worlds.local.kept import end_step
from chaos.worlds.local.replay import Ports
from chaos.worlds.local.world import LocalWorld

PORT = 9191
"""Where the report is, unless told otherwise: the address that the dashboards link to. The others follow it."""
LEASE = 7 * 86_400.0
"""Real seconds after which `standby recover` may end what is still served."""
AROUND = 5.0
"""Real seconds shown before and after a run."""
HISTORY = "study.openmetrics"


@dataclass(frozen=True)
class Sources:
    """What is to be served: folders of runs that have their series, and folders of studies."""

    runs: tuple[Path, ...]
    studies: tuple[Path, ...]


def serve(names: Sequence[str], port: int) -> int:
    """Serve until Ctrl-C or SIGTERM; 0 then. Raises UsageError when there is nothing to serve."""
    sources = _found(names)
    ports = _ports(port)
    prometheus = tools.find("prometheus")
    texts = [study / HISTORY for study in sources.studies]
    texts += [text for run in sources.runs if (text := run / series.EXPORT).is_file()]
    promtool = tools.find("promtool") if texts else None
    folder = state.state_folder() / "dashboards" / state.new_run()
    try:
        replay.fill(
            folder,
            [snapshot for run in sources.runs if (snapshot := run / series.FOLDER).is_dir()],
            texts,
            promtool,
        )
        replay.provision(folder, ports, _dashboards(sources, ports))
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    asyncio.run(_serve(sources, folder, ports, prometheus))
    return 0


def _found(names: Sequence[str]) -> Sources:
    folders = [_folder(name) for name in names] if names else _newest()
    runs = tuple(folder for folder in folders if (folder / "events.jsonl").exists())
    studies = tuple(folder for folder in folders if (folder / HISTORY).exists())
    for folder in folders:
        if folder not in runs and folder not in studies:
            raise UsageError(f"{folder} holds neither the record of a run nor {HISTORY} of a study")
    for run in runs:
        if not _has_series(run):
            raise UsageError(f"{run} keeps no series{_why_none(run)}")
    return Sources(runs, studies)


def _folder(name: str) -> Path:
    for folder in (Path(name), state.runs() / name, state.state_folder() / "studies" / name):
        if folder.is_dir():
            return folder.absolute()
    raise UsageError(
        f"there is no run or study `{name}`; give its folder, or the name of one in {state.runs()}"
    )


def _newest() -> list[Path]:
    """The newest run that has its series, and every study."""
    runs = [path for path in state.runs().glob("*") if _has_series(path)]
    studies = [path.parent for path in (state.state_folder() / "studies").glob(f"*/{HISTORY}")]
    found = [*sorted(runs)[-1:], *sorted(studies)]
    if not found:
        raise UsageError(f"no run in {state.runs()} keeps its series; give the folder of one")
    return found


def _has_series(run: Path) -> bool:
    return (run / series.FOLDER).is_dir() or (run / series.EXPORT).is_file()


def _why_none(run: Path) -> str:
    said = [event for event in record.read(run / "events.jsonl") if event.name == "series_not_kept"]
    return f": {said[-1]['why']}" if said else "; it was cut off, or is of an earlier version"


def _ports(first: int) -> Ports:
    """Three ports from `first` on, or any three for 0. Raises UsageError when one of them is in use."""
    if first == 0:
        with socket.socket() as one, socket.socket() as two, socket.socket() as three:
            for each in (one, two, three):
                each.bind(("127.0.0.1", 0))
            return Ports(*(int(each.getsockname()[1]) for each in (one, two, three)))
    for port in range(first, first + 3):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except (OSError, OverflowError) as error:
                raise UsageError(f"port {port} on 127.0.0.1 cannot be had ({error}); try --port 0") from error
    return Ports(first, first + 1, first + 2)


def _dashboards(sources: Sources, ports: Ports) -> dict[str, str]:
    """The dashboards as they ship, opened at the time of the run and with the address of its report."""
    made = {}
    window = _window(sources.runs)
    for file in (files("chaos.report") / "dashboards").iterdir():
        told = json.loads(file.read_text(encoding="utf-8"))
        for variable in told["templating"]["list"]:
            if variable["name"] == "report":
                variable["query"] = f"http://127.0.0.1:{ports.report}/"
        if window is not None and "standby-run" in told["tags"]:
            told["time"] = {"from": _utc(window[0]), "to": _utc(window[1])}
            told["refresh"] = ""
        made[file.name] = json.dumps(told)
    return made


def _window(runs: Sequence[Path]) -> tuple[float, float] | None:
    """From when to when (unix seconds) these runs went on."""
    moments = [event.unix for run in runs for event in record.read(run / "events.jsonl")]
    return (min(moments) - AROUND, max(moments) + AROUND) if moments else None


def _utc(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


async def _serve(sources: Sources, folder: Path, ports: Ports, prometheus: Path) -> None:
    """Everything that is started is journaled first: whatever ends this, `standby recover` ends that."""
    name = f"dashboards-{folder.name}"
    starter = processes.identify(os.getpid())
    assert starter is not None
    with begun(state.journals() / f"{name}.jsonl") as journal, stop_on_signals(1) as (stop,):
        journal.begin(name, starter, str(folder), owned=True)
        world = LocalWorld.create(folder, replay.layout(folder, ports, prometheus))
        async with _running(world, journal), _reports(sources, ports.report):
            _tell(sources, world.prometheus, ports)
            opening = asyncio.create_task(_open_grafana(world, ports))
            await stop
            opening.cancel()
            await asyncio.gather(opening, return_exceptions=True)


@asynccontextmanager
async def _running(world: LocalWorld, journal: Journal) -> AsyncIterator[None]:
    journal.intend(
        "world", f"what is served from {world.folder}", [end_step(world)], lease=time.time() + LEASE
    )
    try:
        await world.start("dashboards")
        yield
    finally:
        proof = await asyncio.shield(world.end())
        if proof.holds:
            shutil.rmtree(world.folder, ignore_errors=True)
            journal.finish()
        else:
            print(f"standby: {proof.evidence}; run `standby recover`", file=sys.stderr)


@asynccontextmanager
async def _reports(sources: Sources, port: int) -> AsyncIterator[None]:
    """The pages of these runs and studies on loopback: `/0/`, `/1/`, …; `/` and `/report.html` are the first."""
    pages = [
        found
        for folder, name in [(run, "report.html") for run in sources.runs]
        + [(study, "study.html") for study in sources.studies]
        if (found := folder / name).exists()
    ]

    async def page(request: web.Request) -> web.StreamResponse:
        if request.url.host not in (
            "127.0.0.1",
            "localhost",
        ):  # a name that somebody else gave to this machine
            raise web.HTTPForbidden
        number = int(request.match_info.get("number", "0"))
        if number >= len(pages):
            raise web.HTTPNotFound
        return web.FileResponse(pages[number])

    app = web.Application()
    app.router.add_get("/", page)
    app.router.add_get("/report.html", page)
    app.router.add_get(r"/{number:\d{1,3}}/", page)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield
    finally:
        await runner.cleanup()


def _tell(sources: Sources, prometheus: str, ports: Ports) -> None:
    for number, folder in enumerate((*sources.runs, *sources.studies)):
        print(f"{folder}: http://127.0.0.1:{ports.report}/{number}/")
    window = _window(sources.runs)
    graph = {"g0.expr": "chaos_study_survival_ratio", "g0.tab": "graph", "g0.range_input": "90d"}
    if window is not None:
        graph |= {
            "g0.expr": "chaos_objective_value",
            "g0.range_input": f"{window[1] - window[0]:.0f}s",
            "g0.end_input": _utc(window[1]).rstrip("Z").replace("T", " "),
        }
    print(f"Prometheus: {prometheus}/query?{urlencode(graph)}", flush=True)


async def _open_grafana(world: LocalWorld, ports: Ports) -> None:
    try:
        await replay.pulled()
        await world.start_process(replay.GRAFANA)
    except StandbyError as error:
        print(f"no Grafana: {error}", flush=True)
        print("the dashboards can be imported in any Grafana: " + str(files("chaos.report") / "dashboards"))
        print("Ctrl-C ends this.", flush=True)
        return
    print(f"Grafana: http://127.0.0.1:{ports.grafana}/d/standby-experiment", flush=True)
    print("Ctrl-C ends this.", flush=True)
