"""Parts of a dashboard, as Grafana's JSON has them.

Every panel says what it shows, in which unit, and where to go on from it. Queries name no data source but the variable
of the dashboard, so that a newsroom with two Prometheus can choose.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

PROMETHEUS: Json = {"type": "prometheus", "uid": "${datasource}"}
POSTGRESQL: Json = {"type": "grafana-postgresql-datasource", "uid": "${history}"}
COLUMNS = 24
"""Of Grafana's grid."""

Steps = Sequence[tuple[str, float | None]]
"""Colour and the value from which it holds; the first holds from below."""
GREEN: Steps = (("green", None),)
NO_COLOUR: Steps = (("text", None),)
MUST_BE_ZERO: Steps = (("green", None), ("red", 1))


def below(warn: float, bad: float) -> Steps:
    """Fine below `warn`, broken from `bad`."""
    return (("green", None), ("orange", warn), ("red", bad))


def above(warn: float, bad: float) -> Steps:
    """Broken below `bad`, doubtful below `warn`, fine from there."""
    return (("red", None), ("orange", bad), ("green", warn))


def prom(expr: str, legend: str = "", *, instant: bool = False, exemplars: bool = False) -> Json:
    """A query to Prometheus over the time that is shown; `instant`: as it is at its end."""
    made: Json = {"datasource": PROMETHEUS, "expr": expr, "legendFormat": legend or "__auto", "editorMode": "code"}
    made |= {"instant": True, "range": False} if instant else {"instant": False, "range": True}
    return made | ({"exemplar": True} if exemplars else {})


def column(expr: str) -> Json:
    """A query whose labels and value become columns of a table."""
    return prom(expr, instant=True) | {"format": "table"}


def sql(text: str, *, series: bool = False) -> Json:
    """A query to the history; `series`: its columns are `time`, `metric` and a number."""
    made = {"datasource": POSTGRESQL, "rawQuery": True, "editorMode": "code", "rawSql": text.strip()}
    return made | {"format": "time_series" if series else "table"}


def link(title: str, url: str) -> Json:
    """From a panel, or from a value in it, to elsewhere."""
    return {"title": title, "url": url, "targetBlank": False}


def runbook(alert: str) -> Json:
    """To what a person does when this alert wakes them."""
    return link(f"Runbook: {alert}", "${runbooks}/" + alert + ".md")


def dashboard_link(title: str, uid: str, **variables: str) -> Json:
    """To another dashboard, at the same time; with `variables` of it."""
    chosen = "".join(f"&var-{name}={value}" for name, value in variables.items())
    return link(title, f"/d/{uid}?${{__url_time_range}}{chosen}")


@dataclass(frozen=True, slots=True)
class Row:
    """A heading, and what stands below it."""

    title: str
    panels: Sequence[Json]


def timeseries(
    title: str,
    targets: Sequence[Json],
    *,
    unit: str,
    about: str,
    width: int = 12,
    height: int = 8,
    steps: Steps = GREEN,
    stacked: bool = False,
    bars: bool = False,
    links: Sequence[Json] = (),
    value_links: Sequence[Json] = (),
    log: bool = False,
    colours: Mapping[str, str] | None = None,
) -> Json:
    """Lines over time; `colours` by legend; thresholds with more than one step are drawn as a line."""
    custom: Json = {
        "drawStyle": "bars" if bars else "line",
        "lineWidth": 1 if bars or stacked else 2,
        "fillOpacity": 70 if bars else 35 if stacked else 0 if log else 8,
        "showPoints": "never",
        "spanNulls": False,
        "stacking": {"mode": "normal" if stacked else "none", "group": "A"},
        "thresholdsStyle": {"mode": "dashed" if len(steps) > 1 else "off"},
        "scaleDistribution": {"type": "log", "log": 10} if log else {"type": "linear"},
        "axisSoftMin": 0,
    }
    if log:
        del custom["axisSoftMin"]
    overrides = [
        {
            "matcher": {"id": "byName", "options": name},
            "properties": [{"id": "color", "value": {"mode": "fixed", "fixedColor": colour}}],
        }
        for name, colour in (colours or {}).items()
    ]
    options = {
        "legend": {"displayMode": "table", "placement": "right", "showLegend": True, "calcs": ["lastNotNull", "max"]},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    made = _panel("timeseries", title, targets, unit, about, (width, height), steps, links, value_links)
    made["fieldConfig"]["defaults"] |= {"custom": custom, "color": {"mode": "palette-classic"}}
    made["fieldConfig"]["overrides"] = overrides
    return made | {"options": options}


def stat(
    title: str,
    expr: str | Json,
    *,
    unit: str,
    about: str,
    steps: Steps,
    width: int = 4,
    height: int = 4,
    decimals: int | None = None,
    links: Sequence[Json] = (),
    legend: str = "",
    names: bool = False,
) -> Json:
    """One number in the colour of its threshold; `names`: says the legend and not the number."""
    target = prom(expr, legend, instant=True) if isinstance(expr, str) else expr
    made = _panel("stat", title, [target], unit, about, (width, height), steps, links, ())
    if decimals is not None:
        made["fieldConfig"]["defaults"]["decimals"] = decimals
    made["fieldConfig"]["defaults"]["color"] = {"mode": "thresholds"}
    options = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "colorMode": "value",
        "graphMode": "none",
        "justifyMode": "center",
        "textMode": "name" if names else "auto",
    }
    return made | {"options": options}


