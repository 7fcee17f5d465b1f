"""Every metric is looked at somewhere, or says why nobody has to; and nothing is asked for that does not exist."""

import json
import re
from pathlib import Path

import yaml

from service.cli.generate_docs import metrics_of

DEPLOY = Path(__file__).parents[2] / "deploy"
USES = yaml.safe_load((DEPLOY / "metrics.yaml").read_text(encoding="utf-8"))
DASHBOARDS = sorted((DEPLOY / "grafana" / "dashboards").glob("*.json"))
RULES = sorted((DEPLOY / "prometheus" / "rules").glob("*.y*ml"))
SUFFIX = {"counter": "_total", "info": "_info"}
ASKED = ("expr", "query", "definition")
"""Fields of a dashboard, or of a rule, that hold PromQL."""


def families():
    """(type, name, the names of its series) of each metric."""
    for registry in metrics_of().values():
        for family in registry.collect():
            name = family.name + SUFFIX.get(family.type, "")
            ends = ("_bucket", "_sum", "_count") if family.type == "histogram" else ("",)
            yield family.type, name, {f"{name}{end}" for end in ends}


def existing():
    """Name -> the names of its series."""
    return {name: series for _, name, series in families()}


def existing_by_type():
    """Type -> the names of its series; those of a histogram only ever grow, as a counter does."""
    found: dict[str, set[str]] = {"counter": set(), "gauge": set()}
    for kind, _, series in families():
        found["counter" if kind in {"counter", "histogram"} else "gauge"] |= series
    return found


def asked(value):
    """Every name of a series in the PromQL below a value of JSON or YAML."""
    if isinstance(value, list):
        return set().union(*map(asked, value))
    if not isinstance(value, dict):
        return set()
    own = [value[field] for field in ASKED if isinstance(value.get(field), str)]
    names = {name for text in own for name in re.findall(r"(?<![\w:])bongsu_\w+", text)}
    return names.union(*map(asked, value.values()))


def used():
    """File -> names of series that it asks for."""
    found = {path: asked(json.loads(path.read_text(encoding="utf-8"))) for path in DASHBOARDS}
    return found | {path: asked(yaml.safe_load(path.read_text(encoding="utf-8"))) for path in RULES}


def test_the_table_names_what_exists_and_nothing_else():
    assert set(USES) == set(existing())


def test_what_is_internal_says_why():
    for name, use in USES.items():
        assert use == "dashboard" or (list(use) == ["internal"] and len(use["internal"]) > 20), name


def test_what_is_asked_for_exists():
    series = set().union(*existing().values())
    for path, names in used().items():
        assert names <= series, f"{path.name} asks for what nobody exports: {sorted(names - series)}"


def test_what_is_for_dashboards_is_there_and_what_is_internal_is_not():
    everything = set().union(*used().values())
    seen = {name for name, series in existing().items() if series & everything}
    wanted = {name for name, use in USES.items() if use == "dashboard"}
    assert seen == wanted, f"not looked at: {sorted(wanted - seen)}; marked internal: {sorted(seen - wanted)}"


def test_a_name_that_nobody_exports_is_found():
    known_bad = {"panels": [{"targets": [{"expr": "rate(bongsu_articels_total[5m]) / bongsu:rate5m"}]}]}
    assert asked(known_bad) == {"bongsu_articels_total"}
    assert not asked(known_bad) <= set().union(*existing().values())
