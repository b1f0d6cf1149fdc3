"""A share of trials that may be looked at after every one of them: a beta-binomial confidence sequence."""

from __future__ import annotations

import math
from collections.abc import Callable

from chaos.study.statistics.binomial import Interval

PRECISION = 1e-9


def confidence_sequence(
    successes: int, trials: int, confidence: float = 0.95, prior: float = 0.5
) -> Interval:
    """What covers the true probability at *all* numbers of trials together with at least `confidence`.

    The values of p that the mixture of likelihood ratios under Beta(prior, prior) does not reject: its reciprocal is
    a martingale under the true p, and Ville's inequality bounds the chance that it ever exceeds 1/(1 - confidence).
    So it holds whenever one stops, and it is wider than Wilson's. Source: Robbins, 1970; Howard et al., 2021.
    """
    if not 0 <= successes <= trials:
        raise ValueError(f"{successes} successes of {trials} trials")
    failures = trials - successes
    bound = math.log(1 / (1 - confidence))

    def excess(p: float) -> float:
        return _log_evidence(successes, failures, p, prior) - bound

    share = successes / trials if trials else 0.5
    low = 0.0 if successes == 0 else _edge(excess, 0.0, share)
    high = 1.0 if failures == 0 else _edge(excess, 1.0, share)
    return Interval(low, high)


def at_least_ever(successes: int, trials: int, probability: float, prior: float = 0.5) -> float:
    """A p-value against a true probability of at most `probability` that may be looked at after every trial.

    The reciprocal of the same mixture: the chance that it ever falls to a level is at most that level.
    """
    if successes <= trials * probability:
        return 1.0
    return min(1.0, math.exp(-_log_evidence(successes, trials - successes, probability, prior)))


def _log_evidence(successes: int, failures: int, p: float, prior: float) -> float:
    """The logarithm of how much likelier the counts are under the mixture than under `p`."""
    mixed = _log_beta(prior + successes, prior + failures) - _log_beta(prior, prior)
    return mixed - _times_log(successes, p) - _times_log(failures, 1 - p)


def _edge(excess: Callable[[float], float], outside: float, inside: float) -> float:
    """Where `excess` changes its sign between a value that is rejected and one that is not."""
    if excess(outside) <= 0:
        return outside
    while abs(outside - inside) > PRECISION:
        middle = (outside + inside) / 2
        if excess(middle) > 0:
            outside = middle
        else:
            inside = middle
    return outside


def _times_log(count: int, p: float) -> float:
    if count == 0:
        return 0.0
    return count * math.log(p) if p > 0 else -math.inf


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
