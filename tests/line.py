"""The line for end-to-end tests: rules applied, subscriptions there, articles published; on the Kafka of the run."""

import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson

from service.adapters.control import publish_rules, publish_subscription
from service.adapters.kafka_client import make_producer, started, topic_name
from service.adapters.receiver import Receiver
from service.adapters.rule_files import load_rules
from service.cli.audit import take_audit
from service.model.control_records import SubscriptionRecord
from service.model.policy import PolicyModel
from service.settings import KafkaSettings
from tests.builders import SECRET

RULES = """
entities:
  - {id: seoul-city, name: 서울시, kind: government, titles: [시장]}
  - {id: chongqing, name: 충칭, kind: place, aliases: [충칭시]}
rules:
  - {id: seoul-meets-chongqing, name: 서울시와 충칭, when: '@seoul-city AND @chongqing'}
  - {id: chongqing-watch, name: 충칭, when: '@chongqing'}
"""


def local_env(env: Mapping[str, str], **more: str) -> dict[str, str]:
    """Variables of roles in a test: loopback may be called, takeovers are quick."""
    return {
        **env,
        "BONGSU_DELIVERY_ALLOW_ADDRESSES": "127.0.0.0/8",
        "BONGSU_KAFKA_SESSION_TIMEOUT_S": "3",
        "BONGSU_DELIVERY_SCHEDULE_S": "0.2,0.2,0.2,1,1,1,1",
        **more,
    }


def lean_env(env: Mapping[str, str], **more: str) -> dict[str, str]:
    """The same without the second opinion, for tests in which no name is a word too.

    Its model is half of what the start of a worker costs: a second of CPU, and 250 MB.
    """
    return local_env(env, BONGSU_MATCHING_MORPHOLOGY="false", **more)


async def apply_rules(settings: KafkaSettings, tmp_path: Path, text: str = RULES) -> None:
    file = tmp_path / "rules-in-test.yaml"
    file.write_text(text, encoding="utf-8")
    await publish_rules(settings, load_rules(file))


ONE_WEBHOOK_AN_ALERT = PolicyModel(mode="each", inhibit=False)
"""What is counted by most tests; stories, holds and digests have tests of their own."""


async def subscribe(
    settings: KafkaSettings,
    receiver: Receiver,
    *rules: str,
    name: str = "sub",
    policy: PolicyModel = ONE_WEBHOOK_AN_ALERT,
) -> SubscriptionRecord:
    now_ms = int(time.time() * 1000)
    record = SubscriptionRecord(
        id=name,
        url=receiver.url,
        rules=rules or ("*",),
        secrets=(SECRET,),
        policy=policy,
        created_ms=now_ms,
        updated_ms=now_ms,
    )
    await publish_subscription(settings, record)
    receiver.secrets = [SECRET]
    return record


def article(number: int, text: str = "서울시와 충칭시가 협약을 맺었다.") -> dict[str, Any]:
    return {
        "id": f"a{number}",
        "title": f"{number}번째 소식",
        "text": f"{text} 이 소식은 {number}번째로 전해졌다.",
        "source": "한빛일보",
        "url": f"https://example.com/{number}",
    }


async def publish(settings: KafkaSettings, articles: Iterable[dict[str, Any] | bytes]) -> None:
    """Dicts as JSON keyed by id, bytes as they are; all acknowledged on return."""
    topic = topic_name(settings, "articles")
    async with started(settings, make_producer(settings)) as producer:
        futures = []
        for one in articles:
            if isinstance(one, bytes):
                futures.append(await producer.send(topic, one, b"raw"))
            else:
                futures.append(await producer.send(topic, orjson.dumps(one), one["id"].encode()))
        for future in futures:
            await future


async def settled_account(settings: KafkaSettings, wait_s: float = 60) -> dict[str, Any]:
    """The audit when all came to rest; fails with the account when it does not."""
    account = await take_audit(settings, wait_s)
    assert account["at_rest"], account
    assert account["balanced"], account
    return account
