"""The judgement of probes, without a network."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.faults.base import together
from chaos.faults.link.effect import Control, Sight, _judge_all, _judge_share
from chaos.faults.probe import Answer, Question
from chaos.faults.share import wilson
from chaos.proof import Proof

STRAIGHT = Control(first=0.001, last=0.001, spread=0.0, received=100, pieces=1)
CODES: dict[bool | None, int] = {True: 1, False: 0, None: 2}


def sight() -> Sight:
    """Whether a probe met the fault is written into its status."""
    return Sight(
        Question("/", 1.0),
        lambda answer, _straight: {1: True, 0: False, 2: None}[answer.status],
        lambda _answers, _straight: "figures",
    )


def answers(*verdicts: bool | None) -> list[Answer]:
    """Probes with these verdicts."""
    return [Answer("answered", 0.001, 0.001, 100, 1, CODES[verdict]) for verdict in verdicts]


@given(st.integers(0, 60), st.integers(0, 60), st.sampled_from([0.1, 0.3, 0.5, 0.9]))
def test_a_share_holds_exactly_when_its_interval_holds_the_toxicity(
    met: int, missed: int, toxicity: float
) -> None:
    """The 99 % interval of the observed share decides; a fault that nobody met is never shown."""
    if met + missed == 0:
        return
    low, high = wilson(met, met + missed, 0.99)
    proof = _judge_share(answers(*[True] * met, *[False] * missed), STRAIGHT, sight(), toxicity)
    if low <= toxicity <= high:
        assert proof.holds is (True if met else None)
    else:
        assert proof.holds is False


@pytest.mark.parametrize(
    ("verdicts", "holds"),
    [
        ([True] * 11, True),
        ([True] * 9 + [False] * 2, True),
        ([True] * 8 + [False] * 3, False),
        ([False] * 11, False),
        ([None] * 11, None),
        ([True] * 5 + [None] * 6, None),
    ],
)
def test_full_toxicity_means_nearly_all(verdicts: list[bool | None], holds: bool | None) -> None:
    """At full toxicity four fifths of the probes must meet the fault; when most cannot tell, nothing is said."""
    assert _judge_all(answers(*verdicts), STRAIGHT, sight()).holds is holds


@given(st.lists(st.sampled_from([True, False, None]), max_size=6))
def test_targets_together(verdicts: list[bool | None]) -> None:
    """One false target makes the whole false; else one unknown makes it unknown; nothing proves nothing."""
    holds = together([Proof(verdict, "") for verdict in verdicts]).holds
    if False in verdicts:
        assert holds is False
    else:
        assert holds is (True if verdicts and None not in verdicts else None)
