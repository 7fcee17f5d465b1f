"""docs/webhooks.md cannot lie: its samples are what payload.py makes, its receivers verify what signing.py signs."""

import base64
import json
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import jsonschema
import pytest

from service.delivery.attempts import Failure
from service.delivery.formats import body_of
from service.delivery.formats_operational import EventType
from service.delivery.health import operational
from service.delivery.keys_page import KEYS_PATH
from service.delivery.sample import sample_alert
from service.delivery.verifying import Cause
from service.model.notice import Change, Notice
from service.model.record import Format
from service.model.records import AlertRecord, ArticleHead, Evidence, RuleHead, StoryHead
from service.model.topics import RETRY_TIERS_S
from service.settings import DeliverySettings
from tests.builders import subscription_record
from tests.signed_cases import cases

DOC = Path(__file__).parents[3] / "docs" / "webhooks.md"
TEXT = DOC.read_text(encoding="utf-8")
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
SUBSCRIBER = subscription_record("press-office")
SAMPLES = {
    "`alert.matched`": ("alert.matched", "first", 1, (FIRST,)),
    "`alert.digest`": ("alert.digest", "quiet_hours", 2, (FIRST, alert(2, "충칭시 대표단 서울 방문"))),
    "`alert.updated`": ("alert.updated", "headline_changed", 3, (FIRST,)),
    "`test`": ("test", "test", 1, (sample_alert(SUBSCRIBER, AT),)),
    "Format `cloudevents`": ("alert.matched", "first", 1, (FIRST.model_copy(update={"format": "cloudevents"}),)),
    "Format `slack`": ("alert.matched", "first", 1, (FIRST.model_copy(update={"format": "slack"}),)),
    "Format `teams`": ("alert.matched", "first", 1, (FIRST.model_copy(update={"format": "teams", "lang": "en"}),)),
    "Format `discord`": ("alert.matched", "first", 1, (FIRST.model_copy(update={"format": "discord"}),)),
}


MORE: dict[str, dict[str, Any]] = {
    "`alert.digest`": {"held_count": 2, "period": (AT - 9 * 3_600_000, AT)},
    "`alert.updated`": {"changes": (Change("headline", "서울시·충칭시, 하천 관리 논의", FIRST.article.title),)},
}
OPERATIONAL: dict[str, dict[str, Any]] = {
    "operational.endpoint_failing": {
        "percent": 50, "failures": 61, "since_ms": AT - 216_000_000, "reason": "HTTP 503 Service Unavailable",
    },
    "operational.endpoint_disabled": {
        "percent": 100, "failures": 104, "since_ms": AT - 432_000_000, "reason": "104 failures in a row",
    },
    "operational.endpoint_recovered": {
        "percent": 0, "failures": 0, "since_ms": None, "reason": "it accepts again",
    },
}  # fmt: skip


def operational_sample(kind: EventType) -> str:
    fields = OPERATIONAL[kind]
    at = datetime.fromtimestamp(AT / 1000, UTC).isoformat(timespec="milliseconds")
    return operational(kind, to="ops", about="press-office", now_ms=AT, timestamp=at, **fields).body


def sample(heading: str) -> str:
    kind, reason, sequence, alerts = SAMPLES[heading]
    style = (alerts[0].format, alerts[0].lang)
    return body_of(Notice(kind, "press-office", sequence, reason, alerts, AT, *style, **MORE.get(heading, {})))


def block(language: str, heading: str | None = None) -> str:
    """The first code block of a language, after a heading."""
    text = TEXT if heading is None else TEXT.split(f"\n### {heading}\n", 1)[1]
    found = re.search(rf"```{language}\n(.*?)```", text, re.DOTALL)
    assert found is not None
    return found[1]


@pytest.mark.parametrize("heading", SAMPLES)
def test_the_samples_are_what_is_sent(heading: str) -> None:
    told, sent = json.loads(block("json", heading)), json.loads(sample(heading))
    assert told == sent
    assert list(told) == list(sent)


def test_the_samples_are_of_the_schema_that_receivers_get() -> None:
    schema = json.loads((DOC.parent / "schemas" / "webhook.json").read_text(encoding="utf-8"))
    ours = [json.loads(sample(heading)) for heading in SAMPLES if not heading.startswith("Format")]
    for body in [*ours, *(json.loads(operational_sample(kind)) for kind in get_args(EventType))]:
        jsonschema.Draft202012Validator(schema).validate(body)
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.Draft202012Validator(schema).validate(body | {"type": "alert.unknown"})


@pytest.mark.parametrize("kind", get_args(EventType))
def test_the_operational_samples_are_what_is_sent(kind: EventType) -> None:
    told, sent = json.loads(block("json", f"`{kind}`")), json.loads(operational_sample(kind))
    assert told == sent
    assert list(told) == list(sent)
    assert list(told["data"]) == list(sent["data"])


def test_every_type_that_the_code_knows_has_a_sample() -> None:
    service = Path(__file__).parents[3] / "service"
    sources = "".join(file.read_text(encoding="utf-8") for file in service.rglob("*.py"))
    named = set(re.findall(r'"((?:alert|operational)\.[a-z_]+)"', sources))
    assert named == {kind for kind in re.findall(r"^### `([a-z_.]+)`$", TEXT, re.MULTILINE) if "." in kind}


def test_every_format_and_cause_is_there() -> None:
    formats = {one for one in get_args(Format) if one != "bongsu"}
    assert {heading.split("`")[1] for heading in SAMPLES if heading.startswith("Format")} == formats
    assert {cause.value for cause in Cause} <= set(re.findall(r"`([a-z_]+)`", TEXT))
    assert KEYS_PATH in TEXT


PYTHON_HARNESS = """
import base64, json, sys
print(json.dumps([verify(one["secret"], one["headers"], base64.b64decode(one["body"])) for one in json.load(sys.stdin)]))
"""
JAVASCRIPT_HARNESS = """
const given = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
console.log(JSON.stringify(given.map((one) => verify(one.secret, one.headers, Buffer.from(one.body, "base64")))));
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
    wanted = [case for case in cases() if language == "javascript" or case[0].startswith("whsec_")]
    given = [
        {"secret": secret, "headers": headers, "body": base64.b64encode(body).decode()}
        for secret, headers, body, _ in wanted
    ]
    done = subprocess.run(command, input=json.dumps(given).encode(), capture_output=True, timeout=60, check=True)
    assert json.loads(done.stdout) == [verifies for *_, verifies in wanted]


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
