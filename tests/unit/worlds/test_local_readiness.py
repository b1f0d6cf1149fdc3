from __future__ import annotations

import socket
from pathlib import Path

import pytest

from chaos.errors import WorldError
from chaos.worlds.layout import ProcessSpec
from chaos.worlds.local import readiness
from chaos.worlds.local.readiness import until_ready


def spec(**given: object) -> ProcessSpec:
    """A process as a layout names it."""
    return ProcessSpec.model_validate({"name": "web", "tier": "web", "node": "n", "argv": ("web",), **given})


async def test_one_that_ended_is_told_with_the_end_of_its_log(tmp_path: Path) -> None:
    """The last five lines, or that there are none."""
    log = tmp_path / "web.log"
    with pytest.raises(WorldError, match=r"web ended while it was starting; .*web\.log is empty"):
        await until_ready(spec(), log, alive=lambda: False)
    log.write_text("".join(f"line {number}\n" for number in range(9)))
    with pytest.raises(WorldError, match=r"the end of .*web\.log:\n  line 4(.|\n)*  line 8$"):
        await until_ready(spec(), log, alive=lambda: False)


async def test_one_that_does_not_answer_is_waited_for_a_bounded_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error names the URL that was asked; one without a URL is ready while it runs."""
    monkeypatch.setattr(readiness, "READY_WITHIN", 0.05)
    with pytest.raises(WorldError, match=r"not ready after 0.05 s \(no answer from http://127.0.0.1:1/\)"):
        await until_ready(spec(health="http://127.0.0.1:1/"), tmp_path / "log", alive=lambda: True)
    await until_ready(spec(), tmp_path / "log", alive=lambda: True)


async def test_what_somebody_else_runs_is_ready_when_it_takes_a_connection(tmp_path: Path) -> None:
    """No process of the world is looked for."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        there = spec(role="external", argv=(), health=f"tcp://127.0.0.1:{server.getsockname()[1]}")
        await until_ready(there, tmp_path / "log", alive=lambda: False)
