"""`standby demo`: one failure to launch, met by two crews at once, told in words and in one picture."""

from __future__ import annotations

import asyncio
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import chaos
from chaos import runner, state
from chaos.cli.documents import load_all
from chaos.cli.running import stop_on_signals
from chaos.codes import FAIL, PASS, combine
from chaos.engine.parts import Stop
from chaos.errors import UsageError
from chaos.experiment import Loaded
from chaos.record import read
from chaos.report.console import LiveView
from chaos.report.html import demo_page
from chaos.report.model import RunReport
from chaos.report.story import tell
from chaos.report.write import write


@dataclass(frozen=True)
class Arm:
    """One of the demo's crews: its name in a sentence and what it sets in the document."""

    label: str
    who: str
    overrides: tuple[str, ...]


SMALLER = Arm(
    "two on call", "two people on call, somewhere else", ("crew.headcount=2", "crew.attending=false")
)
LARGER = Arm("six by the room", "six people who sit by the room", ("crew.headcount=6", "crew.attending=true"))

OPENING = """
What to expect, first: on this evening no number of people from 0 to 10 makes the difference by itself. Whoever is on
call keeps the room on 0 to 2 evenings of a hundred, two people or ten: what saves it has to be done by minute 13, and
who has to be paged gets to it at about minute 20. Six people who sit by the room kept it on 12 of 20 evenings, two on
call on 1 of 20. So the two crews shown here differ in their number and in one thing more: the larger one sits by the
room, and nobody has to be paged first.

The launch is modelled on 24 May 2023, at a thousandth of its size and eight times its speed: the room lives on an
acquired media service with lowered capacity, joined to the main platform by a bridge that nobody hardened. The bridge
becomes slow in both directions, a media node is lost, and 678 listeners (678,000 at full scale) are on their way: more
than the platform can give tokens to. The same room opens twice at once, on real servers on this machine. The people
are modelled; their repairs are real.
"""


MIDDLE = """
Of the evenings that were run and that the larger crew kept, this is the middle one by lost listener-minutes; that rule
was fixed before they were run.
"""


def demo(seed: int | None, out: Path | None) -> int:
    """Run both crews; 0 when both runs are conclusive and proven, whatever became of the rooms."""
    folder = (out or state.state_folder() / "demo" / state.new_run()).absolute()
    arms = (SMALLER, LARGER)
    loaded = [load_all([_document()], arm.overrides)[0] for arm in arms]
    _say(OPENING)
    for arm in arms:
        print(f"  {arm.label:16} {arm.who}")
    length = loaded[0].experiment.timeline.total / loaded[0].experiment.time_scale
    print(f"\nThis takes about {round(length / 60 + 0.4)} minutes.\n", flush=True)
    codes = asyncio.run(_both(arms, loaded, folder, seed))
    reports = [_tell(arm, folder / arm.label.replace(" ", "-")) for arm in arms]
    page = folder / "demo.html"
    page.write_text(
        demo_page([(arm.label, folder / arm.label.replace(" ", "-")) for arm in arms]), encoding="utf-8"
    )
    page.chmod(0o600)
    _say(
        f"Each of these is one draw of one crew (seed {reports[0].seed}), not an average. On other evenings the larger "
        "crew loses the room as well, for what saves it comes a minute too late: try `standby demo --seed N`."
    )
    if seed is None:
        _say(MIDDLE)
    print(f"The picture: {page}")
    return _exit(codes)


async def _both(arms: Sequence[Arm], loaded: Sequence[Loaded], folder: Path, seed: int | None) -> list[int]:
    with stop_on_signals(len(arms)) as stops:
        tasks = [
            asyncio.create_task(_one(arm, document, folder, seed, stop))
            for arm, document, stop in zip(arms, loaded, stops, strict=True)
        ]
        return list(await asyncio.gather(*tasks))


async def _one(arm: Arm, loaded: Loaded, folder: Path, seed: int | None, stop: asyncio.Future[Stop]) -> int:
    own = folder / arm.label.replace(" ", "-")
    with LiveView(name=arm.label) as view:
        done = await runner.run(loaded, runner.Options(seed=seed, out=own, listeners=(view.hear,)), stop)
        report = write(done.folder)
        view.end(report, done.folder / "report.html")
    return done.exit_code


def _tell(arm: Arm, folder: Path) -> RunReport:
    report = write(folder)
    print(f"\n── {arm.who} " + "─" * max(3, 76 - len(arm.who)))
    for sentence in tell(report, list(read(folder / "events.jsonl"))):
        _say(sentence)
    return report


def _exit(codes: Sequence[int]) -> int:
    """0 when every run was conclusive and proven, whatever became of the rooms."""
    worst = combine(codes)
    return PASS if worst in (PASS, FAIL) else worst


def _document() -> Path:
    name = Path("experiments") / "failure-to-launch.yaml"
    for folder in (Path.cwd(), Path(chaos.__file__).resolve().parents[1]):
        if (folder / name).exists():
            return folder / name
    raise UsageError(f"{name} is not here; run the demo from a checkout of Standby")


def _say(text: str) -> None:
    for paragraph in text.strip().split("\n\n"):
        print(textwrap.fill(" ".join(paragraph.split()), 100))
        print()
