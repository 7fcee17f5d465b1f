"""`bongsu why` on one real run: worker, dispatcher, receivers; each answer that a run can give."""

import json
import time

import pytest

from service.actions.why_answer import answer_of
from service.actions.why_found import find
from service.adapters.control import publish_subscription, remove_subscription
from service.adapters.control_silences import publish_silence
from service.adapters.kafka_client import make_producer, started, topic_name
from service.adapters.receiver import Receiver, Script
from service.local import Roles
from service.model.control_records import SilenceMatchers, SilenceRecord, SubscriptionRecord
from service.model.errors import BadInput
from service.model.policy import PolicyModel
from tests.builders import SECRET
from tests.commands import bongsu_forked
from tests.line import apply_rules, lean_env, publish, subscribe
from tests.waiting import wait_until

pytestmark = pytest.mark.kafka

RULES = """
entities:
  - {id: daon, name: 다온시, kind: place, not_in: [다온시립대]}
  - {id: mireu, name: 미르군, kind: place}
rules:
  - {id: daon, when: '@daon'}
  - {id: daon-hearing, when: '@daon AND "공청회"'}
  - {id: both, when: '@daon AND @mireu'}
"""
TEXT = (
    "다온시가 월요일 낡은 수도관을 바꾸는 계획을 두고 공청회를 열었다. 주민들은 흙탕물이 나온 날이 올해만 열흘이 넘는다며 "
    "공사를 서둘러 달라고 했다. 담당자는 구역을 나누어 밤에 작업하겠다고 답했다."
)
ARTICLES = [
    {
        "id": "pipes-1",
        "url": "https://garam.example/pipes?no=1",
        "title": "수도관 두고 머리 맞댄 주민들",
        "text": TEXT,
        "source": "가람신문",
    },
    {"id": "pipes-2", "title": "흙탕물 그만, 밤에 수도 공사", "text": TEXT, "source": "나루통신"},
    {
        "id": "college",
        "title": "대학 소식",
        "text": "다온시립대 학생들이 미르군 농가를 도왔다. 감자를 캐고 저녁에는 노래를 불렀다.",
    },
    {"id": "nothing", "title": "내일 날씨", "text": "전국이 맑고 바람이 조금 불겠다. 아침에는 쌀쌀하겠다."},
]
SUBSCRIPTIONS = {
    "told": {},
    "down": {"mode": "each", "inhibit": False},
    "evening": {"mode": "digest", "digest": {"times": ["03:17"]}},
    "silenced": {},
    "picky": {"filters": {"source": ("한빛일보",)}},
    "hasty": {"time_to_live_s": 0.001},
}


