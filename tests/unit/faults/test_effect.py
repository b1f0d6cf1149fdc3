"""The judgement of probes, without a network."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.clients.probe import Answer, Question
from chaos.faults.base import together
from chaos.faults.link import effect
from chaos.faults.link.effect import Control, Sight, _judge_all, _judge_share, control, in_force
from chaos.faults.share import wilson
from chaos.proof import Proof
from chaos.worlds.base import Ends, ProcessInfo, Proxy

STRAIGHT = Control(first=0.001, last=0.001, spread=0.0, received=100, pieces=1)
PROXY = Proxy("edge", "http://127.0.0.1:9", "127.0.0.1:1", "127.0.0.1:2", "audience", "media-1")
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


class Starting:
    """A vantage from which the callee refuses the first looks; whoever goes through the link meets the fault."""

    def __init__(self, refusals: int) -> None:
        self.refusals = refusals

    async def probe(self, address: str, question: Question, count: int) -> list[Answer]:
        """Refused straight, for as long as there are refusals left."""
        if address == PROXY.listen:
            return answers(*[True] * count)
        self.refusals -= 1
        if self.refusals >= 0:
            return [Answer("refused", 0, 0, 0, 0)] * count
        return answers(*[False] * count)

    async def ends(self, caller: ProcessInfo, proxy: Proxy) -> Ends:
        """Nobody is connected."""
        return Ends(0, 0)


async def test_a_callee_that_is_starting_is_waited_for() -> None:
    """It refuses connections for a moment: the fault is measured as soon as it answers, not left unknown."""
    assert (await in_force(Starting(2), PROXY, sight(), 1.0)).holds is True


async def test_a_callee_that_stays_away_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The wait has a bound, and then nothing is claimed."""
    monkeypatch.setattr(effect, "STARTS_WITHIN", 0.2)
    assert await control(Starting(10**6), PROXY, sight()) == (
        "media-1 does not answer directly at 127.0.0.1:2 either (refused)"
    )


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
