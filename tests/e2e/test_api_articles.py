"""POST /v1/articles into a real Kafka: what is acknowledged is there, what is wrong costs only itself."""

import gzip
import json
from collections.abc import AsyncIterator

import pytest

from service.actions.articles import Publisher
from service.adapters.topic_scan import scan
from service.ingest.decode import decode_article
from service.model import topics
from service.model.errors import Unavailable
from tests.api_world import Api, problem_of, serving

pytestmark = pytest.mark.kafka
NDJSON = {"Content-Type": "application/x-ndjson"}


@pytest.fixture
async def api(kafka_env) -> AsyncIterator[Api]:
    async with serving(kafka_env | {"BONGSU_API_MAX_BODY_BYTES": "200000"}) as running:
        yield running


async def stored(api: Api) -> dict[str, bytes]:
    return {record.key.decode(): record.value async for record in scan(api.control.settings.kafka, topics.ARTICLES)}


def lines(*articles: object) -> bytes:
    return "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in articles).encode()


async def test_one_article_is_published_as_it_was_given(api):
    client = api.client(await api.token("articles:write"))
    body = '{"title": "가람시 소식", "odd": 1e400000, "text": "본문"}'
    answer = await client.post("/v1/articles", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400, "1e400000 is no number that JSON libraries agree on"
    body = '{"title": "가람시 소식", "odd": 100000000000000000000000000000, "text": "본문"}'
    answer = await client.post("/v1/articles", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 201, answer.text
    article_id = answer.json()["id"]
    assert article_id == decode_article(body.encode()).id
    held = await stored(api)
    assert held[article_id].endswith(body.encode()[1:])
    assert json.loads(held[article_id])["id"] == article_id


@pytest.mark.parametrize(
    ("body", "status", "slug"),
    [
        ("{", 400, "malformed-request"),
        ("", 400, "malformed-request"),
        ("[]", 422, "invalid-request"),
        ("{}", 422, "invalid-request"),
        ('{"text": 5}', 422, "invalid-request"),
        ('{"text": "a", "schema": 99}', 422, "invalid-request"),
        (json.dumps({"text": "가" * 100_000}), 413, "body-too-large"),
    ],
)
async def test_what_is_no_article_is_a_problem(api, body, status, slug):
    client = api.client(await api.token("articles:write"))
    answer = await client.post("/v1/articles", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status, answer.text
    problem_of(answer, slug)
    assert await stored(api) == {}


async def test_of_many_a_bad_line_costs_only_itself(api):
    client = api.client(await api.token("articles:write"))
    good = [{"id": f"a{number}", "title": f"소식 {number}"} for number in range(300)]
    body = b"\xef\xbb\xbf" + lines(*good[:200]) + b"\n   \n{broken\n" + lines({"id": "x"}) + lines(*good[200:]).rstrip()
    answer = await client.post("/v1/articles", content=body, headers=NDJSON)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["accepted"], told["rejected"]) == (300, 2)
    assert [one["line"] for one in told["errors"]] == [203, 204]
    assert "not JSON" in told["errors"][0]["error"]
    assert sorted(await stored(api)) == sorted(one["id"] for one in good)


async def test_the_list_of_errors_is_capped_and_none_taken_is_a_problem(api):
    client = api.client(await api.token("articles:write"))
    answer = await client.post("/v1/articles", content=b"x\n" * 150, headers=NDJSON)
    assert answer.status_code == 422
    problem = problem_of(answer, "invalid-request")
    assert (problem["accepted"], problem["rejected"], len(problem["errors"])) == (0, 150, 100)
    answer = await client.post("/v1/articles", content=b"\n\n", headers=NDJSON)
    assert answer.status_code == 422


async def test_a_body_that_is_too_large_says_how_much_was_taken(api):
    client = api.client(await api.token("articles:write"))

    async def endless():
        for number in range(100_000):
            yield lines({"id": f"a{number}", "title": "소식", "text": "강물 " * 100})

    answer = await client.post("/v1/articles", content=endless(), headers=NDJSON)  # chunked: no Content-Length
    assert answer.status_code == 413
    taken = problem_of(answer, "body-too-large")["accepted"]
    assert 200 < taken < 1_000
    assert len(await stored(api)) == taken


async def test_gzip_is_unpacked_and_its_size_counts_unpacked(api):
    client = api.client(await api.token("articles:write"))
    packed = {**NDJSON, "Content-Encoding": "gzip"}
    body = lines(*({"id": f"a{number}", "title": "소식"} for number in range(500)))
    answer = await client.post(
        "/v1/articles", content=gzip.compress(body[:9000]) + gzip.compress(body[9000:]), headers=packed
    )
    assert answer.json()["accepted"] == 500, answer.text
    bomb = gzip.compress(lines({"id": "b", "title": "소식"}) + b" " * 50_000_000)
    assert len(bomb) < 200_000
    answer = await client.post("/v1/articles", content=bomb, headers=packed)
    assert answer.status_code == 413
    assert problem_of(answer, "body-too-large")["accepted"] == 1
    for broken in (b"no gzip", gzip.compress(body)[:-9]):
        answer = await client.post("/v1/articles", content=broken, headers=packed)
        problem_of(answer, "malformed-request")
    answer = await client.post("/v1/articles", content=body, headers={**NDJSON, "Content-Encoding": "br"})
    problem_of(answer, "unsupported-media-type")


async def test_scope_and_media_type(api):
    client = api.client(await api.token("rules:read"))
    answer = await client.post("/v1/articles", content=b"{}", headers=NDJSON)
    problem_of(answer, "missing-scope")
    client = api.client(await api.token("articles:write"))
    answer = await client.post("/v1/articles", content=b"{}", headers={"Content-Type": "text/plain"})
    problem_of(answer, "unsupported-media-type")
    assert "application/x-ndjson" in answer.headers["accept"]


async def test_kafka_away_is_told_with_how_far_it_came(kafka_settings, private_kafka, kafka_env):
    from service.adapters.topics_admin import create_topics
    from service.settings import KafkaSettings

    settings = KafkaSettings(bootstrap_servers=private_kafka.bootstrap_servers)
    await create_topics(settings, partitions=1)
    environ = {
        "BONGSU_KAFKA_BOOTSTRAP_SERVERS": private_kafka.bootstrap_servers,
        "BONGSU_API_TIMEOUT_S": "3",
    }
    async with serving(environ) as api:
        client = api.client(await api.token("articles:write"))
        first = await client.post("/v1/articles", content=lines({"id": "a", "title": "소식"}), headers=NDJSON)
        assert first.status_code == 200
        private_kafka.stop()
        answer = await client.post("/v1/articles", content=lines({"id": "b", "title": "소식"}), headers=NDJSON)
        assert answer.status_code == 503
        problem = problem_of(answer, "unavailable")
        assert problem["accepted"] == 0
        assert "send it again" in problem["detail"]
        assert "retry-after" in answer.headers
        private_kafka.start()


async def test_whoever_sends_waits_while_too_many_are_under_way():
    """The publisher alone, over a producer that acknowledges when it is told to."""
    import asyncio

    from service.actions.articles import IN_FLIGHT

    class Slow:
        def __init__(self) -> None:
            self.futures: list[asyncio.Future[None]] = []

        async def send(self, topic, value, key):
            future = asyncio.get_running_loop().create_future()
            self.futures.append(future)
            return future

    slow = Slow()
    publisher = Publisher(slow, "articles", timeout_s=0.2)
    for number in range(IN_FLIGHT - 1):
        await publisher.send(str(number), b"{}")
    with pytest.raises(Unavailable, match="acknowledged nothing"):
        await publisher.send("one too many", b"{}")
    slow.futures[0].set_result(None)
    await publisher._until(IN_FLIGHT - 1)
    assert (publisher.sent, publisher.acknowledged) == (IN_FLIGHT, 1)
    for future in slow.futures[1:]:
        future.set_result(None)
    await publisher.finish()
    assert publisher.acknowledged == IN_FLIGHT
