"""Who may do what, how often and how much; and that no request, however odd, ends in a fault."""

import gzip
import json

import httpx
import pytest
from prometheus_client.exposition import generate_latest

from service.actions import tokens
from service.actions.actor import Actor
from service.adapters.topic_scan import scan
from service.api.access import SECURITY_HEADERS
from service.model import topics
from service.model.control_records import ChangeRecord
from tests.api_world import URL, problem_of, serving

pytestmark = pytest.mark.kafka
METHODS = ("get", "put", "post", "patch", "delete")


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
async def api(kafka_env):
    async with serving(kafka_env) as made:
        yield made


def operations(api):
    """(method, path with ids filled in, operation) of every route."""
    for path, methods in api.app.openapi()["paths"].items():
        for method in METHODS:
            if method in methods:
                filled = path.replace("{", "").replace("}", "")
                yield method.upper(), filled, methods[method]


async def test_no_route_is_reached_without_a_valid_token(api):
    made = await api.token()
    revoked = await api.token()
    await tokens.revoke(api.control, Actor("cli:tests@here"), revoked.split("_")[1])
    wrong = [
        {}, {"Authorization": ""}, {"Authorization": made}, {"Authorization": f"Basic {made}"},
        {"Authorization": "Bearer"}, {"Authorization": f"Bearer {made[:-1]}"}, {"Authorization": f"Bearer {made}x"},
        {"Authorization": f"Bearer {made[:-1]}{'A' if made[-1] != 'A' else 'B'}"},
        {"Authorization": f"Bearer {revoked}"}, {"Authorization": "Bearer bongsu_" + "a" * 16 + "_" + "b" * 43},
        {"Authorization": f"Bearer {made} {made}"}, {"Authorization": "Bearer " + "x" * 5000},
        {"Authorization": "Bearer \xe9"},
    ]  # fmt: skip
    client = api.client()
    for headers in wrong:
        encoded = {name: value.encode("latin-1") for name, value in headers.items()}
        answer = await client.get("/v1/subscriptions", headers=encoded)
        problem_of(answer, "unauthenticated")
        assert answer.headers["www-authenticate"].startswith("Bearer ")
    assert (await client.get("/v1/subscriptions", headers={"Authorization": f"bearer  {made}"})).status_code == 200


async def test_every_route_asks_for_its_token_before_anything_else(kafka_env):
    async with serving(kafka_env, monotonic=(clock := Clock())) as api:
        client = api.client()
        for method, path, _ in operations(api):
            clock.now += 1000  # failed logins are not what is tested
            problem_of(await client.request(method, path, content=b"{not json"), "unauthenticated")
        problem_of(await client.get("/v1/nothing"), "unauthenticated")


async def test_every_route_needs_exactly_the_scope_that_it_says(api):
    """With all other scopes: 403 that names it. With only this one: anything but 401 and 403."""
    asked = 0
    for method, path, operation in operations(api):
        (requirement,) = operation["security"]
        (scope,) = requirement["token"]
        others = api.client(await api.token(*(one for one in tokens.SCOPES if one != scope)))
        body = problem_of(await others.request(method, path, json={}), "missing-scope")
        assert body["scope"] == scope
        only = api.client(await api.token(scope))
        answer = await only.request(method, path, json={})
        assert answer.status_code not in {401, 403, 405, 500}, (method, path, answer.text)
        asked += 1
    assert asked > 20


async def test_a_token_ends(api):
    now_ms = api.control.now_ms()
    made = await tokens.create(
        api.control, Actor("cli:tests@here"), "short", ["subscriptions:read"], expires_ms=now_ms + 3_600_000
    )
    client = api.client(made.text)
    assert (await client.get("/v1/subscriptions")).status_code == 200
    api.control.now_ms = lambda: now_ms + 3_600_000
    problem_of(await client.get("/v1/subscriptions"), "unauthenticated")


