"""Two tenants on one line, on a real Kafka: the same rule and entity ids, other names; nobody is told another's."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest

from service.adapters.control import publish_rules, publish_subscription
from service.adapters.control_silences import publish_silence
from service.adapters.receiver import Receiver
from service.adapters.rule_files import load_rules
from service.local import Roles
from service.model.control_records import SilenceMatchers, SilenceRecord, SubscriptionRecord
from tests.builders import SECRET
from tests.commands import bongsu_forked
from tests.e2e.test_control_tenants import publish_bad
from tests.line import ONE_WEBHOOK_AN_ALERT, lean_env, publish, settled_account
from tests.waiting import wait_until

pytestmark = pytest.mark.kafka

RULES = """
entities:
  - {{id: city, name: {name}, kind: place}}
rules:
  - {{id: watch, name: '{name} 소식', when: '@city'}}
  - {{id: works, name: '{name} 공사', when: '@city AND "{word}"', tags: [works]}}
"""


async def apply(settings: Any, tmp_path: Path, tenant: str, name: str, word: str = "공사") -> Path:
    file = tmp_path / f"{tenant}.yaml"
    file.write_text(RULES.format(name=name, word=word), encoding="utf-8")
    await publish_rules(settings, await asyncio.to_thread(load_rules, file), tenant=tenant)
    return file


def subscription(name: str, tenant: str, receiver: Receiver, *rules: str) -> SubscriptionRecord:
    receiver.secrets = [SECRET]
    return SubscriptionRecord(
        id=name, tenant=tenant, url=receiver.url, rules=rules or ("*",), secrets=(SECRET,),
        policy=ONE_WEBHOOK_AN_ALERT, created_ms=1, updated_ms=1,
    )  # fmt: skip


def told(receiver: Receiver) -> set[tuple[str, str, str]]:
    """Subscription, rule and article of each webhook, and that no id is qualified."""
    out = set()
    for one in receiver.received:
        data = json.loads(one.body)["data"]
        assert {mention["entity"] for alert in data["alerts"] for mention in alert["mentions"]} <= {"city", None}
        out |= {(data["subscription"], data["rule"]["id"], alert["article"]["id"]) for alert in data["alerts"]}
    return out


def text(name: str, city: str, what: str = "축제를 열었다") -> dict[str, Any]:
    return {"id": name, "title": f"{name}번 소식", "source": "한빛일보",
            "text": f"{city} 주민들이 {what}. {name}번째로 전해진 소식이다."}  # fmt: skip


async def test_two_tenants_on_one_line(kafka_settings, kafka_env, tmp_path):
    """Same ids, `*` on both sides, a silence of one, a broken set of one, a live change of one; the books balance."""
    now_ms = time.time_ns() // 1_000_000
    await apply(kafka_settings, tmp_path, "default", "다온시")
    theirs = await apply(kafka_settings, tmp_path, "acme", "미르군")

    def command(*args: object, code: int = 0) -> str:
        done = bongsu_forked(*args, env=kafka_env)
        assert done.returncode == code, done.stderr
        return str(done.stdout)

    async with (
        Receiver() as ours_in,
        Receiver() as acme_in,
        Roles(tmp_path, lean_env(kafka_env)) as roles,
    ):
        for record in (
            subscription("ours", "default", ours_in),
            subscription("ours-by-name", "default", ours_in, "acme/*", "entity:acme*"),
            subscription("theirs", "acme", acme_in),
            subscription("theirs-works", "acme", acme_in, "tag:works"),
            subscription("theirs-silenced", "acme", acme_in, "entity:city"),
        ):
            await publish_subscription(kafka_settings, record)
        for name, tenant, matchers in (
            ("sil_theirs", "acme", {"subscription": ("theirs-silenced",)}),
            ("sil_all", "nobody", {"rule": ("*",)}),
        ):
            silence = SilenceRecord(
                id=name, tenant=tenant, matchers=SilenceMatchers(**matchers), starts_ms=now_ms - 1_000,
                ends_ms=now_ms + 3_600_000, author="당번", comment="시험", created_ms=now_ms, updated_ms=now_ms,
            )  # fmt: skip
            await publish_silence(kafka_settings, silence)
        await roles.start("worker", "dispatcher")
        await publish(
            kafka_settings,
            [text("a1", "다온시"), text("a2", "미르군"), text("a3", "다온시와 미르군", "공사를 시작했다")],
        )
        ours = {("ours", rule, article) for rule, article in (("watch", "a1"), ("watch", "a3"), ("works", "a3"))}
        acme = {("theirs", rule, article) for rule, article in (("watch", "a2"), ("watch", "a3"), ("works", "a3"))}
        acme |= {("theirs-works", "works", "a3")}
        await wait_until(lambda: told(ours_in) == ours and told(acme_in) == acme)

        # the set of one breaks: it stays as it was, and the other's changes live
        await publish_bad(kafka_settings, "acme")
        await apply(kafka_settings, tmp_path, "default", "다온시", "축제")
        sent = 0

        async def changed() -> bool:
            nonlocal sent
            sent += 1
            await publish(kafka_settings, [text(f"b{sent}", "다온시와 미르군")])
            return any(rule == "works" and article.startswith("b") for _, rule, article in told(ours_in))

        await wait_until(changed)
        await publish(kafka_settings, [text("c1", "미르군", "공사를 시작했다")])
        await wait_until(lambda: {("theirs", "works", "c1"), ("theirs-works", "works", "c1")} <= told(acme_in))

        # mended, and by the command of a person: in force live, and the other's is as it was
        theirs.write_text(RULES.format(name="한별구", word="공사"), encoding="utf-8")
        assert "rules applied: 2 rules" in command("rules", "apply", "--tenant", "acme", theirs)
        assert command("rules", "diff", "--tenant", "acme", theirs) == "no difference\n"
        assert command("rules", "diff", tmp_path / "default.yaml") == "no difference\n"

        async def mended() -> bool:
            nonlocal sent
            sent += 1
            await publish(kafka_settings, [text(f"d{sent}", "한별구")])
            return any(article.startswith("d") for _, _, article in told(acme_in))

        await wait_until(mended)
        await settled_account(kafka_settings)

        why = ("why", "--article", "a3", "--json")
        silenced = json.loads(command(*why, "--subscription", "theirs-silenced", "--tenant", "acme"))
        assert (silenced["answer"], {line["rule"] for line in silenced["lines"]}) == ("silenced", {"watch", "works"})
        assert "there is no subscription theirs" in bongsu_forked(
            *why, "--subscription", "theirs", env=kafka_env
        ).stderr  # fmt: skip
        unwatched = command("why", "--article", "a2", "--subscription", "ours")
        assert "acme" not in unwatched
        assert "None of the" in unwatched
        for tenant, own in (("default", {"ours"}), ("acme", {"theirs", "theirs-works"})):
            lines = command("attempts", "--tenant", tenant, "--json").splitlines()
            assert {json.loads(line)["subscription"] for line in lines} == own
    assert not any(who.startswith("theirs") for who, _, _ in told(ours_in))
    assert {who for who, _, _ in told(acme_in)} == {"theirs", "theirs-works"}
    assert {who for who, _, _ in told(ours_in)} == {"ours"}
