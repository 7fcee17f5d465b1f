"""/v1/silences on a real Kafka."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest

from service.adapters.control import read_silences
from service.api.limits import AtOnce
from service.api.routes import silences as routes
from tests.api_world import URL, problem_of, serving

pytestmark = pytest.mark.kafka
MATCHERS = {"source": ["가람일보"], "story": ["sty_*"]}


@pytest.fixture
async def api(kafka_env):
    async with serving(kafka_env) as made:
        yield made


@pytest.fixture
async def client(api):
    return api.client(await api.token(name="desk"))


def at(**delta):
    return (datetime.now(UTC) + timedelta(**delta)).isoformat()


async def made(client, **fields):
    body = {"matchers": MATCHERS, "duration_s": 3600, "comment": "훈련"} | fields
    return await client.post("/v1/silences", json={name: value for name, value in body.items() if value is not None})


async def test_from_made_to_lifted(client, kafka_settings):
    answer = await made(client)
    assert answer.status_code == 201, answer.text
    told = answer.json()
    assert (told["state"], told["author"], told["matchers"]) == ("active", "desk", MATCHERS)
    path = answer.headers["location"]
    assert (await client.get(path)).headers["etag"] == '"1"'
    (record,) = await read_silences(kafka_settings)
    assert record.ends_ms - record.starts_ms == 3_600_000

    problem_of(await client.post(f"{path}/lift", headers={"If-Match": '"7"'}), "precondition-failed")
    lifted = await client.post(f"{path}/lift", headers={"If-Match": '"1"'})
    assert (lifted.status_code, lifted.json()["state"], lifted.headers["etag"]) == (200, "ended", '"2"')
    again = await client.post(f"{path}/lift")
    assert again.headers["etag"] == '"2"', "one that has ended stays as it is"


async def test_lists_by_state_in_pages(client):
    later = (await made(client, starts_at=at(hours=1))).json()["id"]
    now = [(await made(client)).json()["id"] for _ in range(3)]
    await client.post(f"/v1/silences/{now[0]}/lift")

    async def ids_of(**params):
        page = (await client.get("/v1/silences", params=params)).json()
        return [one["id"] for one in page["items"]], page["next_cursor"]

    assert await ids_of(state="pending") == ([later], None)
    assert await ids_of(state="ended") == ([now[0]], None)
    first, cursor = await ids_of(state="active", limit=1)
    second, end = await ids_of(state="active", limit=1, cursor=cursor)
    assert ({*first, *second}, end) == ({now[1], now[2]}, None)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"duration_s": None}, "must end"), ({"ends_at": "2100-01-01T00:00:00Z"}, "one of them"),
        ({"duration_s": None, "ends_at": "2001-01-01T00:00:00Z"}, "end after it begins"),
        ({"duration_s": None, "ends_at": "2199-01-01T00:00:00Z"}, "more than a year"),
        ({"duration_s": None, "ends_at": "2100-01-01T00:00:00"}, "timezone"), ({"comment": " "}, "whoever misses an alert"),
        ({"duration_s": None, "ends_at": "9999-12-31T23:59:59Z"}, "more than a year"),
        ({"matchers": {}}, "say what is hidden"), ({"matchers": {"rules": ["x"]}}, "did you mean rule?"),
        ({"matchers": {"subscription": ["sub_none"]}}, "there is no subscription"),
    ],
)  # fmt: skip
async def test_what_cannot_be_meant_is_refused(client, fields, says):
    body = problem_of(await made(client, **fields), "invalid-request")
    assert says in body["detail"], body


async def test_the_same_key_makes_one(client):
    key = {"Idempotency-Key": "once"}
    body = {"matchers": MATCHERS, "duration_s": 60, "comment": "x"}
    answers = await asyncio.gather(*(client.post("/v1/silences", json=body, headers=key) for _ in range(4)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    # of the four, two within one millisecond would write the same record: then both made it
    again = await client.post("/v1/silences", json=body, headers=key)
    assert (again.status_code, again.headers["idempotent-replayed"]) == (201, "true")
    assert again.json()["id"] == answers[0].json()["id"]
    other = await client.post("/v1/silences", json=body | {"comment": "y"}, headers=key)
    problem_of(other, "idempotency-key-reused")


async def test_one_that_begins_now_is_active_however_long_it_took_to_be_made(kafka_env):
    async with serving(kafka_env, clock=lambda: time.time() - 5) as api:  # when the request came
        client = api.client(await api.token())
        told = (await made(client, duration_s=60)).json()
    assert told["state"] == "active"
    lasts = datetime.fromisoformat(told["ends_at"]) - datetime.fromisoformat(told["starts_at"])
    assert lasts == timedelta(seconds=60)


async def test_the_same_key_is_answered_when_what_was_hidden_is_gone(client):
    told = (await client.post("/v1/subscriptions", json={"url": URL})).json()
    body = {"matchers": {"subscription": [told["id"]]}, "duration_s": 60, "comment": "x"}
    first = await client.post("/v1/silences", json=body, headers={"Idempotency-Key": "k"})
    assert first.status_code == 201, first.text
    await client.delete(f"/v1/subscriptions/{told['id']}")
    again = await client.post("/v1/silences", json=body, headers={"Idempotency-Key": "k"})
    assert (again.status_code, again.json()["id"]) == (201, first.json()["id"]), again.text
    problem_of(await client.post("/v1/silences", json=body, headers={"Idempotency-Key": "l"}), "invalid-request")


async def test_previews_read_a_topic_and_are_few_at_once(client, monkeypatch):
    monkeypatch.setattr(routes, "_previewing", AtOnce(1, "previews"))
    asked = [client.post("/v1/silences/preview", json={"matchers": MATCHERS}) for _ in range(3)]
    assert sorted(answer.status_code for answer in await asyncio.gather(*asked)) == [200, 429, 429]
    assert (await client.post("/v1/silences/preview", json={"matchers": MATCHERS})).status_code == 200


async def test_a_preview_changes_nothing(client, kafka_settings):
    answer = await client.post("/v1/silences/preview", json={"matchers": {"rule": ["*"]}})
    assert answer.status_code == 200, answer.text
    assert (answer.json()["hidden"], answer.json()["seen"], answer.json()["newest"]) == (0, 0, [])
    assert await read_silences(kafka_settings) == ()
    early = await client.post("/v1/silences/preview", json={"matchers": {"rule": ["*"]}, "since": at(days=-8)})
    problem_of(early, "invalid-request")


async def test_another_tenant_sees_nothing_of_it(api, client):
    told = (await made(client)).json()
    theirs = api.client(await api.token(tenant="other"))
    assert (await theirs.get("/v1/silences")).json()["items"] == []
    problem_of(await theirs.get(f"/v1/silences/{told['id']}"), "not-found")
    problem_of(await theirs.post(f"/v1/silences/{told['id']}/lift"), "not-found")
    problem_of(await client.post("/v1/silences/sil_none/lift"), "not-found")
