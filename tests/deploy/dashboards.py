"""Dashboards as tests see them: their panels, their queries as Grafana would send them, and what is wrong with them."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.deploy.tools import ROOT

GRAFANA = ROOT / "deploy" / "grafana"
RUNBOOKS = ROOT / "deploy" / "runbooks"
BUILT_IN = {"__rate_interval", "__range", "__from", "__to", "__url_time_range", "__interval"}
"""Variables that Grafana brings, those that we use."""
AT_LEAST = 30
"""Characters of a description that says anything."""
COUNTED = re.compile(r"(?<![\w:])\w+_(?:total|bucket|sum|count)(?![\w(])(?:\{[^}]*\})?")
RATED = re.compile(r"\b(?:rate|irate|increase)\(\s*([\w:]+)(?:\{[^}]*\})?\[[^\]]+\](?: @ end\(\))?\s*\)")
NAME = re.compile(r"(?<![\w:$])bongsu_\w+")
USED = re.compile(r"\$(?:\{(\w+)(?:[:.][\w.]+)?\}|(\w+))")


@dataclass(frozen=True, slots=True)
class Target:
    """A query of a panel."""

    panel: str
    query: str
    source: str
    instant: bool
    series: bool
    """A query of SQL that gives a time series."""

    @property
    def is_sql(self) -> bool:
        """Whether the history answers it."""
        return self.source == "${history}"

    def expanded(self, variables: Mapping[str, str]) -> str:
        """With variables as Grafana puts them in; KeyError for one that is not there."""
        return USED.sub(lambda found: variables[found[1] or found[2]], self.query)


def load(path: Path) -> dict[str, Any]:
    """A dashboard as it is committed."""
    dashboard: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return dashboard


def committed() -> dict[str, dict[str, Any]]:
    """Name -> dashboard."""
    return {path.stem: load(path) for path in sorted((GRAFANA / "dashboards").glob("*.json"))}


def panels(dashboard: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Those that show something."""
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def targets(panel: Mapping[str, Any]) -> list[Target]:
    """Its queries."""
    return [
        Target(
            panel["title"],
            target["rawSql"] if "rawSql" in target else target["expr"],
            (target.get("datasource") or {}).get("uid", ""),
            bool(target.get("instant")),
            target.get("format") == "time_series",
        )
        for target in panel.get("targets", [])
    ]


def queries(dashboard: Mapping[str, Any]) -> list[Target]:
    """All of a dashboard: of panels, and of the variables that are asked for."""
    found = [target for panel in panels(dashboard) for target in targets(panel)]
    for one in dashboard["templating"]["list"]:
        if one["type"] == "query":
            asked = one["query"] if isinstance(one["query"], str) else one["query"]["query"]
            source = one["datasource"]["uid"]
            found.append(Target(f"variable {one['name']}", asked, source, instant=True, series=False))
    return found


def faults(
    dashboard: Mapping[str, Any], *, metrics: Mapping[str, set[str]], boards: Mapping[str, Mapping[str, Any]]
) -> list[str]:
    """What is wrong, a sentence each.

    `metrics`: type ("counter", "gauge", ...) -> names of series. `boards`: uid -> every dashboard there is.
    """
    return [*_structure(dashboard), *_queries(dashboard, metrics), *_links(dashboard, boards)]


def _structure(dashboard: Mapping[str, Any]) -> Iterator[str]:
    taken: dict[tuple[int, int], str] = {}
    ids: set[int] = set()
    titles: set[str] = set()
    for panel in dashboard["panels"]:
        title, place = panel["title"], panel["gridPos"]
        if panel["id"] in ids:
            yield f"{title}: its id is another's"
        ids.add(panel["id"])
        if title in titles:
            yield f"{title}: another panel has this title"
        titles.add(title)
        if place["x"] + place["w"] > 24:
            yield f"{title}: reaches beyond the right edge"
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}  # fmt: skip
        if hidden := cells & taken.keys():
            yield f"{title}: lies over {taken[hidden.pop()]}"
        taken |= dict.fromkeys(cells, title)
        if panel["type"] == "row":
            continue
        if len(panel.get("description", "")) < AT_LEAST:
            yield f"{title}: does not say what it shows (description)"
        yield from _units(panel)
        if not panel.get("targets"):
            yield f"{title}: asks nothing"


