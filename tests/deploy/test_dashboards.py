"""Dashboards: each is what its builder writes, keeps the rules, and every question of it has an answer at a real Bongsu."""

import math
import subprocess
import sys
import time

import pytest
import yaml
from sqlalchemy import create_engine, text

from tests.deploy import dashboards
from tests.deploy.dashboards import GRAFANA, Target
from tests.deploy.test_metric_uses import existing_by_type
from tests.deploy.tools import BAD, ROOT, tool
from tests.deploy.watched import SOURCES, Watched, watched

BOARDS = dashboards.committed()
BY_UID = {board["uid"]: board for board in BOARDS.values()}
FOR_S = 30
WINDOW = "30s"
WITHOUT_AN_ANSWER = (
    Target("a", 'sum(rate(bongsu_articles_total{result="unheard"}[$__rate_interval]))', "${datasource}", False, False),
    Target("b", 'bongsu_account_unaccounted{ledger="no"}', "${datasource}", True, False),
    Target("c", "sum(bongsu_groups * 0) / sum(bongsu_groups * 0)", "${datasource}", True, False),
    Target("d", "label_values(bongsu_groups, newspaper)", "${datasource}", True, False),
    Target("e", "SELECT entity FROM coverage WHERE hour_ms > $__to", "${history}", False, False),
    Target("f", "SELECT max(hour_ms) FROM coverage WHERE hour_ms > $__to", "${history}", False, False),
)


def test_what_is_committed_is_what_the_builder_writes(tmp_path):
    subprocess.run([sys.executable, GRAFANA / "build.py", tmp_path], check=True, timeout=60)
    written = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}
    there = {path.name: path.read_text(encoding="utf-8") for path in (GRAFANA / "dashboards").glob("*.json")}
    assert written.keys() == there.keys() == {f"{name}.json" for name in ("overview", "coverage", "delivery", "rules")}
    assert [name for name in there if there[name] != written[name]] == [], "run `python deploy/grafana/build.py`"


@pytest.mark.parametrize("name", BOARDS)
def test_dashboards_keep_the_rules(name):
    assert dashboards.faults(BOARDS[name], metrics=existing_by_type(), boards=BY_UID) == []


def test_a_bad_dashboard_is_refused_for_each_of_its_faults():
    bad = dashboards.load(BAD / "dashboard.json")
    assert sorted(dashboards.faults(bad, metrics=existing_by_type(), boards=BY_UID)) == sorted([
        "A counter as it is: bongsu_articles_total only ever grows; ask for its rate() or increase()",
        "A gauge's rate: bongsu_groups is a gauge; rate() of it says nothing",
        "A metric that is not there: nobody exports bongsu_articels_total",
        "A panel over another: lies over A counter as it is",
        "A panel over another: its id is another's",
        "A panel over another: reaches beyond the right edge",
        "A source by its name: names a data source (prometheus-1), and not a variable of the dashboard",
        "A source that is not said: names a data source (none), and not a variable of the dashboard",
        "A counter as it is: another panel has this title",
        "A variable that is not there: $newspaper is no variable of the dashboard",
        "All of them: where all of paper are chosen, SQL gets .* for a list",
        "Asks nothing: asks nothing",
        "Leads nowhere: bongsu-coverage has no variable enitity",
        "Leads nowhere: links to https://elsewhere.example/, which is none of ours",
        "Leads nowhere: there is no dashboard bongsu-weather",
        "Leads nowhere: there is no runbook BongsuNoSuchAlert",
        "No colours: no thresholds, so no colour says whether it is well",
        "No unit: no unit",
        "Says nothing: does not say what it shows (description)",
        "Table: column Articles has no unit",
    ])  # fmt: skip


def test_provisioning_fits_the_dashboards_and_compose():
    """The types that variables look for, the folder that compose mounts, the names of its services, no password."""
    sources = yaml.safe_load((GRAFANA / "provisioning/datasources/bongsu.yaml").read_text(encoding="utf-8"))
    compose = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text(encoding="utf-8"))["services"]
    asked = {v["query"] for board in BOARDS.values() for v in board["templating"]["list"] if v["type"] == "datasource"}
    assert {source["type"] for source in sources["datasources"]} == asked
    for source in sources["datasources"]:
        assert source["url"].removeprefix("http://").split(":")[0] in compose
        for secret in source.get("secureJsonData", {}).values():
            assert secret.startswith("$__file{/run/secrets/")
            assert secret[8:-1].rsplit("/", 1)[1] in compose["grafana"]["secrets"]
    (provider,) = yaml.safe_load((GRAFANA / "provisioning/dashboards/bongsu.yaml").read_text(encoding="utf-8"))[
        "providers"
    ]
    mounts = dict(volume.split(":")[:2] for volume in compose["grafana"]["volumes"])
    assert mounts["./grafana/dashboards"] == provider["options"]["path"]
    assert mounts["./grafana/provisioning"] == "/etc/grafana/provisioning"
    assert mounts["./runbooks"] == "/usr/share/grafana/public/runbooks", "where links of panels lead"


