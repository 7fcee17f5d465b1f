"""A fault of a request says what to write instead, and never what was given."""

from typing import Any

import pytest
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import TypeAdapter, ValidationError

from service.api.faults import faults
from service.api.models.subscription_input import policy_of
from service.api.problems import ApiProblem, of_error
from service.api.routes import routers

ROUTES = {
    (method, route.path): route
    for router in routers()
    for route in router.routes
    if isinstance(route, APIRoute)
    for method in route.methods or ()
}


def told(method: str, path: str, body: Any) -> list[tuple[str, str]]:
    """The faults of a body at a route, as pydantic finds them there."""
    route = ROUTES[method, path]
    assert route.body_field is not None
    kind: Any = route.body_field.field_info.annotation
    with pytest.raises(ValidationError) as refused:
        TypeAdapter(kind).validate_python(body)
    found = [{**one, "loc": ("body", *one["loc"])} for one in refused.value.errors()]
    return [(one["pointer"], one["detail"]) for one in faults(found, route)]


@pytest.mark.parametrize(
    ("method", "path", "body", "says"),
    [
        ("POST", "/v1/subscriptions", {"url": "https://a.example/", "pollicy": {}},
         ("/pollicy", "there is no such field; did you mean policy?")),
        ("POST", "/v1/subscriptions", {"url": "https://a.example/", "policy": {"digest": {"time": ["09:00"]}}},
         ("/policy/digest/time", "there is no such field; did you mean times?")),
        ("POST", "/v1/subscriptions", {"url": "https://a.example/", "policy": {"quiet": [{"form": "22:00"}]}},
         ("/policy/quiet/0/form", "there is no such field; did you mean from?")),
        ("POST", "/v1/subscriptions/{subscription_id}/rotate-secret", {"overlap": "24h"},
         ("/overlap", "there is no such field; did you mean overlap_s?")),
        ("POST", "/v1/rules/backtest", {"draft": "x", "from": "2026-03-01"},
         ("/from", "there is no such field; there are compare, draft, hours, max_articles")),
        ("POST", "/v1/silences", {"matchers": {"rules": ["seoul-*"]}, "comment": "x", "ends_at": "2026-03-01T00:00:00Z"},
         ("/matchers/rules", "there is no such field; did you mean rule?")),
        ("POST", "/v1/subscriptions", {}, ("/url", "is missing")),
        ("POST", "/v1/subscriptions", {"url": "ftp://a.example/"},
         ("/url", ("must match ^[Hh][Tt][Tt][Pp][Ss]?://[!-~]+$: Where webhooks are POSTed: https, or http in allowed "
                  "networks."))),
    ],
)  # fmt: skip
def test_a_field_that_does_not_exist_names_the_one_that_was_meant(method, path, body, says) -> None:
    assert says in told(method, path, body)


def test_a_long_name_is_no_work_and_no_place_is_unknown() -> None:
    (only,) = told("POST", "/v1/subscriptions", {"url": "https://a.example/", "x" * 1_000_000: 1})
    assert only[1].startswith("there is no such field; there are format, headers, lang,")
    assert len(only[0]) <= 200
    lost = {"type": "extra_forbidden", "loc": ("body", "a", 0, "b"), "msg": "no"}
    assert faults([lost], ROUTES["POST", "/v1/subscriptions"])[0]["detail"] == "there is no such field"
    assert faults([lost])[0]["detail"] == "there is no such field"


def test_a_header_that_is_missing_says_what_to_send() -> None:
    missing = {"type": "missing", "loc": ("header", "If-Match"), "msg": "Field required"}
    problem = of_error(RequestValidationError([missing]), ROUTES["PUT", "/v1/rules"])
    assert problem.detail.startswith("If-Match: is missing: The `ETag` of the rules that were looked at")


def test_a_list_is_not_too_short_because_its_only_item_is_wrong() -> None:
    with pytest.raises(ApiProblem) as refused:
        policy_of({"mode": "digest", "digest": {"times": ["9시"]}})
    assert [one["pointer"] for one in refused.value.errors] == ["/policy/digest/times/0"]
    body = {"url": "https://a.example/", "policy": {"mode": "digest", "digest": {"times": ["9시"]}}}
    assert [place for place, _ in told("POST", "/v1/subscriptions", body)] == ["/policy/digest/times/0"]
    with pytest.raises(ApiProblem) as empty:
        policy_of({"mode": "digest", "digest": {"times": []}})
    assert [one["pointer"] for one in empty.value.errors] == ["/policy/digest/times"]


def test_every_body_is_one_whose_fields_are_known() -> None:
    """Else a misspelt field would be refused without a word of those that there are."""
    for route in ROUTES.values():
        if route.body_field is not None:
            unknown = {"type": "extra_forbidden", "loc": ("body", "?"), "msg": "no"}
            assert "there are " in faults([unknown], route)[0]["detail"], route.path