def _units(panel: Mapping[str, Any]) -> Iterator[str]:
    config = panel.get("fieldConfig", {})
    defaults = config.get("defaults", {})
    if not defaults.get("unit"):
        yield f"{panel['title']}: no unit"
    if panel["type"] in {"stat", "gauge"} and not defaults.get("thresholds", {}).get("steps"):
        yield f"{panel['title']}: no thresholds, so no colour says whether it is well"
    if panel["type"] == "table":
        shown = [one["options"] for one in panel.get("transformations", []) if one["id"] == "organize"]
        for name in [name for one in shown for name in one["includeByName"]]:
            heading = shown[0]["renameByName"].get(name, name)
            described = [one for one in config["overrides"] if one["matcher"]["options"] == heading]
            if not any(p["id"] == "unit" for one in described for p in one["properties"]):
                yield f"{panel['title']}: column {heading} has no unit"


def _queries(dashboard: Mapping[str, Any], metrics: Mapping[str, set[str]]) -> Iterator[str]:
    variables = {one["name"]: one for one in dashboard["templating"]["list"]}
    known = set().union(*metrics.values())
    for target in queries(dashboard):
        source = re.fullmatch(r"\$\{(\w+)\}", target.source)
        if source is None or variables.get(source[1], {}).get("type") != "datasource":
            yield f"{target.panel}: names a data source ({target.source or 'none'}), and not a variable of the dashboard"
        for found in USED.finditer(target.query):
            if (name := found[1] or found[2]) not in variables.keys() | BUILT_IN:
                yield f"{target.panel}: ${name} is no variable of the dashboard"
        for name in re.findall(r"\$\{(\w+):sqlstring\}", target.query):
            if variables.get(name, {}).get("allValue"):
                yield f"{target.panel}: where all of {name} are chosen, SQL gets {variables[name]['allValue']} for a list"
        if target.is_sql:
            continue
        for name in sorted(set(NAME.findall(target.query)) - known):
            yield f"{target.panel}: nobody exports {name}"
        if target.panel.startswith("variable "):
            continue
        bare = RATED.sub("", target.query)
        for name in COUNTED.findall(bare):
            yield f"{target.panel}: {name} only ever grows; ask for its rate() or increase()"
        for rated in RATED.finditer(target.query):
            if rated[1] in metrics["gauge"]:
                yield f"{target.panel}: {rated[1]} is a gauge; rate() of it says nothing"


def _links(dashboard: Mapping[str, Any], boards: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for panel in panels(dashboard):
        for url in _urls(panel):
            if found := re.fullmatch(r"\$\{runbooks\}/(\w+)\.md", url):
                if not (RUNBOOKS / f"{found[1]}.md").is_file():
                    yield f"{panel['title']}: there is no runbook {found[1]}"
            elif found := re.match(r"/d/([\w-]+)\?", url):
                there = boards.get(found[1])
                if there is None:
                    yield f"{panel['title']}: there is no dashboard {found[1]}"
                    continue
                names = {one["name"] for one in there["templating"]["list"]}
                for name in re.findall(r"&var-(\w+)=", url):
                    if name not in names:
                        yield f"{panel['title']}: {found[1]} has no variable {name}"
            elif not url.startswith("${__data.fields."):
                yield f"{panel['title']}: links to {url}, which is none of ours"


def _urls(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for one in value:
            yield from _urls(one)
    elif isinstance(value, dict):
        for name, one in value.items():
            if name == "url" and isinstance(one, str):
                yield one
            else:
                yield from _urls(one)
