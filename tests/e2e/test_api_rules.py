"""/v1/rules on a real Kafka: read, check, explain, try and apply, each tenant its own."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from service.adapters.topic_scan import scan
from service.model import topics
from service.model.control_records import ChangeRecord
from tests.api_world import Api, problem_of, serving

pytestmark = pytest.mark.kafka
YAML = {"Content-Type": "application/yaml"}
GOOD = """\
entities:
  - {id: garam, name: 가람시, kind: government}
  - {id: naru, name: 나루군, kind: government}
rules:
  - {id: both, name: 둘 다, when: '@garam AND @naru', owner: desk, tags: [city]}
  - {id: deal, when: '@garam AND "협약"', shadow: true}
"""
OTHER = "entities: [{id: garam, name: 가람항}]\nrules: [{id: both, when: '@garam'}]\n"


@pytest.fixture
async def api(kafka_env) -> AsyncIterator[Api]:
    async with serving(kafka_env) as running:
        yield running


async def put(client, rules, version='"none"'):
    return await client.put("/v1/rules", content=rules, headers={**YAML, "If-Match": version})


async def test_applied_read_and_applied_from_a_stale_version(api):
    client = api.client(await api.token())
    empty = await client.get("/v1/rules")
    assert (empty.status_code, empty.headers["etag"], empty.json()["items"]) == (200, '"none"', [])
    done = await put(client, GOOD)
    assert done.status_code == 200, done.text
    told = done.json()
    assert (told["rules_total"], told["entities_total"], told["items_written"]) == (2, 2, 4)
    assert done.headers["etag"] == f'"{told["version"]}"'
    assert told["applied_at"]

    listed = await client.get("/v1/rules?limit=1")
    page = listed.json()
    assert (page["version"], [one["id"] for one in page["items"]]) == (told["version"], ["both"])
    rest = await client.get("/v1/rules", params={"limit": 1, "cursor": page["next_cursor"]})
    assert ([one["id"] for one in rest.json()["items"]], rest.json()["next_cursor"]) == (["deal"], None)
    rule = (await client.get("/v1/rules/both")).json()
    assert (rule["name"], rule["owner"], rule["source"]["when"]) == ("둘 다", "desk", "@garam AND @naru")
    assert [one["id"] for one in (await client.get("/v1/entities")).json()["items"]] == ["garam", "naru"]
    assert (await client.get("/v1/entities/naru")).json()["name"] == "나루군"
    problem_of(await client.get("/v1/rules/nothing"), "not-found")

    problem_of(await put(client, OTHER), "precondition-failed")
    same = await put(client, GOOD, done.headers["etag"])
    assert (same.status_code, same.json()["items_written"]) == (200, 0)
    assert (await put(client, OTHER, "*")).status_code == 200
    problem_of(await client.get("/v1/rules", params={"cursor": page["next_cursor"]}), "invalid-request")
    missing = await client.put("/v1/rules", content=GOOD, headers=YAML)
    assert missing.status_code == 422

    changes = [
        ChangeRecord.decode(record.value, topics.CHANGES)
        async for record in scan(api.control.settings.kafka, topics.CHANGES)
        if record.key == b"rules"
    ]
    assert [one.outcome for one in changes] == ["asked", "done"] * 3
    assert {one.action for one in changes} == {"rules.applied"}
    assert changes[0].actor.startswith("token:")


async def test_of_two_who_saw_the_same_set_one_is_told(api):
    client = api.client(await api.token())
    version = (await put(client, GOOD)).headers["etag"]
    drafts = [GOOD.replace("협약", f"협약{number}") for number in range(3)]
    answers = await asyncio.gather(*(put(client, draft, version) for draft in drafts))
    assert sorted(one.status_code for one in answers) == [200, 412, 412]
    won = next(one for one in answers if one.status_code == 200)
    assert (await client.get("/v1/rules")).headers["etag"] == won.headers["etag"]


async def test_rules_that_do_not_load_change_nothing_and_say_where(api):
    client = api.client(await api.token())
    bad = GOOD + "  - {id: broken, when: '@nobody AND'}\n"
    problem = problem_of(await put(client, bad), "invalid-rules")
    assert problem["errors"][0]["line"] == 7
    assert (await client.get("/v1/rules")).json()["version"] == "none"
    checked = (await client.post("/v1/rules/check", content=bad, headers=YAML)).json()
    assert (checked["loads"], checked["errors"][0]["line"]) == (False, 7)
    noisy = GOOD + "  - {id: never, when: '@garam AND NOT @garam'}\n"
    checked = (await client.post("/v1/rules/check", content=noisy, headers=YAML)).json()
    assert (checked["loads"], checked["errors"]) == (True, [])
    assert [(one["line"], one["kind"], one["id"]) for one in checked["warnings"]] == [(7, "never_fires", "never")]
    as_json = json.dumps({"entities": [{"id": "g", "name": "가람시"}], "rules": [{"id": "r", "when": "@g"}]})
    checked = await client.post("/v1/rules/check", content=as_json, headers={"Content-Type": "application/json"})
    assert checked.json()["loads"] is True
    for odd in (b"\xff\xfe", b"[1, 2", b"null", b"a: *b", b"'\x00'"):
        answer = await client.post("/v1/rules/check", content=odd, headers=YAML)
        assert (answer.status_code, answer.json()["loads"]) == (200, False), odd
    problem_of(
        await client.post("/v1/rules/check", content=b"x", headers={"Content-Type": "text/csv"}),
        "unsupported-media-type",
    )


async def test_a_check_runs_the_tests_that_the_rules_carry(api):
    client = api.client(await api.token())
    carried = (
        "  - {id: floods, when: '@garam AND \"홍수\"', tests: [{text: 가람시가 홍수를 겪었다., fires: true}, "
        "{text: 가람시에 홍수 대비 연수원이 섰다., fires: false}]}\n"
    )
    checked = (await client.post("/v1/rules/check", content=GOOD + carried, headers=YAML)).json()
    assert (checked["loads"], checked["tests_total"], checked["tests_failed_total"]) == (True, 2, 1)
    (failed,) = checked["tests_failed"]
    assert (failed["rule"], failed["expected"], failed["fires"]) == ("floods", False, True)
    assert failed["article"] == {"text": "가람시에 홍수 대비 연수원이 섰다."}
    assert all(part["true"] for part in failed["parts"])
    assert "홍수" in failed["parts"][-1]["part"]
    untested = (await client.post("/v1/rules/check", content=GOOD, headers=YAML)).json()
    assert (untested["tests_total"], untested["tests_failed"]) == (0, [])
    broken = (await client.post("/v1/rules/check", content="rules: [", headers=YAML)).json()
    assert (broken["loads"], broken["tests_total"], broken["tests_failed_total"]) == (False, 0, 0)


async def test_explained_by_a_draft_and_by_what_is_in_force(api):
    client = api.client(await api.token())
    article = {"title": "소식", "text": "가람시와 나루군이 협약을 맺었다."}
    of_draft = await client.post("/v1/rules/explain", json={"article": article, "draft": GOOD, "rule": "both"})
    assert of_draft.status_code == 200, of_draft.text
    told = of_draft.json()
    assert (told["rule"]["fires"], told["version"]) == (True, None)
    assert [one["entity"] for one in told["occurrences"]] == ["garam", "naru"]
    assert told["rule"]["parts"][0]["part"] == "@garam AND @naru"
    nothing = await client.post("/v1/rules/explain", json={"article": article})
    assert (nothing.status_code, nothing.json()["occurrences"]) == (200, [])
    version = (await put(client, GOOD)).json()["version"]
    for _ in range(2):  # the second finds the engine made
        standing = await client.post("/v1/rules/explain", json={"article": article, "entity": "naru"})
        assert standing.json()["version"] == version
        assert [one["entity"] for one in standing.json()["occurrences"]] == ["naru"]
    problem_of(await client.post("/v1/rules/explain", json={"article": article, "rule": "bith"}), "not-found")
    problem_of(await client.post("/v1/rules/explain", json={"article": {}}), "invalid-request")
    problem_of(await client.post("/v1/rules/explain", json={"article": article, "draft": "rules: 5"}), "invalid-rules")


async def test_tried_on_the_articles_of_the_last_day(api):
    client = api.client(await api.token())
    rows = [
        {"id": "1", "source": "가온일보", "text": "가람시와 나루군이 만났다."},
        {"id": "2", "source": "가온일보", "text": "가람시가 협약을 맺었다."},
        {"id": "3", "text": "바다가 조용하다."},
    ]
    body = "\n".join(map(json.dumps, rows))
    posted = await client.post("/v1/articles", content=body, headers={"Content-Type": "application/x-ndjson"})
    assert posted.json()["accepted"] == 3
    await put(client, OTHER.replace("가람항", "가람시"))
    answer = await client.post("/v1/rules/backtest", json={"draft": GOOD, "compare": True})
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["complete"], told["articles"], told["unread"], told["fired_in"]) == (True, 3, 0, 2)
    by_id = {one["rule"]: one for one in told["rules"]}
    assert (by_id["both"]["articles"], by_id["both"]["gained"], by_id["both"]["lost"]) == (1, 0, 1)
    assert (by_id["deal"]["articles"], by_id["deal"]["gained"]) == (1, 1)
    assert by_id["both"]["by_source"] == {"가온일보": 1}
    few = await client.post("/v1/rules/backtest", json={"draft": GOOD, "max_articles": 1})
    assert (few.json()["complete"], few.json()["articles"]) == (False, 1)
    problem_of(await client.post("/v1/rules/backtest", json={"draft": "rules: []"}), "invalid-rules")


async def test_a_tenant_sees_and_changes_its_own_rules_only(api):
    mine, other = api.client(await api.token()), api.client(await api.token(tenant="second"))
    await put(mine, GOOD)
    assert (await other.get("/v1/rules")).json()["version"] == "none"
    problem_of(await other.get("/v1/rules/both"), "not-found")
    assert (await put(other, OTHER)).status_code == 200
    assert (await mine.get("/v1/rules/both")).json()["when"] == "@garam AND @naru"
    assert (await other.get("/v1/rules/both")).json()["when"] == "@garam"
    assert (await other.get("/v1/entities/garam")).json()["name"] == "가람항"
    reader = api.client(await api.token("rules:read"))
    problem_of(await put(reader, GOOD, "*"), "missing-scope")
