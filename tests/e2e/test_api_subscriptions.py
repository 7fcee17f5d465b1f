"""/v1/subscriptions on a real Kafka: what is made, changed and removed, and what is said of it."""

import asyncio

import pytest

from service.adapters.control import read_subscriptions
from service.delivery.signing import read_secret
from tests.api_world import URL, problem_of, serving

pytestmark = pytest.mark.kafka


@pytest.fixture
async def api(kafka_env):
    async with serving(kafka_env) as made:
        yield made


@pytest.fixture
async def client(api):
    return api.client(await api.token())


async def made(client, **fields):
    answer = await client.post("/v1/subscriptions", json={"url": URL} | fields)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_from_made_to_removed(client, kafka_settings):
    answer = await client.post("/v1/subscriptions", json={"url": URL, "name": "시청", "rules": ["seoul-*"]})
    assert answer.status_code == 201
    told = answer.json()
    path = f"/v1/subscriptions/{told['id']}"
    assert answer.headers["location"] == path
    assert answer.headers["etag"] == '"1"'
    read_secret(told["secrets"][0])
    assert (told["name"], told["rules"], told["status"], told["policy"]) == ("시청", ["seoul-*"], "active", {})
    (record,) = await read_subscriptions(kafka_settings)
    assert (record.id, record.secrets) == (told["id"], (told["secrets"][0],))

    seen = await client.get(path)
    assert seen.headers["etag"] == '"1"'
    assert seen.json()["secrets"] == ["whsec_***"]
    assert seen.json()["created_at"].endswith("Z")

    changed = await client.patch(path, json={"name": None, "max_per_s": 2.5, "headers": {"X-Team": "press"}})
    assert changed.status_code == 200, changed.text
    assert changed.headers["etag"] == '"2"'
    assert (changed.json()["name"], changed.json()["max_per_s"]) == ("", 2.5)
    assert changed.json()["rules"] == ["seoul-*"], "what is not named stays"
    again = await client.patch(path, json={"max_per_s": 2.5})
    assert again.headers["etag"] == '"2"', "what is so already makes no revision"

    for verb, status in (("pause", "paused"), ("resume", "active")):
        answer = await client.post(f"{path}/{verb}")
        assert (answer.status_code, answer.json()["status"]) == (200, status)

    gone = await client.delete(path)
    assert (gone.status_code, gone.content) == (204, b"")
    problem_of(await client.get(path), "not-found")
    problem_of(await client.delete(path), "not-found")
    assert await read_subscriptions(kafka_settings) == ()


async def test_a_policy_is_merged_and_judged(client):
    told = await made(client, policy={"mode": "digest", "digest": {"times": ["09:00"]}})
    path = f"/v1/subscriptions/{told['id']}"
    answer = await client.patch(path, json={"policy": {"timezone": "Europe/Berlin", "digest": {"top": 3}}})
    assert answer.json()["policy"] == {
        "mode": "digest", "timezone": "Europe/Berlin", "digest": {"times": ["09:00"], "top": 3},
    }  # fmt: skip
    answer = await client.patch(path, json={"policy": {"mode": "frequency"}})
    body = problem_of(answer, "invalid-request")
    assert all(one["pointer"].startswith("/policy") for one in body["errors"])
    body = problem_of(await client.patch(path, json={"policy": {"mood": "digest"}}), "invalid-request")
    assert body["errors"][0]["pointer"] == "/policy/mood"
    answer = await client.patch(path, json={"policy": None})
    assert answer.json()["policy"] == {}


async def test_of_two_changes_one_knows_that_it_came_late(client):
    told = await made(client)
    path = f"/v1/subscriptions/{told['id']}"
    first = await client.patch(path, json={"name": "a"}, headers={"If-Match": '"1"'})
    assert first.status_code == 200
    problem_of(await client.patch(path, json={"name": "b"}, headers={"If-Match": '"1"'}), "precondition-failed")
    problem_of(await client.delete(path, headers={"If-Match": 'W/"2"'}), "precondition-failed")
    problem_of(await client.post(f"{path}/pause", headers={"If-Match": '"x"'}), "precondition-failed")
    assert (await client.get(path)).json()["name"] == "a"
    assert (await client.patch(path, json={"name": "c"}, headers={"If-Match": '"1", "2"'})).status_code == 200
    assert (await client.patch(path, json={"name": "d"}, headers={"If-Match": "*"})).status_code == 200


