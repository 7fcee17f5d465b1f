"""Bongsu at work, and a Prometheus and a PostgreSQL that watch it: what dashboards are asked of.

Every role is a process of its own on a real Kafka. News come all the while, some of them unreadable; of the receivers
one is well, one slow, one fails now and then, one always, one is gone, one is paused, and one speaks TLS.
"""

import asyncio
import contextlib
import itertools
import ssl
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import orjson
from sqlalchemy import URL

from service.adapters.control import publish_subscription
from service.adapters.kafka_client import make_producer, started, topic_name
from service.adapters.processes import Child
from service.adapters.receiver import Receiver, Script
from service.local import Roles
from service.model.control_records import RetiringSecret, SubscriptionRecord
from service.model.policy import PolicyModel
from service.settings import KafkaSettings
from tests.api_process import make_token
from tests.builders import SECRET
from tests.certificates import Authority
from tests.deploy.prometheus import Prometheus, running, scrape
from tests.line import apply_rules, local_env
from tests.misbehaving import OK, serving
from tests.waiting import wait_until

HOUR_MS, DAY_MS = 3_600_000, 86_400_000

RULES = """
entities:
  - {id: naru-city, name: 나루시, kind: government, titles: [시장]}
  - {id: garam-city, name: 가람시, kind: government, titles: [시장]}
  - {id: chongqing, name: 충칭, kind: place, aliases: [충칭시]}
  - {id: hanbit-foundation, name: 한빛문화재단, kind: company}
  - {id: beacon, name: 봉수대, kind: place}
  - {id: salt-port, name: 소금나루항, kind: place}
rules:
  - {id: naru-meets-chongqing, name: 나루시와 충칭, when: '@naru-city AND @chongqing'}
  - {id: naru-watch, name: 나루시, when: '@naru-city'}
  - {id: garam-watch, name: 가람시, when: '@garam-city'}
  - {id: beacon-watch, name: 봉수대, when: '@beacon'}
  - {id: foundation-abroad, name: 재단과 충칭, when: '@hanbit-foundation AND @chongqing'}
  - {id: garam-trial, name: 가람시 (시험), when: '@garam-city', shadow: true}
  - {id: port-watch, name: 소금나루항, when: '@salt-port'}
"""
SOURCES = ("한빛일보", "나루신문", "가람방송", "새벽통신", "서쪽하늘저널")
STORIES = (
    (
        "나루시와 충칭시, 뱃길 협약",
        "나루시와 충칭시가 강을 잇는 뱃길을 함께 살피기로 했다. 나루시는 첫 배를 봄에 띄운다.",
    ),
    ("가람시 봉수대 다시 불 밝힌다", "가람시가 무너진 봉수대를 고쳐 세웠다. 봉수대 앞마당은 주말마다 열린다."),
    ("나루시장 새 시장길 걷다", "나루시가 오래된 시장길을 고쳤다. 상인들은 지붕이 높아졌다고 말했다."),
    ("한빛문화재단 충칭에서 전시", "한빛문화재단이 충칭에서 부채 그림 전시를 연다. 충칭 관객은 무료로 들어간다."),
    ("비 온 뒤 맑음", "오늘은 비가 그치고 바람이 분다. 내일은 더 따뜻하다."),
    (
        "가람시 도서관 밤에도 연다",
        "가람시가 도서관 세 곳을 밤 열 시까지 연다. 이용자는 가방을 맡길 수 있다. 가람시계 공방은 쉰다.",
    ),
)
WEIGHTS = (0, 1, 2, 0, 4, 1, 5, 0, 2, 3)
"""Which story comes when; the first is the day's."""
OF_ALL_RULES = 8
"""Subscriptions that are told of every rule."""
EVERY_S = 1.0
THEN = {
    "flaky-relay": Script(statuses=(503, 204), by_id=True),
    "broken-desk": Script(statuses=(500,)),
    "closed-desk": Script(statuses=(410,)),
}
"""What becomes of receivers when Prometheus begins to watch."""
POISON = b'{"id": 5, "title": '


