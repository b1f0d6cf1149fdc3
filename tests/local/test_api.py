from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import urllib.request
from pathlib import Path

import pytest

import chaos
from chaos.errors import DocumentError, FaultError, UsageError
from chaos.record import Event
from chaos.testing.services import two_services
from tests.local.standby import SHORT, Standby
from tests.waiting import wait_until

pytestmark = [pytest.mark.local, pytest.mark.timeout(180)]


@pytest.fixture
def document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two services of one's own and no Prometheus, in a state folder of the test's own."""
    monkeypatch.setenv("STANDBY_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("STANDBY_TEST", str(tmp_path))
    path = tmp_path / "own.yaml"
    path.write_text(two_services(tmp_path, timeline="{baseline: 1s, faults: 1s}"))
    return path


async def seconds_over(link: str) -> float:
    """How long one request over a link takes."""

    def ask() -> None:
        with urllib.request.urlopen(f"http://{link}/", timeout=5) as answer:
            answer.read()

    loop = asyncio.get_running_loop()
    begun = loop.time()
    await asyncio.to_thread(ask)
    return loop.time() - begun


async def until_quick(link: str) -> None:
    """Nothing delays the link: a request is through in less than the fault's delay, however busy the machine is."""
    async with asyncio.timeout(30):
        while await seconds_over(link) >= 0.25:
            pass


async def test_a_fault_as_a_context_manager_is_in_force_inside_and_gone_outside(document: Path) -> None:
    """A program's view: proven path, in force within the block, gone after it; the world ends with its own block."""
    async with chaos.open_world(document) as world:
        link = world.links["caller-to-echo"]
        await until_quick(link)
        async with world.fault("latency", link="caller-to-echo", delay="300ms") as fault:
            assert await seconds_over(link) >= 0.25
            assert fault.in_force.holds
        assert fault.gone is not None
        assert fault.gone.holds
        await until_quick(link)
    assert Standby(document.parent).left() == []


@pytest.mark.full
async def test_a_fault_is_undone_when_the_block_raises(document: Path) -> None:
    """The program's own error comes through, and nothing is left of the fault."""
    async with chaos.open_world(document) as world:
        with pytest.raises(ZeroDivisionError):
            async with world.fault("down", link="caller-to-echo"):
                raise ZeroDivisionError
        await until_quick(world.links["caller-to-echo"])


async def test_what_cannot_be_is_refused_before_anything_is_touched(document: Path) -> None:
    """An unknown fault, a wrong parameter, a proof that nobody would ask, a link that is not there."""
    async with chaos.open_world(document) as world:
        for name, parameters in (
            ("slowness", {}),
            ("latency", {"link": "caller-to-echo", "delay": "fast"}),
            ("latency", {"link": "caller-to-echo"}),
            ("down", {"link": "caller-to-echo", "proof": {"command": ["true"], "expect": "== 1"}}),
        ):
            with pytest.raises(UsageError):
                async with world.fault(name, **parameters):
                    pytest.fail("it was put in force")
        with pytest.raises((FaultError, chaos_errors())):
            async with world.fault("latency", link="no-such-link", delay="1s"):
                pytest.fail("it was put in force")


def chaos_errors() -> type[Exception]:
    """What a target that is not there raises."""
    from chaos.errors import PreflightError

    return PreflightError


def test_a_document_that_is_none_is_refused_with_its_places() -> None:
    """`loads` raises every problem at once."""
    with pytest.raises(DocumentError) as refused:
        chaos.loads("version: 1\ntitle: x\ntimelin: {}\n")
    assert any(problem.suggestion == "timeline" for problem in refused.value.problems)


@pytest.mark.full
def test_a_run_gives_a_report_and_tells_what_happens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a script would: one call, the verdict in hand, every event heard, the reports on disk."""
    monkeypatch.setenv("STANDBY_STATE", str(tmp_path / "state"))
    heard: list[Event] = []
    report = chaos.run(chaos.loads(SHORT), out=tmp_path / "out", listen=heard.append)
    assert report.verdict == "pass", report.why
    assert heard[0].name == "run_started"
    assert (tmp_path / "out" / "report.html").exists()


def test_a_program_that_dies_leaves_nothing(document: Path) -> None:
    """SIGKILL for a program in the middle of its fault: its guardian undoes the fault and ends the world."""
    script = document.parent / "script.py"
    script.write_text(
        textwrap.dedent("""
        import asyncio, sys, chaos
        async def main():
            async with chaos.open_world(sys.argv[1]) as world:
                async with world.fault("latency", link="caller-to-echo", delay="300ms"):
                    print("in force", flush=True)
                    await asyncio.sleep(100)
        asyncio.run(main())
        """)
    )
    program = subprocess.Popen(
        [sys.executable, str(script), str(document)], stdout=subprocess.PIPE, text=True, env=dict(os.environ)
    )
    assert program.stdout is not None
    assert program.stdout.readline().strip() == "in force"
    program.send_signal(signal.SIGKILL)
    program.wait(10)
    program.stdout.close()
    wait_until(lambda: Standby(document.parent).left() == [], 30, "the guardian to end everything")
