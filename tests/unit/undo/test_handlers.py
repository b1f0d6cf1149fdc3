from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import chaos

DECLARED = re.compile(r'^@undoes\("(\w+)"', re.MULTILINE)
KNOWN = "import chaos.runner, chaos.undo.steps as steps; print(*steps._handlers)"


def test_whoever_recovers_knows_every_undo() -> None:
    """The guardian and `standby recover` import the runner alone; a kind that it does not bring in is never undone."""
    sources = Path(chaos.__file__).parent.rglob("*.py")
    declared = {kind for source in sources for kind in DECLARED.findall(source.read_text(encoding="utf-8"))}
    done = subprocess.run([sys.executable, "-c", KNOWN], capture_output=True, text=True, check=True)
    assert {"local_world", "kept_world", "link", "toxic"} <= declared
    assert set(done.stdout.split()) == declared
