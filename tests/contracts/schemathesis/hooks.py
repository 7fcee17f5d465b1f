"""What JSON Schema cannot say of a request, said to schemathesis: else it takes a refusal that is right for a fault.

Only requests that are meant to be valid are changed, and only in what the API's descriptions say in words.
"""

import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import schemathesis
import yaml

ARTICLE = {"source": "나루신문", "title": "나루군 축제 시작", "text": "나루군 축제가 시작되었다."}
SECRET = "whsec_AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="
DRAFT = """
entities:
  - {id: garam, name: 가람시, kind: government}
rules:
  - {id: garam-deals, when: '@garam AND "협약"'}
"""


@schemathesis.serializer("application/x-ndjson")
def ndjson(ctx: Any, value: Any) -> bytes:
    """Text as it is; anything else as one line."""
    if isinstance(value, bytes):
        return value
    return (value if isinstance(value, str) else json.dumps(value)).encode("utf-8", "surrogatepass")


def _meant_valid(case: Any) -> bool:
    return case.meta is None or case.meta.generation.mode.is_positive


def _soon(**ahead: float) -> str:
    return (datetime.now(UTC) + timedelta(**ahead)).isoformat()


@schemathesis.hook
def map_case(context: Any, case: Any) -> Any:
    """The last word on a request before it is sent."""
    if not _meant_valid(case):
        return case
    operation = case.operation.definition.raw.get("operationId")
    if isinstance(case.query, dict):
        case.query.pop("cursor", None)  # a word of ours, given back: none can be made up
        if "after" in case.query and "before" in case.query:
            case.query.pop("before")
    if case.headers and "Idempotency-Key" in case.headers:
        case.headers["Idempotency-Key"] = str(uuid.uuid4())  # two requests do not share one
    if case.headers and "If-Match" in case.headers:
        case.headers["If-Match"] = "*"  # the coverage phase does not look at the pattern
    if operation in {"apply_rules", "check_rules"}:
        case.body = yaml.safe_load(DRAFT)
    elif isinstance(case.body, dict):
        _words(operation, case.body)
    elif operation == "publish_articles" and case.media_type == "application/x-ndjson":
        case.body = json.dumps(ARTICLE) + "\n"
    return case


def _words(operation: str, body: dict[str, Any]) -> None:  # noqa: PLR0912 - a list
    if operation == "create_silence":  # it may not have ended before it begins, or by now
        if body.get("starts_at"):
            body["starts_at"] = _soon(minutes=1)
        if body.get("ends_at"):
            body["ends_at"] = _soon(hours=1)
        body["matchers"] = {"source": ["나루신문"]}  # tags and rules that are named exactly must be in force
    if operation == "preview_silence" and body.get("since"):  # at most 7 days back
        body["since"] = _soon(days=-1)
    if operation == "replay_subscription":  # a range begins before it ends
        if body.get("after"):
            body["after"] = _soon(days=-2)
        if body.get("before"):
            body["before"] = _soon(days=-1)
    if body.get("url") and operation != "publish_articles":  # without a user, a host that can be
        body["url"] = "https://alerts.example.org/hook"
    if body.get("secret"):  # base64 of 24 to 64 bytes
        body["secret"] = SECRET
    if "overlap_s" in body:  # not more than ten old secrets at once
        body["overlap_s"] = 0
    if body.get("policy"):  # fields that contradict each other, times that no mail fits in: docs/policies.md
        body["policy"] = None if operation == "update_subscription" else {"mode": "each", "max_per_hour": 5}
    if body.get("draft"):  # rules that load
        body["draft"] = DRAFT
    if operation == "explain_rules":
        body["rule"] = "garam-deals"
    if body.get("rules"):  # what is named exactly must be in force
        body["rules"] = ["*"]