@dataclass(frozen=True, slots=True)
class Watched:
    """What was watched: since when, and whom to ask."""

    prometheus: Prometheus
    history: URL
    began_s: float
    received: dict[str, int]
    """Subscription -> POSTs that its receiver answered, at this moment."""


@contextlib.asynccontextmanager
async def watched(
    settings: KafkaSettings,
    env: Mapping[str, str],
    history: URL,
    home: Path,
    *,
    for_s: float,
    per_s: float = 10,
    past: int = 1,
) -> AsyncIterator[Watched]:
    """Bongsu after `for_s` seconds of `per_s` articles each, which go on until the block ends.

    Before, the news of 30 hours are published with their times, about `past` to four times as many in each, and told of:
    Prometheus begins after them.
    """
    authority = Authority(home)
    environ = local_env(
        env,
        BONGSU_HISTORY_URL=history.render_as_string(hide_password=False),
        BONGSU_API_PORT="0",
        BONGSU_DELIVERY_GONE_PROBE_S="0.2",
        BONGSU_DELIVERY_OPERATIONS_SUBSCRIPTION="operations",
        BONGSU_DATA_DIR=str(home),
        SSL_CERT_FILE=str(authority.path),
    )
    await apply_rules(settings, home, RULES)
    async with contextlib.AsyncExitStack() as stack:
        received: dict[str, int] = {}
        receivers = await _subscribe(settings, stack, received, authority)
        roles = await stack.enter_async_context(Roles(home, environ))
        worker, dispatcher, audit, api, teller = await roles.start("worker", "dispatcher", "audit", "api", "history")
        earlier = list(_past(past))
        await _publish(settings, earlier)
        metrics = f"http://127.0.0.1:{_ports(worker)['metrics']}/metrics"
        await wait_until(lambda: _told(metrics, len(earlier), received), what="the past is told of")
        jobs = {"worker": worker, "dispatcher": dispatcher, "audit": audit, "api": api, "history": teller}
        targets = {f"bongsu-{name}": [f"127.0.0.1:{_ports(child)['metrics']}"] for name, child in jobs.items()}
        prometheus = stack.enter_context(running(home / "prometheus", scrape(targets, every_s=EVERY_S)))
        await wait_until(lambda: _all_up(prometheus, set(targets)), what="Prometheus sees every role")
        for name, script in THEN.items():
            receivers[name].script = script
        began_s = time.time()
        token = await make_token(environ)
        load = asyncio.gather(_news(settings, per_s), _questions(f"http://127.0.0.1:{_ports(api)['api']}", token))
        stack.push_async_callback(_cancelled, load)
        await wait_until(lambda: load.done() or time.time() > began_s + for_s, for_s + 60, what="the load goes on")
        if load.done():
            load.result()
        assert not roles.ended(), roles.ended()
        yield Watched(prometheus, history, began_s, received)


async def _told(metrics: str, articles: int, received: Mapping[str, int]) -> bool:
    """Whether all articles are through, and the good receivers have what was decided."""
    async with httpx.AsyncClient() as client:
        lines = (await client.get(metrics)).text.splitlines()

    def total(name: str) -> float:
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith((f"{name}{{", f"{name} ")))

    through = total("bongsu_articles_total") >= articles and total("bongsu_lag_records") == 0
    wanted = total("bongsu_alerts_total") / OF_ALL_RULES
    return through and min(received[name] for name in ("newsroom", "slow-archive", "flaky-relay")) >= wanted


def _ports(child: Child) -> dict[str, int]:
    ports: dict[str, int] = child.wait_ready(60)["ports"]
    return ports


def _all_up(prometheus: Prometheus, jobs: set[str]) -> bool:
    up = prometheus.targets_up()
    return set(up) == jobs and all(up.values())


async def _cancelled(load: "asyncio.Future[Any]") -> None:
    load.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await load


