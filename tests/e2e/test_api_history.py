"""What the API answers from the history, over HTTP from real processes: pages, filters, tenants, and sending again."""

import base64
import json
import time
from typing import Any

import httpx
import pytest

from service.adapters.topic_scan import scan
from service.model.records import DeliveryRecord
from tests.api_process import api, make_token, role
from tests.builders import attempt_record, decision_record, delivery_record, subscription_record
from tests.e2e.test_history import publish, story_of
from tests.waiting import wait_until

pytestmark = pytest.mark.kafka
NOW_MS = int(time.time() * 1000)
HOUR_MS = 3_600_000


def written(count):
    """Of sub1: so many deliveries, an hour apart, every third given up, with the rule of their alert."""
    records = []
    for n in range(count):
        at_ms, delivery = NOW_MS - n * HOUR_MS, f"msg_{n:03}"
        outcome = "given_up" if n % 3 == 0 else "delivered"
        records += [
            ("deliveries", "sub1", delivery_record(delivery, created_ms=at_ms, deadline_ms=NOW_MS + HOUR_MS).encode()),
            ("attempts", "sub1", attempt_record(delivery, outcome, terminal=True, started_ms=at_ms).encode()),
            ("decisions", "sub1", decision_record(f"alr_{n}", delivery, rule=f"rule{n % 2}", decided_ms=at_ms).encode()),
        ]  # fmt: skip
    return records


@pytest.fixture
async def served(kafka_settings, kafka_env, tmp_path):
    """A client of tenant `default`, one of tenant `other`, and both roles; sub1 is of `default`, sub2 of `other`."""
    for name, tenant in (("sub1", "default"), ("sub2", "other")):
        record = subscription_record(name, tenant=tenant, created_ms=NOW_MS, updated_ms=NOW_MS)
        await publish(kafka_settings, ("subscriptions", name, record.encode()), partition=0)
    await publish(kafka_settings, *written(12), *story_of(1, "sub2"))
    tokens = [await make_token(kafka_env), await make_token(kafka_env, tenant="other")]
    with role("history", kafka_env, tmp_path), api(kafka_env, tmp_path) as url:
        async with (
            httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {tokens[0]}"}, timeout=60) as ours,
            httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {tokens[1]}"}, timeout=60) as theirs,
        ):
            yield ours, theirs


async def pages(client, path, **params):
    """All items of a list, four a page."""
    items: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        answer = await client.get(path, params={"limit": 4, **params, **cursor})
        assert answer.status_code == 200, answer.text
        assert float(answer.headers["bongsu-history-lag-s"]) < 60
        body = answer.json()
        items += body["items"]
        if body["next_cursor"] is None:
            return items
        assert len(body["items"]) == 4
        cursor = {"cursor": body["next_cursor"]}


async def test_lists_filters_and_single_things(served):
    ours, theirs = served
    base = "/v1/subscriptions/sub1"
    every = [f"msg_{n:03}" for n in range(12)]
    since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(NOW_MS / 1000 - 4.5 * 3600))
    for params, wanted in (
        ({}, every),
        ({"rule": "rule1"}, every[1::2]),
        ({"after": since}, every[:5]),
        ({"before": since}, every[5:]),
    ):
        assert [one["id"] for one in await pages(ours, f"{base}/deliveries", **params)] == wanted
        assert [one["delivery_id"] for one in await pages(ours, f"{base}/attempts", **params)] == wanted
        assert [one["delivery_id"] for one in await pages(ours, f"{base}/decisions", **params)] == wanted
    assert [one["id"] for one in await pages(ours, f"{base}/deliveries", status="given_up")] == every[::3]
    assert [one["delivery_id"] for one in await pages(ours, f"{base}/attempts", outcome="given_up")] == every[::3]
    assert await pages(ours, f"{base}/decisions", decision="held") == []
    (only,) = await pages(ours, f"{base}/attempts", delivery="msg_004")
    assert only["outcome"] == "delivered"
    whole = (await ours.get("/v1/deliveries/msg_003")).json()
    assert (whole["status"], whole["body"], len(whole["attempts"])) == ("given_up", '{"type":"alert.matched"}', 1)
    why = await ours.get(f"{base}/why", params={"article": "nowhere"})
    assert why.json()["answer"] == "no_article", why.text
    (told,) = await pages(theirs, "/v1/subscriptions/sub2/decisions")
    assert told["article"]["title"] == "나루시 소식 1"
    changes = [await pages(client, "/v1/changes") for client in (ours, theirs)]
    assert {one["action"] for one in changes[1]} == {"token.created"}
    assert {one["target"] for one in changes[0]} >= {"sub2"}, "it was written under the tenant default"
    assert not {one["id"] for one in changes[0]} & {one["id"] for one in changes[1]}