async def test_a_token_may_ask_so_often_and_others_are_not_held_up(kafka_env):
    clock = Clock()
    environ = {**kafka_env, "BONGSU_API_REQUESTS_PER_S": "2", "BONGSU_API_BURST": "3"}
    async with serving(environ, monotonic=clock) as api:
        busy, calm = api.client(await api.token()), api.client(await api.token())
        left = [(await busy.get("/v1/subscriptions")).headers["ratelimit"] for _ in range(3)]
        assert left == ['"token";r=2;t=1', '"token";r=1;t=1', '"token";r=0;t=2']
        refused = await busy.get("/v1/subscriptions")
        problem_of(refused, "rate-limited")
        assert refused.headers["retry-after"] == "1"
        assert refused.headers["ratelimit-policy"] == '"token";q=3;w=2'
        assert (await calm.get("/v1/subscriptions")).status_code == 200
        clock.now += 0.5
        assert (await busy.get("/v1/subscriptions")).status_code == 200
        problem_of(await busy.get("/v1/subscriptions"), "rate-limited")


async def test_who_guesses_tokens_is_slowed_down_and_a_good_token_is_not(kafka_env):
    clock = Clock()
    async with serving(kafka_env, monotonic=clock) as api:
        good = api.client(await api.token())
        guess = api.client("bongsu_0123456789abcdef_" + "x" * 43)
        told = [(await guess.get("/v1/subscriptions")).status_code for _ in range(25)]
        assert told == [401] * 20 + [429] * 5
        assert (await good.get("/v1/subscriptions")).status_code == 200
        clock.now += 3
        assert (await guess.get("/v1/subscriptions")).status_code == 401


async def test_every_answer_has_its_headers(api):
    client = api.client(await api.token())
    for answer in (
        await client.get("/v1/subscriptions"),
        await client.get("/v1/openapi.json"),
        await client.get("/v1/nothing"),
        await api.client().get("/v1/subscriptions"),
        await client.post("/v1/subscriptions", content=b"x", headers={"Content-Type": "application/json"}),
    ):
        for name, value in SECURITY_HEADERS.items():
            assert answer.headers[name] == value
        assert answer.headers["x-request-id"].startswith("req_")
        assert "strict-transport-security" not in answer.headers
        assert "access-control-allow-origin" not in answer.headers
        assert "server" not in answer.headers
    mine = await client.get("/v1/subscriptions", headers={"X-Request-Id": "abc-1"})
    assert mine.headers["x-request-id"] == "abc-1"
    for odd in ("a b", "x" * 65, "<script>"):
        answer = await client.get("/v1/subscriptions", headers={"X-Request-Id": odd})
        assert answer.headers["x-request-id"].startswith("req_")
    https = httpx.AsyncClient(transport=httpx.ASGITransport(app=api.app), base_url="https://api")
    async with https:
        assert "strict-transport-security" in (await https.get("/v1/openapi.json")).headers


async def test_a_path_with_other_methods_says_which(api):
    client = api.client(await api.token())
    for path, allowed in (("/v1/subscriptions", "GET, POST"), ("/v1/subscriptions/x", "DELETE, GET, PATCH"),
                          ("/v1/silences/preview", None)):  # fmt: skip
        for method in ("PUT", "TRACE", "HEAD", "OPTIONS", "FROB"):
            answer = await client.request(method, path)
            assert answer.status_code == 405, (method, path)
            assert allowed is None or answer.headers["allow"] == allowed
            if method != "HEAD":
                problem_of(answer, "method-not-allowed")
    for path in ("/", "/v1", "/v1/", "/v1/subscriptions/", "/v2/subscriptions", "/docs", "/v1/subscriptions/x/y/z"):
        problem_of(await client.get(path), "not-found")


@pytest.mark.parametrize(
    ("body", "headers", "slug"),
    [
        (b"{", {}, "malformed-request"), (b"", {}, "invalid-request"), (b"null", {}, "invalid-request"),
        (b"[]", {}, "invalid-request"), (b"\xff\xfe", {}, "malformed-request"), (b'{"url": 1}', {}, "invalid-request"),
        (b"[" * 100_000, {}, "malformed-request"), (b'{"url": ' + b"9" * 5000 + b"}", {}, "malformed-request"),
        (b'{"\\ud800": 1}', {}, "invalid-request"), (b'{"url": "\\ud800"}', {}, "invalid-request"),
        (b'{"url": "https://x.example/\\u0000"}', {}, "invalid-request"),
        (b'{"url": "https://x.example/", "max_per_s": NaN}', {}, "invalid-request"),
        (b'{"url": "https://x.example/", "max_per_s": 1e999}', {}, "invalid-request"),
        (b"url=x", {"Content-Type": "application/x-www-form-urlencoded"}, "unsupported-media-type"),
        (b"{}", {"Content-Type": "text/plain"}, "unsupported-media-type"),
        (gzip.compress(b"{}", mtime=0), {"Content-Encoding": "gzip"}, "unsupported-media-type"),
        (b"{}", {"Content-Type": "application/json", "Idempotency-Key": ""}, "invalid-request"),
        (b"{}", {"Content-Type": "application/json", "Idempotency-Key": "k" * 256}, "invalid-request"),
    ],
)  # fmt: skip
async def test_odd_bodies_are_refused_and_never_a_fault(api, body, headers, slug):
    client = api.client(await api.token())
    answer = await client.post(
        "/v1/subscriptions", content=body, headers={"Content-Type": "application/json"} | headers
    )
    detail = problem_of(answer, slug)["detail"]
    assert not detail.startswith(":"), "it names a place, or the body"
    assert "error parsing" not in detail


