from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from distributed import Client, LocalCluster

from chaos.cli.app import run_app
from chaos.crew.runbook import Runbook
from chaos.errors import ClientError, PreflightError, UsageError
from chaos.experiment.loading import Variants
from chaos.experiment.model import Experiment
from chaos.faults.specs import spec_types
from chaos.study import distributed as dask_executor
from chaos.study.conduct import conduct
from chaos.study.durations import Durations
from chaos.study.loading import LoadedStudy
from chaos.study.result import StudyResult
from chaos.study.simulator import Trials, simulate
from chaos.study.sweep import Cell, Player, Threads
from chaos.testing.services import free_port
from tests.unit.study import standin
from tests.unit.study.standin import ROOT, STUDY, written
from tests.waiting import wait_until

SMALL = (
    STUDY[: STUDY.index("sensitivity:")]
    .replace("[0, 1, 2, 3, 4, 5]", "[0, 2, 4]")
    .replace("simulated: 2000", "simulated: 200")
    .replace("trials: 300", "trials: 100")
    .replace("draws: 16", "draws: 8")
)
MANY_AT_ONCE = 2 * 3 * 200 + 2 * 3 * 100
"""Trials of the arms and of their other time scale; after them come the draws of the parameters, 48 cells at once."""
PEOPLE = "version: 1\nsource: a test\npeople: {mistriage: 40%}\n"


def cluster_of(workers: int, folder: Path) -> LocalCluster:
    """A scheduler in this process, and so many worker processes with a nanny each."""
    return LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        processes=True,
        dashboard_address="127.0.0.1:0",
        local_directory=str(folder),
        silence_logs=50,
    )


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    """Three real workers."""
    with cluster_of(3, tmp_path_factory.mktemp("dask")) as made:
        yield made


@pytest.fixture
def small(tmp_path: Path) -> LoadedStudy:
    """A study whose every section is played, for the real simulator."""
    return written(tmp_path, SMALL)


@pytest.mark.full
@pytest.mark.usefixtures("compiled")
def test_the_bytes_do_not_tell_who_played(cluster: LocalCluster, small: LoadedStudy) -> None:
    """One thread, two, three Dask workers of which one is killed while results lie in it, and one worker alone.

    The results that the killed worker held are lost with it: they are played again, once, and nothing else is.
    """
    alone = conduct(small, simulate, executor=Threads(1)).model_dump_json()
    assert conduct(small, simulate, executor=Threads(2)).model_dump_json() == alone
    killed: list[int] = []

    def kill(done: int, _all: int) -> None:
        if killed or done <= MANY_AT_ONCE:
            return
        with Client(cluster.scheduler_address, set_as_default=False) as client:
            held: dict[str, tuple[str, ...]] = {}

            def holding() -> bool:
                held.update({name: keys for name, keys in client.has_what().items() if len(keys) > 1})
                return bool(held)

            wait_until(holding, 60, "a worker that holds results")
            name = next(iter(held))
            killed.append(client.run(os.getpid, workers=[name])[name])
            os.kill(killed[0], signal.SIGKILL)
            wait_until(lambda: name not in client.nthreads(), 60, "the killed worker to be missed")

    with dask_executor.dask(cluster.scheduler_address) as executor:
        assert conduct(small, simulate, executor=executor, heard=kill).model_dump_json() == alone
    assert killed
    cluster.scale(1)
    with Client(cluster.scheduler_address, set_as_default=False) as client:
        wait_until(lambda: len(client.nthreads()) == 1, 60, "a single worker to be left")
    with dask_executor.dask(cluster.scheduler_address) as executor:
        assert conduct(small, simulate, executor=executor).model_dump_json() == alone


