"""docs/openapi.json is OpenAPI 3.1 and the contract that this code keeps: whoever changes it sees what changed."""

import copy
import difflib
import json
import re
from pathlib import Path
from typing import get_args

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from service.cli.generate_openapi import openapi, openapi_document
from service.model.control_records import Scope

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "docs" / "openapi.json"
METHODS = ("get", "put", "post", "patch", "delete")


@pytest.fixture(scope="module")
def document():
    return openapi_document()


def operations(document):
    return {
        f"{method.upper()} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if method in METHODS
    }


def test_the_golden_copy_is_what_the_code_says():
    was, now = GOLDEN.read_text(encoding="utf-8"), openapi()
    if was == now:
        return
    before, after = operations(json.loads(was)), operations(json.loads(now))
    told = [
        *(f"  gone:    {name}" for name in before.keys() - after.keys()),
        *(f"  new:     {name}" for name in after.keys() - before.keys()),
        *(f"  changed: {name}" for name in before.keys() & after.keys() if before[name] != after[name]),
    ]
    diff = list(difflib.unified_diff(was.splitlines(), now.splitlines(), "docs/openapi.json", "the code", lineterm=""))
    pytest.fail(
        "the HTTP contract changed. Is every change one that old clients stand (nothing gone, nothing that was "
        "optional required)? Then run `make docs` and commit docs/openapi.json and clients/python with the change.\n"
        + "\n".join([*sorted(told), *diff[:80]])
        + (f"\n... and {len(diff) - 80} lines more" if len(diff) > 80 else ""),
        pytrace=False,
    )


def faults(document):
    return [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()]


def test_it_is_openapi_31(document):
    assert document["openapi"].startswith("3.1.")
    assert faults(document) == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda d: d.pop("info"),
        lambda d: d["paths"].update({"no-slash": {}}),
        lambda d: (
            d["paths"]["/v1/subscriptions"]["get"].pop("responses") and d["paths"]["/v1/subscriptions"].update(get=7)
        ),
        lambda d: d["paths"]["/v1/subscriptions"]["get"]["parameters"][0].update({"in": "somewhere"}),
        lambda d: d["paths"]["/v1/subscriptions"]["get"].update(parameters=[{"$ref": "#/components/parameters/none"}]),
    ],
)
def test_the_validator_bites(document, spoil):
    spoilt = copy.deepcopy(document)
    spoil(spoilt)
    try:
        found = faults(spoilt)
    except Exception as error:  # noqa: BLE001  what it raises for a reference that leads nowhere is not its own
        found = [str(error)]
    assert found


def test_every_operation_says_what_a_client_must_know(document):
    seen = set()
    for name, operation in operations(document).items():
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", operation["operationId"]), name
        assert operation["operationId"] not in seen, name
        seen.add(operation["operationId"])
        assert operation["tags"][0] in {tag["name"] for tag in document["tags"]}, name
        assert operation.get("description") or operation.get("summary"), name
        scopes = [scope for scheme in operation["security"] for scope in scheme["token"]]
        assert len(scopes) == 1, f"{name}: one scope, so that a token can be made for it"
        assert scopes[0] in get_args(Scope), name


def test_every_error_is_a_problem(document):
    for name, operation in operations(document).items():
        errors = {status: told for status, told in operation["responses"].items() if status[0] in "45"}
        assert {"401", "403", "422", "429", "503"} <= set(errors), name
        for status, told in errors.items():
            assert set(told["content"]) == {"application/problem+json"}, f"{name} {status}"


def test_every_scope_opens_something(document):
    used = {scope for one in operations(document).values() for scheme in one["security"] for scope in scheme["token"]}
    assert used == set(get_args(Scope))


def test_what_makes_something_takes_an_idempotency_key(document):
    for name, operation in operations(document).items():
        answers = set(operation["responses"])
        takes = any(parameter["name"] == "Idempotency-Key" for parameter in operation.get("parameters", ()))
        assert name.startswith("POST ") or not takes, name
        if "201" in answers and operation["operationId"] != "publish_articles":  # an article's id is its key
            assert takes, f"{name} makes something: sent again it must not make two"


def test_what_has_revisions_says_its_etag_and_takes_if_match(document):
    for name, operation in operations(document).items():
        if name.startswith(("PATCH ", "DELETE ", "PUT ")):
            assert any(parameter["name"].lower() == "if-match" for parameter in operation.get("parameters", ())), name
            assert "412" in operation["responses"], name
