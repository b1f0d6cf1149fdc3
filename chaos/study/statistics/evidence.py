"""Evidence for a claim about a share of runs that may be looked at after every run, however the runs were chosen."""

from __future__ import annotations

import math

_BETS = {1.0: 1 / 3, 0.9: 1 / 6, 0.7: 1 / 6, 0.5: 1 / 12, 0.3: 1 / 12, 0.15: 1 / 12, 0.05: 1 / 12}
"""How far beyond the share the truth may lie, of what there is beyond it, with weights that add up to 1: a third is on
certainty, which most systems show away from their threshold."""


def exceeds(successes: int, failures: int, share: float) -> float:
    """How much likelier the runs are where the probability of a success is above `share` (0 to 1, without both ends).

    A mixture of likelihood ratios, each of which is a supermartingale as long as no run has a probability above
    `share`: the chance that it *ever* reaches 1/level is then at most level (Ville, 1939). So it may be looked at after
    every run, and a number of runs need not be fixed beforehand.
    """
    if not 0 < share < 1:
        raise ValueError(f"a share of {share}")
    return math.fsum(
        weight * math.exp(min(700.0, _log_ratio(successes, failures, share + (1 - share) * far, share)))
        for far, weight in _BETS.items()
    )


def _log_ratio(successes: int, failures: int, truth: float, share: float) -> float:
    if truth >= 1:
        return -math.inf if failures else -successes * math.log(share)
    return successes * math.log(truth / share) + failures * math.log((1 - truth) / (1 - share))
