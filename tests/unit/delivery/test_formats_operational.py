"""Operational webhooks in every format: what each receiver takes, whatever name and reason say."""

from typing import Any, get_args

import orjson
import pytest

from service.delivery.formats_operational import EventType
from service.delivery.health import operational
from service.model.record import Format, Lang
from service.model.records import DeliveryRecord

NASTY = "<!channel> @everyone **重慶** 🏮 " * 200


def made(kind: EventType, format_: Format, lang: Lang = "ko", **fields: Any) -> tuple[DeliveryRecord, dict[str, Any]]:
    values = {"about": "press-office", "failures": 61, "since_ms": 5, "percent": 50, "reason": "HTTP 503", **fields}
    record = operational(
        kind, to="ops", now_ms=9, timestamp="2026-11-23T00:00:00.000+00:00", format_=format_, lang=lang, **values
    )
    return record, orjson.loads(record.body)


@pytest.mark.parametrize("kind", get_args(EventType))
@pytest.mark.parametrize("lang", get_args(Lang))
def test_chat_formats_say_it_in_a_sentence(kind: EventType, lang: Lang) -> None:
    _, slack = made(kind, "slack", lang)
    _, teams = made(kind, "teams", lang)
    _, discord = made(kind, "discord", lang)
    said = slack["text"]
    assert "press-office" in said
    assert ("구독" in said) is (lang == "ko")
    assert slack["blocks"][0]["text"]["text"] == said
    assert teams["type"] == "message"
    assert teams["attachments"][0]["content"]["fallbackText"] == teams["summary"] == said
    assert discord["content"].replace("\\", "") == said
    assert discord["allowed_mentions"] == {"parse": []}


def test_each_kind_says_something_else() -> None:
    assert len({made(kind, "slack")[1]["text"] for kind in get_args(EventType)}) == 3


@pytest.mark.parametrize("kind", get_args(EventType))
def test_cloudevents_has_its_envelope_and_content_type(kind: EventType) -> None:
    record, event = made(kind, "cloudevents")
    assert record.content_type == "application/cloudevents+json"
    assert (event["specversion"], event["type"]) == ("1.0", f"bongsu.{kind}")
    assert event["data"] == orjson.loads(made(kind, "bongsu")[0].body)["data"]
    assert event["id"] != made(kind, "cloudevents", percent=70)[1]["id"]
    assert event["id"] == made(kind, "cloudevents")[1]["id"]


@pytest.mark.parametrize("format_", [each for each in get_args(Format) if each != "cloudevents"])
def test_other_formats_are_json(format_: Format) -> None:
    assert made("operational.endpoint_failing", format_)[0].content_type == "application/json"


@pytest.mark.parametrize("format_", get_args(Format))
def test_names_and_reasons_of_any_length_fit_and_call_nobody(format_: Format) -> None:
    record, body = made("operational.endpoint_failing", format_, about=NASTY[:512], reason=NASTY[:500])
    assert len(record.body.encode()) <= 20_000
    if format_ == "slack":
        assert "<!channel>" not in record.body
        assert len(body["blocks"][0]["text"]["text"]) <= 3000
    if format_ == "discord":
        assert len(body["content"].encode("utf-16-le")) // 2 <= 2000
