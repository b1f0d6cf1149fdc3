from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from chaos.api import loads
from chaos.errors import UsageError
from chaos.pytest_plugin.turns import Turns, used_by
from chaos.testing.services import two_services

HOLD = """
import sys
from chaos.pytest_plugin.turns import Turns
with Turns().taken(sys.argv[1:]):
    print("mine", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A state folder of the test's own."""
    monkeypatch.setenv("STANDBY_STATE", str(tmp_path / "state"))


def holding(*names: str) -> subprocess.Popen[str]:
    """Another session that has these once it says so, until it is told to go."""
    return subprocess.Popen(
        [sys.executable, "-c", HOLD, *names], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def test_another_session_waits_until_an_address_is_free() -> None:
    """Two workers whose services listen at the same address do not meet; one at another address does not wait."""
    with Turns().taken(["127.0.0.1:1", "127.0.0.1:2"]):
        free = holding("127.0.0.1:3")
        assert free.communicate("\n", timeout=60)[0] == "mine\n"
        waiting = holding("127.0.0.1:2")
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(0.5)
    assert waiting.communicate("\n", timeout=60)[0] == "mine\n"


def test_what_a_session_has_itself_is_refused_and_not_waited_for() -> None:
    """A run on the services of the test's own opened world would wait for ever; it is told so."""
    turns = Turns()
    with (
        turns.taken(["127.0.0.1:1"]),
        pytest.raises(UsageError, match="a world that this test has opened"),
        turns.taken(["127.0.0.1:1"]),
    ):
        pytest.fail("it was taken twice")
    with turns.taken(["127.0.0.1:1"]):
        pass


def test_a_document_uses_the_addresses_of_its_tiers(tmp_path: Path) -> None:
    """Of two services the one that listens."""
    assert used_by(loads(two_services(tmp_path, port=18999), folder=tmp_path)) == ["127.0.0.1:18999"]
