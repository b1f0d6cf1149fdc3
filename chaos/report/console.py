"""The view of a run while it goes on: a live picture on a terminal, plain lines in a pipe, one line when quiet."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from chaos.record import Event
from chaos.report import story, words
from chaos.report.live import Situation, Trouble, Watched
from chaos.report.model import RunReport
from chaos.report.trail import STORY

PROGRESS_EVERY = 10.0
"""Real seconds between two progress lines in a pipe."""
_NARROWEST = 60
_STYLES = {"pass": "bold green", "fail": "bold red", "inconclusive": "bold yellow"}
_MARKS = {"pass": "✓", "fail": "✗", "inconclusive": "?"}


class LiveView:
    """Shows a run to whoever started it.

        with LiveView() as view:
            record.listen(view.hear)
            ...
            view.end(report, folder / "report.html")

    On a terminal of at least 60 columns it is a picture that fits the terminal's height. Elsewhere, and for a run with
    a `name` (one of several at once), it is a line per notable event, each beginning with the story's clock. With
    `quiet` it is the verdict alone.
    """

    def __init__(self, *, quiet: bool = False, name: str = "", console: Console | None = None) -> None:
        self._console = console or Console(highlight=False)
        self._quiet = quiet
        self._name = words.single(name)
        self._run = Situation()
        self._lock = threading.Lock()
        self._told = 0.0
        pictured = self._console.is_terminal and not self._console.is_dumb_terminal
        self._live: Live | None = None
        if pictured and not quiet and not name and self._console.width >= _NARROWEST:
            self._live = Live(
                console=self._console, get_renderable=self._picture, refresh_per_second=2, transient=True
            )

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def hear(self, event: Event) -> None:
        """Take in an event of the record; made to be given to `Record.listen`."""
        with self._lock:
            line = self._run.hear(event)
            if self._quiet or self._live is not None:
                return
            if line is None and self._run.phase in STORY and self._run.now - self._told >= PROGRESS_EVERY:
                line = self._run.progress()
            if line is not None:
                self._told = self._run.now
                self._line(line)

    def end(self, report: RunReport, page: Path) -> None:
        """Say how the run came out and where its report is."""
        self._stop()
        verdict = Text(f"{_MARKS[report.verdict]} {report.verdict}", style=_STYLES[report.verdict])
        self._print(Text.assemble(verdict, f": {words.single(report.why)}"))
        if self._quiet:
            return
        fate = [story.fate(report)] if report.survived is not None else []
        if report.lost_listener_minutes is not None:
            fate.append(f"{words.count(report.lost_listener_minutes)} listener-minutes lost")
        if report.crew is not None:
            fate.append(f"{story.crew_words(report)}, {story.draw_words(report)}")
        if fate:
            self._print(Text("; ".join(fate)))
        self._print(Text(f"report: {page}"))

    def _stop(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _line(self, line: str) -> None:
        self._print(Text(f"{self._run.clock}  {line}"))

    def _print(self, text: Text) -> None:
        prefix = Text(f"[{self._name}] " if self._name else "")
        self._console.print(prefix + text, soft_wrap=True)

    def _picture(self) -> RenderableType:
        with self._lock:
            return picture(self._run, self._console.width, self._console.height)


def picture(run: Situation, width: int, height: int) -> RenderableType:
    """The run as it stands, in at most `height` - 1 lines of `width` columns."""
    objectives = [_objective(run, name, each) for name, each in run.objectives.items()]
    faults = [_fault(run, each) for each in run.faults.values()]
    people = _people(run)
    figures = [
        [Text(name), Text(words.figure(value), justify="right")] for name, value in run.figures.items()
    ]
    alerts = ", ".join(run.alerts)
    parts: list[RenderableType] = [_title(run), *_progress(run, width)]
    sections = [
        ("objectives", (2, 24, 9, 0), objectives),
        ("faults", (2, 22, 18, 0), faults),
        ("people", (10, 12, 0), people),
        ("rooms", (40, 12), figures),
    ]
    shown = [section for section in sections if section[2]][: max(0, height - 2 - len(parts))]
    room = height - 1 - len(parts) - (1 if alerts else 0) - len(shown)
    for (name, columns, rows), share in zip(
        shown, _shared([len(rows) for _, _, rows in shown], room), strict=True
    ):
        parts += _section(name, columns, rows, share)
    if alerts:
        parts.append(
            Text.assemble(("alerts ", "bold"), (alerts, "yellow"), no_wrap=True, overflow="ellipsis")
        )
    return Group(*parts)


def _title(run: Situation) -> Text:
    seed = f"  seed {run.seed}" if run.seed is not None else ""
    return Text.assemble((run.title or "a run", "bold"), (seed, "dim"), no_wrap=True, overflow="ellipsis")


def _progress(run: Situation, width: int) -> list[RenderableType]:
    phases = Text(no_wrap=True, overflow="ellipsis")
    if run.phase not in STORY:
        phases.append(f" {words.spoken(run.phase) or 'starting'} ", style="bold reverse")
    for name in STORY:
        phases.append(f" {words.spoken(name)} ", style="bold reverse" if name == run.phase else "dim")
    left, whole = run.phase_left(), run.left()
    ahead = [("phase", left), ("run", whole)]
    real = ", ".join(f"{name} {words.length(round(each))}" for name, each in ahead if each is not None)
    said = f"story {run.clock}" + (f"; real time left: {real}" if real else "")
    row = Table.grid(padding=(0, 1))
    row.add_column(no_wrap=True)
    row.add_column(no_wrap=True, overflow="ellipsis")
    bar = ProgressBar(total=1.0, completed=run.phase_share() or 0.0, width=max(8, width - 62))
    row.add_row(bar, Text(said))
    return [phases, row]


def _objective(run: Situation, name: str, each: Watched) -> list[Text]:
    mark, style = {True: ("✓", "green"), False: ("✗", "red"), None: ("?", "yellow")}[each.holds]
    since = words.clock((run.now - each.since) * run.time_scale)
    state = {True: "holding", False: "BROKEN", None: "no data"}[each.holds]
    bound = f"{words.compared(each.expect)}, " if each.expect else ""
    return [
        Text(mark, style=style),
        Text(name),
        Text(words.figure(each.value), justify="right"),
        Text(f"{bound}{state} for {since}", style=style),
    ]


_FAULT_STYLES = {
    "in force": ("●", "magenta"),
    "gone": ("✓", "green"),
    "scheduled": ("○", "dim"),
    "undone": ("○", "green"),
}


def _fault(run: Situation, each: Trouble) -> list[Text]:
    mark, style = _FAULT_STYLES.get(each.state, ("?", "yellow"))
    since = (
        "" if each.state == "scheduled" else f" for {words.clock((run.now - each.since) * run.time_scale)}"
    )
    return [
        Text(mark, style=style),
        Text(each.name),
        Text(each.state + (since if each.state == "in force" else ""), style=style),
        Text(each.what, style="dim"),
    ]


def _people(run: Situation) -> list[list[Text]]:
    rows: list[list[Text]] = []
    busy = sorted(run.people.items())
    for person, doing in busy:
        since = words.clock((run.now - doing.since) * run.time_scale)
        rows.append(
            [
                Text(f"person {person}"),
                Text(words.spoken(doing.stage), style="red" if doing.wrong else "cyan"),
                Text(f"{since}  {doing.incident}{'  (wrong diagnosis)' if doing.wrong else ''}"),
            ]
        )
    for incident, stage in run.open.items():
        rows.append(
            [Text("nobody", style="yellow"), Text(words.spoken(stage), style="yellow"), Text(incident)]
        )
    if run.headcount is not None:
        free = max(0, run.headcount - len(busy))
        rows.append(
            [Text(f"{free} free", style="dim"), Text(""), Text(f"of {run.headcount} on call", style="dim")]
        )
    return rows


def _shared(wanted: Sequence[int], room: int) -> list[int]:
    """How many lines each section gets, so that together they have room; small ones are served whole first."""
    given = [0] * len(wanted)
    for _ in range(max(0, room)):
        needy = [place for place, want in enumerate(wanted) if given[place] < want]
        if not needy:
            break
        given[min(needy, key=lambda place: given[place])] += 1
    return given


def _section(
    name: str, widths: Sequence[int], rows: Sequence[Sequence[Text]], share: int
) -> list[RenderableType]:
    if share <= 0:
        return [Text(f"{name}: {len(rows)}", style="bold")]
    hidden = len(rows) - share
    table = Table.grid(padding=(0, 1))
    for width in widths:
        table.add_column(no_wrap=True, overflow="ellipsis", max_width=width or None, min_width=width or None)
    for row in rows[:share]:
        table.add_row(*row)
    more = f"  ({hidden} more)" if hidden > 0 else ""
    return [Text.assemble((name, "bold"), (more, "dim")), table]
