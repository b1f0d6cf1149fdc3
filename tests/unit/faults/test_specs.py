"""Faults refuse every parameter that Toxiproxy would take without a word."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from chaos.experiment.docstrings import attribute_docstrings
from chaos.experiment.fault import FaultSpec
from chaos.faults.link.latency import Latency
from chaos.faults.link.slicer import Slicer
from chaos.faults.registry import BUILT_IN
from chaos.faults.specs import LatencySpec, SlicerSpec, spec_types
from chaos.testing.world import FakeWorld


def parsed(fault: str, **parameters: object) -> FaultSpec:
    """A fault's parameters as a document would give them."""
    common = {} if fault.startswith(("process", "node")) else {"link": "bridge"}
    return spec_types()[fault].model_validate({"fault": fault, **common, **parameters})


@pytest.mark.parametrize(
    ("fault", "parameters"),
    [
        ("latency", {}),
        ("latency", {"delay": 0}),
        ("latency", {"delay": "-7ms"}),
        ("latency", {"delay": 7}),
        ("latency", {"delay": "0.4ms"}),
        ("latency", {"delay": "1.5ms"}),
        ("latency", {"delay": "1s", "jitter": "2s"}),
        ("latency", {"delay": "1s", "jitter": "100us"}),
        ("latency", {"delay": "1s", "latncy": "1s"}),
        ("latency", {"delay": "1s", "toxicity": 7}),
        ("latency", {"delay": "1s", "toxicity": 0}),
        ("latency", {"delay": "1s", "direction": "sideways"}),
        ("timeout", {"after": "0.5ms"}),
        ("reset", {"after": "0.5ms"}),
        ("reset", {"after": "1m"}),
        ("down", {"toxicity": 0.5}),
        ("down", {"direction": "upstream"}),
        ("bandwidth", {}),
        ("bandwidth", {"rate": 0}),
        ("bandwidth", {"rate": "999B/s"}),
        ("bandwidth", {"rate": "1500B/s"}),
        ("bandwidth", {"rate": "-1KB/s"}),
        ("slicer", {}),
        ("slicer", {"average_size": 0}),
        ("slicer", {"average_size": "10B", "size_variation": "10B"}),
        ("slicer", {"average_size": "10B", "delay": "0.5us"}),
        ("limit_data", {}),
        ("limit_data", {"bytes": 0}),
        ("process_kill", {}),
        ("process_kill", {"process": "a", "tier": "b"}),
        ("node_loss", {}),
        ("node_loss", {"node": "a", "tier": "b"}),
        ("node_loss", {"node": "a", "select": {"count": 1}}),
        ("node_loss", {"tier": "media", "how": "explode"}),
    ],
    ids=str,
)
def test_refused(fault: str, parameters: dict[str, object]) -> None:
    """What would be rounded, taken for nothing, or crash the server is refused."""
    with pytest.raises(ValidationError):
        parsed(fault, **parameters)


@pytest.mark.parametrize(
    ("fault", "parameters"),
    [
        ("latency", {"delay": "900ms", "jitter": "300ms", "toxicity": "30%", "direction": "upstream"}),
        ("timeout", {}),
        ("timeout", {"after": "2s"}),
        ("reset", {"after": "50ms"}),
        ("down", {"lasts": "2m"}),
        ("bandwidth", {"rate": "100KB/s"}),
        ("slicer", {"average_size": "64B", "size_variation": "32B", "delay": "10us"}),
        ("limit_data", {"bytes": "1MB"}),
        ("process_pause", {"tier": "media", "select": {"share": 0.5}}),
        ("node_loss", {"tier": "media", "select": {"room": "townhall"}, "how": "kill"}),
    ],
    ids=str,
)
def test_taken(fault: str, parameters: dict[str, object]) -> None:
    """What makes sense is taken."""
    assert parsed(fault, **parameters).fault == fault


@given(st.integers(1, 100_000), st.integers(0, 100_000))
def test_latency_is_sent_as_it_stands(delay: int, jitter: int) -> None:
    """Whole milliseconds reach Toxiproxy unchanged; a jitter beyond the delay never does."""
    texts = {"link": "bridge", "delay": f"{delay}ms", "jitter": f"{jitter}ms"}
    if jitter > delay:
        with pytest.raises(ValidationError, match="more than the delay"):
            LatencySpec.model_validate(texts)
        return
    fault = Latency(LatencySpec.model_validate(texts), FakeWorld(), id="RUN-f1")
    assert fault.attributes() == {"latency": delay, "jitter": jitter}


@given(st.integers(1, 10_000), st.integers(0, 10_000), st.integers(0, 10_000_000))
def test_slicer_is_sent_as_it_stands(size: int, variation: int, delay: int) -> None:
    """Sizes and microseconds reach Toxiproxy unchanged; a variation that could cut nothing off never does."""
    texts = {
        "link": "bridge",
        "average_size": f"{size}B",
        "size_variation": f"{variation}B",
        "delay": f"{delay}us",
    }
    if variation >= size:
        with pytest.raises(ValidationError, match="less than"):
            SlicerSpec.model_validate(texts)
        return
    fault = Slicer(SlicerSpec.model_validate(texts), FakeWorld(), id="RUN-f1")
    assert fault.attributes() == {"average_size": size, "size_variation": variation, "delay": delay}


def test_every_fault_explains_itself() -> None:
    """Each built-in fault has a sentence for `standby faults`, and each of its own parameters one too."""
    for fault in BUILT_IN:
        assert fault.__doc__, fault.name
        told = attribute_docstrings(fault.spec_type)
        undocumented = [name for name in fault.spec_type.model_fields if not told.get(name)]
        assert set(undocumented) <= {"fault"}, fault.name
