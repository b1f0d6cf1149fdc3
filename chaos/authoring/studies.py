"""A study in words: what is compared, over what it varies, and how often each point is played."""

from __future__ import annotations

from chaos.report.words import count
from chaos.study.document import Study


def explained_study(study: Study) -> list[str]:
    """The lines that stand before the explanation of the experiment that it plays."""
    lines = [study.title]
    lines += [f"  {study.question}"] if study.question else []
    lines += ["", "What is compared"]
    lines += [f"  {arm.name}{f': {arm.why}' if arm.why else ''}" for arm in study.all_arms]
    values = ", ".join(str(value) for value in study.varies.values)
    lines += [
        "",
        "How often",
        f"  {study.varies.path} is {values}; {count(study.trials.simulated)} simulated trials at each point, at most",
    ]
    if study.live.trials:
        lines.append(f"  {count(study.live.trials)} live runs in all stand beside them")
        lines += [
            f"  {count(one.trials)} more are run once, for the durations that they show: {one.name}"
            for one in study.live.measure
        ]
    lines.append(
        f"  enough is what survives {study.target.survival:.0%} of them, with {study.target.confidence:.0%} confidence"
    )
    return [*lines, "", f"Each trial is the experiment {study.experiment}, with the study's own changes:", ""]
