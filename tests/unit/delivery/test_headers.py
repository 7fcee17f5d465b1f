"""Headers of a subscription: what may be sent, and that nothing of it forges or leaks."""

import base64
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.delivery.headers import (
    MAX_HEADERS,
    MAX_VALUE,
    check_headers,
    parse_header,
    read_headers,
    secrets_at,
    shown_headers,
    traceparent,
    webhook_headers,
)
from service.delivery.verifying import verify
from service.model.control_records import RetiringSecret
from service.model.errors import InvalidSubscription
from tests.builders import SECRET, subscription_record

OLD = "whsec_" + base64.b64encode(b"o" * 32).decode()


@pytest.mark.parametrize(
    "header",
    [
        "Host: elsewhere.example", "content-length: 3", "Content-Type: text/plain", "webhook-signature: v1,x",
        "Webhook-Id: 1", "connection: close", "Transfer-Encoding: chunked", "te: trailers", "Upgrade: h2c",
        "proxy-authorization: Basic x", "Expect: 100-continue", "Cookie: a=b", "User-Agent: me", "accept-encoding: gzip",
        "X Y: z", "X-Ü: z", ": z", "X-A:", "X-A: a\r\nX-B: b", "X-A: a\nb", "X-A: a\x00b", "X-A: 서울", "X-A: \x7f",
        "X-A: " + "a" * (MAX_VALUE + 1), "X-" + "a" * 64 + ": b", "X\r\nY: z",
    ],
)  # fmt: skip
def test_what_is_refused_where_it_is_written(header):
    with pytest.raises(InvalidSubscription) as refused:
        check_headers(dict([parse_header(header)]))
    assert "elsewhere.example" not in str(refused.value)


@pytest.mark.parametrize("header", ["Authorization: Bearer abc.def", "X-Team: press office", "x: 1", "X-A: a:b\tc"])
def test_what_may_be_sent(header):
    name, value = parse_header(header)
    check_headers({name: value})
    sent = webhook_headers(subscription_record(headers={name: value}), "msg_1", "application/json", 1_000, b"{}")
    assert sent[name] == value


def test_the_trace_of_an_attempt_is_told_as_w3c_has_it():
    record, trace = subscription_record(), "0af7651916cd43dd8448eb211c80319c"
    first, second = traceparent(trace, "msg_1", 1), traceparent(trace, "msg_1", 2)
    assert re.fullmatch(rf"00-{trace}-[0-9a-f]{{16}}-01", first)
    assert (first == traceparent(trace, "msg_1", 1), first[:36], first != second) == (True, second[:36], True)
    assert traceparent(None, "msg_1", 1)[:36] != traceparent(None, "msg_2", 1)[:36], "a test has a trace of its own"
    assert webhook_headers(record, "msg_1", "application/json", 1_000, b"{}", first)["traceparent"] == first
    assert "traceparent" not in webhook_headers(record, "msg_1", "application/json", 1_000, b"{}")
    own = subscription_record(headers={"Traceparent": "00-of-its-own"})
    sent = webhook_headers(own, "msg_1", "application/json", 1_000, b"{}", first)
    assert (sent["Traceparent"], "traceparent" in sent) == ("00-of-its-own", False), "never two of one name"


def test_there_is_a_limit_to_all_of_them():
    with pytest.raises(InvalidSubscription, match="at most 20"):
        check_headers({f"X-{n}": "a" for n in range(MAX_HEADERS + 1)})
    with pytest.raises(InvalidSubscription, match="together"):
        check_headers({f"X-{n}": "a" * MAX_VALUE for n in range(10)})
    with pytest.raises(InvalidSubscription, match="twice"):
        check_headers({"X-A": "1", "x-a": "2"})


def test_nobody_may_write_what_looks_sealed():
    """It could never be opened: nothing of that subscription could be signed, and rekey would stop at it for ever."""
    with pytest.raises(InvalidSubscription, match=r"X-A starts with 'sealed1\.'") as refused:
        read_headers(["X-Team: press", "X-A: sealed1.k1.AAAA"])
    assert "AAAA" not in str(refused.value)
    assert read_headers(["X-A: unsealed1.x"]) == {"X-A": "unsealed1.x"}


def test_a_colon_is_needed():
    with pytest.raises(InvalidSubscription, match="Name: value"):
        parse_header("Authorization Bearer hunter2")


def test_a_record_that_came_with_a_forbidden_header_is_not_sent():
    with pytest.raises(InvalidSubscription):
        webhook_headers(subscription_record(headers={"webhook-id": "x"}), "msg_1", "application/json", 1_000, b"{}")


@given(st.dictionaries(st.text(max_size=20), st.text(max_size=20), max_size=3))
def test_what_passes_is_one_line_each_of_printable_ascii(headers):
    try:
        check_headers(headers)
    except InvalidSubscription:
        return
    for name, value in headers.items():
        line = f"{name}: {value}"
        assert line.isascii()
        assert len(line.splitlines()) == 1
        assert not name.lower().startswith(("webhook-", "content-"))


def test_lists_mask_what_sounds_secret():
    shown = shown_headers({"Authorization": "Bearer a", "X-Api-Key": "b", "X-Auth": "c", "X-Team": "press"})
    assert shown == {"Authorization": "***", "X-Api-Key": "***", "X-Auth": "***", "X-Team": "press"}


def test_an_old_secret_signs_until_its_time_and_not_a_millisecond_longer():
    record = subscription_record(retiring=(RetiringSecret(secret=OLD, until_ms=5_000),))
    assert secrets_at(record, 4_999) == (SECRET, OLD)
    assert secrets_at(record, 5_000) == (SECRET,)
    before = webhook_headers(record, "msg_1", "application/json", 4_999, b"{}")
    after = webhook_headers(record, "msg_1", "application/json", 5_000, b"{}")
    assert verify([OLD], before, b"{}", 5).ok
    assert verify([SECRET], before, b"{}", 5).ok
    assert not verify([OLD], after, b"{}", 5).ok
    assert verify([SECRET], after, b"{}", 5).ok
