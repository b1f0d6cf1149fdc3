"""Documents from hell: shipped documents, cut, spliced and garbled, through the command in a process of its own."""

from __future__ import annotations

import os
import random
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

SHIPPED = sorted((Path(__file__).parents[3] / "experiments").glob("*.yaml"))
NASTY = (
    "\0", "\t", "\r", "\ufeff", "\u2028", "🎈", "{", "}", "[", "]", ":", "- ", "? ", "| ", ">", "&a ", "*a",
    "<<: ", "!!python/x ", "%YAML 9.9", "---\n", "...\n", "'", '"', "\\", "#", "~", "null", "yes", ".inf", ".nan",
    "-0", "1e999", "0x", "010", "9" * 400, "5m", "5 m", "-5m", "1/0", "110%", "x" * 5000, "\x1b[31m", "${HOME}",
    "a: &a [*a, *a]\n", "{" * 500, "[" * 500, "\n  " * 50,
)  # fmt: skip
"""Bits of text that have broken a parser somewhere."""
MOST_SECONDS = 2.0
"""Of a processor, the start of the program included: how long it takes beside other work says nothing."""
MOST_BYTES = 300 * 2**20


def garbled(chance: random.Random) -> str:
    """A shipped document after a few accidents."""
    text = chance.choice(SHIPPED).read_text(encoding="utf-8")
    for _ in range(chance.choice((1, 1, 2, 3, 8, 40))):
        at, length = chance.randrange(len(text) + 1), chance.choice((0, 0, 1, 3, 20, 300))
        match chance.randrange(6):
            case 0:
                text = text[:at] + chance.choice(NASTY) + text[at + length :]
            case 1:
                text = text[:at] + text[at + length :]
            case 2:
                other = chance.choice(SHIPPED).read_text(encoding="utf-8")
                begin = chance.randrange(len(other))
                text = text[:at] + other[begin : begin + length] + text[at:]
            case 3:
                lines = text.splitlines(keepends=True)
                chance.shuffle(lines)
                text = "".join(lines)
            case 4:
                text = text[:at] + text[at : at + length] * chance.choice((2, 50)) + text[at + length :]
            case _:
                text = (
                    text[:at]
                    + chr(chance.randrange(0x11_0000 - 0x800)).encode("utf-8", "replace").decode()
                    + text[at:]
                )
    return text


def limited() -> None:
    """Bound the memory of the process that is about to run."""
    resource.setrlimit(resource.RLIMIT_DATA, (MOST_BYTES, MOST_BYTES))


def refuse_or_accept(path: Path, text: str) -> None:
    """`standby validate` on one document: valid, or exit 2 with a place; in time, in bounds, without a traceback."""
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-m", "chaos.cli", "validate", str(path)],
        capture_output=True, text=True, timeout=60, check=False, preexec_fn=limited,
    )  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert done.returncode in (0, 2), done.stderr[-3000:]
    assert "Traceback" not in done.stderr, done.stderr[-3000:]
    if done.returncode == 2:
        assert f"{path}:" in done.stderr, done.stderr[-3000:]
    assert spent < MOST_SECONDS, f"{spent:.1f} s"


@pytest.mark.parametrize("seed", range(8))
def test_a_garbled_document_is_refused_with_a_place_or_is_valid(tmp_path: Path, seed: int) -> None:
    """Exit 2 with file, line and column, or a valid document; never a traceback, 2 s or 300 MB."""
    refuse_or_accept(tmp_path / "garbled.yaml", garbled(random.Random(seed)))


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_ten_minutes_of_garbled_documents(tmp_path: Path) -> None:
    """The same for ten minutes, from a seed of its own each time; the document that breaks it stays in the folder."""
    seed = time.time_ns()
    until, number = time.monotonic() + float(os.environ.get("SOAK_SECONDS", "600")), 0
    while time.monotonic() < until:
        refuse_or_accept(tmp_path / "garbled.yaml", garbled(random.Random(seed + number)))
        number += 1
    sys.stdout.write(f"{number} documents from seed {seed}\n")
