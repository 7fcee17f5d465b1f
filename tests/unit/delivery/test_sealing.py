"""Secrets at rest: what is sealed opens for its owner alone, and says nothing of itself."""

import base64
import os
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.delivery.headers import webhook_headers
from service.delivery.rotation import MAX_RETIRING, public_keys, rotated, versions_of
from service.delivery.sealing import (
    Keyring,
    is_sealed,
    is_sealed_url,
    key_id_of,
    opened_record,
    rekeyed_record,
    sealed_record,
    values_of,
)
from service.delivery.signing import private_secret
from service.delivery.urls import split_url
from service.delivery.verifying import verify
from service.model.control_records import RetiringSecret, SubscriptionRecord
from service.model.errors import InvalidSubscription
from tests.builders import SECRET, subscription_record


def key(number: int) -> str:
    return f"k{number}:" + base64.b64encode(bytes([number]) * 32).decode()


ONE, TWO = Keyring.parse(key(1)), Keyring.parse(f"{key(2)},{key(1)}")


def nonce():
    return os.urandom(12)


def full() -> SubscriptionRecord:
    return subscription_record(
        secrets=(SECRET, private_secret(b"s" * 32)),
        retiring=(RetiringSecret(secret="whsec_" + base64.b64encode(b"o" * 32).decode(), until_ms=9),),
        headers={"Authorization": "Bearer hunter2hunter2", "X-Team": "press"},
    )


@given(st.text(), st.text(max_size=20), st.binary(min_size=12, max_size=12))
def test_what_is_sealed_opens_for_its_owner_alone(plain, owner, number):
    sealed = ONE.seal(plain, owner, number)
    assert ONE.open(sealed, owner) == plain
    with pytest.raises(InvalidSubscription, match="belongs to another"):
        ONE.open(sealed, owner + "x")
    assert sealed.isascii()
    assert sealed.isprintable()


@given(st.integers(0, 200), st.integers(1, 255))
def test_a_changed_byte_does_not_open(at, change):
    sealed = ONE.seal(SECRET, "sub1", b"n" * 12)
    head, _, encoded = sealed.rpartition(".")
    raw = bytearray(base64.b64decode(encoded))
    raw[at % len(raw)] ^= change
    with pytest.raises(InvalidSubscription):
        ONE.open(f"{head}.{base64.b64encode(raw).decode()}", "sub1")


@pytest.mark.parametrize(
    "sealed", ["sealed1.", "sealed1.k1.", "sealed1.k1.!!", "sealed1.k1.AAAA", "sealed1.k9.AAAA", "x"]
)
def test_what_is_nothing_sealed_is_refused_without_repeating_it(sealed):
    with pytest.raises(InvalidSubscription):
        ONE.open(sealed, "sub1")


def test_a_record_is_sealed_whole_and_each_value_differently():
    record = full()
    sealed = sealed_record(record, ONE, nonce)
    written = sealed.encode().decode()
    for value in values_of(record):
        assert value not in written
        assert value.partition("_")[2][:20] not in written or "_" not in value
    assert all(map(is_sealed, values_of(sealed)))
    assert opened_record(sealed, ONE) == record
    twice = sealed_record(subscription_record(secrets=(SECRET, SECRET)), ONE, nonce)
    assert len(set(twice.secrets)) == 2
    assert sealed_record(sealed, ONE, nonce) == sealed, "what is sealed stays as it is"
    assert sealed_record(record, None, nonce) == record, "without a key it stands in clear"


CHAT = "https://hooks.slack.example/services/T0AB12CD3/B0EF45GH6/abcdefghijklmnopqrstuvwx"


@pytest.mark.parametrize(
    "url",
    [CHAT, "https://a.example:8443?key=abcdefgh1234", "https://a.example/%2F?x=1#y", "http://127.0.0.1:9/in?a=b&c=%20"],
)
@pytest.mark.parametrize("form", ["slack", "teams", "discord"])
def test_the_url_of_a_chat_is_sealed_but_for_where_it_goes(url, form):
    record = full().model_copy(update={"url": url, "format": form})
    sealed = sealed_record(record, ONE, nonce)
    origin, rest = split_url(url)
    assert sealed.url.startswith(f"{origin}/sealed1.k1.")
    assert rest not in sealed.encode().decode()
    assert is_sealed_url(sealed.url)
    assert opened_record(sealed, ONE) == record
    assert sealed_record(sealed, ONE, nonce) == sealed
    assert opened_record(rekeyed_record(sealed, TWO, nonce), Keyring.parse(key(2))) == record
    assert opened_record(rekeyed_record(record, TWO, nonce), TWO) == record, "what stood in clear"
    later = sealed.model_copy(update={"format": "bongsu"})
    assert opened_record(later, ONE).url == url, "it opens whatever the format is by now"
    moved = sealed.model_copy(update={"id": "sub2", "secrets": (SECRET,), "retiring": (), "headers": {}})
    with pytest.raises(InvalidSubscription, match="belongs to another subscription"):
        opened_record(moved, ONE)
    with pytest.raises(InvalidSubscription, match="URL or headers are sealed"):
        webhook_headers(moved, "msg_1", "application/json", 0, b"")


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])), st.sampled_from(["bongsu", "slack"]))
def test_whatever_a_url_is_it_comes_back_as_it_was(rest, form):
    record = subscription_record(url=f"https://a.example{rest}", format=form)
    if not is_sealed_url(record.url):
        assert opened_record(sealed_record(record, ONE, nonce), ONE) == record


