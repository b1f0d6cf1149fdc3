"""Faults by name, a user's own among them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chaos import state
from chaos.cli.recovering import recover
from chaos.errors import UsageError
from chaos.faults.registry import registry
from chaos.faults.specs import offered, spec_types
from chaos.undo.journal import begun
from chaos.undo.steps import UndoStep

OWN = """
from typing import Literal
from chaos.experiment.fault import FaultSpec
from chaos.faults.base import Fault, Plan
from chaos.proof import Proof

class DiskFullSpec(FaultSpec):
    fault: Literal["{name}"] = "{name}"

class DiskFull(Fault[DiskFullSpec]):
    name = "{name}"
    spec_type = DiskFullSpec
    async def check(self): return ()
    async def prove_path(self): return Proof(True, "")
    async def plan(self): return Plan((), ())
    async def apply(self, plan): pass
    async def observe(self, plan): return Proof(True, "")
    async def prove_gone(self, plan): return Proof(True, "")

class Half(Fault[DiskFullSpec]):
    name = "{name}"
    spec_type = DiskFullSpec

class NoSpec(DiskFull):
    spec_type = int

number = 7
"""

Install = Callable[[str, str, str], None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Put a distribution on the path that offers one fault: its name, the object, and the module's text."""
    modules = set(sys.modules)

    def put(name: str, value: str, text: str) -> None:
        module = value.partition(":")[0]
        (tmp_path / f"{module}.py").write_text(text, encoding="utf-8")
        info = tmp_path / f"{module}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n", encoding="utf-8"
        )
        (info / "entry_points.txt").write_text(f"[standby.faults]\n{name} = {value}\n", encoding="utf-8")

    monkeypatch.syspath_prepend(str(tmp_path))
    for known in (registry, offered):
        known.cache_clear()
    yield put
    for known in (registry, offered):
        known.cache_clear()
    for name in set(sys.modules) - modules:
        if name.startswith("own_"):
            del sys.modules[name]


def test_the_shipped_faults_are_there() -> None:
    """Every fault that the documentation promises is known by its name, with a model that has the same name."""
    assert set(registry()) >= {
        "latency",
        "timeout",
        "reset",
        "down",
        "bandwidth",
        "slicer",
        "limit_data",
        "process_kill",
        "process_pause",
        "node_loss",
        "node_cordon",
        "pod_kill",
        "scale_down",
        "rollout_restart",
        "image_break",
    }
    for name, spec in spec_types().items():
        assert spec.model_fields["fault"].default == name
        assert registry()[name].name == name


def test_documents_may_name_every_shipped_fault() -> None:
    """Whoever only reads documents knows the parameters of each fault, though none of them is imported for it."""
    assert dict(spec_types()) == {name: fault.spec_type for name, fault in registry().items()}


def test_a_user_s_own_fault_comes_in(install: Install) -> None:
    """A class that an installed distribution offers is known by its name, with its parameters."""
    install("disk_full", "own_disk:DiskFull", OWN.format(name="disk_full"))
    assert registry()["disk_full"].__module__ == "own_disk"
    assert spec_types()["disk_full"].__name__ == "DiskFullSpec"


UNDO = """
from pathlib import Path
from chaos.undo.steps import undoes

@undoes("own_disk_emptied")
async def empty(args):
    Path(args["file"]).unlink(missing_ok=True)
    return Proof(True, "gone")
"""


@pytest.mark.parametrize("broken", [False, True])
def test_recovery_undoes_a_user_s_own_fault(
    install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, broken: bool
) -> None:
    """How it is undone comes in with it, also beside another package that is broken."""
    install("disk_full", "own_disk_undone:DiskFull", OWN.format(name="disk_full") + UNDO)
    if broken:
        install("zeal", "own_zeal:DiskFull", "1 / 0")
    monkeypatch.setenv("STANDBY_STATE", str(tmp_path / "state"))
    filler = tmp_path / "filler"
    filler.touch()
    with begun(state.journals() / "r.jsonl") as journal:
        journal.intend("f1", "a full disk", [UndoStep("own_disk_emptied", {"file": str(filler)})], lease=0)
    assert recover(None) == 0
    assert not filler.exists()


@pytest.mark.parametrize(
    ("name", "value", "text", "complaint"),
    [
        ("latency", "own_clash:DiskFull", OWN.format(name="latency"), "two faults are called `latency`"),
        ("disk_full", "own_missing:Nothing", OWN.format(name="disk_full"), "cannot be loaded"),
        ("disk_full", "own_broken:DiskFull", "1 / 0", "cannot be loaded"),
        ("disk_full", "own_syntax:DiskFull", "class", "cannot be loaded"),
        ("disk_full", "own_number:number", OWN.format(name="disk_full"), "must be a class derived from"),
        ("disk_full", "own_half:Half", OWN.format(name="disk_full"), "does not define apply, check, observe"),
        ("disk_full", "own_alias:DiskFull", OWN.format(name="disk_fuller"), "calls itself `disk_fuller`"),
        (
            "disk_full",
            "own_nospec:NoSpec",
            OWN.format(name="disk_full"),
            "needs a class attribute `spec_type`",
        ),
    ],
)
def test_a_broken_one_is_named(install: Install, name: str, value: str, text: str, complaint: str) -> None:
    """A broken or clashing entry point is refused with its package and the reason."""
    install(name, value, text)
    with pytest.raises(UsageError, match=complaint) as refused:
        registry()
    assert value in str(refused.value)
    with pytest.raises(UsageError, match=complaint):
        spec_types()