def bars(
    title: str,
    target: Json,
    *,
    unit: str,
    about: str,
    width: int = 12,
    height: int = 8,
    steps: Steps = (("blue", None),),
    links: Sequence[Json] = (),
    value_links: Sequence[Json] = (),
    decimals: int | None = 0,
) -> Json:
    """A bar for each series, or for each row of SQL."""
    made = _panel("bargauge", title, [target], unit, about, (width, height), steps, links, value_links)
    made["fieldConfig"]["defaults"] |= {"color": {"mode": "thresholds"}, "min": 0}
    if decimals is not None:
        made["fieldConfig"]["defaults"]["decimals"] = decimals
    rows = "rawSql" in target
    options = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": rows, "limit": 50},
        "orientation": "horizontal",
        "displayMode": "gradient",
        "showUnfilled": True,
        "valueMode": "color",
        "namePlacement": "left",
    }
    return made | {"options": options}


@dataclass(frozen=True, slots=True)
class Column:
    """How a column of a table is shown: its name in the data, its heading, its unit."""

    name: str
    heading: str
    unit: str = "none"
    steps: Steps = ()
    links: Sequence[Json] = ()
    width: int | None = None
    decimals: int | None = None
    hidden: bool = False

    def override(self) -> Json:
        """As `fieldConfig` has it. It is found by its heading: columns are renamed first."""
        properties: list[Json] = [{"id": "unit", "value": self.unit}]
        if self.steps:
            properties += [
                {"id": "thresholds", "value": thresholds(self.steps)},
                {"id": "color", "value": {"mode": "thresholds"}},
                {"id": "custom.cellOptions", "value": {"type": "color-text"}},
            ]
        if self.links:
            properties.append({"id": "links", "value": list(self.links)})
        counts = self.unit in {"locale", "percentunit"}
        width = self.width or (max(90, 36 + 8 * len(self.heading)) if counts else None)
        if width is not None:
            properties.append({"id": "custom.width", "value": width})
        if self.hidden:
            properties.append({"id": "custom.hidden", "value": True})
        if self.decimals is not None:
            properties.append({"id": "decimals", "value": self.decimals})
        return {"matcher": {"id": "byName", "options": self.heading}, "properties": properties}


def table(
    title: str,
    targets: Sequence[Json],
    columns: Sequence[Column],
    *,
    about: str,
    width: int = 24,
    height: int = 9,
    sort_by: str = "",
    ascending: bool = False,
    links: Sequence[Json] = (),
) -> Json:
    """Rows with the columns named, in their order; queries are merged by their labels."""
    made = _panel("table", title, targets, "none", about, (width, height), NO_COLOUR, links, ())
    made["fieldConfig"]["overrides"] = [one.override() for one in columns]
    made["fieldConfig"]["defaults"]["custom"] = {"align": "auto", "filterable": True, "inspect": False}
    order = {one.name: place for place, one in enumerate(columns)}
    names = {one.name: one.heading for one in columns if one.name != one.heading}
    organize: Json = {"includeByName": dict.fromkeys(order, True), "indexByName": order, "renameByName": names}
    transformations: list[Json] = [{"id": "merge", "options": {}}] if len(targets) > 1 else []
    transformations.append({"id": "organize", "options": organize})
    sorting = [{"displayName": sort_by, "desc": not ascending}] if sort_by else []
    return made | {
        "transformations": transformations,
        "options": {"showHeader": True, "cellHeight": "sm", "sortBy": sorting},
    }


def thresholds(steps: Steps) -> Json:
    """As `fieldConfig` has them."""
    return {"mode": "absolute", "steps": [{"color": colour, "value": value} for colour, value in steps]}