def test_other_urls_stay_readable():
    for url, form in ((CHAT, "bongsu"), (CHAT, "cloudevents"), ("https://a.example", "slack")):
        record = subscription_record(url=url, format=form)
        assert sealed_record(record, ONE, nonce).url == url


def test_a_sealed_secret_moved_to_another_subscription_does_not_open():
    stolen = sealed_record(full(), ONE, nonce).model_copy(update={"id": "sub2"})
    with pytest.raises(InvalidSubscription, match="belongs to another subscription"):
        opened_record(stolen, ONE)


def test_without_its_key_nothing_is_sent_and_the_reason_names_the_key():
    sealed = sealed_record(full(), ONE, nonce)
    with pytest.raises(InvalidSubscription, match="BONGSU_SECRET_KEY is not set"):
        opened_record(sealed, None)
    with pytest.raises(InvalidSubscription, match="'k1'"):
        opened_record(sealed, Keyring.parse(key(2)))
    with pytest.raises(InvalidSubscription, match="BONGSU_SECRET_KEY") as refused:
        webhook_headers(sealed.model_copy(update={"headers": {}}), "msg_1", "application/json", 0, b"")
    assert sealed.secrets[0] not in str(refused.value)
    only_headers = full().model_copy(update={"headers": sealed.headers})
    with pytest.raises(InvalidSubscription, match="URL or headers are sealed"):
        webhook_headers(only_headers, "msg_1", "application/json", 0, b"")


def test_keys_are_exchanged_without_a_gap():
    record = full()
    old = sealed_record(record, ONE, nonce)
    assert opened_record(old, TWO) == record, "both keys are known"
    new = rekeyed_record(old, TWO, nonce)
    assert {key_id_of(value) for value in values_of(new)} == {"k2"}
    assert opened_record(new, Keyring.parse(key(2))) == record, "the old key is no longer needed"
    assert rekeyed_record(new, TWO, nonce) == new, "may be repeated"
    assert rekeyed_record(record, TWO, nonce).secrets != record.secrets, "what stood in clear is sealed"
    wrong = Keyring.parse("k2:" + base64.b64encode(b"w" * 32).decode())
    with pytest.raises(InvalidSubscription):
        rekeyed_record(new, wrong, nonce)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 30)), max_size=8))
def test_every_secret_signs_for_as_long_as_was_promised_and_no_longer(steps):
    """Against a list of (secret, end) kept by hand."""
    numbers = count()
    made = [f"whsec_{base64.b64encode(bytes([next(numbers)]) * 32).decode()}"]
    record = subscription_record(secrets=tuple(made))
    promised: dict[str, int] = {}
    now_ms = 0
    for wait, overlap in steps:
        now_ms += wait
        made.append(f"whsec_{base64.b64encode(bytes([next(numbers)]) * 32).decode()}")
        record = rotated(record, [made[-1]], now_ms=now_ms, overlap_ms=overlap)
        promised[made[-2]] = now_ms + overlap
        for at in (now_ms, now_ms + 1, now_ms + 15):
            body = b"{}"
            headers = webhook_headers(record, "msg_1", "application/json", at, body)
            for secret in made:
                signs = secret == made[-1] or promised[secret] > at
                assert verify([secret], headers, body, at / 1000).ok == signs


def test_old_secrets_do_not_pile_up():
    record = subscription_record()
    for _ in range(MAX_RETIRING):
        record = rotated(record, [SECRET], now_ms=0, overlap_ms=1000)
    with pytest.raises(InvalidSubscription, match="at most 10"):
        rotated(record, [SECRET], now_ms=0, overlap_ms=1000)
    assert rotated(record, [SECRET], now_ms=2000, overlap_ms=1000).retiring == (
        RetiringSecret(secret=SECRET, until_ms=3000),
    )
    assert len(rotated(record, [SECRET], now_ms=0, overlap_ms=0).retiring) == MAX_RETIRING


def test_kinds_and_public_keys():
    private = private_secret(b"s" * 32)
    assert versions_of((SECRET, private, SECRET)) == ("v1", "v1a")
    (public,) = public_keys((SECRET, private))
    record = subscription_record(secrets=(SECRET, private))
    headers = webhook_headers(record, "msg_1", "application/json", 1_000, "서울시".encode())
    assert [entry.split(",")[0] for entry in headers["webhook-signature"].split()] == ["v1", "v1a"]
    for known in (SECRET, private, public):
        assert verify([known], headers, "서울시".encode(), 1).ok
