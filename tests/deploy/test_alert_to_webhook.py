"""From a Bongsu that is made to fail to a message at somebody's receiver: real roles, Prometheus and Alertmanager.

The files are those of deploy/prometheus. Only times and addresses are others: nobody waits a quarter of an hour for a
test. What an alert asks, says and is named stays, and so does who is told and what is held back.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from service.adapters.processes import Child
from service.adapters.receiver import Receiver, Script
from service.local import Roles
from service.settings import KafkaSettings
from tests.deploy import alertmanager, prometheus
from tests.deploy.tools import ROOT
from tests.line import apply_rules, article, local_env, publish, subscribe
from tests.waiting import wait_until

pytestmark = [pytest.mark.deploy, pytest.mark.kafka]

FOLDER = ROOT / "deploy" / "prometheus"
SOON = "1s"
READY_S = 60
TELL_AGAIN = "--rules.alert.resend-delay=1s"
"""What fires before Prometheus has found Alertmanager (5 s) is dropped, and said again after this (otherwise a minute)."""
SLOWEST_RETRY = {"BONGSU_DELIVERY_SCHEDULE_S": ",".join(["1"] * 500), "BONGSU_DELIVERY_BREAKER_MAX_OPEN_S": "1"}
"""What fails is tried on until the test lets it succeed."""


def load(name: str) -> Any:
    return yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))


def alertmanager_config(told: alertmanager.Told) -> dict[str, Any]:
    """Each receiver is a path of the hook."""
    config: dict[str, Any] = load("alertmanager.yaml")
    for route in (config["route"], *config["route"]["routes"]):
        route.update({name: SOON for name in ("group_wait", "group_interval") if name in route})
    for receiver in config["receivers"]:
        receiver["webhook_configs"] = [{"url": f"{told.url}/{receiver['name']}", "send_resolved": True}]
    return config


def rules(folder: Path, **waits: str) -> Path:
    """The shipped rules, which wait a second where they wait minutes; or what `waits` says of an alert."""
    folder.mkdir()
    for path in (FOLDER / "rules").glob("*.yaml"):
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        for rule in (rule for group in document["groups"] for rule in group["rules"]):
            if "for" in rule:
                rule["for"] = waits.get(rule["alert"], SOON)
        (folder / path.name).write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
    return folder


def prometheus_config(folder: Path, at: str, targets: Mapping[str, list[str]]) -> dict[str, Any]:
    """The shipped one, of these roles."""
    config: dict[str, Any] = load("prometheus.yaml")
    config["global"] = {"scrape_interval": SOON, "evaluation_interval": SOON}
    config["rule_files"] = [str(folder / "*.yaml")]
    config["alerting"]["alertmanagers"] = [{"static_configs": [{"targets": [at]}]}]
    for job in config["scrape_configs"]:
        job["static_configs"] = [{"targets": targets.get(job["job_name"], [])}]
    return config


@pytest.fixture
def told() -> Iterator[alertmanager.Told]:
    with alertmanager.hook() as heard:
        yield heard


def metrics_of(child: Child) -> str:
    return f"127.0.0.1:{child.wait_ready(READY_S)['ports']['metrics']}"


async def test_what_fails_is_told_and_what_heals_is_told_too(
    kafka_settings: KafkaSettings, kafka_env: dict[str, str], tmp_path: Path, told: alertmanager.Told
) -> None:
    await apply_rules(kafka_settings, tmp_path)
    failing = Receiver(script=Script(statuses=(500,)))
    well = Receiver()
    with alertmanager.running(tmp_path / "alertmanager", alertmanager_config(told)) as at:
        async with failing, well, Roles(tmp_path, local_env(kafka_env, **SLOWEST_RETRY)) as roles:
            await subscribe(kafka_settings, failing, "chongqing-watch", name="press-office")
            for name in ("mayor", "archive"):
                await subscribe(kafka_settings, well, "chongqing-watch", name=name)
            worker, dispatcher = await roles.start("worker", "dispatcher")
            targets = {"bongsu-worker": [metrics_of(worker)], "bongsu-dispatcher": [metrics_of(dispatcher)]}
            config = prometheus_config(rules(tmp_path / "rules"), at, targets)
            with prometheus.running(tmp_path / "prometheus", config, TELL_AGAIN) as watching:
                # the zeros are seen before anything happens
                await wait_until(lambda: len(watching.query("bongsu_dead_letters_total == 0")) == 3)
                await wait_until(lambda: told.of("BongsuWatchdog", path="/watchdog"))
                assert not told.of("BongsuSubscriptionFailing")

                await publish(kafka_settings, [article(number) for number in range(30)] + [b"{no article"])
                await wait_until(lambda: told.of("BongsuSubscriptionFailing"), what="a failing subscription is told of")
                await wait_until(lambda: told.of("BongsuDeadLetters"), what="a dead letter is told of")

                failing.script = Script()
                await wait_until(
                    lambda: told.of("BongsuSubscriptionFailing", status="resolved"), what="its recovery is told of"
                )

                dispatcher.terminate(10)
                await wait_until(lambda: told.of("BongsuRoleDown"), what="a role that is gone is told of")

    (failed,) = unique(told.of("BongsuSubscriptionFailing", path="/day"))
    assert failed["labels"]["subscription"] == "press-office"
    assert failed["annotations"]["summary"] == "press-office: webhooks have failed for a quarter of an hour."
    assert (ROOT / failed["annotations"]["runbook_url"]).exists()
    (dead,) = unique(told.of("BongsuDeadLetters", path="/day"))
    assert dead["labels"]["where"] == "articles"
    (down,) = unique(told.of("BongsuRoleDown", path="/night"))
    assert (down["labels"]["job"], down["labels"]["instance"]) == ("bongsu-dispatcher", targets["bongsu-dispatcher"][0])
    assert {name for name in ("BongsuDeliveryFailingForAll", "BongsuWebhooksGivenUp", "BongsuRulesRefused",
                              "BongsuNoRules", "BongsuMostlyDeadLetters") if told.of(name)} == set()  # fmt: skip


async def test_when_all_fail_nobody_is_told_of_each(
    kafka_settings: KafkaSettings, kafka_env: dict[str, str], tmp_path: Path, told: alertmanager.Told
) -> None:
    await apply_rules(kafka_settings, tmp_path)
    failing = Receiver(script=Script(statuses=(503,)))
    with alertmanager.running(tmp_path / "alertmanager", alertmanager_config(told)) as at:
        async with failing, Roles(tmp_path, local_env(kafka_env, **SLOWEST_RETRY)) as roles:
            for name in ("mayor", "archive"):
                await subscribe(kafka_settings, failing, "chongqing-watch", name=name)
            worker, dispatcher = await roles.start("worker", "dispatcher")
            await publish(kafka_settings, [article(1)])
            # both have failed before Prometheus looks for the first time
            await wait_until(lambda: len({one.headers["webhook-id"] for one in failing.received}) == 2)
            targets = {"bongsu-worker": [metrics_of(worker)], "bongsu-dispatcher": [metrics_of(dispatcher)]}
            # as shipped it waits three times as long (15 min, 5 min) as what inhibits it, which needs a recorded rule first,
            # and is told some 7 s after the start: Prometheus looks for Alertmanager for 5 s
            folder = rules(tmp_path / "rules", BongsuSubscriptionFailing="20s")
            config = prometheus_config(folder, at, targets)
            with prometheus.running(tmp_path / "prometheus", config, TELL_AGAIN) as watching:
                await wait_until(lambda: told.of("BongsuDeliveryFailingForAll", path="/night"))
                assert not watching.query('ALERTS{alertname="BongsuSubscriptionFailing",alertstate="firing"}')
                await wait_until(
                    lambda: (
                        len(watching.query('ALERTS{alertname="BongsuSubscriptionFailing",alertstate="firing"}')) == 2
                    ),
                    what="each fires in Prometheus",
                )
    (everybody,) = unique(told.of("BongsuDeliveryFailingForAll"))
    assert everybody["annotations"]["summary"] == "The last webhook failed for 100% of all subscriptions."
    assert not told.of("BongsuSubscriptionFailing"), "Alertmanager holds them back"


def unique(alerts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One of each fingerprint: a message repeats what still fires."""
    return list({alert["fingerprint"]: alert for alert in alerts}.values())