def _panel(
    kind: str,
    title: str,
    targets: Sequence[Json],
    unit: str,
    about: str,
    size: tuple[int, int],
    steps: Steps,
    links: Sequence[Json],
    value_links: Sequence[Json],
) -> Json:
    sources = [target["datasource"] for target in targets]
    defaults: Json = {"unit": unit, "thresholds": thresholds(steps)}
    if value_links:
        defaults["links"] = list(value_links)
    return {
        "type": kind,
        "title": title,
        "description": about,
        "datasource": sources[0],
        "targets": [{"refId": chr(65 + place), **target} for place, target in enumerate(targets)],
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "gridPos": {"w": size[0], "h": size[1]},
        "links": list(links),
    }


@dataclass(frozen=True, slots=True)
class Variable:
    """What is chosen at the head of a dashboard. A query of Prometheus, of SQL (`history`), or a list of values."""

    name: str
    label: str
    query: str
    kind: str = "prometheus"
    many: bool = True

    def json(self) -> Json:
        """As `templating` has it."""
        made: Json = {"name": self.name, "label": self.label}
        if self.kind == "datasource":
            return made | {"type": "datasource", "query": self.query, "hide": 0, "regex": "", "refresh": 1}
        if self.kind == "constant":
            return made | {"type": "constant", "query": self.query, "hide": 2}
        if self.kind == "custom":
            options = [
                {"text": one, "value": one, "selected": not place} for place, one in enumerate(self.query.split(","))
            ]
            return made | {"type": "custom", "query": self.query, "options": options, "current": options[0]}
        asked: Json = {"datasource": POSTGRESQL, "query": self.query}
        if self.kind == "prometheus":
            asked = {"datasource": PROMETHEUS, "definition": self.query}
            asked["query"] = {"query": self.query, "refId": "variable", "qryType": 1}
        # `.*` stands in a query as it is, so SQL, which wants a list, gets all values one by one
        chosen = {"text": ["All"], "value": ["$__all"]}
        return made | {
            "type": "query", **asked, "multi": self.many, "includeAll": self.many, "refresh": 2, "sort": 1,
            "current": chosen if self.many else {}, **({"allValue": ".*"} if self.many and self.kind == "prometheus" else {}),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Board:
    """A dashboard."""

    uid: str
    title: str
    about: str
    rows: Sequence[Row]
    variables: Sequence[Variable] = ()
    since: str = "now-6h"
    history: bool = False
    """Whether it asks the history too."""
    links: Sequence[Json] = field(default_factory=tuple)

    def json(self, runbooks: str) -> Json:
        """As a file of Grafana's provisioning; `runbooks` is the address of their folder."""
        variables = [Variable("datasource", "Prometheus", "prometheus", "datasource")]
        if self.history:
            variables.append(Variable("history", "History", str(POSTGRESQL["type"]), "datasource"))
        variables += [*self.variables, Variable("runbooks", "Runbooks", runbooks, "constant")]
        others = {
            "title": "Bongsu", "type": "dashboards", "tags": ["bongsu"], "asDropdown": False, "includeVars": False,
            "keepTime": True, "icon": "external link", "targetBlank": False, "tooltip": "", "url": "",
        }  # fmt: skip
        return {
            "uid": self.uid,
            "title": self.title,
            "description": self.about,
            "tags": ["bongsu"],
            "schemaVersion": 41,
            "editable": True,
            "graphTooltip": 1,
            "refresh": "30s",
            "time": {"from": self.since, "to": "now"},
            "timezone": "browser",
            "links": [others, *self.links],
            "templating": {"list": [one.json() for one in variables]},
            "annotations": {"list": [_ALERTS]},
            "panels": list(_laid_out(self.rows)),
        }


_ALERTS: Json = {
    "name": "Alerts",
    "datasource": PROMETHEUS,
    "enable": True,
    "iconColor": "red",
    "expr": 'ALERTS{alertname=~"Bongsu.+", alertname!="BongsuWatchdog", alertstate="firing"}',
    "titleFormat": "{{alertname}}",
    "step": "60s",
}
"""Where an alert fires the graphs are marked."""


def _laid_out(rows: Sequence[Row]) -> Iterator[Json]:
    """Panels with ids and places, from left to right below the heading of their row."""
    number, top = 0, 0
    for row in rows:
        number += 1
        place = {"x": 0, "y": top, "w": COLUMNS, "h": 1}
        yield {"type": "row", "id": number, "title": row.title, "collapsed": False, "gridPos": place, "panels": []}
        left, top, tallest = 0, top + 1, 0
        for panel in row.panels:
            number += 1
            size = panel["gridPos"]
            if left + size["w"] > COLUMNS:
                left, top, tallest = 0, top + tallest, 0
            yield {**panel, "id": number, "gridPos": {"x": left, "y": top, **size}}
            left, tallest = left + size["w"], max(tallest, size["h"])
        top += tallest
