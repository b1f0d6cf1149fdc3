"""`standby run --trials`: one experiment again and again, until it is clear how often it ends as it should."""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import replace
from pathlib import Path

from chaos import state
from chaos.cli.running import Asked, run_one
from chaos.codes import FAIL, INCONCLUSIVE, PASS
from chaos.errors import UsageError
from chaos.experiment import Loaded
from chaos.report.files import put
from chaos.report.junit import Repeated
from chaos.report.markdown import plain
from chaos.report.model import RunReport
from chaos.report.store import Store
from chaos.review.trials import Ended, Tally, fewest

CODES = {"pass": PASS, "fail": FAIL, "inconclusive": INCONCLUSIVE}
SIGNS = {"pass": "✅", "fail": "❌", "inconclusive": "❔"}
ENDED: dict[int, Ended] = {PASS: "as expected", FAIL: "otherwise", INCONCLUSIVE: "without a verdict"}
"""What a trial's exit code says; any other ends the trials."""


def need_enough(trials: int, share: float) -> None:
    """Raises UsageError where so many trials could never decide, however they end."""
    needed = fewest(share)
    if trials < needed:
        raise UsageError(
            f"--trials {trials} can never show that {100 * share:g} % of the runs end as expected: it takes {needed} "
            "when all of them do; give more trials, or a smaller --share"
        )


def repeat(
    one: Loaded, folder: Path | None, asked: Asked, store: Store | None = None
) -> tuple[int, Repeated]:
    """Run trials with one seed after the other; the exit code and what is told.

    A trial that was interrupted or aborted, or left something that could not be undone, ends them with its own code.
    """
    base = (folder or state.runs() / f"{state.new_run()}-trials").absolute()
    most = asked.trials or fewest(asked.share)
    begun, tally = time.monotonic(), Tally(asked.share)
    seed = one.experiment.seed if asked.seed is None else asked.seed
    reports: list[RunReport] = []
    cut_short: int | None = None
    while tally.trials < most and tally.verdict == "inconclusive":
        own = replace(asked, seed=seed + tally.trials)
        code, report = asyncio.run(run_one(one, base / f"{base.name}-{tally.trials + 1:03d}", own, store))
        reports.append(report)
        if code not in ENDED:
            cut_short = code
            break
        tally = tally.and_one(ENDED[code])
    decided = tally.verdict if cut_short is None else "inconclusive"
    code = CODES[decided] if cut_short is None else cut_short
    says = tally.says if cut_short is None else f"{reports[-1].why}; until then {tally.says}"
    print(f"{decided}: {says}\n{base / 'summary.md'}")
    _write(base, one, decided, says, reports)
    told = Repeated(one.experiment.title, one.path, decided, says, time.monotonic() - begun)
    return code, told


def _write(base: Path, one: Loaded, verdict: str, says: str, reports: list[RunReport]) -> None:
    lines = [
        f"### {SIGNS[verdict]} {verdict}: {plain(one.experiment.title)}, in trials",
        "",
        plain(says) + ".",
        "",
        "| trial | seed | verdict | why |",
        "| --- | --- | --- | --- |",
        *(
            f"| {number} | {report.seed} | {SIGNS[report.verdict]} {report.verdict} | {plain(report.why)} |"
            for number, report in enumerate(reports, start=1)
        ),
    ]
    try:
        put(base / "summary.md", "\n".join(lines) + "\n")
    except OSError as error:
        print(f"standby: the summary of the trials could not be written: {error}", file=sys.stderr)
