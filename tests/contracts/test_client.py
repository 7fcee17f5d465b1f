"""The Python client knows the whole API: each operation has a method, with its parameters, that asks for just that."""

import inspect
from pathlib import Path
from typing import Any

import httpx
import pytest
from bongsu_client import Bongsu, Unreachable, problems
from bongsu_client.transport import LONGEST_WAIT_S

from service.api.problems import KINDS
from service.cli.generate_client import client_models
from service.cli.generate_openapi import openapi_document

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "clients" / "python" / "src"

DOCUMENT = openapi_document()
OPERATIONS = {
    operation["operationId"]: (method.upper(), path, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}
HEADERS = {"if-match": "if_match", "idempotency-key": "idempotency_key"}
BODIES = {"body", "article", "rules"}
"""What methods call a request body."""


def test_its_types_are_what_the_api_says():
    path = SOURCE / "bongsu_client" / "models.py"
    assert path.read_text(encoding="utf-8") == client_models(), "run `make docs`"


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_has_a_method_with_its_parameters(name):
    _, _, operation = OPERATIONS[name]
    method = getattr(Bongsu, name, None)
    assert method, f"bongsu_client has no method {name}: add it to the module of its resource"
    takes = set(inspect.signature(method).parameters) - {"self"}
    wants = {HEADERS.get(one["name"].lower(), one["name"]) for one in operation.get("parameters", ())}
    assert wants <= takes
    assert takes - wants <= BODIES
    assert bool(takes - wants) == ("requestBody" in operation)
    required = {one["name"] for one in operation.get("parameters", ()) if one["required"]}
    for one in inspect.signature(method).parameters.values():
        if one.name in required:
            assert one.default is inspect.Parameter.empty, one.name


def arguments(name) -> dict[str, Any]:
    _, _, operation = OPERATIONS[name]
    given: dict[str, Any] = {
        HEADERS.get(one["name"].lower(), one["name"]): f"a {one['name']}/é" for one in operation.get("parameters", ())
    }
    given |= {"limit": 7} if "limit" in given else {}
    given |= {"if_match": '"3"'} if "if_match" in given else {}
    for body in (BODIES & set(inspect.signature(getattr(Bongsu, name)).parameters)) - set(given):
        given[body] = {"one": 1}
    return given


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_method_asks_for_its_operation(name):
    asked = []

    def answer(request):
        asked.append(request)
        return httpx.Response(200, json={"items": [], "next_cursor": None})

    given = arguments(name)
    if "idempotency_key" in given:
        given["idempotency_key"] = "a key"
    with Bongsu("http://bongsu.test", "bongsu_a_b", transport=httpx.MockTransport(answer)) as client:
        found = getattr(client, name)(**given)
        if not asked:
            assert list(found) == []  # a list asks when it is read
    (request,) = asked
    method, path, operation = OPERATIONS[name]
    assert request.method == method
    assert request.headers["Authorization"] == "Bearer bongsu_a_b"
    parts = path.split("/")
    said = request.url.raw_path.decode().partition("?")[0].split("/")
    assert len(said) == len(parts)
    assert all(part == told for part, told in zip(parts, said, strict=True) if "{" not in part)
    of_query = {one["name"] for one in operation.get("parameters", ()) if one["in"] == "query"}
    assert set(request.url.params) == of_query
    for header, argument in HEADERS.items():
        if argument in given:
            assert request.headers[header] == given[argument]
    assert bool(request.content) == ("requestBody" in operation)


def test_every_type_of_problem_has_a_class():
    assert set(problems.BY_SLUG) == set(KINDS)


def problem(slug, **headers):
    kind = KINDS[slug]
    said = {"type": kind.uri, "title": kind.title, "status": kind.status, "detail": "so", "request_id": "req_1"}
    return httpx.Response(kind.status, json=said, headers=headers)


class Script:
    """Answers in turn, the last for ever; an exception is raised."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []
        self.slept = []

    def __call__(self, request):
        self.asked.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def client(self, **options):
        transport = httpx.MockTransport(self)
        return Bongsu(
            "http://bongsu.test", "t", transport=transport, sleep=self.slept.append, luck=lambda: 0.5, **options
        )


@pytest.mark.parametrize("slug", KINDS)
def test_a_refusal_is_raised_as_its_class(slug):
    script = Script(problem(slug))
    with script.client(retries=0) as client, pytest.raises(problems.BY_SLUG[slug]) as caught:
        client.get_subscription("sub_1")
    assert (caught.value.status, caught.value.detail, caught.value.request_id) == (KINDS[slug].status, "so", "req_1")


def test_what_is_not_the_apis_is_a_problem_without_a_class():
    script = Script(httpx.Response(502, text="<html>bad gateway"))
    with script.client() as client, pytest.raises(problems.Problem) as caught:
        client.get_subscription("sub_1")
    assert type(caught.value) is problems.Problem
    assert "bad gateway" in str(caught.value)


def test_it_comes_again_after_what_it_was_told_and_else_doubles():
    made = httpx.Response(201, json={"id": "sub_1"})
    script = Script(
        problem("rate-limited", **{"Retry-After": "3"}), problem("unavailable"), httpx.ReadError("gone"), made
    )
    with script.client() as client:
        assert client.create_subscription({"url": "https://a.example.org"})["id"] == "sub_1"
    assert script.slept == [3, 0.4, 0.8]
    keys = {request.headers["Idempotency-Key"] for request in script.asked}
    assert len(script.asked) == 4
    assert len(keys) == 1  # so that nothing was made twice


def test_it_gives_up_after_its_retries():
    script = Script(problem("unavailable"))
    with script.client(retries=2) as client, pytest.raises(problems.ServiceUnavailable):
        client.get_subscription("sub_1")
    assert len(script.asked) == 3
    script = Script(httpx.ConnectError("refused"))
    with script.client(retries=2) as client, pytest.raises(Unreachable, match=r"GET http://bongsu\.test/v1/.*refused"):
        client.get_subscription("sub_1")


def test_it_does_not_wait_for_an_hour():
    script = Script(problem("rate-limited", **{"Retry-After": str(int(LONGEST_WAIT_S) + 1)}))
    with script.client() as client, pytest.raises(problems.RateLimited) as caught:
        client.get_subscription("sub_1")
    assert caught.value.retry_after_s == LONGEST_WAIT_S + 1
    assert script.slept == []


def test_a_removal_whose_answer_got_lost_is_no_fault():
    script = Script(httpx.ReadError("gone"), problem("not-found"))
    with script.client() as client:
        client.delete_subscription("sub_1")
    script = Script(problem("not-found"))
    with script.client() as client, pytest.raises(problems.NotFound):
        client.delete_subscription("sub_1")


def test_a_list_reads_its_pages_as_they_are_reached():
    def page(items, cursor):
        return httpx.Response(200, json={"items": [{"id": one} for one in items], "next_cursor": cursor})

    script = Script(page("ab", "c1"), page("cd", "c2"), page("", None))
    with script.client() as client:
        found = iter(client.list_subscriptions(name="desk", limit=2))
        assert [next(found)["id"], next(found)["id"]] == ["a", "b"]
        assert len(script.asked) == 1
        assert [one["id"] for one in found] == ["c", "d"]
    assert [request.url.params.get("cursor") for request in script.asked] == [None, "c1", "c2"]
    assert {request.url.params["name"] for request in script.asked} == {"desk"}


def test_many_articles_go_in_requests_that_are_not_too_large():
    script = Script(httpx.Response(200, json={"accepted": 1, "rejected": 0, "errors": []}))
    articles = [{"title": f"{number}번째", "text": "가" * 300_000} for number in range(10)]
    with script.client() as client:
        assert len(list(client.publish_many(articles))) == len(script.asked)
    assert all(len(request.content) <= 5_000_000 for request in script.asked)
    assert sum(request.content.count(b"\n") for request in script.asked) == 10