@pytest.mark.full
def test_a_worker_of_another_version_is_refused(
    cluster: LocalCluster, small: LoadedStudy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything is played it is named with both versions; one that comes later is refused by itself."""
    with Client(cluster.scheduler_address, set_as_default=False) as client:
        client.wait_for_workers(1)
        order = pickle.dumps(Player(small, simulate))
        with pytest.raises(
            UsageError, match=r"the worker tcp://\S+ has standby .*, where this command has standby 0"
        ):
            client.submit(dask_executor.play, Cell((), 1, 10), order, "standby 0").result()
        name = min(client.nthreads())
        client.run(_pretend, workers=[name])
        command = ["study", small.path, "--live", "0", "--scheduler", cluster.scheduler_address]
        assert run_app([*command, "--out", str(tmp_path / "out")]) == 3
        client.run(_be_honest, workers=[name])
    told = capsys.readouterr().err
    here = metadata.version("numpy")
    assert (
        f"the worker {name} of {cluster.scheduler_address} has numpy 0.0.0, where this command has {here}"
        in told
    )
    assert not (tmp_path / "out").exists()


def _pretend() -> None:
    """On a worker: numpy is another one."""

    def another(distribution_name: str) -> str:
        return "0.0.0" if distribution_name == "numpy" else metadata.version(distribution_name)

    dask_executor.version = another  # type: ignore[attr-defined]


def _be_honest() -> None:
    dask_executor.version = metadata.version  # type: ignore[attr-defined]


@pytest.mark.full
def test_a_study_whose_workers_are_gone_ends(
    small: LoadedStudy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not wait for ever: after a while without any worker it says what is missing and what to do.

    Before that, a cluster without workers is refused, and one whose scheduler dies ends the study, too.
    """
    monkeypatch.setattr(dask_executor, "ANSWERS_WITHIN", 0.2)
    monkeypatch.setattr(dask_executor, "ALONE_FOR", 0.2)
    with cluster_of(0, tmp_path) as cluster:
        with (
            pytest.raises(PreflightError, match="has no worker after"),
            dask_executor.dask(cluster.scheduler_address),
        ):
            pass
        monkeypatch.setattr(dask_executor, "ANSWERS_WITHIN", 60.0)
        cluster.scale(1)

        def take_away(_done: int, _all: int) -> None:
            cluster.scale(0)

        with (
            dask_executor.dask(cluster.scheduler_address) as executor,
            pytest.raises(ClientError, match=r"no worker for 0\.2 s; \d+ cells of the study are missing"),
        ):
            conduct(small, _stuck, executor=executor, heard=take_away)


@pytest.mark.full
def test_a_study_whose_scheduler_is_killed_ends(
    small: LoadedStudy, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`dask scheduler` and `dask worker` as one starts them; with the first one gone, exit 3 and nothing written."""
    port = free_port()
    address = f"tcp://127.0.0.1:{port}"
    where = ("--local-directory", str(tmp_path / "dask"), "--no-dashboard")
    commands = [
        ["scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard"],
        ["worker", address, "--nworkers", "1", "--nthreads", "1", "--no-nanny", *where],
    ]
    with ExitStack() as stack:
        started = []
        for words in commands:
            command = [sys.executable, "-m", f"distributed.cli.dask_{words[0]}", *words[1:]]
            process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
            stack.callback(process.wait)
            stack.callback(process.kill)
            started.append(process)

        def interrupted(*told: Any, heard: Callable[[int, int], None], **more: Any) -> StudyResult:
            def kill(done: int, whole: int) -> None:
                started[0].kill()
                started[0].wait()
                heard(done, whole)

            return conduct(*told, heard=kill, **more)

        monkeypatch.setattr("chaos.cli.studying.conduct", interrupted)
        monkeypatch.setattr("chaos.cli.studying.simulate", _stuck)
        command = ["study", small.path, "--live", "0", "--out", str(tmp_path / "out")]
        assert run_app([*command, "--scheduler", address]) == 3
    assert f"the Dask scheduler at {address} is gone" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def _stuck(
    experiment: Experiment,
    *,
    first: int,
    trials: int,
    runbook: Runbook | None,
    durations: Durations = standin.DURATIONS,
) -> Trials:
    """Nobody on call is played at once, anybody never."""
    assert experiment.crew is not None
    while experiment.crew.headcount:
        time.sleep(60)
    return standin.simulate(experiment, first=first, trials=trials, runbook=runbook, durations=durations)


def test_no_scheduler_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 2 for what is no address, 3 where nobody answers within a bounded time; nothing is written either way."""
    monkeypatch.setattr(dask_executor, "ANSWERS_WITHIN", 0.2)
    document = tmp_path / "study.yaml"
    document.write_text(STUDY)
    command = ["study", str(document), "--live", "0", "--out", str(tmp_path / "out"), "--scheduler"]
    assert run_app([*command, "localhost"]) == 2
    assert "expected one like tcp://10.0.0.5:8786" in capsys.readouterr().err
    address = f"tcp://127.0.0.1:{free_port()}"
    assert run_app([*command, address]) == 3
    told = capsys.readouterr().err
    assert f"no Dask scheduler answered at {address} within 0.2 s" in told
    assert "dask scheduler" in told
    assert not (tmp_path / "out").exists()


def test_a_study_travels_without_its_folder(tmp_path: Path) -> None:
    """What its documents name was read before: the same experiments come out where none of its files are."""
    text = (ROOT / "experiments" / "failure-to-launch.yaml").read_text()
    (tmp_path / "crew").mkdir()
    (tmp_path / "crew" / "runbooks.yaml").write_bytes((ROOT / "experiments/crew/runbooks.yaml").read_bytes())
    (tmp_path / "team.yaml").write_text(PEOPLE)
    text = text.replace("  headcount: 2", "  headcount: 2\n  people_file: team.yaml")
    here = Variants(text, faults=spec_types(), folder=tmp_path)
    before = here.loaded(["crew.headcount=3"])
    assert before.experiment.crew is not None
    assert before.experiment.crew.people.mistriage == 0.4
    packed = pickle.dumps(here)
    (tmp_path / "team.yaml").unlink()
    (tmp_path / "crew" / "runbooks.yaml").unlink()
    there = pickle.loads(packed)  # noqa: S301
    assert there.loaded(["crew.headcount=3"]).experiment == before.experiment
