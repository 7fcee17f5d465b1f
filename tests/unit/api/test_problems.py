"""Every error has its problem, and none says more than it may."""

import json
import typing

import pytest
from fastapi.exceptions import RequestValidationError
from hypothesis import given
from hypothesis import strategies as st
from starlette.exceptions import HTTPException
from structlog.testing import capture_logs

from service.api.faults import pointer
from service.api.problems import KINDS, MAX_ERRORS, ApiProblem, answer, of_error
from service.model import errors
from service.model.errors import (
    BadInput,
    BongsuError,
    ChangedMeanwhile,
    HistoryUnavailable,
    InvalidRules,
    InvalidSubscription,
    NewerSchema,
    NotFound,
    NotJson,
    Problem,
    RequestReused,
    Unavailable,
    UndecodableArticle,
    WrongSetup,
)

OURS = {
    BongsuError: (BongsuError("x"), "unavailable"),
    BadInput: (BadInput("x"), "invalid-request"),
    UndecodableArticle: (UndecodableArticle("x"), "invalid-request"),
    NotJson: (NotJson("x"), "invalid-request"),
    InvalidRules: (InvalidRules([Problem("a.yaml", 3, 7, "x")]), "invalid-rules"),
    InvalidSubscription: (InvalidSubscription("x"), "invalid-request"),
    NotFound: (NotFound("x"), "not-found"),
    RequestReused: (RequestReused("x"), "idempotency-key-reused"),
    ChangedMeanwhile: (ChangedMeanwhile("x"), "changed-meanwhile"),
    NewerSchema: (NewerSchema("topic", 2, 1), "unavailable"),
    WrongSetup: (WrongSetup("x"), "unavailable"),
    Unavailable: (Unavailable("x"), "unavailable"),
    HistoryUnavailable: (HistoryUnavailable("x"), "history-unavailable"),
}


def test_every_error_of_ours_has_its_problem():
    defined = {
        one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, BongsuError)
    }  # fmt: skip
    assert defined == set(OURS), "say which problem the new one is"
    for error, slug in OURS.values():
        assert of_error(error).kind.slug == slug


def test_faults_of_rules_keep_their_places():
    (one,) = of_error(OURS[InvalidRules][0]).errors
    assert one == {"file": "a.yaml", "line": 3, "column": 7, "detail": "x"}


@pytest.mark.parametrize(
    ("status", "slug"), [(404, "not-found"), (405, "method-not-allowed"), (400, "malformed-request"),
                         (418, "malformed-request"), (502, "internal-error"), (413, "body-too-large")],
)  # fmt: skip
def test_what_starlette_raises_has_one_too(status, slug):
    assert of_error(HTTPException(status)).kind.slug == slug


def test_what_is_no_error_of_ours_says_nothing_of_itself():
    problem = of_error(RuntimeError("password=hunter2"))
    assert problem.kind.slug == "internal-error"
    assert b"hunter2" not in bytes(answer(problem, "req_1", "/v1").body)


def test_what_was_given_is_not_repeated():
    fault = {"type": "string_type", "loc": ("body", "secret"), "msg": "is no string", "input": "whsec_hunter2"}
    problem = of_error(RequestValidationError([fault]))
    assert b"hunter2" not in bytes(answer(problem, "req_1", "/v1").body)
    assert problem.errors == ({"pointer": "/secret", "detail": "is no string"},)


def test_many_faults_are_cut():
    faults = [{"type": "x", "loc": ("query", f"p{number}"), "msg": "no"} for number in range(MAX_ERRORS + 5)]
    problem = of_error(RequestValidationError(faults))
    assert len(problem.errors) == MAX_ERRORS
    assert problem.detail == f"p0: no (and {MAX_ERRORS + 4} more)"


@pytest.mark.parametrize(
    "error",
    [
        WrongSetup("/etc/ca.pem cannot be read"),
        NewerSchema("topic", 2, 1),
        Unavailable("Kafka at 10.0.0.5:9092 does not answer").told_outside_as("Kafka does not answer"),
        HistoryUnavailable("no answer from 10.0.0.5").told_outside_as("the history does not answer"),
    ],
)
def test_what_is_for_whoever_runs_it_goes_to_the_log(error):
    """Under the request id, which both have."""
    with capture_logs() as lines:
        told = answer(of_error(error), "req_17", "/v1")
    assert (told.status_code, json.loads(bytes(told.body))["detail"]) == (503, error.outside)
    assert str(error) not in bytes(told.body).decode()
    assert [(one["reason"], one["request_id"], one["log_level"]) for one in lines] == [
        (str(error), "req_17", "warning")
    ]


def test_what_names_nothing_of_ours_is_told_and_not_logged():
    with capture_logs() as lines:
        told = answer(of_error(Unavailable("send it again in a moment")), "req_17", "/v1")
    assert json.loads(bytes(told.body))["detail"] == "send it again in a moment"
    assert not lines


def test_a_503_says_when_to_come_again():
    assert answer(of_error(Unavailable("x")), "req_1", "/").headers["retry-after"] == "2"
    said = ApiProblem("rate-limited", "x", headers={"Retry-After": "7"})
    assert answer(said, "req_1", "/").headers["retry-after"] == "7"


def test_a_pointer_is_one():
    assert pointer(["headers", "a/b~c", 0]) == "/headers/a~1b~0c/0"


@given(st.text(st.characters(), max_size=20))
def test_any_text_of_a_client_can_be_answered(text):
    """Lone surrogates are text in JSON and in Python, and cannot be UTF-8."""
    fault = {"type": "extra_forbidden", "loc": ("body", text), "msg": "no"}
    body = json.loads(bytes(answer(of_error(RequestValidationError([fault])), "req_1", f"/{text}").body))
    assert body["type"] == KINDS["invalid-request"].uri


def test_slugs_are_names_that_stay():
    """A program compares them: one that goes, or has another status, is a change of the contract."""
    known: dict[str, int] = {
        "malformed-request": 400, "unauthenticated": 401, "missing-scope": 403, "not-found": 404,
        "method-not-allowed": 405, "request-timeout": 408, "changed-meanwhile": 409, "precondition-failed": 412,
        "body-too-large": 413, "unsupported-media-type": 415, "invalid-request": 422, "invalid-rules": 422,
        "idempotency-key-reused": 422, "rate-limited": 429, "internal-error": 500, "unavailable": 503,
        "history-unavailable": 503,
    }  # fmt: skip
    assert {slug: kind.status for slug, kind in KINDS.items()}.items() >= known.items()
    assert typing.get_type_hints(type(KINDS["not-found"]))["slug"] is str