async def test_nothing_of_another_tenant_is_there(served):
    ours, theirs = served
    for theirs_not, nobodys in (
        ("/v1/subscriptions/sub1/deliveries", "/v1/subscriptions/sub9/deliveries"),
        ("/v1/subscriptions/sub1/attempts", "/v1/subscriptions/sub9/attempts"),
        ("/v1/subscriptions/sub1/decisions", "/v1/subscriptions/sub9/decisions"),
        ("/v1/subscriptions/sub1/why?article=a1", "/v1/subscriptions/sub9/why?article=a1"),
        ("/v1/deliveries/msg_003", "/v1/deliveries/msg_999"),
    ):
        assert (await ours.get(theirs_not)).status_code == 200
        told = [(await theirs.get(path)).json() for path in (theirs_not, nobodys)]
        for body, name in zip(told, (theirs_not, nobodys), strict=True):
            assert body["status"] == 404
            thing = name.split("/")[3]
            del body["instance"], body["request_id"]
            body["detail"] = body["detail"].replace(thing, "<id>")
        assert told[0] == told[1]
    for path, body in (
        ("/v1/deliveries/msg_003/replay", None),
        ("/v1/subscriptions/sub1/replay", {"failed_since": "2020-01-01T00:00:00Z"}),
    ):
        assert (await theirs.post(path, json=body)).status_code == 404


async def test_what_cannot_be_asked(served):
    ours, _ = served
    beyond = base64.urlsafe_b64encode(json.dumps(["000000000000", 2**63, "x"]).encode()).decode()
    for params in (
        {"statuss": "held"}, {"outcome": "lost"}, {"rule": "a\0b"}, {"limit": "101"}, {"after": "yesterday"},
        {"cursor": beyond}, {"cursor": "x"},
    ):  # fmt: skip
        answer = await ours.get("/v1/subscriptions/sub1/attempts", params=params)
        assert (answer.status_code, answer.json()["type"]) == (422, "urn:bongsu:problem:invalid-request"), params
    assert (await ours.get("/v1/deliveries/a%00b")).status_code == 422
    for body in (
        {},
        {"before": "2026-01-01T00:00:00Z"},
        {"after": "2026-01-02T00:00:00Z", "before": "2026-01-01T00:00:00Z"},
        {"after": "2026-01-01T00:00:00Z", "failed_since": "2026-01-01T00:00:00Z"},
    ):
        assert (await ours.post("/v1/subscriptions/sub1/replay", json=body)).status_code == 422, body


async def test_sending_again_and_not_twice(served, kafka_settings):
    ours, _ = served

    async def replays():
        found = [record async for record in scan(kafka_settings, "deliveries")]
        read = [DeliveryRecord.decode(record.value, "deliveries") for record in found]
        return [one.id for one in read if one.reason == "replay"]

    done = await ours.post("/v1/deliveries/msg_003/replay")
    assert (done.status_code, done.json()) == (202, {"replayed": 1, "delivery_ids": ["msg_003"], "left_out": {}})
    again = await ours.post("/v1/deliveries/msg_003/replay")
    assert again.json() == {"replayed": 0, "delivery_ids": [], "left_out": {"pending": 1}}
    since = {"failed_since": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(NOW_MS / 1000 - 13 * 3600))}
    rest = (await ours.post("/v1/subscriptions/sub1/replay", json=since)).json()
    assert (sorted(rest["delivery_ids"]), rest["left_out"]) == (["msg_000", "msg_006", "msg_009"], {"pending": 1})
    assert sorted(await replays()) == ["msg_000", "msg_003", "msg_006", "msg_009"]
    key = {"Idempotency-Key": "lost"}
    first = await ours.post("/v1/subscriptions/sub1/replay", json=since, headers=key)
    again = await ours.post("/v1/subscriptions/sub1/replay", json=since, headers=key)
    assert (first.json()["replayed"], first.json()["left_out"], again.json()) == (0, {"pending": 4}, first.json())
    assert ("idempotent-replayed" in first.headers, again.headers["idempotent-replayed"]) == (False, "true")
    other = await ours.post("/v1/subscriptions/sub1/replay", json={"after": since["failed_since"]}, headers=key)
    assert (other.status_code, other.json()["type"]) == (422, "urn:bongsu:problem:idempotency-key-reused")
    changes = await wait_until(lambda: pages_of_replays(ours))
    assert {one["outcome"] for one in changes} == {"done"}


async def pages_of_replays(client):
    found = await pages(client, "/v1/changes", action="deliveries.replayed")
    return found if [one["outcome"] for one in found] == ["done"] * 3 else None


async def test_without_a_history_the_answer_says_so(kafka_settings, kafka_env, tmp_path):
    record = subscription_record("sub1", created_ms=NOW_MS, updated_ms=NOW_MS)
    await publish(kafka_settings, ("subscriptions", "sub1", record.encode()), partition=0)
    token = await make_token(kafka_env)
    with api(kafka_env, tmp_path) as url:
        async with httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=60) as client:
            answer = await client.get("/v1/subscriptions/sub1/attempts")
            assert (answer.status_code, answer.json()["type"]) == (503, "urn:bongsu:problem:history-unavailable")
            assert "start the role `bongsu history`" in answer.json()["detail"]
            assert answer.headers["retry-after"]
            await publish(kafka_settings, *written(1))
            with role("history", kafka_env, tmp_path):
                assert len(await pages(client, "/v1/subscriptions/sub1/attempts")) == 1
