"""The seeds, and the portal page, through the whole line: exactly what is expected, each webhook verified."""

import json
from collections import Counter
from pathlib import Path

import pytest
import yaml

from service.adapters.control import publish_rules
from service.adapters.receiver import Receiver
from service.adapters.rule_files import load_rules
from service.cli.ingest import publish as ingest
from service.local import Roles
from service.model.records import MatchRecord
from tests.deliveries import read_all
from tests.line import apply_rules, local_env, settled_account, subscribe
from tests.waiting import wait_until

pytestmark = pytest.mark.kafka

ROOT = Path(__file__).resolve().parents[2]
SEED = ROOT.parent / "shared" / "seed"


async def test_all_seeds_in_exactly_the_expected_webhooks_out(kafka_settings, kafka_env, tmp_path):
    expected = yaml.safe_load((ROOT / "seeds" / "expected.yaml").read_text(encoding="utf-8"))
    await publish_rules(kafka_settings, load_rules(ROOT / "rules"))
    async with Receiver() as receiver, Roles(tmp_path, local_env(kafka_env)) as roles:
        await subscribe(kafka_settings, receiver)
        await roles.start("worker", "dispatcher")
        tally = await ingest(kafka_settings, (str(ROOT / "seeds"),))
        assert (tally.bad, tally.acknowledged) == (0, len(expected))
        account = await settled_account(kafka_settings)
    assert all(one.verified for one in receiver.received)
    assert len({one.id for one in receiver.received}) == len(receiver.received)
    arrived = Counter(one.payload["data"]["rule"]["id"] for one in receiver.received)
    assert arrived == Counter(rule for rules in expected.values() for rule in rules)
    assert account["ledgers"]["deliveries"]["ends"] == {"delivered": sum(arrived.values())}
    assert account["topics"]["dead-letters"]["records"] == 0


@pytest.mark.skipif(not SEED.exists(), reason="the portal page is someone's copyright and stays outside the repository")
@pytest.mark.parametrize("titles", [True, False], ids=["with titles", "without titles"])
async def test_the_portal_page_gives_its_gold_mentions_through_kafka(titles, kafka_settings, kafka_env, tmp_path):
    page = (SEED / "portal-page.txt").read_text(encoding="utf-8")
    gold = json.loads((SEED / "portal-page.gold.json").read_text(encoding="utf-8"))
    listed = ", titles: [시장]" if titles else ""
    await apply_rules(
        kafka_settings,
        tmp_path,
        f"""
entities:
  - {{id: seoul, name: 서울시, kind: government{listed}}}
  - {{id: chongqing, name: 충칭, kind: place, aliases: [충칭시]{listed}}}
rules:
  - {{id: seoul, name: 서울시, when: '@seoul'}}
  - {{id: chongqing, name: 충칭, when: '@chongqing'}}
""",
    )
    async with Roles(tmp_path, local_env(kafka_env)) as roles:
        await roles.start("worker")
        await ingest(kafka_settings, (str(SEED / "portal-page.txt"),))
        records = await wait_until(lambda: read_all(kafka_settings, "matches"))
    (record,) = [MatchRecord.decode(one.value, "matches") for one in records]
    lines = page.split("\n")
    begin = {number: sum(len(line) + 1 for line in lines[1:number]) for number in range(1, len(lines))}
    names = {"서울시": "seoul", "충칭": "chongqing"}
    wanted = {
        (
            names[m["entity"]],
            "title" if m["line"] == 0 else "text",
            m["column"] + (begin[m["line"]] if m["line"] else 0),
        )
        for m in gold["mentions"]
        if titles or m["via"] != "title"
    }
    found = {(m.entity, m.field, m.start) for match in record.matches for m in match.mentions}
    assert found == wanted
