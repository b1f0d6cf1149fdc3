"""What a study found, as `study.json` has it: no time, path or machine figure in it."""

from __future__ import annotations

from typing import Literal

from chaos.experiment.base import Many, Model
from chaos.study.document import Changes, Value
from chaos.study.smallest.result import Smallest


class Bounds(Model):
    """An interval of numbers."""

    low: float
    high: float


class ValueBounds(Model):
    """An interval of values of what varies; None is beyond the last value that was tried."""

    low: Value | None
    high: Value | None


class Moment(Model):
    """The share of rooms that are alive after so many story minutes, with its interval."""

    minutes: float
    share: float
    low: float
    high: float


class Gain(Model):
    """What an arm adds to the first arm on the same seeds: the paired difference, and McNemar's exact p-value."""

    difference: float
    interval: Bounds
    p_value: float


class Point(Model):
    """One arm at one value."""

    value: Value
    trials: int
    survived: int
    inconclusive: int
    probability: float | None
    """The share that survived; null where more than 5 % of the trials came to no verdict."""
    if_all_lost: float
    if_all_survived: float
    interval: Bounds
    """Monte Carlo error alone."""
    parameters_mean: float | None = None
    """Averaged over what is not known."""
    parameters_interval: Bounds | None = None
    """With what is not known about the parameters, Monte Carlo error taken out."""
    closed_form: float | None = None
    """The probability that one incident, alone, would be repaired before the room would be lost without repair."""
    lost_listener_minutes: float
    minutes_alive: float
    """The restricted mean: within the room's planned time."""
    minutes_alive_interval: Bounds
    gain: Gain | None = None
    survival_curve: Many[Moment] = ()


class Fall(Model):
    """The probability falls from one value to the next, beyond chance: more was worse."""

    value: Value
    next_value: Value
    before: float
    after: float
    p_value: float


class ArmCurve(Model):
    """One arm's curve."""

    arm: str
    role: Literal["main", "other"]
    set: Changes
    why: str
    minimum: Value | None
    """The smallest value declared enough; null: not even the last one is."""
    points: Many[Point]
    falls: Many[Fall] = ()


class AtScale(Model):
    """The smallest value that is enough at one time scale, with its Monte Carlo interval."""

    time_scale: float
    headcount: Value | None
    interval: ValueBounds
    trials: int
    probabilities: Many[float]


class Minimum(Model):
    """The smallest value that is enough for one arm."""

    arm: str
    headcount: Value | None
    """With the experiment's own parameters; null: more than `searched_up_to`."""
    searched_up_to: Value
    interval: ValueBounds
    """With what is not known about the parameters; Monte Carlo error alone where the study has no ranges."""
    monte_carlo_interval: ValueBounds
    determined: bool
    """Whether the interval spans at most three values more than its first."""
    at_scales: Many[AtScale]
    scales_agree: bool


class Worth(Model):
    """What an arm is worth in heads against the first arm."""

    arm: str
    against: str
    heads: float | None
    """How many fewer are needed; null where one of the two needs more than was tried."""
    more_than: float | None
    """More than so many fewer: where the other arm needs more than was tried."""
    no_number_is_enough: bool
    """Whether no number that was tried is enough for the other arm."""
    interval: Bounds | None
    """Over the draws of the parameters; null where a draw has no finite difference."""


class Part(Model):
    """What one factor contributes."""

    factor: str
    part: float
    """Signed: what switching it over gains, averaged over all orders (Shapley values of the gain)."""
    interval: Bounds
    share: float | None
    """Of the spread between the combinations (Shapley effects); null where they differ by chance alone."""
    share_interval: Bounds | None


class Causes(Model):
    """To which of the competing causes the outcome is due, by a full factorial design."""

    trials: int
    as_it_was: float
    switched_over: float
    total: float
    """What switching all of them over gains."""
    total_interval: Bounds
    factors: Many[Part]
    cells: Many[float]
    """The share that survived; bit i of the place tells whether factor i is switched over."""


class WithoutMechanism(Model):
    """The curve with one mechanism of headcount switched off."""

    mechanism: str
    minimum: Value | None
    probabilities: Many[float]
    difference: float
    """To the curve with all mechanisms, averaged over the values."""
    interval: Bounds


class Ablations(Model):
    """What each mechanism through which headcount acts is worth."""

    arm: str
    trials: int
    minimum: Value | None
    probabilities: Many[float]
    without: Many[WithoutMechanism]