async def _subscribe(
    settings: KafkaSettings, stack: contextlib.AsyncExitStack, received: dict[str, int], authority: Authority
) -> dict[str, Receiver]:
    """Receivers by their subscriptions; all are well for now."""
    now_ms = int(time.time() * 1000)
    each = PolicyModel(mode="each", inhibit=False)
    receivers = {
        "newsroom": (Script(), each), "press-office": (Script(), None), "slow-archive": (Script(delay_s=0.4), each),
        "flaky-relay": (Script(), each), "broken-desk": (Script(), each),
        "closed-desk": (Script(), each), "on-holiday": (Script(), each), "operations": (Script(), each),
    }  # fmt: skip
    made, urls = {}, {}
    for name, (script, policy) in receivers.items():
        received[name] = 0

        def count(_: object, name: str = name) -> None:
            received[name] += 1

        receiver = Receiver([SECRET], script=script, on_received=count, keep=False)
        made[name] = await stack.enter_async_context(receiver)
        urls[name] = made[name].url, policy
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*authority.issue("city-hall"))
    city_hall = await stack.enter_async_context(serving(OK, tls))
    urls["city-hall"] = city_hall.url(), each
    for name, (url, policy) in urls.items():
        record = SubscriptionRecord(
            id=name, name=name, url=url, secrets=(SECRET,), policy=policy, created_ms=now_ms, updated_ms=now_ms,
            rules=("operations-only",) if name == "operations" else ("*",), paused=name == "on-holiday",
            retiring=(RetiringSecret(secret=SECRET, until_ms=now_ms + 3 * DAY_MS),) if name == "newsroom" else (),
        )  # fmt: skip
        await publish_subscription(settings, record)
    return made


def _article(number: int) -> dict[str, Any]:
    """Copies of a story differ in a number, as those of an agency's text do; every tenth is a story of its own."""
    title, text = STORIES[WEIGHTS[number % len(WEIGHTS)]]
    if number % 10 == 0:
        text = f"{number}번째 소식이다. {text} 주민 {number}명이 함께했고 {number * 7}그루의 나무가 {number % 13}줄로 섰다."
        title = f"{title} {number}"
    return {
        "id": f"a{number}", "title": title, "text": text, "source": SOURCES[number % 7 % len(SOURCES)],
        "url": f"https://news.example.com/{number}",
    }  # fmt: skip


def _past(each: int, hours: int = 30) -> Iterator[tuple[dict[str, Any], int]]:
    """(article, when): `each` to four times as many in an hour, by the time of day; never the newest hour."""
    now_ms = int(time.time() * 1000)
    number = 1_000_000
    for hour in range(hours, 0, -1):
        at_ms = now_ms - hour * HOUR_MS
        for _ in range(each * (1 + (at_ms // HOUR_MS) % 24 // 7)):
            number += 1
            yield _article(number), at_ms


async def _publish(settings: KafkaSettings, articles: Iterable[tuple[dict[str, Any], int]]) -> None:
    topic = topic_name(settings, "articles")
    async with started(settings, make_producer(settings)) as producer:
        sent = [
            await producer.send(topic, orjson.dumps(one), one["id"].encode(), timestamp_ms=at_ms)
            for one, at_ms in articles
        ]
        await asyncio.gather(*sent)


async def _news(settings: KafkaSettings, per_s: float) -> None:
    topic = topic_name(settings, "articles")
    async with started(settings, make_producer(settings)) as producer:
        for number in itertools.count(1):
            one = _article(number)
            await (await producer.send(topic, orjson.dumps(one), one["id"].encode()))
            if number % 40 == 3:
                await (await producer.send(topic, POISON, b"broken"))
            await asyncio.sleep(1 / per_s)


async def _questions(url: str, token: str) -> None:
    """Asks the API, now and then with a token that nobody gave."""
    async with httpx.AsyncClient(base_url=url, timeout=30) as client:
        for number in itertools.count():
            said = "nobody-gave-this" if number % 5 == 4 else token
            path = ("/v1/subscriptions", "/v1/rules", "/v1/silences", "/v1/subscriptions/nobody")[number % 4]
            await client.get(path, headers={"Authorization": f"Bearer {said}"})
            await asyncio.sleep(0.5)
