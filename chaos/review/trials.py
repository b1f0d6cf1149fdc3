"""How often an experiment ends as it should, judged by trials with a stopping rule, not by trying until it passes.

After each trial the share that ended as expected is tested against the share that is asked for, by a test that may be
looked at after every trial (a beta-binomial mixture, Ville's inequality): the chance that it ever decides wrongly is at
most 5 % either way. A trial without a verdict counts against what is about to be declared, whichever that is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from chaos.report import words
from chaos.report.model import Verdict
from chaos.study.statistics.sequences import at_least_ever, confidence_sequence

WRONG = 0.05
"""The chance of a wrong decision, either way, at whatever trial it is made."""
Ended = Literal["as expected", "otherwise", "without a verdict"]


@dataclass(frozen=True)
class Tally:
    """How trials ended so far."""

    share: float
    """The share that is asked for."""
    as_expected: int = 0
    otherwise: int = 0
    unknown: int = 0

    @property
    def trials(self) -> int:
        """All of them."""
        return self.as_expected + self.otherwise + self.unknown

    def and_one(self, ended: Ended) -> Tally:
        """With one more trial."""
        return Tally(
            self.share,
            self.as_expected + (ended == "as expected"),
            self.otherwise + (ended == "otherwise"),
            self.unknown + (ended == "without a verdict"),
        )

    @property
    def verdict(self) -> Verdict:
        """Pass where the share is reached, fail where it is missed, inconclusive while neither is clear."""
        if at_least_ever(self.as_expected, self.trials, self.share) <= WRONG:
            return "pass"
        if at_least_ever(self.otherwise, self.trials, 1 - self.share) <= WRONG:
            return "fail"
        return "inconclusive"

    @property
    def says(self) -> str:
        """What was found, in one sentence."""
        low, high = confidence_sequence(self.as_expected, self.as_expected + self.otherwise)
        doubt = f", {self.unknown} without a verdict" if self.unknown else ""
        return (
            f"{self.as_expected} of {words.counted(self.trials, 'trial')} ended as expected{doubt} "
            f"({100 * low:.0f} to {100 * high:.0f} %); {100 * self.share:.0f} % are asked for"
            + ("" if self.verdict != "inconclusive" else ", which so few cannot decide")
        )


def fewest(share: float) -> int:
    """How many trials it takes when every one ends as expected."""
    trials = 1
    while Tally(share, trials).verdict == "inconclusive":
        trials += 1
    return trials
