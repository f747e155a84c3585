"""A dashboard in few words, and how Grafana wants it said."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from grafana_foundation_sdk.builders import bargauge, dashboard, piechart, prometheus, stat, table, timeseries
from grafana_foundation_sdk.builders import common as common_builders
from grafana_foundation_sdk.cog import builder as cog
from grafana_foundation_sdk.cog import variants
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import piechart as piechart_models
from grafana_foundation_sdk.models import prometheus as prometheus_models

PROMETHEUS: Final = common.DataSourceRef("prometheus", "${prometheus}")
POSTGRES: Final = common.DataSourceRef("grafana-postgresql-datasource", "${postgres}")
RUNBOOKS: Final = "https://ledger.example.org/runbooks"
CONSOLE: Final = "https://console.example.org"
ROLES: Final = "select role as __value, coalesce(name, role) as __text from discord_role_directory order by 2"
MEASURED: Final = -1e12
"""Smaller than whatever is measured: what never was stays below, and is grey."""
COLUMNS: Final = 24
Thresholds = Sequence[tuple[float, str]]
"""From which value on which colour; below the first one green. Of a stat without a value: grey."""


@dataclass(frozen=True)
class PromQL:
    expr: str
    legend: str = ""
    instant: bool = False


@dataclass(frozen=True)
class SQL:
    """`series` is a column `time`, one of text that names the series, and one of numbers."""

    text: str
    series: bool = False


@dataclass(frozen=True)
class Panel:
    """`kind` is stat, bars, pie, lines or table. `empty` is shown where there is nothing to show.

    Of a table: `units` and `links` by column (a path of the console, in which Grafana puts the value for VALUE), and
    `hidden` columns.
    """

    title: str
    kind: str
    says: str
    targets: Sequence[PromQL | SQL]
    unit: str = "short"
    thresholds: Thresholds = ()
    runbook: str | None = None
    width: int = 12
    height: int = 8
    empty: str = "none"
    last: str | None = None
    units: Mapping[str, str] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    hidden: Sequence[str] = ()


@dataclass(frozen=True)
class Board:
    uid: str
    title: str
    says: str
    panels: Sequence[Panel]
    others: Sequence[tuple[str, str]] = field(default_factory=tuple)
    since: str = "now-24h"
    picks: bool = False
    """Whether a member and a role can be chosen."""


class _SqlQuery(variants.Dataquery):
    """The SDK has no query of PostgreSQL."""

    def __init__(self, query: SQL, ref: str) -> None:
        self._query, self._ref = query, ref

    def to_json(self) -> dict[str, object]:
        return {
            "refId": self._ref,
            "datasource": POSTGRES.to_json(),
            "editorMode": "code",
            "rawQuery": True,
            "format": "time_series" if self._query.series else "table",
            "rawSql": self._query.text,
        }


class _SqlBuilder(cog.Builder[variants.Dataquery]):
    def __init__(self, query: SQL, ref: str) -> None:
        self._built = _SqlQuery(query, ref)

    def build(self) -> variants.Dataquery:
        return self._built


def text_of(board: Board) -> str:
    built = dashboard.Dashboard(board.title).uid(board.uid).description(board.says).tags(["temple-ledger"])
    built = built.refresh("30s").time(board.since, "now").timezone("browser").readonly()
    for variable in (*_variables(), *(_picks() if board.picks else ())):
        built = built.with_variable(variable)
    for title, uid in board.others:
        link = dashboard.DashboardLink(title).type(models.DashboardLinkType.LINK).url(f"/d/{uid}")
        built = built.link(link.keep_time(True).include_vars(True))
    console = dashboard.DashboardLink("Console").type(models.DashboardLinkType.LINK).url("${console}")
    built = built.link(console.target_blank(True))
    x = y = 0
    row_height = 0
    for number, panel in enumerate(board.panels, 1):
        if x + panel.width > COLUMNS:
            x, y, row_height = 0, y + row_height, 0
        place = models.GridPos(h=panel.height, w=panel.width, x=x, y=y)
        built = built.with_panel(_panel(panel).id(number).grid_pos(place))
        x, row_height = x + panel.width, max(row_height, panel.height)
    return JSONEncoder(sort_keys=True, indent=2, ensure_ascii=False).encode(built.build()) + "\n"


def _variables() -> list[cog.Builder[models.VariableModel]]:
    metrics = models.VariableOption(selected=True, text="Temple Prometheus", value="temple-prometheus")
    rows = models.VariableOption(selected=True, text="Temple PostgreSQL", value="temple-postgres")
    return [
        dashboard.DatasourceVariable("prometheus").label("Prometheus").type("prometheus").current(metrics),
        dashboard.DatasourceVariable("postgres").label("PostgreSQL").type(str(POSTGRES.type_val)).current(rows),
        dashboard.ConstantVariable("runbooks").label("Runbooks").value(RUNBOOKS),
        dashboard.ConstantVariable("console").label("Console").value(CONSOLE),
    ]


def _picks() -> list[cog.Builder[models.VariableModel]]:
    every = models.VariableOption(selected=True, text="All", value="$__all")
    nobody = models.VariableOption(selected=True, text="", value="")
    role = dashboard.QueryVariable("role").label("Role").datasource(POSTGRES).query(ROLES)
    role = role.refresh(models.VariableRefresh.ON_DASHBOARD_LOAD).sort(
        models.VariableSort.ALPHABETICAL_CASE_INSENSITIVE_ASC
    )
    # an empty text stands for all: the questions have that case
    return [
        dashboard.TextBoxVariable("member").label("Member (id)").default_value("").current(nobody),
        role.include_all(True).all_value("''").current(every),
    ]


def _panel(panel: Panel):  # type: ignore[no-untyped-def] # the SDK's panels share methods, and no type
    built = _kinds(panel)
    sql = all(isinstance(each, SQL) for each in panel.targets)
    built = built.title(panel.title).description(panel.says).unit(panel.unit).no_value(panel.empty)
    built = built.datasource(POSTGRES if sql else PROMETHEUS)
    if panel.last is not None:
        built = built.time_from(panel.last)
    if panel.runbook is not None:
        link = dashboard.DashboardLink("What to do").type(models.DashboardLinkType.LINK)
        built = built.links([link.url(f"${{runbooks}}/{panel.runbook}.md").target_blank(True)])
    if panel.thresholds or panel.kind == "stat":
        steps = [*_first_steps(panel), *(models.Threshold(*each) for each in panel.thresholds)]
        built = built.thresholds(dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps))
    if panel.thresholds and panel.kind == "lines":
        drawn = common_builders.GraphThresholdsStyleConfig().mode(common.GraphThresholdsStyleMode.DASHED)
        built = built.thresholds_style(drawn)
    if panel.hidden:
        excluded = {"excludeByName": dict.fromkeys(panel.hidden, True)}
        built = built.with_transformation(models.DataTransformerConfig("organize", options=excluded))
    for column in sorted({*panel.units, *panel.links}):
        built = built.override_by_name(column, list(_properties(panel, column)))
    for number, target in enumerate(panel.targets):
        built = built.with_target(_target(target, chr(ord("A") + number), in_table=panel.kind == "table"))
    return built


def _first_steps(panel: Panel) -> list[models.Threshold]:
    if panel.kind == "stat":
        return [models.Threshold(None, "#8e8e8e"), models.Threshold(MEASURED, "green")]
    return [models.Threshold(None, "green")]


def _properties(panel: Panel, column: str) -> Iterator[models.DynamicConfigValue]:
    if column in panel.units:
        yield models.DynamicConfigValue("unit", panel.units[column])
    if column in panel.links:
        path = panel.links[column].replace("VALUE", "${__value.text:percentencode}")
        link = {"title": "Open in the console", "url": f"${{console}}{path}", "targetBlank": True}
        yield models.DynamicConfigValue("links", [link])


def _kinds(panel: Panel):  # type: ignore[no-untyped-def]
    last = common_builders.ReduceDataOptions().calcs(["lastNotNull"])
    if panel.kind == "stat":
        return stat.Panel().reduce_options(last).color_mode(common.BigValueColorMode.BACKGROUND)
    if panel.kind == "bars":
        return bargauge.Panel().reduce_options(last).orientation(common.VizOrientation.HORIZONTAL)
    if panel.kind == "pie":
        slices = piechart.PieChartLegendOptions().show_legend(True).display_mode(common.LegendDisplayMode.TABLE)
        slices = slices.placement(common.LegendPlacement.RIGHT).values([piechart_models.PieChartLegendValues.VALUE])
        return piechart.Panel().reduce_options(last).pie_type(piechart_models.PieChartType.PIE).legend(slices)
    if panel.kind == "table":
        return table.Panel()
    legend = common_builders.VizLegendOptions().show_legend(True).display_mode(common.LegendDisplayMode.TABLE)
    legend = legend.placement(common.LegendPlacement.BOTTOM).calcs(["lastNotNull", "max"])
    return timeseries.Panel().legend(legend).fill_opacity(10).span_nulls(True).axis_soft_min(0)


def _target(target: PromQL | SQL, ref: str, *, in_table: bool) -> cog.Builder[variants.Dataquery]:
    if isinstance(target, SQL):
        return _SqlBuilder(target, ref)
    query = prometheus.Dataquery().expr(target.expr).legend_format(target.legend or "__auto").ref_id(ref)
    query = query.editor_mode(prometheus_models.QueryEditorMode.CODE).datasource(PROMETHEUS)
    if in_table:
        query = query.format(prometheus_models.PromQueryFormat.TABLE)
    return query.instant() if target.instant or in_table else query.range()