@pytest.mark.deploy
@pytest.mark.kafka
@pytest.mark.timeout(300)
async def test_every_question_has_an_answer(kafka_settings, kafka_env, history_of_postgres, tmp_path):
    """All of them, of panels and of variables, at a Bongsu with some failures in it."""
    tool("prometheus", "`apt-get install prometheus` brings it")
    async with watched(kafka_settings, kafka_env, history_of_postgres, tmp_path, for_s=FOR_S) as world:
        asked = {name: dashboards.queries(board) for name, board in BOARDS.items()}
        silent = [
            f"{name}: {target.panel}: {target.query}"
            for name, targets in asked.items()
            for target in targets
            if not answered(world, target)
        ]
        assert silent == []
        assert not any(answered(world, target) for target in WITHOUT_AN_ANSWER), "this test would notice nothing"
        assert len([target for targets in asked.values() for target in targets]) > 100
        check_what_they_say(world)


@pytest.fixture
def history_of_postgres(postgres_server):
    """An empty database for the history."""
    from tests import postgres

    with postgres.database(postgres_server) as url:
        yield url


def variables(world: Watched, **chosen: str) -> dict[str, str]:
    """What Grafana would put in, with everything chosen."""
    now_s = time.time()
    return {
        "__rate_interval": WINDOW, "__range": f"{math.ceil(now_s - world.began_s) + 60}s",
        "__from": str(int((now_s - 2 * 86400) * 1000)), "__to": str(int((now_s + 60) * 1000)),
        "entity": ".*", "rule": ".*", "subscription": ".*", "top": "10",
        "source": ", ".join(f"'{source}'" for source in SOURCES), **chosen,
    }  # fmt: skip


def answered(world: Watched, target: Target) -> bool:
    """Whether it has an answer with a number in it; a variable: with a value."""
    query = target.expanded(variables(world))
    if target.is_sql:
        return any(value is not None for row in rows(world, query) for value in row)
    if label := label_values(query):
        return bool(world.prometheus.ask(f"label/{label[1]}/values", **{"match[]": label[0]}))
    if target.instant:
        samples = [series["value"] for series in world.prometheus.query(query)]
    else:
        found = world.prometheus.query_range(query, start_s=world.began_s, end_s=time.time(), step_s=1)
        samples = [sample for series in found for sample in series["values"]]
    return any(not math.isnan(float(value)) for _, value in samples)


def label_values(query: str) -> tuple[str, str] | None:
    """The metric and the label of `label_values(metric, label)`, which is Grafana's and not PromQL."""
    if not query.startswith("label_values("):
        return None
    metric, label = query.removeprefix("label_values(").removesuffix(")").split(", ")
    return metric, label


def rows(world: Watched, query: str) -> list[tuple[object, ...]]:
    """What the database says."""
    engine = create_engine(world.history)
    try:
        with engine.connect() as connection:
            connection.execute(text("SET TRANSACTION READ ONLY"))
            return [tuple(row) for row in connection.exec_driver_sql(query.replace("%", "%%"))]
    finally:
        engine.dispose()


def said(world: Watched, board: str, panel: str, place: int = 0) -> dict[str, float]:
    """What a panel with one label says, by that label (`` where there is none)."""
    (found,) = [one for one in dashboards.panels(BOARDS[board]) if one["title"] == panel]
    target = dashboards.targets(found)[place]
    samples = world.prometheus.query(target.expanded(variables(world)))
    return {next(iter(sample["metric"].values()), ""): float(sample["value"][1]) for sample in samples}


def check_what_they_say(world: Watched) -> None:
    """Some answers must be what happened: a panel that always answers and never knows would pass the rest."""
    assert said(world, "overview", "Lost or told twice") == {"": 0}
    assert said(world, "overview", "Not ready") == {"": 0}
    assert said(world, "overview", "Dead letters")[""] > 0
    assert said(world, "delivery", "Disabled") == {"": 1}
    assert said(world, "delivery", "Paused") == {"": 1}
    assert said(world, "delivery", "Only probes")[""] >= 1
    accepted = said(world, "delivery", "Subscriptions", place=1)
    assert accepted["newsroom"] == accepted["city-hall"] == 1
    assert accepted.get("broken-desk", 0) == 0
    retried = said(world, "delivery", "Subscriptions", place=2)
    assert retried["flaky-relay"] > 0
    assert retried["newsroom"] == 0
    assert said(world, "rules", "Found nothing in the time shown") == {"port-watch": 0}
    mentioned = said(world, "coverage", "Most mentioned")
    assert max(mentioned, key=lambda entity: mentioned[entity]) == "naru-city"
    assert mentioned["salt-port"] == 0
    answers = {str(status): int(str(count)) for status, count in rows(world, sql_of(world, "delivery", "Answers"))}
    assert {"204", "410", "500", "503"} <= answers.keys()
    assert 0 < answers["503"] <= world.received["flaky-relay"]
    papers = {row[0] for row in rows(world, sql_of(world, "coverage", "By newspaper"))}
    assert papers == set(SOURCES)
    only = rows(
        world, sql_of(world, "coverage", "Entity by newspaper", entity="(garam\\-city|beacon)", source="'한빛일보'")
    )
    assert {row[:2] for row in only} == {("garam-city", "한빛일보"), ("beacon", "한빛일보")}


def sql_of(world: Watched, board: str, title: str, **chosen: str) -> str:
    """The SQL of a panel."""
    (found,) = [one for one in dashboards.panels(BOARDS[board]) if one["title"] == title]
    (target,) = dashboards.targets(found)
    return target.expanded(variables(world, **chosen))
