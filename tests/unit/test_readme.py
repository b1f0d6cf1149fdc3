from __future__ import annotations

import math
import re
from pathlib import Path

from chaos.experiment import load, loads
from chaos.faults.specs import spec_types
from chaos.study.statistics.binomial import wilson
from tests.unit.study import figures as figures_module
from tests.unit.study.figures import FILE, Figures, sources

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_example_of_the_readme_is_a_valid_experiment() -> None:
    """Whoever copies the document gets no error."""
    blocks = re.findall(r"```yaml\n(.*?)```", README, flags=re.DOTALL)
    titles = [loads(block, faults=spec_types()).experiment.title for block in blocks]
    assert titles == ["A slow bridge", "A slow Redis"]


def test_every_shipped_experiment_stands_in_the_readme_with_its_question_and_expectation() -> None:
    """The table says what the documents say."""
    for path in sorted((ROOT / "experiments").glob("*.yaml")):
        experiment = load(path, faults=spec_types()).experiment
        assert experiment.expected is not None
        row = f"| {experiment.question} | **{experiment.expected.verdict}**: {experiment.expected.because} |"
        assert f"[`{path.stem}`](experiments/{path.name}) {row}" in README


def test_every_file_and_make_target_that_the_readme_names_is_there() -> None:
    """No dead link, and no command that make does not know."""
    for link in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / link).exists(), link
    targets = set(
        re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    )
    for target in re.findall(r"`?make ([a-z0-9-]+)", README):
        assert target in targets, target


def test_what_the_readme_says_of_the_launch_room_is_what_its_study_found() -> None:
    """Word by word from the figures that the study left; they are of the study as it is shipped."""
    figures = Figures.model_validate_json(FILE.read_text(encoding="utf-8"))
    assert figures.of == sources(), f"the study has changed: {figures_module.__doc__}"
    most = {arm: math.ceil(round(100 * max(shares), 1)) for arm, shares in figures.kept.items()}
    shares = {cause: f"{100 * share:.0f} %" for cause, share in figures.shares.items()}
    told = " ".join(README.split())
    for sentence in (
        f"keeps the room with 90 %: at most {most['as-found']} % of the evenings",
        f"The same people by the room keep at most {most['by the room']} %",
        (
            f"capacity has {shares['capacity']}, the load's shape {shares['load shape']}, people {shares['people']} "
            f"and hardening {shares['profile']}"
        ),
        f"{figures.measured} of {figures.durations} real durations that it rests on are measured on live evenings",
        (
            f"{figures.live} of them are kept with the study. Of {figures.conclusive} that were in doubt and came to a "
            f"verdict, {figures.alike} end simulated as they ended live"
        ),
        f"more than {math.floor(10 * wilson(figures.alike, figures.conclusive).low) * 10} % do",
        (
            f"of {figures.conclusive_measuring} that measure, whose fate was hardly in doubt, "
            f"{figures.alike_measuring} do"
        ),
    ):
        assert sentence in told
    attended = figures.at_scales["attended at full capacity"]
    assert attended == {"1": 0, "10": 0, "60": 0}
    assert figures.at_scales["as-found"] == {"1": None, "10": None, "60": 0}
    assert "played at `time_scale` 60, the room as it was needs nobody" in told
