"""A comparison as a page without network access, and as Markdown."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from jinja2 import Environment
from markupsafe import Markup

from chaos.report import html, svg, words
from chaos.report.markdown import plain
from chaos.report.svg import Axis, Points, Scale
from chaos.review import told as say
from chaos.review.compare import Comparison, Moved
from chaos.review.sides import Run, Side

HEIGHT = 84
LONGEST_DIFFERENCE = 400
"""Lines of the documents' difference that are shown."""


@dataclass(frozen=True)
class _Row:
    """An objective with how both sides judged it, and the picture of what they measured."""

    moved: Moved
    verdicts: tuple[str, str]
    broken: str
    drawing: Markup


def page(told: Comparison) -> str:
    """The page: the answer, the table, what was measured on both sides, what differs between them."""
    return html.page(
        _environment(),
        "review.html.j2",
        (html.style_of("chaos.report", "page.css"), html.style_of("chaos.review", "review.css")),
        told=told,
        title=_title(told),
        tone=_tone(told),
        rows=_rows(told),
        difference=_difference(told),
    )


def markdown(told: Comparison) -> str:
    """The same in short, for a pull request."""
    lines = [f"### {plain(say.headline(told))}", "", plain(f"{told.before.name} → {told.after.name}"), ""]
    heads = ("objective", "limit", told.before.name, told.after.name, "change (95 %)", "")
    lines += [_line([plain(head) for head in heads]), _line(["---"] * len(heads))]
    for one in [*told.moved, *([told.lost] if told.lost else [])]:
        limit = plain(words.compared(one.expect)) if one is not told.lost else "–"
        figures = [words.figure(one.before), words.figure(one.after), say.change(one)]
        lines.append(_line([plain(one.name), limit, *figures, plain(say.judged(one))]))
    lines.append("")
    if told.fates is not None:
        lines += [plain(say.fates(told.fates)), ""]
    lines += [f"- {plain(note)}" for note in told.notes]
    return "\n".join(lines) + "\n"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _title(told: Comparison) -> str:
    names = list(
        dict.fromkeys(
            run.report.experiment for run in (*told.before.runs, *told.after.runs) if run.report.experiment
        )
    )
    return names[0] if len(names) == 1 else "Runs compared"


def _tone(told: Comparison) -> str:
    """The colour of the answer: worse wins over better, and nothing known is doubt."""
    far = [one.way for one in told.moved if one.beyond]
    if "worse" in far:
        return "fail"
    if "better" in far:
        return "pass"
    return "inconclusive" if any(one.beyond is None for one in told.moved) else "same"


def _rows(told: Comparison) -> list[_Row]:
    runs = [*told.before.runs, *told.after.runs]
    moments = [moment for run in runs for curve in run.curves.values() for moment, _ in curve]
    begin = min(moments, default=0.0)
    axis = Axis(max(1.0, max(moments, default=1.0) - begin), 1.0)
    found = []
    for one in told.moved:
        sides = (told.before.told(one.name), told.after.told(one.name))
        first, second = (say.verdicts([each.verdict for each in side]) for side in sides)
        once = any(one.name in run.figures for run in runs)
        broken = "one figure for the whole run" if once else say.broken(*sides)
        found.append(_Row(one, (first, second), broken, _picture(one, told, axis, begin)))
    return found


def _picture(one: Moved, told: Comparison, axis: Axis, begin: float) -> Markup:
    curves = [(kind, _shifted(run, one.name, begin)) for kind, side in _sides(told) for run in side.runs]
    bound = words.limit(one.expect)
    figures = [
        (kind, run.figures[one.name])
        for kind, side in _sides(told)
        for run in side.runs
        if one.name in run.figures
    ]
    values = [value for _, points in curves for _, value in points if value is not None]
    values += [value for _, value in figures]
    scale = _scale([*values, *([bound[1]] if bound else [])])
    parts: list[str] = [svg.upright(axis, -begin, HEIGHT, kind="edge")]
    parts.append(
        svg.stretched(HEIGHT, *(svg.curve(axis, scale, points, kind=kind) for kind, points in curves))
    )
    parts += [svg.level(scale.y(value), kind=f"line {kind}") for kind, value in figures]
    if bound:
        parts.append(svg.level(scale.y(bound[1]), kind="limit"))
    parts += [
        svg.label("0", 10, words.figure(scale.high), kind="halo axis", shift=2),
        svg.label("0", HEIGHT - 4, words.figure(scale.low), kind="halo axis", shift=2),
        svg.label(axis.at(-begin), HEIGHT - 4, "faults begin", kind="halo muted", shift=4),
    ]
    if not values:
        parts.append(svg.label("50%", HEIGHT / 2, "no data", kind="halo muted", anchor="middle"))
    return svg.plot(HEIGHT, f"{one.name}, before and after, over story time", *parts, kind="objective")


def _sides(told: Comparison) -> list[tuple[str, Side]]:
    return [("before", told.before), ("after", told.after)]


def _shifted(run: Run, name: str, begin: float) -> Points:
    return [(moment - begin, value) for moment, value in run.curves.get(name, ())]


def _scale(values: Sequence[float]) -> Scale:
    low, high = min(values, default=0.0), max(values, default=1.0)
    if low >= 0:
        low = 0.0
    if high <= low:
        high = low + 1.0
    return Scale(low, high, 6.0, HEIGHT - 6.0)


def _difference(told: Comparison) -> str:
    """How the documents differ: of the first run of each side, as the command lines have them and then as text."""
    first, second = told.before.runs[0], told.after.runs[0]
    lines = list(
        difflib.unified_diff(
            [f"$ {first.report.command}", *first.document.splitlines()],
            [f"$ {second.report.command}", *second.document.splitlines()],
            told.before.name,
            told.after.name,
            n=2,
            lineterm="",
        )
    )
    more = len(lines) - LONGEST_DIFFERENCE
    return "\n".join(lines[:LONGEST_DIFFERENCE] + ([f"… and {more} lines more"] if more > 0 else []))


@cache
def _environment() -> Environment:
    made = html.environment("chaos.review", "chaos.report")
    made.filters.update(
        figure=words.figure, compared=words.compared, change=say.change, judged=say.judged, chance=say.chance
    )
    made.globals.update(headline=say.headline, fates=say.fates, method=say.method, counted=words.counted)
    return made
