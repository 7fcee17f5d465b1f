"""docs/webhooks.md cannot lie: its samples are what payload.py makes, its receivers verify what signing.py signs."""

import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from service.delivery.attempts import Failure
from service.delivery.payload import alert_payload
from service.delivery.signing import signature_headers
from service.model.records import AlertRecord, ArticleHead, Evidence, RuleHead, StoryHead
from service.model.topics import RETRY_TIERS_S
from service.settings import DeliverySettings

DOC = Path(__file__).parents[3] / "docs" / "webhooks.md"
TEXT = DOC.read_text(encoding="utf-8")
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
AT = 1_795_406_000_123


def evidence(entity: str, surface: str, text: str) -> Evidence:
    sentence = "서울시와 충칭시가 하천 관리 경험을 나누기로 했다."
    start = sentence.index(surface)
    return Evidence(
        entity=entity,
        surface=surface,
        text=text,
        sentence=sentence,
        zone="lead",
        field="text",
        start=start,
        end=start + len(surface),
    )


def alert(number: int, title: str) -> AlertRecord:
    return AlertRecord(
        alert_id=f"alr_{number:032x}",
        match_id=f"mat_{number:032x}",
        subscription="press-office",
        story=StoryHead(id="sty_00000000000000000000000000000001", copies=number),
        rule=RuleHead(id="seoul-meets-chongqing", name="서울시와 충칭의 교류"),
        article=ArticleHead(
            id=f"example-{number}",
            url=f"https://news.example/{number}",
            title=title,
            source="한빛일보",
            published_at="2026-11-23T12:50:00+09:00",
        ),
        mentions=(evidence("seoul-city", "서울시", "서울시와"), evidence("chongqing", "충칭", "충칭시가")),
        published_ms=AT - 40,
        matched_ms=AT - 20,
        alerted_ms=AT - 10,
    )


FIRST = alert(1, "서울시·충칭시, 하천 관리 함께 배운다")
SAMPLES = {
    "alert.matched": ("first", 1, (FIRST,)),
    "alert.digest": ("group_interval", 2, (FIRST, alert(2, "충칭시 대표단 서울 방문"))),
    "alert.updated": ("updated", 3, (FIRST,)),
}


def sample(kind: str) -> str:
    reason, sequence, alerts = SAMPLES[kind]
    return alert_payload(kind, "press-office", sequence, reason, alerts, AT)


def block(language: str, index: int = 0) -> str:
    found: list[str] = re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)
    return found[index]


@pytest.mark.parametrize(("index", "kind"), list(enumerate(SAMPLES)))
def test_the_samples_are_what_is_sent(index: int, kind: str) -> None:
    told = json.loads(block("json", index))
    assert told == json.loads(sample(kind))
    assert list(told) == list(json.loads(sample(kind)))
    assert f"### `{kind}`" in TEXT


def run(command: list[str], headers: dict[str, str], body: bytes) -> str:
    message = json.dumps({"secret": SECRET, "headers": headers, "body": body.decode("latin-1")})
    done = subprocess.run(command, input=message.encode(), capture_output=True, timeout=30, check=True)
    return done.stdout.decode().strip()


PYTHON_HARNESS = """
import json, sys
given = json.load(sys.stdin)
print(verify(given["secret"], given["headers"], given["body"].encode("latin-1")))
"""
JAVASCRIPT_HARNESS = """
const given = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
console.log(verify(given.secret, given.headers, Buffer.from(given.body, "latin1")) ? "True" : "False");
"""


@pytest.mark.parametrize("language", ["python", "javascript"])
def test_the_receivers_of_the_page_verify(language: str, tmp_path: Path) -> None:
    node = shutil.which("node")
    if language == "javascript" and node is None:
        pytest.skip("node is not installed")
    file = tmp_path / ("receiver.py" if language == "python" else "receiver.cjs")
    harness = PYTHON_HARNESS if language == "python" else JAVASCRIPT_HARNESS
    file.write_text(block(language) + harness, encoding="utf-8")
    command = [sys.executable if language == "python" else str(node), str(file)]
    body = sample("alert.matched").encode()
    now = int(time.time())
    good = signature_headers([SECRET], "msg_1", now, body)
    assert run(command, good, body) == "True"
    both = signature_headers(["whsec_" + "B" * 43 + "=", SECRET], "msg_1", now, body)
    assert run(command, both, body) == "True"
    assert run(command, good, body.replace("서울시".encode(), "부산시".encode())) == "False"
    assert run(command, {**good, "webhook-id": "msg_2"}, body) == "False"
    assert run(command, signature_headers([SECRET], "msg_1", now - 301, body), body) == "False"
    assert run(command, {**good, "webhook-signature": "nonsense v1"}, body) == "False"


def test_the_schedule_and_the_limits_are_the_defaults() -> None:
    defaults = DeliverySettings()
    row = re.search(r"^\| Wait before it \| (.*) \|$", TEXT, re.MULTILINE)
    assert row is not None
    units = {"s": 1, "min": 60, "h": 3600}
    waits = [cell.split() for cell in row[1].split(" | ")[1:]]
    assert tuple(float(number) * units[unit] for number, unit in waits) == defaults.schedule_s
    assert f"{defaults.timeout_s:g} s" in TEXT
    assert f"{defaults.jitter:.0%}" in TEXT
    assert all(f"{tier} s" in TEXT for tier in RETRY_TIERS_S)


def test_every_class_of_failure_is_explained() -> None:
    explained = set(re.findall(r"^\| `([a-z_]+)` \|", TEXT, re.MULTILINE))
    assert {failure.value for failure in Failure} <= explained
    assert {"delivered", "retry", "given_up", "expired", "undeliverable"} <= explained
