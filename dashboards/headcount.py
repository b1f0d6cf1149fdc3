"""The dashboard of studies: survival by headcount, the smallest crew that is enough, and how both move over time."""

from __future__ import annotations

from dashboards.frame import Choice, Row, Sheet
from dashboards.panels import Query, bars, curves, number, rows

KEPT = 'study="$study",arm=~"$arm"'
NEWEST = "[$__range]"

ANSWER = Row(
    "The newest study in the time range",
    (
        bars(
            "Survival by headcount",
            "The share of simulated evenings on which the room lived, for each number of people.",
            "percentunit",
            Query(f"last_over_time(chaos_study_survival_ratio{{{KEPT}}}{NEWEST})"),
            across="headcount",
            by="arm",
            span=14,
        ),
        number(
            "Minimum headcount",
            "The smallest number of people that is enough; ∞ where no number that was tried is.",
            "suffix: people",
            Query(f"last_over_time(chaos_study_minimum_headcount{{{KEPT}}}{NEWEST})", "{{arm}}"),
            span=5,
        ),
        number(
            "Survival that is asked for",
            "The target of the study.",
            "percentunit",
            Query(f'last_over_time(chaos_study_target_ratio{{study="$study"}}{NEWEST})', "target"),
            span=5,
        ),
        rows(
            "Interval of the survival",
            "With what is not known about the parameters where the study has ranges for them, else chance alone.",
            "percentunit",
            Query(f"last_over_time(chaos_study_survival_bound_ratio{{{KEPT}}}{NEWEST})"),
            "arm", "headcount", "bound",
            value="survival",
            span=14,
        ),
        rows(
            "Interval of the minimum headcount",
            "∞: beyond the largest number that was tried.",
            "suffix: people",
            Query(f"last_over_time(chaos_study_minimum_headcount_bound{{{KEPT}}}{NEWEST})"),
            "arm", "bound",
            value="people",
            span=10,
        ),
    ),
)  # fmt: skip

DRIFT = Row(
    "Drift between studies",
    (
        curves(
            "Minimum headcount, study after study",
            "Each study holds until the next: a step is a change of the system, of its model, or of the people's "
            "history.",
            "suffix: people",
            Query(f"last_over_time(chaos_study_minimum_headcount{{{KEPT}}}{NEWEST})", "{{arm}}"),
            span=8,
            steps=True,
        ),
        curves(
            "Survival, study after study",
            "By number of people.",
            "percentunit",
            Query(
                f"last_over_time(chaos_study_survival_ratio{{{KEPT}}}{NEWEST})",
                "{{arm}}, {{headcount}} people",
            ),
            span=8,
            top=1,
            steps=True,
        ),
        rows(
            "Change since the study before",
            "Of the survival, from the last but one study in the time range to the last one.",
            "percentunit",
            Query(f"sort_desc(idelta(chaos_study_survival_ratio{{{KEPT}}}{NEWEST}))"),
            "arm", "headcount",
            value="change",
            span=8,
        ),
        curves(
            "Evenings played",
            "How many simulated evenings stand behind each point, summed over the headcounts.",
            "short",
            Query(f"sum by (arm) (last_over_time(chaos_study_trials{{{KEPT}}}{NEWEST}))", "{{arm}}"),
            span=24,
            steps=True,
        ),
    ),
)  # fmt: skip

SHEET = Sheet(
    uid="standby-headcount",
    title="Standby / Headcount",
    description="What studies found, from the study.openmetrics that each leaves (`standby dashboards STUDY`, or "
    "`promtool tsdb create-blocks-from openmetrics`). People are modelled.",
    rows=(ANSWER, DRIFT),
    choices=(
        Choice("study", "Study", "Studies by their titles.", "chaos_study_target_ratio", several=False),
        Choice("arm", "Arm", "What the study compares.", "chaos_study_survival_ratio"),
    ),
    since="now-90d",
    refresh="",
    about="study",
)
