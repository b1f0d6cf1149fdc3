"""The report as one page without network access, and several runs under each other on one axis."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from urllib.parse import quote

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from chaos import record
from chaos.record import Event
from chaos.report import fields, lanes, story, words
from chaos.report.model import Crew, RunReport, Stage
from chaos.report.summary import summarise
from chaos.report.timeline import Group, axis_of, axis_to_plan, picture, short_picture
from chaos.report.trail import Trail


def report_page(report: RunReport, events: Sequence[Event]) -> str:
    """The page of one run: verdict, picture, evidence, assumptions, how to repeat it."""
    return _render("report.html.j2", **shown(report, Trail(events)))


def shown(report: RunReport, trail: Trail, *, going: bool = False) -> dict[str, object]:
    """What the templates of a report's parts are given; of a run that is still `going`, as far as it has come."""
    axis = axis_to_plan(trail) if going else axis_of(trail)
    return {
        "report": report,
        "going": going,
        "groups": _shown(picture(report, trail, axis)),
        "told": story.tell(report, trail.events, going=going),
        "document": fields.text(trail.start, "document"),
        "stages": _STAGES,
        "tries": _tries(report.crew, "not settled yet" if going else "never settled"),
        "span": axis.end,
        "minutes": None
        if report.lost_listener_minutes is None
        else words.count(report.lost_listener_minutes),
    }


@dataclass(frozen=True)
class _Shown:
    label: str
    folder: str
    report: RunReport
    groups: list[Group]
    told: list[str]


def demo_page(reports: Sequence[tuple[str, Path]], title: str = "") -> str:
    """Several runs under each other on the same story-time axis, told for a newcomer.

    `reports` are (label, folder of the run); the page belongs beside those folders, whose reports it links. The title
    is the first run's own unless given.
    """
    runs = [(label, folder, list(record.read(folder / "events.jsonl"))) for label, folder in reports]
    trails = [Trail(events) for _, _, events in runs]
    end = max((trail.story_end() for trail in trails), default=1.0)
    shown: list[_Shown] = []
    for (label, folder, events), trail in zip(runs, trails, strict=True):
        report = summarise(events)
        groups = _shown(short_picture(report, trail, axis_of(trail, end)))
        shown.append(
            _Shown(fields.clean(label), quote(folder.name), report, groups, story.tell(report, events))
        )
    name = title or next(
        (each.report.experiment for each in shown if each.report.experiment), "Runs side by side"
    )
    return _render("demo.html.j2", title=name, runs=shown)


def _shown(groups: Sequence[Group]) -> list[Group]:
    return [group for group in groups if group.rows]


@dataclass(frozen=True)
class _Try:
    """One attempt at an incident: how long each stage took, in the order of `_STAGES`."""

    incident: str
    attempt: int
    who: str
    began: float
    lengths: tuple[str, ...]
    diagnosis: str
    right: bool | None
    outcome: str


_STAGES = ("waiting", "notice", "acknowledge", "triage", "decide", "act", "verify")


def _tries(crew: Crew | None, unsettled: str) -> list[_Try]:
    rows: list[_Try] = []
    for incident in crew.incidents if crew else ():
        attempts = sorted({stage.attempt for stage in incident.stages})
        for attempt in attempts:
            stages = [stage for stage in incident.stages if stage.attempt == attempt]
            diagnosed = next((stage for stage in reversed(stages) if stage.diagnosis), None)
            people = list(dict.fromkeys(str(stage.person) for stage in stages if stage.person is not None))
            helpers = max(stage.helpers for stage in stages)
            who = words.listed(people) + (f" with {words.counted(helpers, 'helper')}" if helpers else "")
            last = attempt == attempts[-1]
            settled = (
                f"settled {words.clock(incident.resolved_s)}"
                if incident.resolved_s is not None
                else unsettled
            )
            rows.append(
                _Try(
                    incident.incident,
                    attempt,
                    who or "nobody",
                    stages[0].begins_s,
                    tuple(_spent(stages, name) for name in _STAGES),
                    diagnosed.diagnosis or "" if diagnosed else "",
                    diagnosed.right if diagnosed else None,
                    settled if last else "did not help",
                )
            )
    return rows


def _spent(stages: Sequence[Stage], name: str) -> str:
    """The time that a stage took, empty when there was none of it; `…` when the record does not tell its end."""
    found = [stage for stage in stages if stage.stage == name]
    ends = [stage.ends_s for stage in found if stage.ends_s is not None]
    if not found:
        return ""
    if len(ends) < len(found):
        return "…"
    return words.clock(sum(ends) - sum(stage.begins_s for stage in found))


def _render(template: str, **context: object) -> str:
    return page(_environment(), template, (style_of("chaos.report", "page.css"),), **context)


def page(environment: Environment, template: str, styles: Sequence[str], **context: object) -> str:
    """A page whose one style sheet is `styles` in their order; its policy allows that sheet alone, by its hash."""
    style = "".join(styles)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    found = environment.get_template(template)
    return found.render(style=Markup(style), style_hash=digest, **context)  # noqa: S704  our own style sheet


@cache
def style_of(package: str, name: str) -> str:
    """A style sheet from the templates of a package."""
    return (files(package) / "templates" / name).read_text(encoding="utf-8")


def environment(*packages: str) -> Environment:
    """Templates of these packages, of the first that has one; nothing that is not escaped, nothing undefined."""
    return Environment(
        loader=ChoiceLoader([PackageLoader(package) for package in packages]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


@cache
def _environment() -> Environment:
    return report_environment("chaos.report")


def report_environment(*packages: str) -> Environment:
    """Templates of these packages, with what the parts of a report need."""
    made = environment(*packages)
    made.filters.update(
        clock=words.clock,
        lasting=words.length,
        after=words.after,
        figure=words.figure,
        count=words.count,
        ratio=words.ratio,
        spoken=words.spoken,
        compared=words.compared,
        answer=words.answer,
        repair=lanes.sentence,
        places=lambda on: words.listed(words.places(on)),
    )
    made.globals.update(fate=story.fate, crew_words=story.crew_words, draw_words=story.draw_words)
    return made