async def test_many_at_once_lose_nothing(client):
    told = await made(client)
    path = f"/v1/subscriptions/{told['id']}"
    answers = await asyncio.gather(
        *(client.patch(path, json={"headers": {f"X-{number}": "1"}}) for number in range(4)),
        *(client.patch(path, json={"name": f"n{number}"}, headers={"If-Match": '"1"'}) for number in range(4)),
    )
    free, bound = answers[:4], answers[4:]
    assert {answer.status_code for answer in free} <= {200, 409}
    assert {answer.status_code for answer in bound} <= {200, 412}
    assert sum(answer.status_code == 200 for answer in bound) <= 1
    now = (await client.get(path)).json()
    kept = [number for number, answer in enumerate(free) if answer.status_code == 200]
    assert set(now["headers"]) == {f"X-{number}" for number in kept}
    assert now["revision"] == 1 + sum(answer.status_code == 200 for answer in answers)


async def test_the_same_key_makes_one(client):
    body = {"url": URL, "name": "once"}
    first = await client.post("/v1/subscriptions", json=body, headers={"Idempotency-Key": "k 1"})
    again = await client.post("/v1/subscriptions", json=body, headers={"Idempotency-Key": "k 1"})
    assert (first.status_code, again.status_code) == (201, 201)
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json() == first.json()
    assert again.headers["location"] == first.headers["location"]
    other = await client.post("/v1/subscriptions", json=body | {"name": "two"}, headers={"Idempotency-Key": "k 1"})
    problem_of(other, "idempotency-key-reused")
    many = await asyncio.gather(
        *(client.post("/v1/subscriptions", json=body, headers={"Idempotency-Key": "k 2"}) for _ in range(5))
    )
    assert {answer.status_code for answer in many} == {201}
    assert len({answer.json()["id"] for answer in many}) == 1
    assert len({answer.json()["secrets"][0] for answer in many}) == 1
    assert len((await client.get("/v1/subscriptions")).json()["items"]) == 2


async def test_the_same_key_is_answered_when_its_rule_is_gone(client):
    def rules(*ids):
        entity = {"id": "garam", "name": "가람시"}
        return {"entities": [entity], "rules": [{"id": one, "when": "@garam"} for one in ids]}

    async def apply(*ids):
        applied = await client.put("/v1/rules", json=rules(*ids), headers={"If-Match": "*"})
        assert applied.status_code == 200, applied.text

    await apply("first")
    ask = {"json": {"url": URL, "rules": ["first"]}, "headers": {"Idempotency-Key": "k"}}
    first = await client.post("/v1/subscriptions", **ask)
    assert first.status_code == 201, first.text
    await apply("second")
    again = await client.post("/v1/subscriptions", **ask)
    assert (again.status_code, again.json()["id"]) == (201, first.json()["id"]), again.text
    problem_of(await client.post("/v1/subscriptions", json=ask["json"]), "invalid-request")


async def test_a_key_does_not_bring_back_what_was_changed_or_removed(client):
    ask = {"json": {"url": URL}, "headers": {"Idempotency-Key": "k"}}
    told = (await client.post("/v1/subscriptions", **ask)).json()
    path = f"/v1/subscriptions/{told['id']}"
    await client.post(f"{path}/rotate-secret")
    again = await client.post("/v1/subscriptions", **ask)
    assert again.json()["secrets"] == ["whsec_***"], "a new secret is shown to who may ask for it"
    await client.delete(path)
    problem_of(await client.post("/v1/subscriptions", **ask), "idempotency-key-reused")


async def test_secrets_are_exchanged_and_shown_to_who_may_see_them(api, client):
    told = await made(client, sign=["v1", "v1a"])
    assert [secret.partition("_")[0] for secret in told["secrets"]] == ["whsec", "whsk"]
    assert told["public_keys"][0].startswith("whpk_")
    path = f"/v1/subscriptions/{told['id']}"
    key = {"Idempotency-Key": "r1"}
    new = await client.post(f"{path}/rotate-secret", json={"overlap_s": 60}, headers=key)
    assert new.status_code == 200, new.text
    again = await client.post(f"{path}/rotate-secret", json={"overlap_s": 60}, headers=key)
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json()["secrets"] == new.json()["secrets"]
    assert [old["secret"] for old in new.json()["retiring_secrets"]] == ["whsec_***", "whsk_***"]
    shown = await client.get(f"{path}/secret")
    assert shown.json()["secrets"] == new.json()["secrets"]
    assert [old["secret"] for old in shown.json()["retiring_secrets"]] == told["secrets"]
    without = api.client(await api.token("subscriptions:read", "subscriptions:write"))
    assert problem_of(await without.get(f"{path}/secret"), "missing-scope")["scope"] == "subscriptions:secrets"