async def test_a_body_that_is_too_large_is_refused_also_in_chunks(kafka_env):
    async with serving({**kafka_env, "BONGSU_API_MAX_BODY_BYTES": "1000"}) as api:
        client = api.client(await api.token())
        json_ = {"Content-Type": "application/json"}
        answer = await client.post("/v1/subscriptions", content=b" " * 1001, headers=json_)
        problem_of(answer, "body-too-large")
        assert answer.headers["connection"] == "close"

        async def chunks():
            for _ in range(11):
                yield b" " * 100

        answer = await client.post("/v1/subscriptions", content=chunks(), headers=json_)
        problem_of(answer, "body-too-large")
        whole = json.dumps({"url": URL}).encode()
        assert (await client.post("/v1/subscriptions", content=whole.ljust(1000), headers=json_)).status_code == 201


async def test_series_do_not_grow_with_what_strangers_ask_for(api):
    client = api.client(await api.token())
    await client.get("/v1/subscriptions/sub_one")
    await client.get("/v1/subscriptions/sub_one")
    before = generate_latest(api.registry)
    assert (
        b'bongsu_api_requests_total{method="GET",route="/v1/subscriptions/{subscription_id}",status="4xx"} 2.0'
        in before
    )
    for number in range(20):
        await client.get(f"/v1/subscriptions/sub_{number}")
        await client.get(f"/v1/nothing-{number}")
        await client.request("GET", f"/{number}")
    series = [line.split(b" ")[0] for line in generate_latest(api.registry).splitlines()]
    assert len(series) < len(before.splitlines()) + 40
    for number in range(20, 40):
        await client.request(f"M{number}", f"/{number}")
        await client.get(f"/v1/subscriptions/sub_{number}?token={number}")
    after = generate_latest(api.registry)
    assert b"bongsu_api_faults_total 0.0" in after
    assert b"sub_2" not in after
    assert len(after.splitlines()) < len(series) + 80


async def test_what_was_changed_by_whom_is_on_the_topic(api):
    """The audit log of an API: what it was asked for by which token, under the request's id."""
    client = api.client(token := await api.token())
    made = await client.post("/v1/subscriptions", json={"url": URL}, headers={"X-Request-Id": "rq-1"})
    changes = [
        ChangeRecord.decode(record.value, topics.CHANGES)
        async for record in scan(api.control.settings.kafka, topics.CHANGES, None)
    ]
    mine = [change for change in changes if change.target == made.json()["id"]]
    assert [(change.outcome, change.actor, change.request_id) for change in mine] == [
        ("asked", f"token:{token.split('_')[1]}", "rq-1"), ("done", f"token:{token.split('_')[1]}", "rq-1"),
    ]  # fmt: skip


async def test_the_document_says_what_every_route_may_answer(api):
    document = api.app.openapi()
    seen = set()
    for method, path, operation in operations(api):
        assert operation["operationId"] not in seen
        seen.add(operation["operationId"])
        assert operation["tags"], path
        assert operation["description"], path
        for status in ("401", "403", "422", "429", "500", "503"):
            content = operation["responses"][status]["content"]
            assert list(content) == ["application/problem+json"], (method, path, status)
        for status, answer in operation["responses"].items():
            if status.startswith(("4", "5")):
                assert "$ref" in answer["content"]["application/problem+json"]["schema"]
    assert document["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    assert "HTTPValidationError" not in str(document)
    served = (await api.client().get("/v1/openapi.json")).json()
    assert served == json.loads(json.dumps(document))
