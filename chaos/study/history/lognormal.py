"""Fitting a lognormal to times of which some are only known to be longer, and showing how well it fits."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chaos.study.statistics.binomial import Interval, two_sided
from chaos.study.statistics.survival import kaplan_meier

Floats = NDArray[np.float64]
Truths = NDArray[np.bool_]
FEWEST = 8
"""Times whose end was seen, below which nothing is fitted."""
ROUNDS = 100
DRAWS = 199
_SQRT_2 = math.sqrt(2)
_FAR = 25.0
"""Standard deviations beyond which the normal tail is taken from its expansion."""


@dataclass(frozen=True)
class Fit:
    """A lognormal with its standard errors.

    `distance` is the largest one between the data's survival curve and the fitted one; `p_value` how often data from
    the fitted lognormal itself, cut off alike and fitted anew, lie at least as far from theirs: small means it fits
    badly.
    """

    seen: int
    open: int
    mu: float
    sigma: float
    mu_error: float
    sigma_error: float
    distance: float
    p_value: float

    @property
    def median(self) -> float:
        """Half of the times are shorter."""
        return math.exp(self.mu)

    def median_interval(self, confidence: float = 0.95) -> Interval:
        """Of the median, from the error of its logarithm."""
        half = two_sided(confidence) * self.mu_error
        return Interval(math.exp(self.mu - half), math.exp(self.mu + half))


def fit(times: Floats, ended: Truths, limits: Floats, *, seed: int = 0) -> Fit:
    """Fit by maximum likelihood with right censoring; `ended` tells whose end was seen, the others took longer.

    `limits` are the times after which each would have been cut off (for those whose end was not seen, their time).
    Raises ValueError for fewer than FEWEST ends.
    """
    seen = int(ended.sum())
    if seen < FEWEST:
        raise ValueError(f"{seen} ends were seen, of {FEWEST} needed")
    logs = np.log(times)
    mu, sigma, errors = _maximum(logs, ended)
    distance = _distance(times, ended, mu, sigma)
    generator = np.random.default_rng([seed, len(times)])
    further = 0
    for _ in range(DRAWS):
        drawn = np.exp(mu + sigma * generator.standard_normal(len(times)))
        cut = drawn <= limits
        drawn = np.minimum(drawn, limits)
        if cut.sum() < 2 or np.ptp(np.log(drawn[cut])) == 0:
            continue
        again_mu, again_sigma, _ = _maximum(np.log(drawn), cut)
        further += _distance(drawn, cut, again_mu, again_sigma) >= distance
    return Fit(
        seen,
        len(times) - seen,
        mu,
        sigma,
        errors[0],
        errors[1],
        distance,
        (1 + further) / (1 + DRAWS),
    )


def _maximum(logs: Floats, ended: Truths) -> tuple[float, float, tuple[float, float]]:
    """Mean and deviation of the logarithms with their errors.

    Newton's method in (mean/deviation, 1/deviation), in which the likelihood has a single peak (Olsen, 1978).
    """
    y, c = logs[ended], logs[~ended]
    spread = float(y.std()) or 1e-3
    delta, gamma = float(logs.mean()) / spread, 1 / spread
    value = _likelihood(y, c, delta, gamma)
    for _ in range(ROUNDS):
        slope, bend = _derivatives(y, c, delta, gamma)
        step = np.linalg.solve(bend, -slope)
        size = 1.0
        while True:
            tried = delta + size * step[0], gamma + size * step[1]
            better = _likelihood(y, c, *tried) if tried[1] > 0 else -math.inf
            if better >= value or size < 1e-10:
                break
            size /= 2
        delta, gamma = tried
        gained, value = better - value, better
        if gained < 1e-12 * (1 + abs(value)):
            break
    _, bend = _derivatives(y, c, delta, gamma)
    covariance = np.linalg.inv(-bend)
    turned = np.array([[1 / gamma, -delta / gamma**2], [0.0, -1 / gamma**2]])
    errors = np.sqrt(np.diag(turned @ covariance @ turned.T))
    return float(delta / gamma), float(1 / gamma), (float(errors[0]), float(errors[1]))


def _likelihood(y: Floats, c: Floats, delta: float, gamma: float) -> float:
    seen = len(y) * math.log(gamma) - 0.5 * float(((gamma * y - delta) ** 2).sum())
    return seen + float(_log_tail(gamma * c - delta).sum())


def _derivatives(y: Floats, c: Floats, delta: float, gamma: float) -> tuple[Floats, Floats]:
    """First and second derivatives of the log-likelihood."""
    residual, far = gamma * y - delta, gamma * c - delta
    hazard = np.exp(-0.5 * far**2 - 0.5 * math.log(2 * math.pi) - _log_tail(far))
    bend = hazard * (hazard - far)
    slope = np.array([residual.sum() + hazard.sum(), (1 / gamma - residual * y).sum() - (hazard * c).sum()])
    mixed = y.sum() + (bend * c).sum()
    second = np.array(
        [
            [-len(y) - bend.sum(), mixed],
            [mixed, -(1 / gamma**2 + y**2).sum() - (bend * c**2).sum()],
        ]
    )
    return slope, second


def _log_tail(z: Floats) -> Floats:
    """The logarithm of the normal distribution's upper tail."""
    near = np.array([math.erfc(one / _SQRT_2) for one in np.minimum(z, _FAR)], dtype=np.float64) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        far = (
            -0.5 * z**2
            - np.log(np.maximum(z, 1.0))
            - 0.5 * math.log(2 * math.pi)
            + np.log1p(-1 / np.maximum(z, 2.0) ** 2)
        )
    return np.where(z > _FAR, far, np.log(near))


def _distance(times: Floats, ended: Truths, mu: float, sigma: float) -> float:
    """The largest distance between Kaplan–Meier's curve and the fitted one, on both sides of each step."""
    curve = kaplan_meier(times, ended)
    z = (np.log(curve.times) - mu) / sigma
    fitted = np.array([math.erfc(one / _SQRT_2) / 2 for one in z])
    before = np.concatenate(([1.0], curve.share[:-1]))
    return float(max(np.abs(curve.share - fitted).max(), np.abs(before - fitted).max()))
