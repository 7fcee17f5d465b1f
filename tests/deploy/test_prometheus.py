"""What deploy/prometheus gives to Prometheus and Alertmanager, read by their own tools; each is fed what it must refuse.

That an alert fires when it must and is silent when it must be is said in deploy/prometheus/tests; here, that every alert
has such a test of both kinds.
"""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.tools import BAD, ROOT, run, said, tool

FOLDER = ROOT / "deploy" / "prometheus"
RULES = sorted((FOLDER / "rules").glob("*.yaml"))
TESTS = sorted((FOLDER / "tests").glob("*.yaml"))
HOW = "`apt-get install prometheus prometheus-alertmanager` brings it"
ALWAYS = {"BongsuWatchdog"}
"""It has no silence to be tested."""

deploy = pytest.mark.deploy


def promtool(*words: object) -> Any:
    return run([tool("promtool", HOW), *words])


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def alerts() -> list[dict[str, Any]]:
    """All alerting rules that are shipped."""
    return [rule for path in RULES for group in load(path)["groups"] for rule in group["rules"] if "alert" in rule]


@deploy
def test_the_rules_are_rules() -> None:
    done = promtool("check", "rules", "--lint=all", "--lint-fatal", *RULES)
    assert done.returncode == 0, said(done)
    assert done.stdout.count("SUCCESS") == len(RULES) >= 8


@deploy
@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_the_alerts_fire_and_stay_silent(path: Path) -> None:
    done = promtool("test", "rules", path)
    assert done.returncode == 0, said(done)
    assert "SUCCESS" in done.stdout


@deploy
@pytest.mark.parametrize("name", ["rules-no-promql", "rules-unknown-label", "rules-unknown-field"])
def test_promtool_refuses_bad_rules(name: str) -> None:
    done = promtool("check", "rules", BAD / "prometheus" / f"{name}.yaml")
    assert done.returncode != 0, said(done)
    assert "FAILED" in done.stdout + done.stderr


@deploy
@pytest.mark.parametrize("name", ["test-expects-too-much", "test-expects-silence"])
def test_promtool_refuses_what_does_not_come_true(name: str) -> None:
    assert promtool("check", "rules", BAD / "prometheus" / "rules-for-the-test.yaml").returncode == 0
    done = promtool("test", "rules", BAD / "prometheus" / f"{name}.yaml")
    assert done.returncode != 0, said(done)
    assert "FAILED" in done.stdout + done.stderr


@deploy
def test_prometheus_would_start(tmp_path: Path) -> None:
    """With its rules where they are here and not where compose mounts them."""
    config = load(FOLDER / "prometheus.yaml")
    assert config["rule_files"] == ["/etc/prometheus/rules/*.yaml"]
    config["rule_files"] = [str(FOLDER / "rules" / "*.yaml")]
    file = tmp_path / "prometheus.yaml"
    file.write_text(yaml.safe_dump(config), encoding="utf-8")
    done = promtool("check", "config", file)
    assert done.returncode == 0, said(done)
    assert f"{len(RULES)} rule files found" in done.stdout
    bad = promtool("check", "config", BAD / "prometheus" / "config.yaml")
    assert bad.returncode != 0, said(bad)
    assert "static_config" in bad.stdout + bad.stderr


@deploy
def test_alertmanager_would_start() -> None:
    amtool = tool("amtool", HOW)
    done = run([amtool, "check-config", FOLDER / "alertmanager.yaml"])
    assert done.returncode == 0, said(done)
    bad = run([amtool, "check-config", BAD / "prometheus" / "alertmanager.yaml"])
    assert bad.returncode != 0, said(bad)
    assert "nobody" in bad.stdout + bad.stderr


@deploy
@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        (("severity=critical", "alertname=BongsuRoleDown"), "night"),
        (("severity=warning", "alertname=BongsuSlow"), "day"),
        (("severity=none", "alertname=BongsuWatchdog"), "watchdog"),
        (("alertname=SomebodyElses",), "day"),
    ],
)
def test_who_is_told(labels: tuple[str, ...], receiver: str) -> None:
    done = run(
        [tool("amtool", HOW), "config", "routes", "test", f"--config.file={FOLDER / 'alertmanager.yaml'}", *labels]
    )
    assert done.stdout.strip() == receiver, said(done)


def test_every_alert_is_tested_to_fire_and_to_be_silent() -> None:
    checks = [check for path in TESTS for case in load(path)["tests"] for check in case.get("alert_rule_test", ())]
    fires = {check["alertname"] for check in checks if check["exp_alerts"]}
    silent = {check["alertname"] for check in checks if not check["exp_alerts"]}
    names = {alert["alert"] for alert in alerts()}
    assert fires == names, f"not tested to fire, or no alert: {sorted(fires ^ names)}"
    assert silent == names - ALWAYS, f"not tested to be silent, or no alert: {sorted(silent ^ (names - ALWAYS))}"


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_groups_are_asked_in_an_order(path: Path) -> None:
    """Left to itself promtool takes another one each time, and an alert fires a minute later now and then."""
    case = load(path)
    groups = [group["name"] for file in case["rule_files"] for group in load(path.parent / file)["groups"]]
    assert len(case["rule_files"]) == 1 or case.get("group_eval_order") == groups


def test_every_recorded_number_is_tested() -> None:
    recorded = {rule["record"] for path in RULES for group in load(path)["groups"] for rule in group["rules"]
                if "record" in rule}  # fmt: skip
    asked = " ".join(
        check["expr"] for path in TESTS for case in load(path)["tests"] for check in case.get("promql_expr_test", ())
    )
    assert recorded
    assert not [name for name in recorded if name not in asked]


def test_every_alert_says_what_to_do_and_who_is_woken() -> None:
    for alert in alerts():
        name = alert["alert"]
        assert alert["labels"].keys() == {"severity"}, name
        assert alert["labels"]["severity"] in {"critical", "warning"} or name in ALWAYS, name
        assert alert["annotations"].keys() == {"summary", "description", "runbook_url"}, name


def test_what_alertmanager_holds_back_are_alerts_that_there_are() -> None:
    names = {alert["alert"] for alert in alerts()}
    config = load(FOLDER / "alertmanager.yaml")
    matchers = [
        matcher for rule in config["inhibit_rules"] for matcher in (*rule["source_matchers"], *rule["target_matchers"])
    ] + [matcher for route in config["route"]["routes"] for matcher in route["matchers"]]
    named = [matcher.partition("=")[2].strip('~" ') for matcher in matchers if matcher.startswith("alertname")]
    assert {name for value in named for name in value.split("|")} <= names
