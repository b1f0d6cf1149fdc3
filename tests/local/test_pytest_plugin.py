"""The plugin as its reader would use it: real services behind a real Toxiproxy."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from chaos import api as api  # imported here once, and not anew in each session that a test starts
from chaos.testing.services import free_port, two_services
from tests.local.redis_server import redis_folder
from tests.local.standby import Standby

pytest_plugins = ["pytester"]
pytestmark = [pytest.mark.local, pytest.mark.timeout(180)]

TESTS = """
import asyncio, json, urllib.request
import pytest

LINK = "caller-to-echo"

@pytest.fixture(scope="module")
def chaos_document():
    return "own.yaml"

def toxics(world):
    proxy = world.world.world.links[LINK].proxies[0]
    with urllib.request.urlopen(f"{proxy.server}/proxies/{proxy.name}", timeout=5) as answer:
        return [one["type"] for one in json.load(answer)["toxics"]]

def test_in_force(chaos_world, chaos_fault):
    with chaos_fault("latency", link=LINK, delay="200ms") as fault:
        assert toxics(chaos_world) == ["latency"]
        assert fault.in_force.holds
    assert fault.gone.holds
    assert toxics(chaos_world) == []

def test_fails(chaos_world, chaos_fault):
    with chaos_fault("latency", link=LINK, delay="200ms"):
        assert toxics(chaos_world) == []

def test_after_the_failed_one(chaos_world):
    assert toxics(chaos_world) == []

def test_asynchronous(chaos_world, chaos_fault):
    async def test():
        async with chaos_fault("bandwidth", link=LINK, rate="100 KB/s"):
            return toxics(chaos_world)
    assert asyncio.run(test()) == ["bandwidth"]
    assert toxics(chaos_world) == []

def test_unknown(chaos_fault):
    with chaos_fault("slowness", link=LINK):
        pass

def test_of_itself(chaos_world, chaos_run):
    chaos_run("own.yaml")
"""


@pytest.fixture
def folder(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two services of one's own and their document."""
    monkeypatch.setenv("STANDBY_STATE", str(pytester.path / "state"))
    monkeypatch.setenv("STANDBY_TEST", str(pytester.path))
    monkeypatch.setenv("COLUMNS", "200")
    pytester.makeini("[pytest]")  # its own root folder, wherever temporary folders are
    (pytester.path / "own.yaml").write_text(
        two_services(pytester.path, timeline="{baseline: 1s, faults: 3s, after: 1s}")
        + "faults: [{fault: latency, link: caller-to-echo, delay: 200ms, at: 0s, lasts: 2s}]\n"
    )
    return pytester.path


def test_a_fault_of_a_test_is_undone_also_when_the_test_fails(
    folder: Path, pytester: pytest.Pytester
) -> None:
    """The server itself is asked: the toxic is there in the block, and gone after a test that failed in the middle.

    One world serves the module; nothing of it is left after the session.
    """
    pytester.makepyfile(test_own=TESTS)
    done = pytester.runpytest_subprocess("-p", "no:cacheprovider", "test_own.py")
    done.assert_outcomes(passed=3, failed=3)
    done.stdout.fnmatch_lines(
        [
            "FAILED *::test_fails - *assert*'latency'*",
            "FAILED *::test_unknown - *there is no fault `slowness`*",
            "FAILED *::test_of_itself - *a world that this test has opened*",
        ]
    )
    assert len(list((folder / "state" / "runs").iterdir())) == 1
    assert Standby(folder).left() == []


@pytest.mark.full
def test_documents_and_chaos_run_give_verdicts(folder: Path, pytester: pytest.Pytester) -> None:
    """`pytest FOLDER` runs the document, and a test reads the report of the same document with another delay."""
    pytester.makepyfile(
        "def test_too_slow(chaos_run):\n"
        "    changes = ['faults[0].delay=3s', 'objectives[0].timeout=1s']\n"
        "    report = chaos_run('own.yaml', overrides=changes)\n"
        "    assert report.verdict == 'fail', report.why\n"
    )
    done = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-n", "2", "--standby-out=out")
    done.assert_outcomes(passed=2)
    assert (folder / "out" / "own" / "report.html").exists()
    assert Standby(folder).left() == []


@pytest.mark.full
def test_the_example_of_the_guide_passes_on_the_services_of_the_readme(
    folder: Path, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files saved as the README and docs/testing.md give them: a real Redis hangs, and a visitor is told so."""
    root = Path(__file__).parents[2]
    readme, guide = (root / "README.md").read_text(), (root / "docs" / "testing.md").read_text()
    (program, _) = re.findall(r"```python\n(.*?)```", readme, flags=re.DOTALL)
    (_, document) = re.findall(r"```yaml\n(.*?)```", readme, flags=re.DOTALL)
    example = next(
        block for block in re.findall(r"```python\n(.*?)```", guide, re.DOTALL) if "chaos_fault" in block
    )
    ports = {old: str(free_port()) for old in ("18001", "18002")}
    for old, new in ports.items():
        document, example = document.replace(old, new), example.replace(old, new)
    (folder / "counter.py").write_text(program)
    (folder / "slow-redis.yaml").write_text(document)
    (folder / "test_visitors.py").write_text(example)
    monkeypatch.setenv("PATH", f"{redis_folder()}{os.pathsep}{os.environ['PATH']}")
    done = pytester.runpytest_subprocess("-p", "no:cacheprovider", "test_visitors.py")
    done.assert_outcomes(passed=1)
    assert Standby(folder).left() == []
