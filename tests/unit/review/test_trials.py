"""Trials with a stopping rule: flaky verdicts are judged, and nothing is tried again until it passes."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.cli import documents, running, trying
from chaos.codes import ABORTED, FAIL, INCONCLUSIVE, INTERRUPTED, PASS
from chaos.errors import UsageError
from chaos.experiment import Loaded, load
from chaos.faults.specs import spec_types
from chaos.report.model import RunReport
from chaos.review.trials import Ended, Tally, fewest

EXPERIMENT = Path(__file__).parents[3] / "experiments" / "slow-bridge.yaml"


@pytest.mark.parametrize(("truth", "share"), [(0.5, 0.5), (0.8, 0.8)])
def test_a_wrong_decision_is_as_rare_as_promised_whenever_it_is_made(truth: float, share: float) -> None:
    """Where the true share is just what is asked for, of 1,000 series of up to 100 trials at most 7 % decide."""
    draws = random.Random(5)
    decided = 0
    for _ in range(1000):
        tally = Tally(share)
        while tally.trials < 100 and tally.verdict == "inconclusive":
            tally = tally.and_one("as expected" if draws.random() < truth else "otherwise")
        decided += tally.verdict != "inconclusive"
    assert decided <= 70


def test_a_clear_share_is_decided_soon_and_rightly() -> None:
    """Nine in ten against five in ten asked for: a pass within 40 trials nearly always; one in ten: a fail."""
    draws = random.Random(6)
    for truth, wanted in ((0.9, "pass"), (0.1, "fail")):
        found = []
        for _ in range(200):
            tally = Tally(0.5)
            while tally.trials < 40 and tally.verdict == "inconclusive":
                tally = tally.and_one("as expected" if draws.random() < truth else "otherwise")
            found.append(tally.verdict)
        assert found.count(wanted) >= 195  # type: ignore[arg-type]


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 60), st.sampled_from([0.5, 0.8, 0.95]))
def test_what_is_not_known_never_helps(good: int, bad: int, unknown: int, share: float) -> None:
    """A trial without a verdict counts as a failure for a pass, and as a success for a fail."""
    found = Tally(share, good, bad, unknown).verdict
    if found == "pass":
        assert Tally(share, good, bad + unknown, 0).verdict == "pass"
    if found == "fail":
        assert Tally(share, good + unknown, bad, 0).verdict == "fail"


def test_the_fewest_trials_are_the_fewest() -> None:
    """With one less nothing can be declared, however they end; the command refuses so few before anything runs."""
    for share in (0.5, 0.8, 0.9):
        assert Tally(share, fewest(share)).verdict == "pass"
        assert Tally(share, fewest(share) - 1).verdict == "inconclusive"
    trying.need_enough(7, 0.5)
    with pytest.raises(UsageError, match="it takes 24 when all of them do"):
        trying.need_enough(23, 0.8)


@pytest.mark.parametrize("text", ["0", "100%", "1.5", "most", "-1"])
def test_a_share_that_cannot_be_shown_is_refused(text: str) -> None:
    """Nothing shows that all runs end as expected, and none need no showing."""
    with pytest.raises(UsageError, match="--share"):
        documents.share_of("--share", text)
    assert documents.share_of("--share", "80%") == 0.8


class _Runs:
    """Stands in for a run: ends with one code after the other, and keeps the seeds and folders."""

    def __init__(self, codes: Sequence[int]) -> None:
        self.codes = list(codes)
        self.seeds: list[int | None] = []

    async def __call__(
        self, one: Loaded, folder: Path | None, asked: running.Asked, store: object
    ) -> tuple[int, RunReport]:
        self.seeds.append(asked.seed)
        code = self.codes.pop(0)
        verdict = {PASS: "pass", FAIL: "fail"}.get(code, "inconclusive")
        return code, RunReport.model_validate(
            {
                "verdict": verdict,
                "why": "as | told",
                "exit_code": code,
                "ending": "complete",
                "seed": asked.seed,
            }
        )


def _repeated(codes: Sequence[int], folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[int, str, _Runs]:
    runs = _Runs(codes)
    monkeypatch.setattr(trying, "run_one", runs)
    one = load(EXPERIMENT, faults=spec_types())
    code, told = trying.repeat(one, folder, running.Asked(seed=40, trials=len(codes)))
    return code, told.verdict, runs


@pytest.mark.parametrize(
    ("codes", "code", "verdict", "ran"),
    [
        ([PASS] * 20, PASS, "pass", 7),
        ([FAIL] * 20, FAIL, "fail", 7),
        ([PASS, FAIL] * 10, INCONCLUSIVE, "inconclusive", 20),
        ([INCONCLUSIVE] * 12, INCONCLUSIVE, "inconclusive", 12),
        ([PASS, PASS, INTERRUPTED], INTERRUPTED, "inconclusive", 3),
        ([PASS, ABORTED, PASS], ABORTED, "inconclusive", 2),
    ],
)
def test_trials_end_when_it_is_clear_or_when_one_was_ended(
    codes: list[int], code: int, verdict: Ended, ran: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each has a seed of its own, and the table in summary.md has every one of them."""
    found, told, runs = _repeated(codes, tmp_path, monkeypatch)
    assert (found, told) == (code, verdict)
    assert runs.seeds == list(range(40, 40 + ran))
    summary = (tmp_path / "summary.md").read_text(encoding="utf-8")
    assert summary.count("| as \\| told |") == ran
