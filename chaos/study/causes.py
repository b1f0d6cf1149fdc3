"""Who is to thank: the competing causes, the mechanisms of headcount, and the parameters that matter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from chaos.study.curves import Judge, bounds, share, tally
from chaos.study.document import Study
from chaos.study.plan import about
from chaos.study.result import Ablations, Bounds, Causes, Part, Swing, Swings, WithoutMechanism
from chaos.study.simulator import Trials
from chaos.study.statistics.binomial import two_sided
from chaos.study.statistics.shapley import attribute
from chaos.study.sweep import survived


def attribution(study: Study, cells: Sequence[Trials]) -> Causes | None:
    """The factorial design; `cells` by the bits of the factors that are switched over."""
    section = study.attribution
    if section is None:
        return None
    outcomes = np.stack([survived(one) for one in cells], axis=1).astype(float)
    found = attribute(outcomes, confidence=study.target.confidence, seed=study.seed)
    shares = [round(float(one), 6) for one in outcomes.mean(axis=0)]
    return Causes(
        trials=len(outcomes),
        as_it_was=shares[0],
        switched_over=shares[-1],
        total=round(found.total, 6),
        total_interval=bounds(found.total_interval),
        factors=tuple(
            Part(
                factor=factor.name,
                part=round(found.parts[place], 6),
                interval=bounds(found.part_intervals[place]),
                share=None if found.shares is None else round(found.shares[place], 6),
                share_interval=None
                if found.share_intervals is None
                else bounds(found.share_intervals[place]),
            )
            for place, factor in enumerate(section.factors)
        ),
        cells=tuple(shares),
    )


def ablation(study: Study, judge: Judge, played: Mapping[str, Sequence[Trials]]) -> Ablations | None:
    """The curves with all mechanisms (`""`) and with each switched off."""
    section = study.ablation
    if section is None:
        return None
    whole = played[""]
    return Ablations(
        arm=section.arm,
        trials=len(whole[0].lost_at),
        minimum=judge.minimum(whole),
        probabilities=tuple(round(share(one), 6) for one in whole),
        without=tuple(_without(study, judge, name, whole, played[name]) for name in section.mechanisms),
    )


def _without(
    study: Study, judge: Judge, name: str, whole: Sequence[Trials], cells: Sequence[Trials]
) -> WithoutMechanism:
    """The same seeds are met by both at all values: a seed's difference is its mean over the values."""
    each = np.mean(
        [survived(b).astype(float) - survived(a) for a, b in zip(whole, cells, strict=True)], axis=0
    )
    half = two_sided(study.target.confidence) * float(each.std(ddof=1)) / len(each) ** 0.5
    middle = float(each.mean())
    return WithoutMechanism(
        mechanism=name,
        minimum=judge.minimum(cells),
        probabilities=tuple(round(share(one), 6) for one in cells),
        difference=round(middle, 6),
        interval=Bounds(low=round(middle - half, 6), high=round(middle + half, 6)),
    )


def sensitivity(study: Study, judge: Judge, cells: Sequence[Trials]) -> Swings | None:
    """Each parameter at both ends; `cells`: as it is, then low and high of each."""
    section = study.sensitivity
    if section is None or not cells:
        return None
    swings = []
    for number, one in enumerate(about(study, section.at.arm)):
        low, high = (tally(cells[1 + 2 * number + end]) for end in (0, 1))
        swings.append(
            Swing(
                parameter=one.name,
                path=one.path,
                low_value=one.low,
                high_value=one.high,
                at_low=round(low.share, 6),
                at_high=round(high.share, 6),
                low_interval=bounds(judge.interval(low)),
                high_interval=bounds(judge.interval(high)),
            )
        )
    return Swings(
        arm=section.at.arm,
        value=section.at.value,
        trials=len(cells[0].lost_at),
        probability=round(share(cells[0]), 6),
        swings=tuple(sorted(swings, key=lambda one: -abs(one.at_high - one.at_low))),
    )
