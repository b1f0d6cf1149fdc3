"""Panels of few kinds: curves, states, single figures and tables, each with its unit and what it means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from grafana_foundation_sdk.builders import barchart, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.builders import common as look
from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.builders import prometheus as source
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models.dashboard import (
    DataTransformerConfig,
    FieldColorModeId,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMappingResult,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from dashboards.frame import SOURCE

HEIGHT = 7
MIN_STEP = "1s"
"""What is scraped every second is shown every second."""


@dataclass(frozen=True)
class Query:
    """PromQL, and how each series it gives is called."""

    expr: str
    legend: str = ""


def curves(
    title: str,
    description: str,
    unit: str,
    *queries: Query,
    span: int = 8,
    limit: float | None = None,
    top: float | None = None,
    stacked: bool = False,
    steps: bool = False,
) -> timeseries.Panel:
    """Values over time; `limit` is drawn as a dashed line, `top` ends the axis."""
    made = (
        timeseries.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .unit(unit)
        .min(0)
        .span(span)
        .height(HEIGHT)
        .interval(MIN_STEP)
        .line_width(1)
        .fill_opacity(30 if stacked else 8)
        .show_points(common.VisibilityMode.NEVER)
        .legend(
            look.VizLegendOptions()
            .display_mode(common.LegendDisplayMode.LIST)
            .placement(common.LegendPlacement.BOTTOM)
            .show_legend(True)
        )
        .tooltip(look.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI))
        .targets([_ranged(query, number) for number, query in enumerate(queries)])
    )
    if top is not None:
        made.max(top)
    if stacked:
        made.stacking(look.StackingConfig().mode(common.StackingMode.NORMAL))
    if steps:
        made.line_interpolation(common.LineInterpolation.STEP_AFTER)
    if limit is not None:
        made.thresholds(_steps(Threshold(None, "transparent"), Threshold(limit, "red")))
        made.thresholds_style(look.GraphThresholdsStyleConfig().mode(common.GraphThresholdsStyleMode.DASHED))
    return made


def states(
    title: str, description: str, *queries: Query, words: Mapping[str, tuple[str, str]], span: int = 24
) -> statetimeline.Panel:
    """What is the case when: `words` has the word and the colour for each value."""
    shown = {
        value: ValueMappingResult(text=word, color=colour, index=place)
        for place, (value, (word, colour)) in enumerate(words.items())
    }
    return (
        statetimeline.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .unit("bool")
        .span(span)
        .height(HEIGHT)
        .interval(MIN_STEP)
        .mappings([ValueMap(options=shown)])
        .color_scheme(build.FieldColor().mode(FieldColorModeId.THRESHOLDS))
        .thresholds(_steps(Threshold(None, "transparent")))
        .merge_values(True)
        .show_value(common.VisibilityMode.NEVER)
        .row_height(0.8)
        .targets([_ranged(query, number) for number, query in enumerate(queries)])
    )


def number(
    title: str, description: str, unit: str, query: Query, *, span: int = 4, named: bool = False
) -> stat.Panel:
    """The newest value of each series; `named` shows the series' name in its place."""
    return (
        stat.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .unit(unit)
        .span(span)
        .height(HEIGHT)
        .reduce_options(look.ReduceDataOptions().calcs(["lastNotNull"]))
        .text_mode(common.BigValueTextMode.NAME if named else common.BigValueTextMode.VALUE_AND_NAME)
        .graph_mode(common.BigValueGraphMode.NONE)
        .color_mode(common.BigValueColorMode.NONE)
        .targets([_newest(query, 0).format(PromQueryFormat.TIME_SERIES)])
    )


def rows(
    title: str, description: str, unit: str, query: Query, *columns: str, value: str, span: int = 12
) -> table.Panel:
    """The newest values as a table of these labels, with the value last."""
    shown = {name: place for place, name in enumerate((*columns, "Value"))}
    return (
        table.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .unit(unit)
        .span(span)
        .height(HEIGHT + 2)
        .targets([_newest(query, 0).format(PromQueryFormat.TABLE)])
        .transformations([_organised(shown, value)])
    )


def bars(
    title: str, description: str, unit: str, query: Query, *, across: str, by: str, span: int = 12
) -> barchart.Panel:
    """The newest values as bars: the label `across` along the axis, one colour for each value of the label `by`."""
    return (
        barchart.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .unit(unit)
        .min(0)
        .max(1)
        .span(span)
        .height(HEIGHT + 2)
        .x_field(f"{across}\\{by}")
        .targets([_newest(query, 0).format(PromQueryFormat.TABLE)])
        .transformations(
            [
                DataTransformerConfig(
                    id_val="convertFieldType",
                    options={"conversions": [{"targetField": across, "destinationType": "number"}]},
                ),
                DataTransformerConfig(id_val="sortBy", options={"sort": [{"field": across}]}),
                DataTransformerConfig(
                    id_val="groupingToMatrix",
                    options={"rowField": across, "columnField": by, "valueField": "Value"},
                ),
            ]
        )
    )


def _organised(shown: Mapping[str, int], value: str) -> DataTransformerConfig:
    return DataTransformerConfig(
        id_val="organize",
        options={
            "includeByName": dict.fromkeys(shown, True),
            "indexByName": dict(shown),
            "renameByName": {"Value": value},
        },
    )


def _steps(*steps: Threshold) -> build.ThresholdsConfig:
    return build.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(list(steps))


def _ranged(query: Query, place: int) -> source.Dataquery:
    return _asked(query, place).range()


def _newest(query: Query, place: int) -> source.Dataquery:
    return _asked(query, place).instant()


def _asked(query: Query, place: int) -> source.Dataquery:
    return (
        source.Dataquery()
        .datasource(SOURCE)
        .expr(query.expr)
        .legend_format(query.legend)
        .ref_id(chr(ord("A") + place))
    )
