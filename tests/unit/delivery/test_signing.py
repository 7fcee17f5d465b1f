"""Published vectors of Standard Webhooks, the Hangul vector, and what a verifier says about the usual mistakes."""

import base64
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from service.delivery.signing import Ed25519Key, read_secret, signature_headers
from service.delivery.verifying import Cause, verify
from service.model.errors import InvalidSubscription

SYMMETRIC = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
PAIR = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
ID, AT = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330
ASCII = b'{"test": 2432232314}'
HANGUL = '{"type":"entity.matched","data":{"entity":"서울시"}}'.encode()
VECTORS = [
    (SYMMETRIC, ASCII, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
    (PAIR, ASCII, "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="),
    (SYMMETRIC, HANGUL, "v1,NRHbHSAZWkymVmMndXGfv4NW6klGvU7lVnolCVAM9rc="),
    (PAIR, HANGUL, "v1a,niIWEDvQNo79VlT7tpptb5chJwG+vQEz1vWIFziLD6pt7/23hMVOoJX9tR5w7swVXA8iWdvsjTajuI1GKxD6CQ=="),
]
OTHER = "whsec_" + base64.b64encode(b"another secret of 32 bytes, here").decode()


@pytest.mark.parametrize(("secret", "body", "signature"), VECTORS)
def test_published_vectors(secret: str, body: bytes, signature: str) -> None:
    assert signature_headers([secret], ID, AT, body) == {
        "webhook-id": ID,
        "webhook-timestamp": str(AT),
        "webhook-signature": signature,
    }


@pytest.mark.parametrize("body", [ASCII, HANGUL])
def test_several_secrets_make_a_list_in_their_order(body: bytes) -> None:
    both = signature_headers([SYMMETRIC, PAIR], ID, AT, body)["webhook-signature"]
    assert both.split(" ") == [signature for _, vector, signature in VECTORS if vector == body]


@given(body=st.text().map(lambda text: text.encode("utf-8", "replace")), key=st.binary(min_size=24, max_size=64))
def test_the_official_package_accepts_what_we_sign(body: bytes, key: bytes) -> None:
    secret = "whsec_" + base64.b64encode(key).decode()
    headers = signature_headers([OTHER, secret], "msg_1", int(time.time()), body)
    Webhook(secret).verify(body, headers, json_parse=False)


@given(body=st.binary(max_size=200), where=st.integers(0, 10_000))
def test_ours_accepts_the_same_and_refuses_a_changed_byte(body: bytes, where: int) -> None:
    for secrets in ([SYMMETRIC], [PAIR], [OTHER, SYMMETRIC]):
        headers = signature_headers(secrets[-1:], ID, AT, body)
        assert verify(secrets, headers, body, AT).ok
        if body.strip() == body and body:
            changed = bytearray(body)
            changed[where % len(body)] ^= 1
            assert not verify(secrets, headers, bytes(changed), AT).ok


def test_the_public_key_is_enough_to_verify() -> None:
    pair = read_secret(PAIR)
    assert isinstance(pair, Ed25519Key)
    headers = signature_headers([PAIR], ID, AT, HANGUL)
    assert verify([pair.public], headers, HANGUL, AT).ok


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "hunter2",
        "whsec_",
        "whsec_c2hvcnQ=",
        "whsec_!!!!",
        "whsk_AAAA",
        "whsk_" + "A" * 86 + "==",
        "whpk_" + "A" * 43 + "=",
    ],
)
def test_a_secret_that_is_none_is_refused_without_being_repeated(secret: str) -> None:
    with pytest.raises(InvalidSubscription) as refused:
        read_secret(secret)
    assert not secret or secret.partition("_")[2] == "" or secret not in str(refused.value)


@pytest.mark.parametrize("message_id", ["", "a.b", "a b", "메시지", "a\n"])
def test_an_id_that_would_make_the_signature_ambiguous_is_refused(message_id: str) -> None:
    with pytest.raises(ValueError, match="webhook-id"):
        signature_headers([SYMMETRIC], message_id, AT, ASCII)


