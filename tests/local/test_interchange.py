"""Ten experiments of Chaos Toolkit, run by Chaos Toolkit and, converted, by Standby, on the same real services."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
import requests

from chaos.clients.tools import find, tools_folder
from chaos.testing.services import free_port
from tests.local.standby import Standby
from tests.waiting import wait_until

pytestmark = [pytest.mark.local, pytest.mark.full, pytest.mark.timeout(300)]

HERE = Path(__file__).with_name("chaostoolkit")
TEN = sorted(HERE.glob("*.*"))
PEER = (
    "chaostoolkit==1.19.0",
    "chaostoolkit-toxiproxy==0.3.1",
    "chaostoolkit-prometheus==0.6.0",
    "jsonpath2",
    "setuptools<81",
)
BREAKS = {"too-slow", "down"}
"""Those that deviate: their one probe is met before the method, and not after it."""
SHORT = ("warm_up=200ms", "baseline=1200ms", "recovery=100ms", "after=1200ms")


@dataclass(frozen=True)
class Shop:
    """The services, and the experiments with the services' ports in them."""

    folder: Path
    env: Mapping[str, str]
    server: str

    def reset(self) -> None:
        """Toxiproxy as it was: whatever one experiment leaves is none of the next one's."""
        assert requests.post(f"{self.server}/reset", timeout=5).ok


def chaostoolkit() -> Path:
    """A folder with Chaos Toolkit and its extensions, which are none of Standby's requirements."""
    folder = tools_folder() / "chaostoolkit"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "whole").exists():
            pip = [
                sys.executable,
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "--upgrade",
            ]
            subprocess.run([*pip, "--target", str(folder), *PEER], check=True, timeout=240)
            (folder / "whole").touch()
    return folder


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A small app behind a real Toxiproxy, watched by a real Prometheus: one set for all twenty runs."""
    folder = tmp_path_factory.mktemp("shop")
    shutil.copytree(HERE, folder, dirs_exist_ok=True)
    ports = {str(port): str(free_port()) for port in (18701, 18702, 18703, 18704)}
    for path in (*folder.glob("*.*"), folder / "proxies" / "toxiproxy.json"):
        text = path.read_text()
        for old, new in ports.items():
            text = text.replace(old, new)
        path.write_text(text)
    shutil.copy(folder / "services" / "converted_checks.py", folder)
    app, _, api, prometheus = ports.values()
    (folder / "prometheus.yml").write_text(
        "global: {scrape_interval: 500ms}\n"
        f"scrape_configs: [{{job_name: itself, static_configs: [{{targets: ['127.0.0.1:{prometheus}']}}]}}]\n"
    )
    commands: list[list[str | Path]] = [
        [sys.executable, folder / "services" / "app.py", app],
        [find("toxiproxy-server"), "-port", api, "-config", folder / "proxies" / "toxiproxy.json"],
        [find("prometheus"), f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'tsdb'}",
         f"--web.listen-address=127.0.0.1:{prometheus}"],
    ]  # fmt: skip
    env = {**os.environ, "CONVERTED_TOKEN": "open sesame", "STANDBY_STATE": str(folder / "state")}
    with ExitStack() as stack:
        for command in commands:
            quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            program = stack.enter_context(subprocess.Popen(command, **quiet))  # type: ignore[call-overload]
            stack.callback(program.terminate)
        for url in (f"http://127.0.0.1:{app}/health", f"http://127.0.0.1:{api}/version"):
            wait_until(lambda url=url: answers(url), 30, url)  # type: ignore[misc]
        query = f"http://127.0.0.1:{prometheus}/api/v1/query?query=up"
        wait_until(
            lambda: answers(query) and bool(requests.get(query, timeout=5).json()["data"]["result"]),
            30,
            query,
        )
        yield Shop(folder, env, f"http://127.0.0.1:{api}")


def answers(url: str) -> bool:
    """Whether a request is answered well."""
    try:
        return requests.get(url, timeout=2).ok
    except requests.RequestException:
        return False


def by_chaos_toolkit(shop: Shop, path: Path, peer: Path) -> dict[str, bool]:
    """Whether each probe's tolerance is met after the method, as far as Chaos Toolkit looked."""
    shop.reset()
    journal = shop.folder / f"{path.stem}.journal.json"
    done = subprocess.run(
        [sys.executable, "-m", "chaostoolkit", "run", "--journal-path", str(journal), str(path)],
        env={**shop.env, "PYTHONPATH": f"{peer}{os.pathsep}{shop.folder}"},
        cwd=shop.folder,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert journal.exists(), done.stdout + done.stderr
    told = json.loads(journal.read_text())
    assert told["steady_states"]["before"]["steady_state_met"], done.stderr
    probes = told["steady_states"]["after"]["probes"]
    return {str(one["activity"]["name"]): bool(one["tolerance_met"]) for one in probes}


def by_standby(shop: Shop, path: Path) -> dict[str, bool]:
    """Whether each objective of the converted document passed; a run that is inconclusive tells of none."""
    standby = [sys.executable, "-m", "chaos.cli"]
    proxies = shop.folder / "proxies" / "toxiproxy.json"
    made = subprocess.run(
        [*standby, "import", "chaostoolkit", str(path), "--proxies", str(proxies)],
        env=dict(shop.env), capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    document, out = shop.folder / f"{path.stem}.standby.yml", shop.folder / f"{path.stem}.out"
    document.write_text(made.stdout)
    done = subprocess.run(
        [*standby, "run", "--quiet", str(document), "--out", str(out), *short()],
        env={**shop.env, "STANDBY_TEST": str(shop.folder)},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    report = json.loads((out / "run.json").read_text())
    assert report["verdict"] in ("pass", "fail"), (path.name, report["why"], done.stdout + done.stderr)
    return {one["name"]: one["verdict"] == "pass" for one in report["objectives"]}


def short() -> list[str]:
    """The same document with shorter phases."""
    return [word for change in SHORT for word in ("--set", f"timeline.{change}")]


def test_ten_experiments_find_the_same_by_both(shop: Shop) -> None:
    """Each probe is met, or not, by both; those that should deviate do, and all others do not."""
    peer = chaostoolkit()
    with ThreadPoolExecutor(3) as pool:  # each run has a Toxiproxy of its own
        ours = dict(
            zip(TEN, pool.map(lambda path: by_standby(shop, shop.folder / path.name), TEN), strict=True)
        )
    theirs = {path: by_chaos_toolkit(shop, shop.folder / path.name, peer) for path in TEN}
    assert theirs == ours
    assert {path.stem for path, probes in ours.items() if not all(probes.values())} == BREAKS
    assert sum(len(probes) for probes in ours.values()) == 22
    assert Standby(shop.folder).left() == [], [one.cmdline() for one in psutil.Process().children()]
