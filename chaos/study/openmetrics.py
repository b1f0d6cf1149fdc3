"""What studies found as metrics with the time of each study, in OpenMetrics: Prometheus takes in the file as it is.

    promtool tsdb create-blocks-from openmetrics study.openmetrics DATA

Every study adds its points to those of the studies before it, so that what moved between them is a query. Only studies
of the headcount are told: the metrics' names are about people.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from prometheus_client.core import CollectorRegistry, GaugeMetricFamily, Metric
from prometheus_client.openmetrics.exposition import generate_latest
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from chaos.errors import ReportError
from chaos.study.answer import HEADCOUNT
from chaos.study.document import Value
from chaos.study.result import ArmCurve, Minimum, StudyResult

HELP = {
    "chaos_study_survival_ratio": "The share of simulated evenings on which the room lived.",
    "chaos_study_survival_bound_ratio": "The ends of its interval.",
    "chaos_study_trials": "Simulated evenings behind the share.",
    "chaos_study_target_ratio": "The survival that the study asks for.",
    "chaos_study_minimum_headcount": "The smallest number of people that is enough; +Inf: none that was tried.",
    "chaos_study_minimum_headcount_bound": "The ends of its interval; +Inf: beyond the largest that was tried.",
}


@dataclass(frozen=True, order=True)
class Point:
    """One value of one study: `at` in unix seconds."""

    metric: str
    labels: tuple[tuple[str, str], ...]
    at: float
    value: float


def points(result: StudyResult, at: float) -> list[Point]:
    """What a study that ended at `at` found; nothing where it does not vary the headcount."""
    if result.varies != HEADCOUNT:
        return []
    found = [_point("chaos_study_target_ratio", result.target, at, study=result.title)]
    for arm in result.arms:
        found += _curve(result.title, arm, at)
    for minimum in result.minimum_headcount:
        found += _minimum(result.title, minimum, at)
    return found


def read(text: str) -> list[Point]:
    """The points of a file. Raises ReportError for what is no OpenMetrics."""
    try:
        return [
            Point(
                family.name,
                tuple(sorted(sample.labels.items())),
                round(float(sample.timestamp), 3),
                sample.value,
            )
            for family in text_string_to_metric_families(text)  # type: ignore[no-untyped-call]
            for sample in family.samples
            if sample.timestamp is not None
        ]
    except ValueError as error:
        raise ReportError(f"it is not in the OpenMetrics format: {error}") from error


def text_of(told: Iterable[Point]) -> str:
    """Points as OpenMetrics; of several for one series and one moment the last one given."""
    newest = {(point.metric, point.labels, point.at): point for point in told}
    registry = CollectorRegistry()
    registry.register(_Told(sorted(newest.values())))
    return str(generate_latest(registry), "utf-8")  # type: ignore[no-untyped-call]


class _Told(Collector):
    def __init__(self, told: list[Point]) -> None:
        self._told = told

    def collect(self) -> Iterator[Metric]:
        for name, about in HELP.items():
            family = GaugeMetricFamily(name, about)
            for point in self._told:
                if point.metric == name:
                    family.add_sample(name, dict(point.labels), point.value, point.at)
            if family.samples:
                yield family


def _curve(study: str, arm: ArmCurve, at: float) -> Iterator[Point]:
    for one in arm.points:
        labels = {"study": study, "arm": arm.arm, "headcount": str(one.value)}
        yield _point("chaos_study_trials", one.trials, at, **labels)
        if one.probability is None:
            continue
        yield _point("chaos_study_survival_ratio", one.probability, at, **labels)
        ends = one.parameters_interval or one.interval
        yield _point("chaos_study_survival_bound_ratio", ends.low, at, bound="low", **labels)
        yield _point("chaos_study_survival_bound_ratio", ends.high, at, bound="high", **labels)


def _minimum(study: str, minimum: Minimum, at: float) -> Iterator[Point]:
    labels = {"study": study, "arm": minimum.arm}
    yield _point("chaos_study_minimum_headcount", _people(minimum.headcount), at, **labels)
    for bound, value in (("low", minimum.interval.low), ("high", minimum.interval.high)):
        yield _point("chaos_study_minimum_headcount_bound", _people(value), at, bound=bound, **labels)


def _people(value: Value | None) -> float:
    return math.inf if value is None else float(value)


def _point(metric: str, value: float, at: float, **labels: str) -> Point:
    return Point(metric, tuple(sorted(labels.items())), round(at, 3), float(value))