async def test_lists_in_pages_and_by_filters(client):
    names = [f"n{number}" for number in range(5)]
    ids = [(await made(client, name=name, rules=[f"rule-{name}"]))["id"] for name in names]
    await client.post(f"/v1/subscriptions/{ids[2]}/pause")
    found: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await client.get("/v1/subscriptions", params={"limit": 2} | cursor)).json()
        found += [one["id"] for one in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert sorted(found) == sorted(ids)
    assert len(found) == len(set(found))

    async def ids_of(**params):
        return [one["id"] for one in (await client.get("/v1/subscriptions", params=params)).json()["items"]]

    assert await ids_of(status="paused") == [ids[2]]
    assert await ids_of(rule="rule-n3") == [ids[3]]
    assert await ids_of(name="N4") == [ids[4]]
    assert set(await ids_of(url="https://alerts")) == set(ids)
    assert await ids_of(url="https://other") == []
    foreign = await client.get("/v1/subscriptions", params={"limit": 2, "name": "n", **cursor})
    problem_of(foreign, "invalid-request")
    for wrong in ({"statsu": "paused"}, {"limit": 0}, {"limit": 101}, {"cursor": "x"}, {"status": "gone"}):
        problem_of(await client.get("/v1/subscriptions", params=wrong), "invalid-request")
    problem_of(await client.get("/v1/subscriptions?limit=1&limit=2"), "invalid-request")


async def test_a_secret_url_is_not_shown_and_cannot_be_guessed_by_a_filter(client):
    url = "https://hooks.slack.com/services/T0AB12CD3/B0EF45GH6/abcdefghijklmnopqrstuvwx"
    told = await made(client, url=url, format="slack")
    assert told["url"] == "https://hooks.slack.com/***"
    assert (await client.get("/v1/subscriptions", params={"url": url[:40]})).json()["items"] == []


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"url": "ftp://x.example.org"}, "/url"),
        ({"urll": URL}, "/urll"),
        ({"rules": []}, "/rules"),
        ({"rules": [" "]}, "/rules/0"),
        ({"name": "a\x00b"}, "/name"),
        ({"max_in_flight": 10**30}, "/max_in_flight"),
        ({"max_per_s": 0}, "/max_per_s"),
        ({"format": "fax"}, "/format"),
        ({"headers": {"X A": "1"}}, "/headers/X A"),
        ({"policy": {"mode": "often"}}, "/policy/mode"),
        ({"secret": "hunter2"}, "/secret"),
    ],
)
async def test_what_cannot_work_is_refused_with_its_place(client, fields, pointer):
    body = problem_of(await client.post("/v1/subscriptions", json={"url": URL} | fields), "invalid-request")
    assert body["errors"][0]["pointer"].startswith(pointer), body
    assert "hunter2" not in str(body)


async def test_what_only_a_closer_look_finds_is_refused_too(client):
    for fields in ({"headers": {"Host": "x"}}, {"url": "https://user:pw@x.example.org/"}, {"secret": "whsec_AAAA"},
                   {"headers": {"X-A": "sealed1.x"}}):  # fmt: skip
        body = problem_of(await client.post("/v1/subscriptions", json={"url": URL} | fields), "invalid-request")
        assert "pw" not in str(body)


async def test_a_test_is_put_on_its_way_and_has_one_id_for_one_key(client):
    told = await made(client)
    path = f"/v1/subscriptions/{told['id']}/test"
    first = await client.post(path, headers={"Idempotency-Key": "t"})
    again = await client.post(path, headers={"Idempotency-Key": "t"})
    other = await client.post(path)
    assert first.status_code == 202
    assert first.json()["delivery_id"] == again.json()["delivery_id"] != other.json()["delivery_id"]
    problem_of(await client.post("/v1/subscriptions/sub_none/test"), "not-found")


async def test_another_tenant_sees_nothing_of_it(api, client):
    told = await made(client)
    theirs = api.client(await api.token(tenant="other"))
    path = f"/v1/subscriptions/{told['id']}"
    assert (await theirs.get("/v1/subscriptions")).json()["items"] == []
    for method, end in (("GET", ""), ("DELETE", ""), ("PATCH", ""), ("GET", "/secret"), ("POST", "/pause"),
                        ("POST", "/resume"), ("POST", "/rotate-secret"), ("POST", "/test")):  # fmt: skip
        body = {"json": {"name": "mine"}} if method == "PATCH" else {}
        hidden = problem_of(await theirs.request(method, path + end, **body), "not-found")
        absent = problem_of(await theirs.request(method, path[:-1] + "!" + end, **body), "not-found")
        assert hidden["detail"] == absent["detail"].replace("!", told["id"][-1])
    assert (await client.get(path)).json()["revision"] == 1
