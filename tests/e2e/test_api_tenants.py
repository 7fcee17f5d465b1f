"""One tenant never sees another's: every operation of the OpenAPI, tenant B's token against what is tenant A's.

A route that is added and that nobody thought through here fails `test_every_operation_is_known`.
"""

import json
from functools import partial

import httpx
import pytest

from service.cli.generate_openapi import openapi_document
from tests.api_process import api, make_token, role
from tests.waiting import wait_for

OPERATIONS = {
    operation["operationId"]: (method.upper(), path)
    for path, methods in openapi_document()["paths"].items()
    for method, operation in methods.items()
    if "operationId" in operation
}

BY_ID = {
    "get_subscription": None,
    "update_subscription": {"name": "taken over"},
    "delete_subscription": None,
    "pause_subscription": None,
    "resume_subscription": None,
    "rotate_subscription_secret": {},
    "get_subscription_secret": None,
    "test_subscription": None,
    "list_deliveries": None,
    "list_attempts": None,
    "list_decisions": None,
    "ask_why": None,
    "replay_subscription": {"failed_since": "2026-01-01T00:00:00Z"},
    "get_delivery": None,
    "replay_delivery": None,
    "get_silence": None,
    "lift_silence": None,
    "get_rule": None,
    "get_entity": None,
}
"""Operations on one thing that is there already -> a body that its owner could send."""
LISTS = ("list_subscriptions", "list_silences", "list_rules", "list_entities", "list_changes")
"""What tenant B is shown must name nothing of tenant A."""
OTHERS = {
    "create_subscription": "makes a thing of the token's own tenant",
    "create_silence": "makes a thing of the token's own tenant; its matchers hide only its own alerts",
    "preview_silence": "asks only the tenant's own alerts",
    "publish_articles": "articles belong to all tenants",
    "check_rules": "reads nothing but the draft",
    "explain_rules": "reads the tenant's own set",
    "backtest_rules": "reads the draft, and articles, which belong to all tenants",
    "apply_rules": "replaces the tenant's own set",
}
"""Why there is nothing of another tenant's to name in a request; what they answer is tested below where they read."""
RULES = {
    "entities": [{"id": "aaa-entity", "name": "나루군", "kind": "government"}],
    "rules": [{"id": "aaa-rule", "name": "나루군 소식", "when": "@aaa-entity"}],
}
QUERY = {"ask_why": "?article=a-1"}
"""What an operation cannot be asked without."""


def test_every_operation_is_known():
    known = {*BY_ID, *LISTS, *OTHERS}
    assert set(OPERATIONS) == known, (
        "tenants must be thought through for each operation: put it into BY_ID, LISTS or OTHERS. "
        f"New: {sorted(set(OPERATIONS) - known)}, gone: {sorted(known - set(OPERATIONS))}"
    )


def test_what_names_a_thing_is_tested_by_its_id():
    named = {name for name, (_, path) in OPERATIONS.items() if "{" in path}
    assert named <= set(BY_ID), "a path with an id belongs into BY_ID"


class World:
    """An API, and what tenant A has in it."""

    def __init__(self, url, tokens):
        self.url = url
        self.tokens = tokens
        self.ids = {}

    def call(self, tenant, operation, body=None, headers=None, **ids):
        method, path = OPERATIONS[operation]
        url = f"{self.url}{path.format(**ids)}{QUERY.get(operation, '')}"
        headers = {"Authorization": f"Bearer {self.tokens[tenant]}", **(headers or {})}
        with httpx.Client(timeout=60) as http:
            return http.request(method, url, headers=headers, json=body)

    def ids_for(self, operation):
        path = OPERATIONS[operation][1]
        return {name: value for name, value in self.ids.items() if f"{{{name}}}" in path}


def answers(asked):
    return asked().status_code == 200


