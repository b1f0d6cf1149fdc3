"""What a run must write and cannot: refused with the remedy, before anything is touched."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from chaos.testing.services import two_services
from tests.local.standby import Standby

pytestmark = [pytest.mark.local, pytest.mark.timeout(120)]


@pytest.fixture
def standby(tmp_path: Path) -> Standby:
    """The command in a state folder of its own, with a document that would start two services."""
    standby = Standby(tmp_path)
    standby.document(two_services(tmp_path))
    return standby


def refused(standby: Standby, *arguments: str | Path, because: Path) -> None:
    """Code 3, one line that names the place and a remedy, no process, no other file."""
    before = sorted(standby.folder.rglob("*"))
    done = standby.run("run", standby.folder / "experiment.yaml", *arguments)
    assert done.returncode == 3, done.stdout + done.stderr
    assert done.stderr.startswith("standby: "), done.stderr
    assert str(because) in done.stderr
    assert "nothing was touched" in done.stderr
    assert standby.left() == []
    journals = {path for path in standby.folder.rglob("*.jsonl") if path.parent.name == "journal"}
    made = {*standby.folder.rglob("*")} - {*before} - journals - {standby.state, standby.state / "journal"}
    assert made == set()
    assert standby.run("recover").stdout.startswith("nothing is left behind (0 undone)")


def test_a_journal_that_cannot_be_made_refuses_the_run(standby: Standby) -> None:
    """Its folder is a file: what would be done could not be undone after a crash, so nothing is done."""
    standby.state.mkdir()
    (standby.state / "journal").touch()
    refused(standby, "--out", standby.folder / "out", because=standby.state / "journal")


def test_an_out_that_cannot_be_made_refuses_the_run(standby: Standby) -> None:
    """It lies below a file: what happens could not be recorded, so nothing happens."""
    (standby.folder / "file").touch()
    refused(standby, "--out", standby.folder / "file" / "out", because=standby.folder / "file" / "out")


def test_a_state_folder_that_cannot_be_made_refuses_the_run(standby: Standby) -> None:
    """It is a file."""
    standby.state.touch()
    done = standby.run("run", standby.folder / "experiment.yaml")
    assert done.returncode == 3
    assert "$STANDBY_STATE" in done.stderr
    assert standby.left() == []


@pytest.mark.full
@pytest.mark.parametrize("what", ["state", "out"])
def test_a_read_only_disk_refuses_the_run(standby: Standby, what: str) -> None:
    """A real one, under the journal or under the record; root is refused there, too."""
    place = standby.folder / what
    (place / "journal").mkdir(parents=True)
    root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    subprocess.run([*root, "mount", "--bind", str(place), str(place)], check=True)
    try:
        subprocess.run([*root, "mount", "-o", "remount,bind,ro", str(place)], check=True)
        refused(standby, "--out", standby.folder / "out", because=place)
    finally:
        subprocess.run([*root, "umount", "--lazy", str(place)], check=True)
