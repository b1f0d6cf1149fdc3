from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.local.redis_server import redis_folder
from tests.local.test_services import on_free_ports
from tests.unit.handbook.blocks import ROOT, blocks, commands

pytestmark = [pytest.mark.local, pytest.mark.experiments, pytest.mark.timeout(240)]

PAGE = ROOT / "docs" / "tutorial.md"


def test_the_tutorial_leads_from_an_empty_folder_to_a_pass_a_fail_and_a_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Followed literally: each file saved as it says, each command run as it says, with the exit code and the words
    that it promises. Only the ports are others, for tests that run at the same time.
    """
    command = tmp_path / "bin" / "standby"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m chaos.cli "$@"\n')
    command.chmod(0o755)
    folder = tmp_path / "empty"
    folder.mkdir()
    monkeypatch.setenv(
        "PATH", os.pathsep.join([str(command.parent), str(redis_folder()), os.environ["PATH"]])
    )
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("STANDBY_TEST", str(tmp_path))
    monkeypatch.delenv("STANDBY_STATE", raising=False)
    said = ""
    ports = on_free_ports("18001 18002", "18001", "18002").split()
    followed = 0
    for block in blocks(PAGE):
        if saved := re.fullmatch(r"save as (\S+)", block.note):
            text = block.text.replace("18001", ports[0]).replace("18002", ports[1])
            (folder / saved[1]).write_text(text)
        elif block.language == "sh":
            wanted = int(block.note.removeprefix("exits ")) if block.note else 0
            for words in commands(block.text):
                done = subprocess.run(
                    words, cwd=folder, capture_output=True, text=True, timeout=150, check=False
                )
                said = done.stdout + done.stderr
                assert done.returncode == wanted, f"{block.place}: {words}: {said}"
                followed += 1
        else:
            assert block.language == "text", f"{block.place}: the test does not know what to do with this"
            for line in block.text.splitlines():
                assert line in said, f"{block.place}: {line!r} is not in {said!r}"
    assert followed == 5
    for out, verdict in (("first", "pass"), ("second", "fail"), ("third", "pass")):
        report = json.loads((folder / out / "run.json").read_text())
        fault = report["faults"][0]
        assert (report["verdict"], fault["in_force"], fault["gone"]) == (verdict, True, True)