@pytest.fixture
async def world(kafka_env, tmp_path):
    tokens = {tenant: await make_token(kafka_env, tenant=tenant) for tenant in ("aaa", "bbb", "default")}
    with role("history", kafka_env, tmp_path), api(kafka_env, tmp_path) as url:
        world = World(url, tokens)
        made = world.call("aaa", "create_subscription", {"url": "https://a.example.org/hook", "name": "of aaa"})
        assert made.status_code == 201, made.text
        world.ids["subscription_id"] = made.json()["id"]
        matchers = {"source": ["나루신문"]}
        made = world.call(
            "aaa", "create_silence", {"matchers": matchers, "duration_s": 600, "comment": "aaa's", "author": "aaa"}
        )
        assert made.status_code == 201, made.text
        world.ids["silence_id"] = made.json()["id"]
        tested = world.call("aaa", "test_subscription", subscription_id=world.ids["subscription_id"])
        assert tested.status_code == 202, tested.text
        world.ids["delivery_id"] = tested.json()["delivery_id"]
        applied = world.call("aaa", "apply_rules", RULES, headers={"If-Match": "*"})
        assert applied.status_code == 200, applied.text
        world.ids |= {"rule_id": "aaa-rule", "entity_id": "aaa-entity"}
        wait_for(lambda: world.call("aaa", "get_rule", rule_id="aaa-rule").status_code == 200)
        for operation in ("get_delivery", "list_changes"):  # the history has read it: to be refused says something
            asked = partial(world.call, "aaa", operation, **world.ids_for(operation))
            wait_for(partial(answers, asked), what=f"{operation} answers tenant A")
        yield world


def without_what_differs_by_request(problem):
    return {name: value for name, value in problem.items() if name not in {"request_id", "instance"}}


@pytest.mark.kafka
@pytest.mark.long
def test_nobody_sees_what_is_anothers(world):
    the_owner_sees_it(world)
    what_is_anothers_is_not_there(world)
    lists_name_nothing_of_anothers(world)
    an_idempotency_key_of_anothers_makes_a_thing_of_ones_own(world)


def what_is_anothers_is_not_there(world):
    for operation, body in BY_ID.items():
        ids = world.ids_for(operation)
        assert ids, f"{operation}: say in the fixture what tenant A has of it"
        before = world.call("aaa", "get_subscription", subscription_id=world.ids["subscription_id"]).json()
        of_others = world.call("bbb", operation, body, **ids)
        assert of_others.status_code == 404, f"{operation}: {of_others.status_code} {of_others.text}"
        # and nobody can tell it from what does not exist at all: the same answer, but for the id itself
        made_up = {name: "x" * len(value) for name, value in ids.items()}
        nowhere = world.call("bbb", operation, body, **made_up)
        text = json.dumps(without_what_differs_by_request(nowhere.json()))
        for name, value in ids.items():
            text = text.replace(made_up[name], value)
        assert json.loads(text) == without_what_differs_by_request(of_others.json()), operation
        after = world.call("aaa", "get_subscription", subscription_id=world.ids["subscription_id"]).json()
        assert after == before, f"{operation} by another tenant changed it"


def lists_name_nothing_of_anothers(world):
    for operation in LISTS:
        for tenant in ("bbb", "default"):
            listed = world.call(tenant, operation)
            assert listed.status_code in {200, 404}, f"{operation}: {listed.text}"
            found = [value for value in (*world.ids.values(), "aaa", "나루") if value in listed.text]
            assert found == [], f"{operation} shows {tenant} what is aaa's: {found}"


def the_owner_sees_it(world):
    """Else the tests above would say nothing."""
    for operation, name in (("get_subscription", "subscription_id"), ("get_silence", "silence_id")):
        assert world.call("aaa", operation, **{name: world.ids[name]}).status_code == 200
    for operation, name in (("list_subscriptions", "subscription_id"), ("list_silences", "silence_id")):
        assert world.ids[name] in world.call("aaa", operation).text


def an_idempotency_key_of_anothers_makes_a_thing_of_ones_own(world):
    body, key = {"url": "https://both.example.org/hook"}, {"Idempotency-Key": "the same"}
    made = {tenant: world.call(tenant, "create_subscription", body, headers=key) for tenant in ("aaa", "bbb")}
    assert {one.status_code for one in made.values()} == {201}
    assert made["aaa"].json()["id"] != made["bbb"].json()["id"]
