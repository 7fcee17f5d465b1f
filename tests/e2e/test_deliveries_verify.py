"""What the dispatcher sent, as it arrived, verified by the receivers of docs/webhooks.md and by the official packages.

Hangul in both normal forms, Hanja, emoji, characters beyond the first plane and control characters included.
"""

import asyncio
import base64
import json
import shutil
import subprocess
import sys
import unicodedata
from pathlib import Path
from typing import Any, get_args

import pytest

from service.adapters.receiver import Receiver
from service.delivery.formats import notification
from service.delivery.sample import sample_alert
from service.model.record import CONTENT_TYPES, Format
from service.model.records import DeliveryRecord
from service.settings import KafkaSettings
from tests.deliveries import SECRET, Known, delivery, dispatching, produce, settings_for, subscription, terminal
from tests.e2e.test_receivers import OFFICIAL, official_package
from tests.unit.delivery.test_webhooks_doc import JAVASCRIPT_HARNESS, PYTHON_HARNESS, block

pytestmark = pytest.mark.kafka

TEXTS = (
    "서울특별시 강남구", unicodedata.normalize("NFD", "부산광역시"), "重慶과 臺北, 李舜臣", "봉수 🏮👩‍🚒🇰🇷", "𠮷野家 ㈜가나 ㆍ ＡＢ",
    "\u0000\u001f\u2028\ufeff\\\"'</script>",
)  # fmt: skip


def sent() -> list[DeliveryRecord]:
    """One of every format about every text."""
    records = []
    for form in get_args(Format):
        to = subscription("https://receiver.example/", f"to-{form}", format=form)
        for number, text in enumerate(TEXTS):
            alert = sample_alert(to, 1_795_190_000_123)
            alert = alert.model_copy(
                update={
                    "article": alert.article.model_copy(update={"title": text}),
                    "mentions": (alert.mentions[0].model_copy(update={"sentence": text, "text": text[:3]}),),
                }
            )
            body = notification("alert.matched", to.id, 1, "first", (alert,), 1_795_190_000_123)
            content_type = CONTENT_TYPES.get(form, "application/json")
            records.append(delivery(number, to.id, body=body, content_type=content_type))
    return records


async def arrived(kafka_settings: KafkaSettings) -> list[dict[str, Any]]:
    """Headers and bytes of each as they came, as JSON for a program."""
    records = sent()
    async with Receiver([SECRET]) as receiver:
        known = Known()
        for form in get_args(Format):
            known.add(subscription(receiver.url, f"to-{form}", format=form))
        await produce(kafka_settings, records)
        async with dispatching(settings_for(kafka_settings), known):
            await terminal(kafka_settings, [record.id for record in records])
    assert {got.id: got.body for got in receiver.received} == {record.id: record.body.encode() for record in records}
    assert all(got.verified for got in receiver.received)  # the official package of Python
    return [
        {
            "secret": SECRET,
            "headers": {name.lower(): value for name, value in got.headers.items()},
            "body": base64.b64encode(got.body).decode(),
        }
        for got in receiver.received
    ]


async def test_every_receiver_accepts_every_delivery(kafka_settings: KafkaSettings, tmp_path: Path) -> None:
    given = await arrived(kafka_settings)
    spoiled = [{**one, "headers": {**one["headers"], "webhook-id": "msg_other"}} for one in given]
    wanted = [True] * len(given) + [False] * len(spoiled)
    (tmp_path / "receiver.py").write_text(block("python") + PYTHON_HARNESS, encoding="utf-8")
    commands = [[sys.executable, str(tmp_path / "receiver.py")]]
    node = shutil.which("node")
    if node is not None:
        (tmp_path / "receiver.cjs").write_text(block("javascript") + JAVASCRIPT_HARNESS, encoding="utf-8")
        commands.append([node, str(tmp_path / "receiver.cjs")])
        if official_package(tmp_path) is None:
            (tmp_path / "official.cjs").write_text(OFFICIAL, encoding="utf-8")
            commands.append([node, str(tmp_path / "official.cjs")])
    for command in commands:
        text = json.dumps([*given, *spoiled]).encode()
        done = await asyncio.to_thread(
            subprocess.run, command, cwd=tmp_path, input=text, capture_output=True, timeout=60, check=True
        )
        assert json.loads(done.stdout) == wanted, command
