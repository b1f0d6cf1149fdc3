"""Trials without a verdict: what they could have been, and when there are too many of them."""

from __future__ import annotations

from dataclasses import dataclass

MOST_INCONCLUSIVE = 0.05
"""Above this share of a cell there is no headline for it."""


@dataclass(frozen=True)
class Tally:
    """How the trials of one cell ended."""

    survived: int
    lost: int
    inconclusive: int = 0

    @property
    def trials(self) -> int:
        """All of them."""
        return self.survived + self.lost + self.inconclusive

    @property
    def conclusive(self) -> int:
        """Those with a verdict."""
        return self.survived + self.lost

    @property
    def share(self) -> float:
        """The share that survived of those with a verdict; 0 without any."""
        return self.survived / self.conclusive if self.conclusive else 0.0

    @property
    def if_all_lost(self) -> float:
        """The share that survived if every trial without a verdict was lost."""
        return self.survived / self.trials if self.trials else 0.0

    @property
    def if_all_survived(self) -> float:
        """The share that survived if every trial without a verdict did."""
        return (self.survived + self.inconclusive) / self.trials if self.trials else 0.0

    @property
    def headline(self) -> bool:
        """Whether enough trials came to a verdict for a headline."""
        return self.trials > 0 and self.inconclusive <= MOST_INCONCLUSIVE * self.trials
