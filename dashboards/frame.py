"""What all dashboards share: where the data comes from, faults as annotations, links to each other and the report."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import (
    AnnotationQuery,
    DashboardCursorSync,
    DashboardLinkType,
    DataSourceRef,
    Panel,
    VariableOption,
    VariableRefresh,
)

TAG = "standby"
"""What the dashboards, and the annotations that a run leaves in Grafana, are found by."""
SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
REPORT = "http://127.0.0.1:9191/report.html"
"""Where `standby dashboards` serves the report of a run unless told otherwise."""
FAULTS = "chaos_fault_active == 1"
PHASES = 'chaos_phase_active{phase!~"warm-up|judging"} == 1'


@dataclass(frozen=True)
class Row:
    """Panels under a heading."""

    title: str
    panels: tuple[Builder[Panel], ...]


@dataclass(frozen=True)
class Choice:
    """A variable: the values of the label `name` of a metric, any number of them (or one alone)."""

    name: str
    title: str
    description: str
    metric: str
    several: bool = True


@dataclass(frozen=True)
class Sheet:
    """One dashboard."""

    uid: str
    title: str
    description: str
    rows: tuple[Row, ...]
    choices: tuple[Choice, ...] = ()
    since: str = "now-15m"
    refresh: str = "5s"
    about: Literal["run", "study"] = "run"


def text_of(sheet: Sheet) -> str:
    """A dashboard as Grafana imports it: JSON that is the same each time it is made."""
    made = json.loads(json.dumps(_built(sheet), cls=JSONEncoder))
    for panel in made["panels"]:
        panel.setdefault("id", None)
    for number, panel in enumerate(made["panels"], start=1):
        panel["id"] = number
    for query in made["annotations"]["list"]:
        query.update(_SHOWN.get(query["name"], {}))
    return json.dumps(made, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


_SHOWN = {
    "Faults in force": {
        "titleFormat": "{{fault}}",
        "textFormat": "on {{target}}",
        "tagKeys": "fault",
        "step": "1s",
    },
    "Phases": {
        "titleFormat": "{{phase}}",
        "textFormat": "phase of the run",
        "tagKeys": "phase",
        "step": "1s",
    },
}
"""How Prometheus' samples read as annotations: consecutive ones are one band. The SDK has no names for these."""


def _built(sheet: Sheet) -> object:
    made = (
        build.Dashboard(sheet.title)
        .uid(sheet.uid)
        .description(sheet.description)
        .tags([TAG, _kind(sheet.about)])
        .editable()
        .timezone("browser")
        .time(sheet.since, "now")
        .refresh(sheet.refresh)
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .links([_others("run", keep_time=sheet.about == "run"), _others("study", keep_time=False), _report()])
        .variables([_datasource(), _report_address(), *(_variable(choice) for choice in sheet.choices)])
        .annotations(_annotations() if sheet.about == "run" else [])
    )
    for row in sheet.rows:
        made.with_row(build.Row(row.title))
        for panel in row.panels:
            made.with_panel(panel)
    return made.build()


def _kind(about: str) -> str:
    return f"{TAG}-{about}"


def _others(about: str, *, keep_time: bool) -> build.DashboardLink:
    """Links to the dashboards about runs, or about studies; those look back over other lengths of time."""
    return (
        build.DashboardLink(f"Standby: {about}")
        .type(DashboardLinkType.DASHBOARDS)
        .tags([_kind(about)])
        .icon("dashboard")
        .tooltip(f"Standby's dashboards about a {about}")
        .include_vars(True)
        .keep_time(keep_time)
    )


def _report() -> build.DashboardLink:
    return (
        build.DashboardLink("Report of the run")
        .type(DashboardLinkType.LINK)
        .url("${report}")
        .icon("doc")
        .tooltip("Verdict, proofs and assumptions, in one page")
        .target_blank(True)
    )


def _datasource() -> build.DatasourceVariable:
    return (
        build.DatasourceVariable("datasource")
        .label("Prometheus")
        .description("The Prometheus that has the run's series, or a snapshot of them.")
        .type("prometheus")
    )


def _report_address() -> build.TextBoxVariable:
    return (
        build.TextBoxVariable("report")
        .label("Report")
        .description("Where the run's report.html is served; `standby dashboards RUN` serves it here.")
        .default_value(REPORT)
    )


def _variable(choice: Choice) -> build.QueryVariable:
    made = (
        build.QueryVariable(choice.name)
        .label(choice.title)
        .description(choice.description)
        .datasource(SOURCE)
        .query(f"label_values({choice.metric}, {choice.name})")
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
    )
    if choice.several:
        everything = VariableOption(selected=True, text="All", value="$__all")
        made.multi(True).include_all(True).all_value(".+").current(everything)
    return made


def _annotations() -> list[Builder[AnnotationQuery]]:
    return [
        _from_prometheus("Faults in force", FAULTS, "red"),
        _from_prometheus("Phases", PHASES, "blue").enable(False),
        _posted(),
    ]


def _from_prometheus(name: str, query: str, colour: str) -> build.AnnotationQuery:
    return build.AnnotationQuery().name(name).datasource(SOURCE).enable(True).icon_color(colour).expr(query)


def _posted() -> build.AnnotationQuery:
    """What `standby run --grafana` leaves in Grafana itself."""
    target = build.AnnotationTarget().type("tags").tags([TAG]).match_any(True).limit(200)
    source = DataSourceRef(type_val="grafana", uid="-- Grafana --")
    return (
        build.AnnotationQuery()
        .name("Told by runs")
        .datasource(source)
        .enable(True)
        .icon_color("orange")
        .target(target)
    )