@pytest.mark.parametrize(("age", "cause"), [(300, None), (301, Cause.TOO_OLD), (-300, None), (-301, Cause.TOO_NEW)])
def test_the_timestamp_may_be_300_seconds_off(age: int, cause: Cause | None) -> None:
    headers = signature_headers([SYMMETRIC], ID, AT, ASCII)
    assert verify([SYMMETRIC], headers, ASCII, AT + age).cause is cause


PAYLOAD = {"type": "alert.matched", "data": {"summary": "서울시와 重慶", "n": 1}}
SENT = json.dumps(PAYLOAD, ensure_ascii=False, separators=(",", ":")).encode()


@pytest.mark.parametrize(
    ("arrived", "cause", "words"),
    [
        (json.dumps(PAYLOAD).encode(), Cause.RESERIALISED, "compact"),
        (json.dumps(PAYLOAD, ensure_ascii=False).encode(), Cause.RESERIALISED, "raw bytes"),
        (json.dumps(PAYLOAD, separators=(",", ":")).encode(), Cause.RESERIALISED, "framework"),
        (SENT + b" ", Cause.WHITESPACE, "trims"),
        (b"\xef\xbb\xbf" + SENT, Cause.RECODED, "byte order mark"),
        (SENT.decode("latin-1").encode(), Cause.RECODED, "latin-1"),
        (SENT.replace("서울시".encode(), "부산시".encode()), Cause.OTHER_SECRET, "changed"),
    ],
)
def test_a_body_that_was_changed_on_the_way_is_explained(arrived: bytes, cause: Cause, words: str) -> None:
    verdict = verify([SYMMETRIC], signature_headers([SYMMETRIC], ID, AT, SENT), arrived, AT)
    assert verdict.cause is cause
    assert words in verdict.detail


def test_other_causes_are_named() -> None:
    good = signature_headers([SYMMETRIC], ID, AT, ASCII)

    def cause(secret: str = SYMMETRIC, **changed: str) -> Cause | None:
        headers = {
            name: value
            for name, value in {**good, **{k.replace("_", "-"): v for k, v in changed.items()}}.items()
            if value
        }
        return verify([secret], headers, ASCII, AT).cause

    assert cause() is None
    assert cause(webhook_signature="") is Cause.MISSING_HEADER
    assert cause(webhook_timestamp="soon") is Cause.BAD_TIMESTAMP
    assert cause(webhook_timestamp=f"{AT}.0") is Cause.BAD_TIMESTAMP
    assert cause(webhook_signature="nonsense v1 ,") is Cause.MALFORMED_SIGNATURE
    assert cause(webhook_signature="nonsense " + good["webhook-signature"]) is None
    assert cause(OTHER) is Cause.OTHER_SECRET
    assert cause(PAIR) is Cause.OTHER_VERSION
    assert cause(webhook_id="msg_other") is Cause.OTHER_SECRET
    raw_key = "whsec_" + base64.b64encode(SYMMETRIC.encode()).decode()
    by_text = signature_headers([raw_key], ID, AT, ASCII)["webhook-signature"]
    assert cause(webhook_signature=by_text) is Cause.SECRET_NOT_DECODED


def test_header_names_may_come_in_any_case() -> None:
    headers = {name.title(): value for name, value in signature_headers([SYMMETRIC], ID, AT, ASCII).items()}
    assert verify([SYMMETRIC], headers, ASCII, AT).ok


@pytest.mark.parametrize("depth", [10, 900, 990, 1_000, 100_000])
@pytest.mark.parametrize(("opens", "closes"), [("[", "]"), ('{"a":', "0}")])
def test_a_body_nested_however_deep_is_judged_and_never_raises(opens: str, closes: str, depth: int) -> None:
    deep = (opens * depth + closes * depth).encode()
    headers = signature_headers([SYMMETRIC], ID, AT, deep)
    assert verify([SYMMETRIC], headers, deep, AT).ok
    assert verify([OTHER], headers, deep, AT).cause is Cause.OTHER_SECRET
    assert verify([SYMMETRIC], headers, (opens * depth).encode(), AT).cause is Cause.OTHER_SECRET
