from __future__ import annotations

from pathlib import Path

import pytest

import chaos.worlds.local.undo  # noqa: F401 - whose handlers are looked up by kind
from chaos.undo.steps import UndoStep, carry_out


@pytest.mark.parametrize("cut_off", [False, True], ids=["gone", "cut off with the power"])
@pytest.mark.parametrize(
    ("kind", "evidence"),
    [
        ("process_start", "the world of web is gone"),
        ("process_end", "the world of web is gone"),
        ("local_world", "ended 0 processes marked of-nobody"),
    ],
)
async def test_nothing_is_left_to_undo_in_a_world_that_is_gone(
    tmp_path: Path, kind: str, evidence: str, cut_off: bool
) -> None:
    """Its folder is not there any more, or a loss of power left its state empty; no process carries its mark."""
    if cut_off:
        (tmp_path / "gone").mkdir()
        (tmp_path / "gone" / "world.json").touch()
    step = UndoStep(kind, {"world": str(tmp_path / "gone"), "process": "web", "id": "of-nobody"})
    proof = await carry_out(step)
    assert (proof.holds, proof.evidence) == (True, evidence)