async def test_each_answer(kafka_settings, kafka_env, tmp_path):
    await apply_rules(kafka_settings, tmp_path, RULES)
    now_ms = int(time.time() * 1000)
    hour = 3_600_000
    async with (
        Receiver() as receiver,
        Receiver(script=Script(statuses=(500,) * 50)) as failing,
        Roles(tmp_path, lean_env(kafka_env, BONGSU_DELIVERY_SCHEDULE_S="0.1,600")) as roles,
    ):
        for name, policy in SUBSCRIPTIONS.items():
            to = failing if name == "down" else receiver
            await subscribe(kafka_settings, to, "daon*", name=name, policy=PolicyModel.model_validate(policy))
        await subscribe(kafka_settings, receiver, "both", name="elsewhere")
        away = (await subscribe(kafka_settings, receiver, "daon", name="away")).model_copy(
            update={"revision": 2, "paused": True}
        )
        await publish_subscription(kafka_settings, away)
        await publish_silence(
            kafka_settings,
            SilenceRecord(
                id="sil_pipes", matchers=SilenceMatchers(subscription=("silenced",)), starts_ms=now_ms - hour,
                ends_ms=now_ms + hour, author="한소리", comment="공청회는 직접 챙김", created_ms=now_ms, updated_ms=now_ms,
            ),
        )  # fmt: skip
        await roles.start("worker", "dispatcher")
        await publish(kafka_settings, ARTICLES[:1])
        await wait_until(lambda: receiver.received)
        await publish(kafka_settings, ARTICLES[1:])
        async with started(kafka_settings, make_producer(kafka_settings)) as producer:
            await producer.send_and_wait(topic_name(kafka_settings, "articles"), b"\xffno json", b"broken")
        await subscribe(kafka_settings, receiver, "daon*", name="newcomer")

        async def why(subscription, article, rule=None):
            found = await find(kafka_settings, subscription, article, now_ms - hour)
            return answer_of(found, rule)

        async def until(subscription, article, answer, rule=None, says=""):
            async def answered():
                got = await why(subscription, article, rule)
                is_answer = got is not None and got.answer == answer and says in got.sentence
                return got if is_answer and "not sent yet" not in got.sentence else None

            return await wait_until(answered, what=f"{article} for {subscription}: {answer} {says}")

        told = await until("told", "pipes-1", "notified")
        assert "Delivered at" in told.sentence
        assert "attempt 1, status 204" in told.sentence
        broader = next(line for line in told.lines if line.rule == "daon")
        assert (broader.answer, broader.more["reason"]) == ("suppressed", "inhibited")
        assert "the narrower rule daon-hearing" in broader.sentence

        attached = await until("told", "pipes-2", "attached", "daon-hearing")
        assert "Attached to the story sty_" in attached.sentence
        assert "(body)" in attached.sentence
        assert "Delivered at" in attached.sentence

        down = await until("down", "pipes-1", "notified", "daon", says="2 attempts")
        assert "Not delivered yet" in down.sentence
        assert "500" in down.sentence
        assert "again at" in down.sentence

        held = await until("evening", "pipes-1", "held", "daon-hearing")
        assert "Held for the digest, until" in held.sentence
        follows = await until("evening", "pipes-2", "attached", "daon-hearing")
        assert "That one is held for the digest, until" in follows.sentence

        silenced = await until("silenced", "pipes-1", "silenced", "daon-hearing")
        assert "sil_pipes of 한소리 (“공청회는 직접 챙김”)" in silenced.sentence

        picky = await until("picky", "pipes-1", "suppressed", "daon")
        assert "by the filter source: the article has 가람신문, the subscription wants 한빛일보" in picky.sentence
        assert "Expired" in (await until("hasty", "pipes-1", "expired", "daon")).sentence

        paused = await until("away", "pipes-1", "notified", says="held back")
        assert any("is paused" in note for note in paused.notes)
        resumed = away.model_copy(update={"revision": 3, "paused": False})
        await publish_subscription(kafka_settings, resumed)
        await until("away", "pipes-1", "notified", says="Delivered at")

        other = await why("elsewhere", "pipes-1")
        assert other is not None
        assert other.answer == "not_watched"
        assert "daon, daon-hearing fired" in other.sentence
        newcomer = await why("newcomer", "pipes-1")
        assert newcomer is not None
        assert newcomer.answer == "not_addressed"
        assert "the subscription is newer" in newcomer.sentence
        assert (await until("told", "broken", "unreadable")).sentence.startswith(
            "The article came and could not be read"
        )

        def command(*args):
            done = bongsu_forked("why", *args, env=kafka_env)
            assert done.returncode == 0, done.stderr
            return done.stdout

        near = json.loads(command("--subscription", "elsewhere", "--article", "college", "--json"))
        assert near["answer"] == "no_rule"
        assert "Nearest was both" in near["sentence"]
        assert "it lacked @daon; there was @mireu" in near["sentence"]
        assert any("다온시립대" in note and "not_in" in note for note in near["notes"])
        assert "no_rule" in command("--subscription", "told", "--article", "nothing", "--json")
        wrong = bongsu_forked("why", "--subscription", "tol", "--article", "x", env=kafka_env)
        assert (wrong.returncode, "there is no subscription tol; did you mean told?" in wrong.stderr) == (2, True)
        assert "No article gone came since" in command("--subscription", "told", "--article", "gone")
        by_url = command("--subscription", "told", "--article", "https://garam.example/pipes?no=1", "--lang", "ko")
        assert "전달되었습니다(1번째 시도, 상태 코드 204)" in by_url
        assert "이 주소의 기사 ID는 pipes-1입니다." in by_url
        nowhere = command("--subscription", "told", "--article", "https://garam.example/pipes")
        assert "No article https://garam.example/pipes came since" in nowhere

        await remove_subscription(kafka_settings, "told")
        with pytest.raises(BadInput, match="there is no subscription told"):
            await why("told", "pipes-1")


async def test_a_rule_that_is_newer_than_the_article(kafka_settings, kafka_env, tmp_path):
    """No worker ran: the rules in force would fire now."""
    await apply_rules(kafka_settings, tmp_path, RULES)
    await publish_subscription(
        kafka_settings,
        SubscriptionRecord(id="s", url="https://example.com/", secrets=(SECRET,), created_ms=1, updated_ms=1),
    )
    await publish(kafka_settings, ARTICLES[:1])
    done = bongsu_forked("why", "--subscription", "s", "--article", "pipes-1", "--json", env=kafka_env)
    assert json.loads(done.stdout)["answer"] == "rules_changed"
    assert "daon, daon-hearing would now" in done.stdout
