"""`bongsu dead-letters` on a real topic: what a worker put there is read without Kafka's own tools."""

import json
from types import SimpleNamespace

import pytest

from service.adapters.dead_letters import dead_letter
from service.adapters.kafka_client import make_producer, started, topic_name

pytestmark = pytest.mark.kafka
WRONG = '{"id": "garam-1", "text": 7, "note": "\u001b[31m가람시"}'.encode()
PACKED = b"\xff\xfe\x00"
MISSING = b"a" * 500


async def test_each_says_where_it_stood_why_and_how_it_begins(kafka_settings, bongsu):
    none = bongsu("dead-letters")
    assert (none.returncode, "no dead letters" in none.stdout) == (0, True), none.stderr
    async with started(kafka_settings, make_producer(kafka_settings)) as producer:
        for topic, key, value, reason in (
            ("articles", b"garam-1", WRONG, "text: must be text, not int"),
            ("articles", None, PACKED, "not JSON"),
            ("deliveries", b"sub_1", MISSING, "conflict"),
            ("matches", b"default", None, "no value"),
        ):
            record = SimpleNamespace(key=key, value=value, partition=2, offset=17)
            output = dead_letter(record, topic, reason, 1_795_392_000_000)
            await producer.send_and_wait(
                topic_name(kafka_settings, output.topic), output.value, output.key, headers=list(output.headers)
            )
    shown = bongsu("dead-letters", "--since", "1h")
    assert shown.returncode == 0, shown.stderr
    assert f"articles[2]@17  key garam-1  {len(WRONG)} bytes\n    text: must be text, not int\n    {{" in shown.stdout
    assert "\x1b" not in shown.stdout
    assert "not UTF-8: //4A" in shown.stdout
    assert "a" * 160 + "…\n" in shown.stdout
    assert "matches[2]@17  key default  no value\n    no value\n4 in all: 2 of articles" in shown.stdout

    lines = [json.loads(line) for line in bongsu("dead-letters", "--topic", "articles", "--json").stdout.splitlines()]
    assert [one["reason"] for one in lines] == ["text: must be text, not int", "not JSON"]
    assert (lines[0]["value"].encode(), lines[0]["base64"]) == (WRONG, None)
    assert (lines[1]["value"], lines[1]["base64"], lines[1]["key"], lines[1]["size"]) == (None, "//4A", None, 3)
    assert (lines[0]["topic"], lines[0]["partition"], lines[0]["offset"]) == ("articles", 2, 17)
