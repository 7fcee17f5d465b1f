"""The border between the roles: what is written is read again, what is not a record is named, what is newer stops."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from service.model import control_records, records
from service.model.errors import BadInput, NewerSchema
from service.model.record import SCHEMA, Record
from tests.builders import (
    alert_record,
    attempt_record,
    decision_record,
    delivery_record,
    evidence,
    flush_record,
    match_record,
    silence_record,
    subscription_record,
)

EXAMPLES: list[Record] = [
    match_record(),
    alert_record(),
    decision_record(),
    delivery_record(),
    attempt_record(),
    subscription_record(),
    flush_record(),
    silence_record(),
    records.EndpointRecord(subscription="sub1", revision=1, failures=7, since_ms=5, told_percent=50, noted_ms=9),
    control_records.RulesManifest(version="v1", items=("rule/1", "entity/2"), published_ms=5),
    control_records.TokenRecord(
        id="tok_1", name="newsroom", scopes=("subscriptions:read",), sha256="0f" * 32, created_ms=5, expires_ms=9,
        revoked_ms=7, updated_ms=7,
    ),
    control_records.ChangeRecord(
        change_id="chg_1", actor="token:tok_1", action="subscription.created", target="sub1", revision=1,
        fields=("url", "rules"), outcome="refused", reason="no such rule", request_id="req-1", at_ms=5,
    ),
]  # fmt: skip
ALL = pytest.mark.parametrize("example", EXAMPLES, ids=lambda record: type(record).__name__)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


def test_there_is_an_example_of_every_record():
    assert {type(example) for example in EXAMPLES} == set(Record.__subclasses__())


@ALL
def test_what_is_written_is_read_again(example):
    raw = example.encode()
    assert type(example).decode(raw, "topic") == example
    assert type(example).decode(raw, "topic").encode() == raw, "byte for byte"
    assert json.loads(raw)["schema"] == SCHEMA


@given(TEXT | st.text(st.characters(max_codepoint=0x9F)), st.floats(allow_nan=False), st.integers(-(2**63), 2**63 - 1))
def test_what_is_written_is_what_orjson_writes(text, number, whole):
    """`matches` is written by orjson from plain values, the others by pydantic: one form for both."""
    record = attempt_record().model_copy(update={"detail": text, "duration_ms": number, "started_ms": whole})
    assert record.encode() == orjson.dumps(record.model_dump(mode="python", by_alias=True, exclude_none=True))


@ALL
def test_a_field_that_a_newer_minor_version_added_is_ignored(example):
    value = json.loads(example.encode()) | {"added_later": {"x": 1}}
    assert type(example).decode(json.dumps(value).encode(), "topic") == example


@ALL
@pytest.mark.parametrize("schema", [SCHEMA + 1, 99, 2**60, SCHEMA + 0.5])
def test_a_newer_schema_is_no_bad_input(example, schema):
    """Even where nothing else of it is as we know it."""
    for value in (json.loads(example.encode()) | {"schema": schema}, {"schema": schema}):
        with pytest.raises(NewerSchema, match=r"`alerts`.*Upgrade this role"):
            type(example).decode(json.dumps(value).encode(), "alerts")


@ALL
@pytest.mark.parametrize("schema", [0, -1, "2", "1", None, [], True])
def test_a_schema_that_is_none_is_bad_input(example, schema):
    value = json.loads(example.encode()) | {"schema": schema}
    with pytest.raises(BadInput, match="schema"):
        type(example).decode(json.dumps(value).encode(), "topic")


@ALL
@pytest.mark.parametrize(
    "raw", [b"", b"\xff", b"{", b"[]", b"7", b"null", b'"x"', b"{}", b'{"schema": 1}', b'{"id": NaN}']
)
def test_what_is_no_record_is_bad_input(example, raw):
    with pytest.raises(BadInput) as refused:
        type(example).decode(raw, "topic")
    assert not isinstance(refused.value, NewerSchema)
    assert len(str(refused.value)) < 200


@ALL
def test_a_field_that_is_missing_is_named(example):
    whole = json.loads(example.encode())
    for name, field in type(example).model_fields.items():
        if field.is_required():
            with pytest.raises(BadInput, match=f"^{name}: "):
                type(example).decode(json.dumps({k: v for k, v in whole.items() if k != name}).encode(), "topic")


def test_what_is_wrong_deep_inside_is_named_with_its_place():
    value = json.loads(match_record().encode())
    value["matches"][0]["mentions"][0]["start"] = "here"
    with pytest.raises(BadInput, match=r"^matches\.0\.mentions\.0\.start: "):
        records.MatchRecord.decode(json.dumps(value).encode(), "matches")


def test_a_secret_that_is_wrong_is_not_repeated():
    value = json.loads(subscription_record().encode()) | {"secrets": "whsec_hunter2hunter2"}
    with pytest.raises(BadInput) as refused:
        control_records.SubscriptionRecord.decode(json.dumps(value).encode(), "subscriptions")
    assert "hunter2" not in str(refused.value)


@ALL
def test_records_do_not_change(example):
    with pytest.raises(ValueError, match="frozen"):
        example.schema_ = 2


@given(TEXT, TEXT, TEXT, st.lists(st.tuples(TEXT, TEXT), max_size=5), st.integers(0, 2**53))
def test_any_text_survives(title, source, rule, mentions, at_ms):
    found = tuple(evidence(sentence=sentence, text=text) for sentence, text in mentions)
    head = records.ArticleHead(id="a", title=title, source=source)
    alert = alert_record(article="a", rule=rule or "r", mentions=found, published_ms=at_ms).model_copy(
        update={"article": head}
    )
    raw = alert.encode()
    assert records.AlertRecord.decode(raw, "alerts") == alert
    assert b"\\u" not in raw or any(ord(char) < 32 or char == "\\" for char in title + source + rule + str(mentions))


def test_every_part_of_a_record_is_frozen():
    def models(annotation: Any) -> set[type[BaseModel]]:
        found = {annotation} if isinstance(annotation, type) and issubclass(annotation, BaseModel) else set()
        return found.union(*map(models, getattr(annotation, "__args__", ())))

    seen: set[type[BaseModel]] = set()
    todo: set[type[BaseModel]] = set(Record.__subclasses__())
    while todo:
        model = todo.pop()
        seen.add(model)
        for field in model.model_fields.values():
            todo |= models(field.annotation) - seen
    assert all(model.model_config.get("frozen") for model in seen)
