"""`summary.md`: a short table for a pull request."""

from __future__ import annotations

import re
from collections.abc import Iterable

from chaos.report import story, words
from chaos.report.model import RunReport

_SIGNS = {"pass": "✅", "fail": "❌", "inconclusive": "❔"}
_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+!|~$^])")


def summary(report: RunReport) -> str:
    """The run in a heading, a sentence and two tables."""
    lines = [
        f"### {_SIGNS[report.verdict]} {report.verdict}: {plain(report.experiment or report.run or 'run')}",
        "",
        plain(report.why) + ".",
        "",
        *_facts(report),
        "",
    ]
    if report.objectives:
        rows = [
            (
                plain(each.name) + (" (fate of the room)" if each.survival else ""),
                f"{_SIGNS[each.verdict]} {each.verdict}",
                plain(words.compared(each.expect)),
                words.figure(each.worst),
                words.length(each.longest_break_s) if each.longest_break_s is not None else "–",
            )
            for each in report.objectives
        ]
        lines += [*_table(("objective", "verdict", "limit", "worst", "longest break (story)"), rows), ""]
    if report.faults:
        rows = [
            (
                plain(each.name),
                plain(
                    f"{words.spoken(each.fault)} on {each.target}"
                    if each.target
                    else words.spoken(each.fault)
                ),
                words.answer(each.path_proof),
                words.answer(each.in_force),
                words.answer(each.gone),
            )
            for each in report.faults
        ]
        lines += [*_table(("fault", "what", "path", "in force", "gone"), rows), ""]
    if report.node_losses:
        lines += [*_table(("lost", *_MOMENTS), _losses(report)), ""]
    return "\n".join(lines)


_MOMENTS = ("NotReady", "first pod told to leave", "Ready again", "room reopened", "audience back")


def _losses(report: RunReport) -> Iterable[tuple[str, ...]]:
    """A row for each node that was lost, and for each room whose sound ended with it, in real time since then."""
    for loss in report.node_losses:
        node = (loss.not_ready_real_s, loss.evicted_real_s, loss.ready_real_s)
        yield (f"node {plain(loss.node)}", *map(words.after, node), "", "")
    for room in dict.fromkeys(room for loss in report.node_losses for room in loss.rooms):
        yield (
            f"room {plain(room.room)}",
            "",
            "",
            "",
            words.after(room.reopened_real_s),
            words.after(room.back_real_s),
        )


def plain(text: str) -> str:
    """Text that Markdown takes as it stands, on one line: no markup, no HTML, no table cell, no mention."""
    escaped = _SPECIAL.sub(r"\\\1", words.single(text).replace("&", "&amp;"))
    return escaped.replace("<", "&lt;").replace(">", "&gt;").replace("@", "@\u200b")


def _facts(report: RunReport) -> list[str]:
    facts: list[str] = []
    if report.cluster is not None:
        facts.append(f"{report.world}: {report.cluster.context}/{report.cluster.namespace}")
    if report.survived is not None:
        facts.append(story.fate(report))
    if report.lost_listener_minutes is not None:
        facts.append(f"{words.count(report.lost_listener_minutes)} listener-minutes lost")
    if report.crew is not None:
        facts.append(f"{story.crew_words(report)} ({story.draw_words(report)})")
    elif report.seed is not None:
        facts.append(f"seed {report.seed}")
    if report.scale is not None:
        facts.append(f"scale {words.ratio(report.scale)}")
    facts.append(f"{words.figure(report.time_scale)} story seconds in a real second")
    if report.expected is not None:
        facts.append(f"expected verdict: {report.expected.verdict}")
    return [plain(" · ".join(facts))]


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    heads = tuple(heads)
    return [
        f"| {' | '.join(heads)} |",
        f"| {' | '.join('---' for _ in heads)} |",
        *(f"| {' | '.join(row)} |" for row in rows),
    ]