class Swing(Model):
    """The probability with one parameter at both ends of its range."""

    parameter: str
    path: str
    low_value: Value
    high_value: Value
    at_low: float
    at_high: float
    low_interval: Bounds
    high_interval: Bounds


class Swings(Model):
    """What matters most, the largest swing first."""

    arm: str
    value: Value
    trials: int
    probability: float
    swings: Many[Swing]


class SmallestFailure(Model):
    """The smallest failure of one point."""

    arm: str
    value: Value
    found: Smallest


class Assumed(Model):
    """One thing that is taken for granted: what, the figure in words, where it comes from."""

    what: str
    value: str
    source: str


class LivePoint(Model):
    """Live trials of one point beside the simulated ones with the same seeds."""

    arm: str
    value: Value
    trials: int
    survived: int
    inconclusive: int
    interval: Bounds
    agreed: int
    """Trials that ended simulated as they ended live, of those with a verdict."""
    later_minutes: float | None
    """How much later rooms that were lost both ways were lost simulated: the median, in story time."""


class Spread(Model):
    """Several observations of one duration: their median and quartiles."""

    n: int
    median: float
    low: float
    high: float


class Seen(Model):
    """What one live trial showed of a duration."""

    arm: str
    value: Value
    seed: int
    half: Literal["fitted", "judged"]
    values: Many[float]


class MeasuredDuration(Model):
    """A duration or rate that the simulator rests on, with what live trials show of it."""

    name: str
    what: str
    unit: str
    default: float
    source: str
    """Where the default comes from."""
    used: float
    measured: bool
    """Whether `used` is the median of the fitted half: where there are enough observations."""
    fitted: Spread | None
    judged: Spread | None
    seen: Many[Seen]


class Difference(Model):
    """By how much something comes later simulated than live, in story seconds: the mean over trials."""

    what: str
    trials: int
    pairs: int
    later_s: float
    interval: Bounds | None
    smallest_s: float | None
    """The smallest mean shift that would have shown in four of five such comparisons; null: with one trial, none."""
    margin_s: float
    """What counts as alike: what the simulator leaves out by intent."""
    found: Literal["alike", "differs", "not known"]


class Half(Model):
    """The live trials that durations were fitted on, or those on which they are judged, beside their replays."""

    half: Literal["fitted", "judged"]
    measuring: bool = False
    """Trials that were run for the durations that they show, and not because their fate is in doubt."""
    time_scale: float
    """That of all of them."""
    trials: int
    conclusive: int
    agreed: int
    interval: Bounds
    incidents_both: int
    incidents_live_alone: int
    incidents_simulated_alone: int
    differences: Many[Difference]


class Disturbance(Model):
    """One measure of worlds side by side against worlds alone, in real time."""

    what: str
    unit: str
    alone: float
    beside: float
    pairs: int
    """Of the same seed at the same time, or of the same fault."""
    interval: Bounds | None
    """Of the mean difference, with 90 %: within the margin exactly where both one-sided tests at 5 % reject."""
    margin: float
    undisturbed: bool | None
    """Null: too few data to tell."""


class SideBySide(Model):
    """So many worlds at once, against one alone (an A/A test)."""

    worlds: int
    measures: Many[Disturbance]


class Concurrency(Model):
    """How many live trials ran side by side, and why."""

    worlds: int
    says: str
    tried: Many[SideBySide] = ()


class Calibration(Model):
    """What live trials say about the simulator."""

    live_trials: int
    """Those that the document keeps included."""
    kept_trials: int = 0
    agreed: int
    """Of those in doubt; trials that were run for the durations that they show are counted in `halves` alone."""
    conclusive: int
    points: Many[LivePoint] = ()
    halves: Many[Half] = ()
    durations: Many[MeasuredDuration] = ()
    concurrency: Concurrency | None = None
    findings: Many[str] = ()
    """Where live and simulated differ, a sentence each."""
    says: str
    """In one sentence."""


class StudyResult(Model):
    """Everything that a study found."""

    version: Literal[1] = 1
    title: str
    question: str
    answer: str
    """In one sentence."""
    notes: Many[str]
    """What has to be said with it."""
    varies: str
    values: Many[Value]
    target: float
    confidence: float
    seed: int
    time_scale: float
    simulated_trials: int
    events: int
    minimum_headcount: Many[Minimum]
    worth_in_heads: Many[Worth]
    arms: Many[ArmCurve]
    attribution: Causes | None
    ablation: Ablations | None
    sensitivity: Swings | None
    smallest: Many[SmallestFailure] = ()
    parameter_draws: int
    assumptions: Many[Assumed]
    calibration: Calibration
    document: str
    """The study as it was written."""
